//! Messages that users edit, delete and react to.

use serde_json::{Value, json};

use crate::assert_time;
use crate::support::api::Api;
use crate::support::{Options, any_user, start_trusting};

fn path(chat: &str, message: &str) -> String {
    format!("/chats/{chat}/messages/{message}")
}

/// The newest message, as its history and the list of chats show it.
fn newest(api: &mut Api, chat: &str) -> Value {
    let newest = api.history(chat).remove(0);
    let chats = api.get("/chats").expect(200);
    assert_eq!(chats[0]["last_message"], newest);
    newest
}

#[test]
fn a_message_is_edited_and_deleted_by_its_author() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let said = alice.say(&chat, "first");
    let path = path(&chat, &said.message_id);

    let edited = alice
        .patch(&path, &json!({"content": "second"}))
        .expect(200);
    assert_eq!(
        (&edited["content"], &edited["seq"]),
        (&json!("second"), &json!(2))
    );
    assert_time(&edited["edited_at"]);
    assert_eq!(newest(&mut bob, &chat), edited);
    let same = alice
        .patch(&path, &json!({"content": "second"}))
        .expect(200);
    assert_eq!(same, edited);
    let refused = bob.patch(&path, &json!({"content": "his"})).expect(403);
    assert_eq!(refused["code"], "not_author");
    assert_eq!(bob.delete(&path).expect(403)["code"], "not_author");

    alice.delete(&path).expect(204);
    alice.delete(&path).expect(204);
    let deleted = newest(&mut bob, &chat);
    assert_eq!(
        (&deleted["content"], &deleted["deleted"]),
        (&json!(""), &json!(true))
    );
    assert_eq!(deleted["deleted_by"], alice.user_id.as_str());
    assert_time(&deleted["deleted_at"]);
    let refused = alice.patch(&path, &json!({"content": "back"})).expect(409);
    assert_eq!(refused["code"], "message_deleted");
}

#[test]
fn members_react_and_take_that_back() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&bob.user_id]);
    let said = alice.say(&chat, "hello");
    let path = path(&chat, &said.message_id);
    let thumb = format!("{path}/reactions/%F0%9F%91%8D");
    for _ in 0..2 {
        bob.put(&thumb).expect(204);
        alice.put(&thumb).expect(204);
    }
    alice.put(&format!("{path}/reactions/%2F%20a")).expect(204);
    let expected = json!([
        {"emoji": "\u{1f44d}", "users": [bob.user_id, alice.user_id]},
        {"emoji": "/ a", "users": [alice.user_id]},
    ]);
    assert_eq!(newest(&mut bob, &chat)["reactions"], expected);
    for _ in 0..2 {
        bob.delete(&thumb).expect(204);
    }
    assert_eq!(
        newest(&mut bob, &chat)["reactions"][0]["users"],
        json!([alice.user_id])
    );
    let long = "x".repeat(33);
    for emoji in [long.as_str(), "%01", "a%0A", "%C2%85"] {
        let refused = bob.put(&format!("{path}/reactions/{emoji}")).expect(422);
        assert_eq!(refused["code"], "out_of_bounds", "{emoji}");
        assert_eq!(refused["errors"][0]["field"], "emoji", "{emoji}");
    }
    let refused = bob.put(&format!("{path}/reactions/%FF")).expect(400);
    assert_eq!(refused["code"], "malformed_request");
    for n in 0..9 {
        bob.put(&format!("{path}/reactions/e{n}")).expect(204);
    }
    let refused = bob.put(&format!("{path}/reactions/e9")).expect(409);
    assert_eq!(refused["code"], "too_many_reactions");
}

#[test]
fn what_is_not_there_is_not_found() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let said = alice.say(&chat, "hello");
    let unknown = any_user();
    for message in [unknown.as_str(), "no-uuid"] {
        let path = path(&chat, message);
        alice.delete(&path).expect(404);
        alice.put(&format!("{path}/reactions/a")).expect(404);
        alice.patch(&path, &json!({"content": "new"})).expect(404);
    }
    // A stranger can't tell the chat from none.
    let of_chat = bob.delete(&path(&chat, &said.message_id)).expect(404);
    assert_eq!(
        of_chat,
        bob.delete(&path(&unknown, &said.message_id)).expect(404)
    );
    for content in ["", &"x".repeat(4097)] {
        let path = path(&chat, &said.message_id);
        let refused = alice.patch(&path, &json!({"content": content})).expect(422);
        assert_eq!(refused["code"], "out_of_bounds");
    }
}

#[test]
fn what_was_changed_stays_so_over_restarts() {
    const SHIFT: usize = 300;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let old = alice.say(&chat, "an old message");
    let contents: Vec<String> = (0..SHIFT).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &contents);
    let (edited, deleted) = (alice.say(&chat, "b"), alice.say(&chat, "c"));
    for said in [&old, &edited] {
        let path = path(&chat, &said.message_id);
        alice
            .patch(&path, &json!({"content": "edited"}))
            .expect(200);
        alice.put(&format!("{path}/reactions/a")).expect(204);
    }
    alice.delete(&path(&chat, &deleted.message_id)).expect(204);
    let history = alice.history(&chat);
    let oldest = alice
        .get(&format!("/chats/{chat}/messages?after=1&limit=2"))
        .expect(200);
    assert_eq!(oldest[0]["content"], "edited");
    for is_killed in [true, false] {
        if is_killed {
            server.kill();
        }
        drop(server);
        server = options.start();
        alice = alice.at(server.addr);
        assert_eq!(alice.history(&chat), history);
        let again = alice
            .get(&format!("/chats/{chat}/messages?after=1&limit=2"))
            .expect(200);
        assert_eq!(again, oldest);
    }
    let path = path(&chat, &old.message_id);
    alice
        .patch(&path, &json!({"content": "edited again"}))
        .expect(200);
    alice.delete(&path).expect(204);
    let gone = alice
        .get(&format!("/chats/{chat}/messages?after=1&limit=1"))
        .expect(200);
    assert_eq!(
        (&gone[0]["content"], &gone[0]["deleted"]),
        (&json!(""), &json!(true))
    );
}
