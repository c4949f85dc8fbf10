//! A shard reads back what is in its log.

use bytes::Bytes;
use rookery_engine::port::{Found, LogEvent, LogRequest, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::record::{
    ChatCreated, MemberList, MembershipChange, MessagePosted, Record, SessionEnded,
};
use rookery_schema::row::Row;
use rookery_schema::{ChatId, MessageId, Offset, Seq, SessionId, Timestamp, UserId};

use crate::stage::{P0, Stage, batch_of, messages};

fn created(chat_id: ChatId, members: &[u8]) -> Record<'_> {
    Record::ChatCreated(ChatCreated {
        chat_id,
        at: Timestamp::from_millis(1),
        creator_id: None,
        name: "chat",
        members: MemberList::new(members).unwrap(),
    })
}

fn opened(end: u64) -> Opened {
    Opened {
        end: Offset(end),
        ..Opened::default()
    }
}

#[test]
fn the_log_pauses_while_too_much_is_on_its_way_into_the_store() {
    let mut stage = Stage::opening(opened(10_000_000));
    let (chat_id, user) = (stage.chat(), stage.foreign_user());
    stage.deliver(batch_of(&[created(chat_id, user.as_bytes())]));
    stage.answer_read(Ok(Found::Chat(None)));
    let content = "x".repeat(1000);
    let message = Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([1; 16]),
        sender_id: user,
        at: Timestamp::from_millis(1),
        client_id: None,
        content: &content,
    });
    let batch = vec![message; 1000];
    while stage.log.is_empty() {
        stage.deliver(batch_of(&batch));
    }
    assert!(matches!(
        stage.log.pop(),
        Some(LogRequest::Pause { partition: P0 })
    ));
    let batches = stage.writes.len();
    assert!((30..35).contains(&batches), "about 32 MiB: {batches}");
    let stored = stage.writes.len() / 2;
    let rest = stage.writes.split_off(stored);
    stage.store();
    assert!(stage.log.is_empty(), "there is still much to store");
    stage.writes = rest;
    stage.store();
    assert!(matches!(
        stage.log[..],
        [LogRequest::Resume { partition: P0 }]
    ));
}

#[test]
fn records_other_than_messages_count_for_the_pause() {
    let mut stage = Stage::opening(opened(10_000_000));
    let members = vec![7; 16 * 10_000];
    let mut count = 0;
    while stage.log.is_empty() {
        let chat_id = stage.chat();
        stage.deliver(batch_of(&[created(chat_id, &members)]));
        count += 1;
    }
    assert!(matches!(
        stage.log[..],
        [LogRequest::Pause { partition: P0 }]
    ));
    assert!((200..220).contains(&count), "about 32 MiB: {count}");
}

#[test]
fn lag_has_what_is_still_to_be_read_back() {
    let mut stage = Stage::opening(Opened {
        committed: Offset(2),
        ..opened(5)
    });
    assert_eq!(stage.stats().lag_messages, 3);
    let (chat_id, user) = (stage.chat(), stage.foreign_user());
    let message = |n| {
        Record::MessagePosted(MessagePosted {
            chat_id,
            message_id: MessageId::from_bytes([n; 16]),
            sender_id: user,
            at: Timestamp::from_millis(1),
            client_id: None,
            content: "hello",
        })
    };
    // These are stored, and fill the window alone.
    stage.deliver(batch_of(&[created(chat_id, user.as_bytes()), message(1)]));
    assert_eq!(stage.stats().lag_messages, 3);
    let other = stage.chat();
    stage.deliver(batch_of(&[created(other, user.as_bytes())]));
    stage.answer_read(Ok(Found::Chat(None)));
    assert_eq!(stage.stats().lag_messages, 2, "it was no message");
    stage.store();
    let join = MembershipChange {
        chat_id: other,
        user_id: UserId::from_bytes([7; 16]),
        by: user,
        at: Timestamp::from_millis(1),
    };
    stage.deliver(batch_of(&[Record::MemberAdded(join)]));
    assert_eq!(stage.stats().lag_messages, 1);
    let last = Record::MessagePosted(MessagePosted {
        chat_id: other,
        message_id: MessageId::from_bytes([9; 16]),
        sender_id: user,
        at: Timestamp::from_millis(1),
        client_id: None,
        content: "hello",
    });
    stage.deliver(batch_of(&[last]));
    stage.log_event(LogEvent::CaughtUp { partition: P0 });
    assert_eq!(stage.stats().lag_messages, 1);
    stage.store();
    assert_eq!(stage.stats().lag_messages, 0);
}

#[test]
fn the_store_is_told_how_far_it_has_come_whatever_the_records_are() {
    let mut stage = Stage::opening(opened(2));
    let (chat_id, user_id) = (stage.chat(), stage.foreign_user());
    let change = MembershipChange {
        chat_id,
        user_id,
        by: user_id,
        at: Timestamp::from_millis(1),
    };
    let ended = SessionEnded {
        session_id: SessionId::from_bytes([1; 16]),
        user_id,
        expires_at: Timestamp::from_millis(1),
    };
    stage.deliver(batch_of(&[Record::SessionEnded(ended)]));
    stage.deliver(batch_of(&[created(chat_id, user_id.as_bytes())]));
    stage.answer_read(Ok(Found::Chat(None)));
    stage.store();
    // A member joins, which changes nothing.
    stage.deliver(batch_of(&[Record::MemberAdded(change)]));
    let reached = Row::Reached {
        partition: P0,
        behind: Offset(3),
    };
    assert_eq!(stage.store(), [reached]);
}

#[test]
fn a_record_that_can_t_be_understood_is_buried_before_what_is_behind_it_counts_as_stored() {
    let mut stage = Stage::new();
    let unknown = Bytes::from_static(&[200, 1, 2]);
    let length = (unknown.len() as u32).to_le_bytes();
    let batch = [length.as_slice(), &unknown].concat();
    stage.deliver(RecordBatch::from_bytes(batch.into()).unwrap());
    let [LogRequest::DeadLetter { offset, record, .. }] = stage.log.as_slice() else {
        panic!("{:?}", stage.log);
    };
    assert_eq!((*offset, record), (Offset(0), &unknown));
    assert_eq!(stage.notices.len(), 1);
    stage.store();
    stage.log.clear();
    stage.commit();
    assert!(stage.log.is_empty(), "{:?}", stage.log);
    stage.log_event(LogEvent::DeadLettered { partition: P0 });
    stage.commit();
    let [LogRequest::Commit { offset, .. }] = stage.log.as_slice() else {
        panic!("{:?}", stage.log);
    };
    assert_eq!(*offset, Offset(1));
}

/// A broker writes records of its own into a topic, and compaction takes some away.
#[test]
fn offsets_that_the_log_passes_over_are_no_events() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    stage.post(chat, user, None);
    let batch = stage.appends.pop_front().unwrap();
    stage.log_event(LogEvent::Records {
        partition: P0,
        base: Offset(7),
        batch,
    });
    let rows = stage.store();
    let posted = messages(&rows);
    assert_eq!((posted.len(), posted[0].0), (1, Seq(2)));
    assert_eq!(posted[0].1.head.offset, Offset(7));
}
