//! Who may be a member: in token mode users alone, in trust mode anybody.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::api::{Api, PASSWORD};
use support::http::{Request, Response};
use support::{Options, any_user, start_trusting};

/// Ids that fit into a body of 64 KiB.
const INVENTED: usize = 1640;
/// Users who are named in a refusal at most.
const NAMED_MAX: usize = 64;

#[track_caller]
fn expect_unknown(reply: &Response, user_ids: &[&str]) {
    reply.expect_problem(422, "unknown_member");
    assert_eq!(reply.json()["user_ids"], json!(user_ids));
}

#[test]
fn members_are_users_in_token_mode() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path()).shards(2);
    let mut server = options.start();
    let mut ann = Api::register(server.addr, "ann");
    let bob = Api::register(server.addr, "bob");
    let nobody = any_user();
    let body = json!({"name": "room", "members": [bob.user_id, nobody]});
    expect_unknown(&ann.post("/chats", &body), &[&nobody]);
    assert_eq!(
        ann.get("/chats").expect(200),
        json!([]),
        "nothing is changed"
    );

    let chat = ann.create_chat("room", &[]);
    let members = format!("/chats/{chat}/members");
    let add = |user_id: &str| Request::new("POST", &members).json(&json!({"user_id": user_id}));
    expect_unknown(&ann.call(add(&nobody)), &[&nobody]);
    assert_eq!(ann.get(&members).expect(200), json!([ann.user_id]));
    ann.call(add(&bob.user_id)).expect(200);
    // A stranger does not learn who is a user by it.
    let mut eve = Api::register(server.addr, "eve");
    for user_id in [&nobody, &bob.user_id] {
        eve.call(add(user_id)).expect_problem(404, "not_found");
    }

    server.kill();
    let server = options.start();
    let mut ann = ann.at(server.addr);
    expect_unknown(&ann.call(add(&nobody)), &[&nobody]);
    ann.call(add(&eve.user_id)).expect(200);
    assert_eq!(
        ann.get(&members).expect(200),
        json!([ann.user_id, bob.user_id, eve.user_id])
    );
}

#[test]
fn anybody_may_be_a_member_in_trust_mode() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[&any_user()]);
    let body = json!({"user_id": any_user()});
    ann.post(&format!("/chats/{chat}/members"), &body)
        .expect(200);
}

#[test]
fn a_body_full_of_invented_members_is_refused_quickly_and_others_go_on() {
    const POSTS: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut ann = Api::register(server.addr, "ann");
    let mut bob = Api::register(server.addr, "bob");
    let chat = bob.create_chat("room", &[]);
    let invented: Vec<String> = (0..INVENTED).map(|_| any_user()).collect();
    let body = json!({"name": "room", "members": invented});
    let begun = Instant::now();
    for _ in 0..POSTS {
        let reply = ann.post("/chats", &body);
        reply.expect_problem(422, "unknown_member");
        let named = reply.json()["user_ids"].as_array().unwrap().clone();
        assert!((1..=NAMED_MAX).contains(&named.len()), "{}", named.len());
        assert!(
            named
                .iter()
                .all(|id| invented.iter().any(|it| *id == it.as_str()))
        );
        bob.say(&chat, "hello");
    }
    // Asked about one by one, they would take that long.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(ann.get("/chats").expect(200), json!([]));
}

#[test]
fn many_users_become_members_at_once() {
    const USERS: usize = 70;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut ann = Api::register(server.addr, "ann");
    let register = |n: usize| {
        let body = json!({"username": format!("user{n}"), "password": PASSWORD});
        let user = Api::anonymous(server.addr)
            .post("/users", &body)
            .expect(201);
        user["user_id"].clone()
    };
    let ids: Vec<Value> = (0..USERS).map(register).collect();
    let body = json!({"name": "room", "members": ids});
    let chat = ann.post("/chats", &body).expect(201);
    let members = chat["members"].as_array().unwrap();
    assert_eq!(members[..USERS], ids, "in this order");
    assert_eq!(members[USERS..], [json!(ann.user_id)]);
    let mut last = Api::anonymous(server.addr);
    last.login(&format!("user{}", USERS - 1));
    let last = last.get("/chats").expect(200);
    assert_eq!(last[0]["chat_id"], chat["chat_id"]);
}
