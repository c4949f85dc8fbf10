//! A partition comes from another shard, or goes there.

use rookery_engine::mesh::ShardMessage;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Route, Timestamp, UserId};

use crate::stage::{Stage, batch_of, message_ids};

/// The first try of a message, which an earlier owner had on its way into the log.
fn first_try(chat_id: ChatId, sender_id: UserId) -> MessagePosted<'static> {
    MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([9; 16]),
        sender_id,
        at: Timestamp::default(),
        client_id: Some("a"),
        content: "hello",
    }
}

/// A second try here, while the first one lands in the log before it; `is_seen` says whether the log delivers that
/// before it confirms the second. Both must yield the one message.
fn assert_one_message(is_seen: bool) {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let question = stage.post(chat, user, Some("a"));
    let second = stage.appends.pop_front().unwrap();
    let first = first_try(chat, user);
    let landed = batch_of(&[Record::MessagePosted(first)]);
    if is_seen {
        stage.deliver(landed);
        stage.confirm_append(&second);
    } else {
        let before = stage.end;
        stage.end = before.plus(1);
        stage.confirm_append(&second);
        stage.end = before;
        stage.deliver(landed);
    }
    stage.deliver(second);
    assert_eq!(stage.assert_posted(question), first.message_id);
    assert_eq!(message_ids(&stage.store()), [first.message_id]);
    let again = stage.post(chat, user, Some("a"));
    assert_eq!(stage.assert_posted(again), first.message_id);
}

#[test]
fn a_try_that_an_earlier_owner_appended_is_the_first_also_when_it_is_confirmed_late() {
    assert_one_message(true);
    assert_one_message(false);
}

#[test]
fn who_joins_a_chat_of_an_owner_that_is_none_any_more_is_disconnected() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect_idle(user);
    stage.reroute(chat, Route::Nobody);
    stage.told_joined(chat, user, false);
    let heard = stage.heard(conn);
    assert!(heard.contains("a chat moves"), "{heard}");
}

#[test]
fn who_joined_under_an_earlier_owner_whose_events_come_too_late_is_disconnected() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect_idle(user);
    let mut joined = |under_earlier| {
        stage.told_joined(chat, user, under_earlier);
        stage.heard(conn)
    };
    assert!(joined(true).contains("a chat moves"));
    assert_eq!(joined(true), "", "they are gone");
}

#[test]
fn who_hears_a_chat_already_is_told_nothing_by_a_later_owner() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect_idle(user);
    for under_earlier in [false, true] {
        stage.told_joined(chat, user, under_earlier);
        assert_eq!(stage.heard(conn), "");
    }
}

#[test]
fn an_owner_that_counts_an_absent_user_is_told_wherever_the_chat_is_routed() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    stage.reroute(chat, Route::Nobody);
    stage.told_joined(chat, user, false);
    let is_told = |it: &ShardMessage| matches!(it, ShardMessage::Unsubscribe { users, .. } if *users == [user]);
    assert!(stage.sent.iter().any(is_told), "{:?}", stage.sent);
}
