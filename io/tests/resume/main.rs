//! Clients that come back, over WebSocket and over HTTP, and get what they missed.
//!
//! `ROOKERY_SEAMS` sets how often the seam between missed and live events is crossed, `ROOKERY_KILLS` how often the server
//! is killed meanwhile.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a run says what it did")]

#[path = "../support/mod.rs"]
mod support;

mod seam;

use serde_json::{Value, json};
use support::api::Api;
use support::ws::{self, Ws};
use support::{Options, any_user, start_trusting};

/// Connects as somebody who resumes these chats, each behind a seq.
fn resume(api: &Api, chats: &[(&str, u64)]) -> Ws {
    let path = format!("/ws/connect/{}?resume=1", api.user_id);
    let mut ws = Ws::connect(api.addr, ws::upgrade(&path).headers(&api.identity)).unwrap();
    ws.expect_ready(&api.user_id);
    ws.send(&resumption(chats)).unwrap();
    ws
}

fn resumption(chats: &[(&str, u64)]) -> Value {
    let chats = chats.iter().map(|(id, seq)| ((*id).to_owned(), json!(seq)));
    json!({"type": "resume", "chats": chats.collect::<serde_json::Map<_, _>>()})
}

/// The seqs that come until a chat was resumed, and what that says.
fn missed(ws: &mut Ws) -> (Vec<u64>, Value) {
    let mut seqs = Vec::new();
    loop {
        let event = ws.next();
        if event["type"] == "resumed" {
            return (seqs, event);
        }
        seqs.push(event["seq"].as_u64().unwrap());
    }
}

#[test]
fn after_a_kill_clients_have_what_they_missed_and_hear_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path());
    let mut server = options.start();
    let (mut ann, bob) = (
        Api::trusted(server.addr, &any_user()),
        Api::trusted(server.addr, &any_user()),
    );
    let chat = ann.create_chat("room", &[&bob.user_id]);
    let mut device = bob.listen();
    ann.say(&chat, "heard");
    assert_eq!(device.next()["seq"], 2);
    drop(device);
    // More than memory keeps, and more than one page has.
    let contents: Vec<String> = (0..300).map(|n| format!("missed {n}")).collect();
    ann.say_all(&chat, &contents);
    server.kill();
    let server = options.start();
    let (mut ann, bob) = (ann.at(server.addr), bob.at(server.addr));
    let mut device = resume(&bob, &[(&chat, 2)]);
    let (seqs, resumed) = missed(&mut device);
    assert_eq!(seqs, (3..=302).collect::<Vec<u64>>());
    assert_eq!(
        resumed,
        json!({"type": "resumed", "chat_id": chat, "recovered": true, "seq": 302})
    );
    ann.say(&chat, "live");
    assert_eq!(device.next()["seq"], 303);
}

#[test]
fn without_a_socket_events_are_read_page_by_page() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let mut device = ann.listen();
    let chat = ann.create_chat("room", &[]);
    let bob = any_user();
    let members = format!("/chats/{chat}/members");
    ann.post(&members, &json!({"user_id": bob})).expect(200);
    ann.say(&chat, "hello");
    let live: Vec<Value> = (0..3).map(|_| device.next()).collect();
    let events = format!("/chats/{chat}/events");
    assert_eq!(ann.pages(&format!("{events}?limit=2")), live);
    assert_eq!(
        ann.get(&format!("{events}?after=2")).expect(200),
        json!([live[2]])
    );
    assert_eq!(ann.get(&format!("{events}?after=3")).expect(200), json!([]));
    let mut stranger = Api::trusted(server.addr, &any_user());
    assert_eq!(stranger.get(&events).status, 404);
}

#[test]
fn who_was_removed_sees_events_up_to_that() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[&bob.user_id]);
    ann.say(&chat, "seen");
    ann.delete(&format!("/chats/{chat}/members/{}", bob.user_id))
        .expect(204);
    ann.say(&chat, "unseen");
    let page = bob.get(&format!("/chats/{chat}/events")).expect(200);
    let seqs: Vec<u64> = page
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [1, 2, 3]);
    let mut device = resume(&bob, &[(&chat, 1)]);
    let (seqs, resumed) = missed(&mut device);
    assert_eq!((seqs, &resumed["recovered"]), (vec![2, 3], &json!(true)));
    ann.say(&chat, "unheard");
    device.assert_silent();
}

#[test]
fn who_misses_more_than_is_resumed_is_told_to_page() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .flag("--resume-events", 5)
        .start();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let contents: Vec<String> = (0..6).map(|n| n.to_string()).collect();
    ann.say_all(&chat, &contents);
    let far = ann.get(&format!("/chats/{chat}/events?after=1"));
    assert_eq!(far.status, 410);
    assert_eq!(far.json()["code"], "too_far_behind");
    assert_eq!(ann.pages(&format!("/chats/{chat}/events?after=2")).len(), 5);
    let mut device = resume(&ann, &[(&chat, 1)]);
    assert_eq!(
        missed(&mut device),
        (
            Vec::new(),
            json!({"type": "resumed", "chat_id": chat, "recovered": false, "seq": 7})
        )
    );
    ann.say(&chat, "live");
    assert_eq!(device.next()["seq"], 8);
}

#[test]
fn who_was_removed_while_away_gets_what_they_could_see_up_to_that() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let bob = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let path = format!("/chats/{chat}");
    ann.patch(&path, &json!({"history": "joined"})).expect(200);
    ann.say(&chat, "before");
    let add = json!({"user_id": bob.user_id});
    ann.post(&format!("{path}/members"), &add).expect(200);
    ann.say(&chat, "missed");
    ann.delete(&format!("{path}/members/{}", bob.user_id))
        .expect(204);
    ann.say(&chat, "unseen");
    for (after, expected) in [(4, vec![5, 6]), (1, vec![4, 5, 6])] {
        let mut device = resume(&bob, &[(&chat, after)]);
        let (seqs, resumed) = missed(&mut device);
        assert_eq!((seqs, &resumed["recovered"]), (expected, &json!(true)));
    }
}

#[test]
fn who_has_more_than_there_is_is_told_where_the_chat_stands() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    ann.say(&chat, "first");
    let mut late = ann.listen();
    late.send(&resumption(&[(&chat, 99)])).unwrap();
    for mut device in [resume(&ann, &[(&chat, 99)]), late] {
        let (seqs, resumed) = missed(&mut device);
        assert_eq!(seqs, Vec::<u64>::new());
        assert_eq!(
            resumed,
            json!({"type": "resumed", "chat_id": chat, "recovered": false, "seq": 2})
        );
    }
}

#[test]
fn who_resumes_beside_live_events_gets_what_lies_below_them() {
    let (_dir, server) = start_trusting();
    let mut ann = Api::trusted(server.addr, &any_user());
    let chat = ann.create_chat("room", &[]);
    let contents: Vec<String> = (0..4).map(|n| n.to_string()).collect();
    ann.say_all(&chat, &contents);
    let mut device = ann.listen();
    ann.say(&chat, "live");
    assert_eq!(device.next()["seq"], 6);
    device.send(&resumption(&[(&chat, 2)])).unwrap();
    let (seqs, resumed) = missed(&mut device);
    assert_eq!((seqs, &resumed["seq"]), (vec![3, 4, 5], &json!(5)));
    device.send(&json!({"type": "resume"})).unwrap();
    assert_eq!(device.next()["type"], "error");
}
