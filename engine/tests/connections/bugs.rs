//! Answers that fit no question. They are noticed: see `tests/shard/bugs.rs`.

#![cfg(debug_assertions)]

use rookery_engine::mesh::Outcome;
use rookery_engine::port::Found;

use rookery_testing::ws::text_frame;

use crate::host::Host;

#[test]
#[should_panic(expected = "a bug: what a home asked for was sent to a connection")]
fn a_connection_gets_no_answer_to_a_home() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Summary(None));
}

#[test]
#[should_panic(expected = "a bug: members to follow were sent to a connection")]
fn a_connection_gets_no_members_to_follow() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let page = host.page();
    host.send(conn, &page);
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Members(Vec::new()));
}

#[test]
#[should_panic(expected = "a bug: the store answered something else than users")]
fn a_search_for_users_finds_users() {
    let mut host = Host::in_trust();
    let conn = host.accept();
    let search = host.request("GET", "/users?prefix=a", "");
    host.send(conn, &search);
    let (token, _) = host.reads.pop_front().unwrap();
    host.found(token, Found::Chats(Vec::new()));
}

#[test]
#[should_panic(expected = "a bug: a message was posted, and something else answered")]
fn a_message_is_answered_as_one() {
    let mut host = Host::in_trust();
    let conn = host.listen();
    let chat = host.chat;
    let send = format!(r#"{{"type":"send","chat_id":"{chat}","content":"x"}}"#);
    host.send(conn, &text_frame(&send));
    let (asker, _) = host.asked.pop_front().unwrap();
    host.answer(asker, Outcome::Done);
}
