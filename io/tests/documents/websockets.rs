//! AsyncAPI.

use std::collections::BTreeSet;

use rookery_testing::json_schema::Schemas;
use serde_json::{Value, json};

use crate::examples::{ANN, BOB, Bindings, CHAT, CYD, MESSAGE, TOKEN};
use crate::support::api::{Api, PASSWORD};
use crate::support::documented::{WEBSOCKETS, event_types};
use crate::support::http::Request;
use crate::support::start_with_tokens;
use crate::support::ws::Ws;

/// What a socket has heard, held to the examples.
struct Listener {
    ws: Ws,
    heard: BTreeSet<String>,
    bindings: Bindings,
}

impl Listener {
    /// Waits for an object of this type.
    fn hear(&mut self, kind: &str) -> Value {
        loop {
            let event = self.ws.next();
            self.heard
                .insert(event["type"].as_str().unwrap().to_owned());
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Waits for one about the user of its example, if it is about one, and compares it with the example.
    fn hear_example(&mut self, name: &str) {
        let message = &WEBSOCKETS["channels"]["socket"]["messages"][name];
        let example = &message["examples"][0]["payload"];
        let expected = self.bindings.in_value(example);
        let event = loop {
            let event = self.hear(expected["type"].as_str().unwrap());
            if event["user_id"] == expected["user_id"] {
                break event;
            }
        };
        self.bindings.assert_like(example, &event);
    }
}

/// What clients say, each with the messages that answer it.
fn said() -> Vec<(&'static Value, Vec<&'static str>)> {
    let operations = WEBSOCKETS["operations"].as_object().unwrap().values();
    let received = operations.filter(|it| it["action"] == "receive");
    let said = received.map(|operation| {
        let message = Schemas::of(&WEBSOCKETS).resolved(&operation["messages"][0]);
        let replies = operation
            .pointer("/reply/messages")
            .and_then(Value::as_array);
        let names = replies.into_iter().flatten().map(|it| {
            let path = it["$ref"].as_str().unwrap();
            path.rsplit('/').next().unwrap()
        });
        let names = names.filter(|name| *name != "error");
        (&message["examples"][0]["payload"], names.collect())
    });
    said.collect()
}

#[test]
fn every_example_holds_on_a_server() {
    let (_dir, server) = start_with_tokens();
    let mut ann = Api::register(server.addr, "ann");
    let bob = Api::register(server.addr, "bob");
    let mut cyd = Api::register(server.addr, "cyd");
    let mut bindings = Bindings::default();
    for (example, api) in [(ANN, &ann), (BOB, &bob), (CYD, &cyd)] {
        bindings.bind(example, &api.user_id);
    }
    let (_, credentials) = &ann.identity[0];
    bindings.bind(TOKEN, credentials.strip_prefix("Bearer ").unwrap());
    let mut listener = Listener {
        ws: ann.try_listen().map_err(|it| it.text()).unwrap(),
        heard: BTreeSet::new(),
        bindings,
    };
    listener.hear_example("ready");
    let mut device_of_bob = bob.listen();

    let chat = ann.create_chat("Lunch", &[&bob.user_id]);
    listener.bindings.bind(CHAT, &chat);
    listener.hear_example("chat_created");
    let posted = ann.say_as(&chat, "Pizza?", Some("ann-1"));
    listener.bindings.bind(MESSAGE, &posted.message_id);
    listener.hear_example("message");

    for (example, replies) in said() {
        let message = listener.bindings.in_value(example);
        listener.ws.send(&message).unwrap();
        for name in replies {
            listener.hear_example(name);
        }
    }
    let no_content = json!({"type": "send", "chat_id": chat, "client_id": "ann-3"});
    listener.ws.send(&no_content).unwrap();
    listener.hear_example("error");
    let typing = json!({"type": "typing", "chat_id": chat});
    device_of_bob.send(&typing).unwrap();
    listener.hear_example("typing_told");

    let members = format!("/chats/{chat}/members");
    ann.post(&members, &json!({"user_id": cyd.user_id}))
        .expect(200);
    listener.hear_example("member_added");
    let newest = ann.get("/chats").expect(200)[0]["last_seq"].clone();
    let mark = Request::new("PUT", &format!("/chats/{chat}/read")).json(&json!({"seq": newest}));
    assert_eq!(ann.call(mark).status, 204);
    listener.hear_example("read_told");
    let member = format!("{members}/{}", bob.user_id);
    let role = Request::new("PUT", &member);
    ann.call(role.json(&json!({"role": "admin"}))).expect(200);
    listener.hear_example("role_changed");
    let settings =
        json!({"name": "Late lunch", "description": "Daily, at one.", "members_may_add": false});
    ann.patch(&format!("/chats/{chat}"), &settings).expect(200);
    listener.hear_example("chat_changed");
    let message = format!("/chats/{chat}/messages/{}", posted.message_id);
    ann.patch(&message, &json!({"content": "Pizza, or soup?"}))
        .expect(200);
    listener.hear_example("message_edited");
    let reaction = format!("{message}/reactions/%F0%9F%91%8D");
    assert_eq!(ann.put(&reaction).status, 204);
    listener.hear_example("reaction_added");
    assert_eq!(ann.delete(&reaction).status, 204);
    listener.hear_example("reaction_removed");
    assert_eq!(ann.delete(&message).status, 204);
    listener.hear_example("message_deleted");
    assert_eq!(ann.delete(&member).status, 204);
    listener.hear_example("member_removed");
    let deletion = Request::new("DELETE", "/me").json(&json!({"password": PASSWORD}));
    assert_eq!(cyd.call(deletion).status, 204);
    listener.hear_example("messages_erased");
    assert_eq!(ann.delete(&format!("/chats/{chat}")).status, 204);
    listener.hear_example("chat_deleted");
    ann.patch("/me/settings", &json!({"theme": "dark"}))
        .expect(200);
    listener.hear_example("settings_changed");

    let documented = event_types().into_iter().map(str::to_owned).collect();
    assert_eq!(listener.heard, documented, "each was heard");
}
