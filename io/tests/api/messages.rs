//! Messages, their history, and the inbox.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::api::{Api, next_link};
use crate::support::{any_user, start_trusting};
use crate::{assert_time, contents, seqs};

#[test]
fn a_message_is_acknowledged_and_read_back() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let content = "\"quotes\" \\ \n \t \r \u{200d} \u{1f426} é";
    let ack = alice.say_as(&chat, content, Some("c-1"));
    let history = alice.history(&chat);
    let expected = json!({
        "chat_id": chat,
        "message_id": ack.message_id,
        "sender_id": alice.user_id,
        "content": content,
        "seq": 2,
        "created_at": ack.created_at,
        "client_id": "c-1",
    });
    assert_eq!(history, [expected]);
    assert_time(&history[0]["created_at"]);
}

#[test]
fn history_pages_both_ways() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let sent: Vec<String> = (0..250).map(|n| n.to_string()).collect();
    alice.say_all(&chat, &sent);
    let path = format!("/chats/{chat}/messages");
    let mut newest_first: Vec<&str> = sent.iter().map(String::as_str).collect();
    newest_first.reverse();

    let default = alice.get(&path).expect(200);
    assert_eq!(contents(default.as_array().unwrap()), newest_first[..50]);
    for limit in [7, 50, 100] {
        let all = alice.pages(&format!("{path}?limit={limit}"));
        assert_eq!(contents(&all), newest_first, "limit {limit}");
    }
    let before = alice.get(&format!("{path}?before=5&limit=2")).expect(200);
    assert_eq!(seqs(before.as_array().unwrap()), [4, 3]);
    let after = alice.get(&format!("{path}?after=5&limit=2")).expect(200);
    assert_eq!(seqs(after.as_array().unwrap()), [6, 7]);
    let forwards = alice.pages(&format!("{path}?after=0&limit=60"));
    assert_eq!(contents(&forwards), sent);

    let oldest = alice.get(&format!("{path}?before=2"));
    assert_eq!(next_link(&oldest), None);
    assert_eq!(oldest.expect(200), json!([]));
    let ahead = alice.get(&format!("{path}?after=100000"));
    assert_eq!(ahead.expect(200), json!([]));
}

#[test]
fn pipelined_messages_are_acknowledged_in_order() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let sent: Vec<String> = (0..100).map(|n| format!("number {n}")).collect();
    let acks = alice.say_all(&chat, &sent);
    let mut history = alice.history(&chat);
    history.reverse();
    assert_eq!(contents(&history), sent);
    for (message, ack) in history.iter().zip(&acks) {
        assert_eq!(message["message_id"], ack.message_id.as_str());
    }
}

#[test]
fn the_inbox_has_the_latest_first() {
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut bob = Api::trusted(server.addr, &any_user());
    assert_eq!(alice.get("/chats").expect(200), json!([]));
    let quiet = alice.create_chat("quiet", &[]);
    let busy = alice.create_chat("busy", &[&bob.user_id]);
    bob.create_chat("not hers", &[]);
    alice.say(&quiet, "first");
    // Activity is told apart by its time, which has milliseconds.
    thread::sleep(Duration::from_millis(5));
    bob.say(&busy, "one");
    bob.say(&busy, "two");
    let inbox = alice.get("/chats").expect(200);
    let names: Vec<_> = inbox
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["busy", "quiet"]);
    assert_eq!(inbox[0]["chat_id"], busy.as_str());
    assert_eq!(inbox[0]["last_seq"], 3);
    assert_eq!(inbox[0]["last_message"]["content"], "two");
    assert_eq!(inbox[1]["last_message"]["content"], "first");
}

#[test]
fn the_inbox_is_paged_and_waits_for_no_heartbeat() {
    const CHATS: usize = 300;
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let made: Vec<String> = (0..CHATS)
        .map(|n| alice.create_chat(&n.to_string(), &[]))
        .collect();
    // Activity is told apart by its time, which has milliseconds.
    thread::sleep(Duration::from_millis(5));
    alice.say(&made[7], "the latest");
    let began = Instant::now();
    let all = alice.get("/chats?limit=1000");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "a list took {took:?}");
    assert_eq!(next_link(&all), None);
    let all = all.expect(200);
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), CHATS);
    assert_eq!(all[0]["chat_id"], made[7].as_str());
    for limit in [1, 100, 299, 300] {
        let pages = alice.pages(&format!("/chats?limit={limit}"));
        assert_eq!(json!(pages), json!(all), "limit {limit}");
    }
    let default = alice.get("/chats").expect(200);
    assert_eq!(json!(default), json!(all[..100]));
}
