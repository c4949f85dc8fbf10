//! Who types.

use rookery_engine::mesh::{ChatCommand, Command, Whisper};
use rookery_engine::stats::metrics::Value as Number;
use serde_json::json;

use crate::stage::{SECOND, Stage};

#[test]
fn typing_is_told_to_all_others_who_listen() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob, carol) = (stage.user(), stage.user(), stage.foreign_user());
    let stranger = stage.user();
    let chat_id = stage.create(&[alice, bob, carol]);
    let first = stage.connect_to(alice, &[chat_id]);
    let second = stage.connect_to(alice, &[chat_id]);
    let other = stage.connect_to(bob, &[chat_id]);
    let outside = stage.connect_to(stranger, &[]);
    stage.subscribe_foreign(chat_id, carol);

    stage.type_in(first, chat_id);
    let typing =
        json!({"type": "typing", "chat_id": chat_id.to_string(), "user_id": alice.to_string()});
    assert_eq!(stage.heard_texts(other), [typing]);
    for conn in [first, second, outside] {
        assert!(stage.heard_texts(conn).is_empty());
    }
    let user_id = alice;
    assert_eq!(stage.whispered, [Whisper::Typing { chat_id, user_id }]);

    let user_id = carol;
    stage.hear_whisper(Whisper::Types { chat_id, user_id });
    for conn in [first, second, other] {
        assert_eq!(stage.heard_texts(conn)[0]["user_id"], carol.to_string());
    }
    assert!(stage.reads.is_empty() && stage.appends.is_empty() && stage.writes.is_empty());
}

#[test]
fn who_is_not_in_a_chat_types_unheard() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, stranger, former) = (stage.user(), stage.user(), stage.foreign_user());
    let chat_id = stage.create(&[alice, former]);
    let conn = stage.connect_to(alice, &[chat_id]);
    let outside = stage.connect_to(stranger, &[]);
    stage.subscribe_foreign(chat_id, former);

    stage.type_in(outside, chat_id);
    let user_id = former;
    let removal = ChatCommand::RemoveMember {
        caller: alice,
        user_id,
    };
    stage.ask(Command::Chat(chat_id, removal));
    stage.settle();
    stage.heard_texts(conn);
    stage.hear_whisper(Whisper::Types { chat_id, user_id });
    // Nor where the chat is not in memory: nothing is read for it.
    let chat_id = stage.chat();
    stage.hear_whisper(Whisper::Types { chat_id, user_id });
    let chat_id = stage.foreign_chat();
    stage.hear_whisper(Whisper::Types { chat_id, user_id });
    assert!(stage.heard_texts(conn).is_empty() && stage.heard_texts(outside).is_empty());
    assert!(stage.whispered.is_empty() && stage.reads.is_empty());
}

#[test]
fn typing_is_told_once_in_three_seconds() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chat_id = stage.create(&[alice, bob]);
    let first = stage.connect_to(alice, &[chat_id]);
    let second = stage.connect_to(alice, &[chat_id]);
    let other = stage.connect_to(bob, &[chat_id]);
    for (after, told) in [(0, 1), (0, 0), (3 * SECOND - 1, 0), (1, 1), (1, 0)] {
        stage.tick_after(after);
        stage.type_in(first, chat_id);
        stage.type_in(second, chat_id);
        assert_eq!(stage.heard_texts(other).len(), told, "after {after}");
        assert!(stage.heard_texts(first).is_empty(), "nobody is refused");
    }
}

#[test]
fn who_types_in_too_many_chats_is_told_to_wait() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chats: Vec<_> = (0..12).map(|_| stage.create(&[alice, bob])).collect();
    let conn = stage.connect_to(alice, &chats);
    let other = stage.connect_to(bob, &chats);
    for chat_id in &chats[..11] {
        stage.type_in(conn, *chat_id);
    }
    assert_eq!(stage.heard_texts(other).len(), 10);
    let error = &stage.heard_texts(conn)[0];
    assert_eq!(error["code"], "too_many_requests");
    assert_eq!(error["limit"], "typing-rate");
    assert_eq!(error["retry_after"], 1);
    assert_eq!(error["chat_id"], chats[10].to_string());
    stage.tick_after(SECOND);
    stage.type_in(conn, chats[11]);
    assert_eq!(stage.heard_texts(other).len(), 1);
}

#[test]
fn who_types_on_when_told_to_wait_is_closed_at_once() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chats: Vec<_> = (0..13).map(|_| stage.create(&[alice, bob])).collect();
    let conn = stage.connect_to(alice, &chats);
    for chat_id in &chats[..12] {
        stage.type_in(conn, *chat_id);
    }
    assert_eq!(stage.closed(conn), None, "they were told twice");
    stage.type_in(conn, chats[12]);
    assert_eq!(stage.closed(conn), Some(4029));
}

#[test]
fn who_meets_the_rate_now_and_then_is_not_closed() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chats: Vec<_> = (0..11).map(|_| stage.create(&[alice, bob])).collect();
    let conn = stage.connect_to(alice, &chats);
    for _ in 0..4 {
        for chat_id in &chats {
            stage.type_in(conn, *chat_id);
        }
        assert_eq!(stage.heard_texts(conn)[0]["limit"], "typing-rate");
        for _ in 0..4 {
            stage.pass(16);
            stage.say(conn, &json!({"type": "ping"}));
            assert_eq!(stage.closed(conn), None);
        }
    }
}

#[test]
fn who_is_behind_is_not_told_who_types() {
    let mut stage = Stage::new();
    stage.all_ready();
    let (alice, bob) = (stage.user(), stage.user());
    let chat_id = stage.create(&[alice, bob]);
    let conn = stage.connect_to(alice, &[chat_id]);
    let other = stage.connect_to(bob, &[chat_id]);
    stage.fill(chat_id, alice);
    stage.type_in(conn, chat_id);
    let kinds = stage.kinds(other);
    assert!(kinds.iter().all(|kind| kind == "message"), "{kinds:?}");
    assert_eq!(stage.stats().whispers_dropped_for_clients, 1);
    stage.tick_after(3 * SECOND);
    stage.type_in(conn, chat_id);
    assert_eq!(stage.kinds(other), ["typing"]);
}

#[test]
fn a_crowd_is_not_told_who_types() {
    let mut stage = Stage::new();
    stage.all_ready();
    let members: Vec<_> = (0..=1024).map(|_| stage.user()).collect();
    let chat_id = stage.create(&members);
    let conns: Vec<_> = members[1..]
        .iter()
        .map(|user| stage.connect_to(*user, &[chat_id]))
        .collect();
    stage.type_in(conns[0], chat_id);
    assert_eq!(stage.kinds(conns[1]), ["typing"]);
    stage.connect_to(members[0], &[chat_id]);
    stage.type_in(conns[1], chat_id);
    assert!(stage.kinds(conns[0]).is_empty());
    let dropped = stage.stats().metrics().into_iter().find(|metric| {
        metric.name == "rookery_whispers_dropped_total"
            && metric.label == Some(("at", "crowd".to_owned()))
    });
    assert_eq!(dropped.unwrap().value, Number::Counter(1.0));
}
