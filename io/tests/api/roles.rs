//! Who may do what in a chat, and its settings.

use serde_json::{Value, json};

use crate::contents;
use crate::support::api::Api;
use crate::support::http::{Request, Response};
use crate::support::{Options, any_user, start_trusting};

fn set_role(api: &mut Api, chat: &str, user_id: &str, role: &str) -> Response {
    let path = format!("/chats/{chat}/members/{user_id}");
    api.call(Request::new("PUT", &path).json(&json!({"role": role})))
}

fn roles(admins: &[&Api]) -> Value {
    let admins = admins
        .iter()
        .map(|api| (api.user_id.clone(), json!("admin")));
    Value::Object(admins.collect())
}

#[test]
fn admins_alone_give_roles_remove_others_and_change_settings_and_delete_what_was_said() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let mut cat = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[&bob.user_id, &cat.user_id]);
    let path = format!("/chats/{chat}");
    let members = format!("{path}/members");
    let said = cat.say(&chat, "something");
    let message = format!("{path}/messages/{}", said.message_id);

    let member = |api: &Api| format!("{members}/{}", api.user_id);
    let of_cat = member(&cat);
    bob.delete(&of_cat).expect_problem(403, "not_admin");
    bob.delete(&message).expect_problem(403, "not_author");
    let about = json!({"description": "about"});
    bob.patch(&path, &about).expect_problem(403, "not_admin");
    let refused = set_role(&mut bob, &chat, &cat.user_id, "admin");
    refused.expect_problem(403, "not_admin");
    let refused = set_role(&mut ann, &chat, &bob.user_id, "owner");
    refused.expect_problem(422, "out_of_bounds");
    let refused = set_role(&mut ann, &chat, &any_user(), "admin");
    refused.expect_problem(404, "not_found");
    let herself = ann.user_id.clone();
    let refused = set_role(&mut ann, &chat, &herself, "member");
    refused.expect_problem(409, "last_admin");

    let mut listener = cat.listen();
    let shown = set_role(&mut ann, &chat, &bob.user_id, "admin").expect(200);
    assert_eq!(shown["roles"], roles(&[&ann, &bob]));
    let event = listener.next();
    assert_eq!(event["type"], "role_changed");
    assert_eq!(
        (&event["user_id"], &event["role"], &event["by"]),
        (&json!(bob.user_id), &json!("admin"), &json!(ann.user_id))
    );
    bob.delete(&message).expect(204);
    assert_eq!(listener.next()["type"], "message_deleted");
    let shown = bob.patch(&path, &about).expect(200);
    assert_eq!(shown["description"], "about");
    let event = listener.next();
    assert_eq!(
        (&event["type"], &event["description"], &event["name"]),
        (&json!("chat_changed"), &json!("about"), &Value::Null)
    );
    bob.delete(&of_cat).expect(204);
    let own = member(&ann);
    ann.delete(&own).expect(204);
    let own = member(&bob);
    bob.delete(&own).expect(204);
}

#[test]
fn settings_and_roles_outlast_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path()).shards(2);
    let mut server = options.start();
    let mut ann = Api::register(server.addr, "ann");
    let mut bob = Api::register(server.addr, "bob");
    let mut cat = Api::register(server.addr, "cat");
    let chat = ann.create_chat("room", &[&bob.user_id]);
    let path = format!("/chats/{chat}");
    let shown = ann.get(&path).expect(200);
    assert_eq!(
        (
            &shown["members_may_add"],
            &shown["history"],
            &shown["roles"]
        ),
        (&json!(true), &json!("all"), &roles(&[&ann]))
    );
    let wanted = json!({"name": "club", "description": "d", "members_may_add": false});
    let changed = ann.patch(&path, &wanted).expect(200);
    let add = json!({"user_id": cat.user_id});
    let members = format!("{path}/members");
    bob.post(&members, &add).expect_problem(403, "not_admin");
    ann.post(&members, &add).expect(200);
    set_role(&mut ann, &chat, &cat.user_id, "admin").expect(200);
    let own = format!("{members}/{}", ann.user_id);
    ann.delete(&own).expect(204);
    let shown = cat.get(&path).expect(200);
    assert_eq!(shown["roles"], roles(&[&cat]));
    for field in ["name", "description", "members_may_add", "history"] {
        assert_eq!(shown[field], changed[field], "{field}");
    }
    for (body, code) in [
        (json!({"name": ""}), 422),
        (json!({"description": "x".repeat(1025)}), 422),
        (json!({"history": "none"}), 422),
        (json!({"members_may_add": "yes"}), 400),
    ] {
        assert_eq!(cat.patch(&path, &body).status, code, "{body}");
    }
    assert_eq!(cat.patch(&path, &json!({})).expect(200), shown);

    server.kill();
    let server = options.start();
    let mut cat = cat.at(server.addr);
    assert_eq!(cat.get(&path).expect(200), shown);
    let chats = cat.get("/chats").expect(200);
    assert_eq!(chats[0]["name"], "club");
}

#[test]
fn with_history_from_the_joining_on_nothing_before_is_shown() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let path = format!("/chats/{chat}");
    ann.patch(&path, &json!({"history": "joined"})).expect(200);
    for n in 0..60 {
        ann.say(&chat, &format!("before {n}"));
    }
    let add = json!({"user_id": bob.user_id});
    ann.post(&format!("{path}/members"), &add).expect(200);
    let chats = bob.get("/chats").expect(200);
    assert_eq!(chats[0]["last_message"], Value::Null);
    assert_eq!(bob.history(&chat), Vec::<Value>::new());
    for before in ann.history(&chat).iter().step_by(49) {
        let id = before["message_id"].as_str().unwrap();
        bob.put(&format!("{path}/messages/{id}/reactions/x"))
            .expect_problem(404, "not_found");
    }
    ann.say(&chat, "after");
    ann.say(&chat, "last");
    assert_eq!(contents(&bob.history(&chat)), ["last", "after"]);
    for query in ["limit=1", "limit=2", "limit=100"] {
        let pages = bob.pages(&format!("{path}/messages?{query}"));
        assert_eq!(contents(&pages), ["last", "after"], "{query}");
    }
    let pages = bob.pages(&format!("{path}/messages?after=1&limit=1"));
    assert_eq!(contents(&pages), ["after", "last"]);
    let events = bob.pages(&format!("{path}/events?after=0&limit=2"));
    let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["member_added", "message", "message"]);
    assert_eq!(ann.history(&chat).len(), 62);

    // Who has left gets what they saw, up to their leaving.
    bob.delete(&format!("{path}/members/{}", bob.user_id))
        .expect(204);
    ann.say(&chat, "unseen");
    for (after, first) in [(0, "member_added"), (63, "message"), (64, "message")] {
        let events = bob.pages(&format!("{path}/events?after={after}&limit=2"));
        assert_eq!(events[0]["type"], first);
        assert_eq!(events.last().unwrap()["type"], "member_removed");
    }
    ann.patch(&path, &json!({"history": "all"})).expect(200);
    let events = bob.pages(&format!("{path}/events?after=0&limit=100"));
    assert_eq!(events.last().unwrap()["type"], "member_removed");
}
