//! Up to where users have read, and what their lists of chats make of it.

use rookery_testing::seeds;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::http::{Request, Response};
use crate::support::{Options, any_user, start_trusting};

fn read(api: &mut Api, chat: &str, seq: u64) -> Response {
    let request = Request::new("PUT", &format!("/chats/{chat}/read"));
    api.call(request.json(&json!({"seq": seq})))
}

/// `read_seq` and `unread` of a chat.
fn line(api: &mut Api, chat: &str) -> (u64, u64) {
    let chats = api.get("/chats").expect(200);
    let chats: &Vec<Value> = chats.as_array().unwrap();
    let line = chats.iter().find(|it| it["chat_id"] == chat).unwrap();
    let number = |name: &str| line[name].as_u64().unwrap();
    (number("read_seq"), number("unread"))
}

#[test]
fn a_list_of_chats_tells_what_each_member_has_not_read() {
    let (_dir, server) = start_trusting();
    let [mut alice, mut bob, mut carol] = [(); 3].map(|()| Api::trusted(server.addr, &any_user()));
    let chat = alice.create_chat("room", &[&bob.user_id]);
    assert_eq!(line(&mut bob, &chat), (1, 0), "the creation");
    for n in 0..3 {
        alice.say(&chat, &format!("number {n}"));
    }
    assert_eq!(line(&mut alice, &chat), (4, 0), "her own");
    assert_eq!(line(&mut bob, &chat), (1, 3));

    read(&mut bob, &chat, 3).expect(204);
    assert_eq!(line(&mut bob, &chat), (3, 1));
    read(&mut bob, &chat, 2).expect(204);
    assert_eq!(line(&mut bob, &chat), (3, 1), "it only goes up");
    read(&mut bob, &chat, 1000).expect(204);
    assert_eq!(line(&mut bob, &chat), (4, 0), "not above the newest event");

    let said = alice.say(&chat, "and this");
    let path = format!("/chats/{chat}/messages/{}", said.message_id);
    alice.delete(&path).expect(204);
    assert_eq!(line(&mut bob, &chat), (4, 1), "also what was deleted");
    bob.say(&chat, "an answer");
    assert_eq!(line(&mut bob, &chat), (7, 0));
    assert_eq!(line(&mut alice, &chat), (5, 1));

    let added = json!({"user_id": carol.user_id});
    let members = format!("/chats/{chat}/members");
    alice.post(&members, &added).expect(200);
    alice.say(&chat, "welcome");
    assert_eq!(line(&mut carol, &chat), (8, 1), "since she joined");
}

#[test]
fn only_members_mark_and_what_is_wrong_is_named() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut stranger = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    assert_eq!(
        read(&mut stranger, &chat, 1).expect(404)["code"],
        "not_found"
    );
    read(&mut alice, &any_user(), 1).expect(404);
    let path = format!("/chats/{chat}/read");
    for (body, code) in [
        (json!({}), "missing"),
        (json!({"seq": -1}), "malformed"),
        (json!({"seq": 1.5}), "malformed"),
        (json!({"seq": "1"}), "malformed"),
        (json!({"seq": null}), "malformed"),
    ] {
        let refused = alice
            .call(Request::new("PUT", &path).json(&body))
            .expect(400);
        let error = &refused["errors"][0];
        assert_eq!(error["field"], "seq", "{body}: {refused}");
        assert_eq!(error["code"], code, "{body}: {refused}");
    }
    alice.say(&chat, "hello");
    let form = |body: &str| Request::new("PUT", &path).form(body);
    alice.call(form("seq=2")).expect(204);
    assert_eq!(line(&mut alice, &chat), (2, 0));
    let refused = alice.call(form("seq=x")).expect(400);
    assert_eq!(refused["errors"][0]["field"], "seq", "{refused}");
}

#[test]
fn what_was_answered_outlives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let (alice_id, bob_id) = (any_user(), any_user());
    let mut server = options.clone().shards(4).start();
    let mut alice = Api::trusted(server.addr, &alice_id);
    let mut bob = Api::trusted(server.addr, &bob_id);
    let chat = alice.create_chat("room", &[&bob_id]);
    let contents: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &contents);
    let mut marked = 0;
    for shards in [2, 3, 1] {
        marked += 1 + seeds::dice().below(30) as u64;
        read(&mut bob, &chat, marked).expect(204);
        server.kill();
        server = options.clone().shards(shards).start();
        bob = Api::trusted(server.addr, &bob_id);
        assert_eq!(line(&mut bob, &chat), (marked, 101 - marked));
        alice = Api::trusted(server.addr, &alice_id);
        assert_eq!(line(&mut alice, &chat), (101, 0), "among the newest events");
    }
}
