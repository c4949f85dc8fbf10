//! Chats and their members.

use serde_json::json;

use crate::support::api::{Api, next_link};
use crate::support::{any_user, start_trusting};
use crate::{assert_time, contents, seqs};

#[test]
fn chats_show_their_members_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let (bob, carol) = (any_user(), any_user());
    let members = json!([bob, carol]);
    let chat = alice
        .post("/chats", &json!({"name": "room", "members": members}))
        .expect(201);
    let shown = chat["members"].as_array().unwrap();
    assert_eq!(shown.len(), 3, "the caller is added");
    let without_caller: Vec<_> = shown.iter().filter(|m| **m != alice.user_id).collect();
    assert_eq!(without_caller, [&json!(bob), &json!(carol)]);
    assert_time(&chat["created_at"]);

    let id = chat["chat_id"].as_str().unwrap();
    assert_eq!(alice.get(&format!("/chats/{id}")).expect(200), chat);
    let mut outsider = Api::trusted(server.addr, &any_user());
    outsider
        .get(&format!("/chats/{id}"))
        .expect_problem(404, "not_found");

    let named = json!([bob, alice.user_id]);
    let again = alice
        .post("/chats", &json!({"name": "x", "members": named}))
        .expect(201);
    assert_eq!(again["members"], named, "the order is kept");
}

#[test]
fn members_are_paged_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let others: Vec<String> = (0..250).map(|_| any_user()).collect();
    let named: Vec<&str> = others.iter().map(String::as_str).collect();
    let chat = alice.create_chat("crowd", &named);
    let mut all = named;
    let caller = alice.user_id.clone();
    all.push(&caller);

    let shown = alice.get(&format!("/chats/{chat}")).expect(200);
    assert_eq!(shown["members"], json!(all[..100]));
    assert_eq!(shown["member_count"], 251);
    let path = format!("/chats/{chat}/members");
    let default = alice.get(&path).expect(200);
    assert_eq!(default, json!(all[..100]));
    for limit in [1, 50, 251, 1000] {
        let pages = alice.pages(&format!("{path}?limit={limit}"));
        assert_eq!(json!(pages), json!(all), "limit {limit}");
    }
    let full = alice.get(&format!("{path}?limit=251"));
    assert_eq!(next_link(&full), None, "nobody is behind the last");

    // Who joins while somebody pages is the last, and who left is not missed.
    let first = alice.get(&format!("{path}?limit=100"));
    let rest = next_link(&first).unwrap();
    let newcomer = any_user();
    let again = alice.post(&path, &json!({"user_id": newcomer})).expect(200);
    assert_eq!(again["member_count"], 252);
    assert_eq!(again["members"], json!(all[..100]));
    assert_eq!(alice.delete(&format!("{path}/{}", all[50])).status, 204);
    let mut expected = all[100..].to_vec();
    expected.push(&newcomer);
    assert_eq!(json!(alice.pages(&rest)), json!(expected));

    Api::trusted(server.addr, &any_user())
        .get(&path)
        .expect_problem(404, "not_found");
}

#[test]
fn members_come_and_go() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "alone");
    let path = format!("/chats/{chat}/members");
    alice
        .post(&path, &json!({"user_id": bob.user_id}))
        .expect(200);
    assert_eq!(contents(&bob.history(&chat)), ["alone"]);
    bob.say(&chat, "hello");
    alice
        .post(&path, &json!({"user_id": bob.user_id}))
        .expect(200);

    let gone = alice.delete(&format!("{path}/{}", bob.user_id));
    assert_eq!(gone.status, 204);
    bob.get(&format!("/chats/{chat}/messages"))
        .expect_problem(404, "not_found");
    bob.call(bob.message(&chat, "still?", None))
        .expect_problem(404, "not_found");
    alice.say(&chat, "alone again");
    let history = alice.history(&chat);
    assert_eq!(contents(&history), ["alone again", "hello", "alone"]);
    // 1 is the chat's creation, 3 bob's joining, 5 their leaving; joining again changed nothing.
    assert_eq!(seqs(&history), [6, 4, 2]);
}
