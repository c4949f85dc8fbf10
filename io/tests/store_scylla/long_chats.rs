//! Chats that are longer than a bucket.

use rookery_engine::port::{Found, Read, StoredChat};
use rookery_schema::Seq;
use rookery_schema::cql::BUCKET_BITS;
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Row};

use super::support::{CHAT, Shard, chat, keyspace, message, seqs, start};

const BUCKET: u64 = 1 << BUCKET_BITS;

fn read_chat(shard: &mut Shard, recent: usize) -> StoredChat {
    let read = Read::Chat {
        chat_id: CHAT,
        recent,
    };
    match shard.read(&read) {
        Found::Chat(Some(chat)) => *chat,
        other => panic!("not what was asked: {other:?}"),
    }
}

fn before(shard: &mut Shard, before: u64, limit: usize) -> Vec<u64> {
    seqs(&shard.read(&Read::MessagesBefore {
        chat_id: CHAT,
        before: Seq(before),
        limit,
    }))
}

fn after(shard: &mut Shard, after: u64, limit: usize) -> Vec<u64> {
    seqs(&shard.read(&Read::MessagesAfter {
        chat_id: CHAT,
        after: Seq(after),
        limit,
    }))
}

fn events_after(shard: &mut Shard, after: u64, limit: usize) -> Vec<u64> {
    let read = Read::EventsAfter {
        chat_id: CHAT,
        after: Seq(after),
        limit,
    };
    match shard.read(&read) {
        Found::Events(events) => events.iter().map(|event| event.row.head.seq.0).collect(),
        other => panic!("not what was asked: {other:?}"),
    }
}

#[test]
fn pages_and_heads_cross_buckets() {
    let Some(keyspace) = keyspace("buckets") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let head = 2 * BUCKET + 2;
    let rows = (1..=head).map(|seq| message(seq, 1));
    shard.write([chat(CHAT)].into_iter().chain(rows).collect());

    let found = read_chat(&mut shard, 5);
    assert_eq!(found.head.seq, Seq(head));
    let recent: Vec<u64> = found.recent.iter().map(|row| row.head.seq.0).collect();
    assert_eq!(recent, Vec::from_iter(head - 4..=head));

    let down = |from: u64, to: u64| (to..from).rev().collect::<Vec<_>>();
    assert_eq!(before(&mut shard, u64::MAX, 5), down(head + 1, head - 4));
    assert_eq!(
        before(&mut shard, BUCKET + 2, 5),
        down(BUCKET + 2, BUCKET - 3)
    );
    assert_eq!(before(&mut shard, BUCKET, 3), down(BUCKET, BUCKET - 3));
    assert_eq!(before(&mut shard, 3, 5), [2, 1]);
    assert_eq!(
        after(&mut shard, BUCKET - 3, 5),
        Vec::from_iter(BUCKET - 2..BUCKET + 3)
    );
    assert_eq!(after(&mut shard, BUCKET - 1, 2), [BUCKET, BUCKET + 1]);
    assert_eq!(after(&mut shard, head - 1, 5), [head]);
    for beyond in [head, head + BUCKET, u64::MAX] {
        assert_eq!(after(&mut shard, beyond, 5), [0; 0]);
        assert_eq!(events_after(&mut shard, beyond, 5), [0; 0]);
    }
    for (after, limit) in [
        (0, 3),
        (BUCKET - 3, 2),
        (BUCKET - 3, 5),
        (BUCKET - 2, 1),
        (BUCKET - 1, 2),
        (head - 3, 5),
    ] {
        let wanted = Vec::from_iter(after + 1..=head.min(after + limit as u64));
        assert_eq!(events_after(&mut shard, after, limit), wanted);
    }
    shard.stop();
}

/// A message with so many up to it.
fn counted(seq: u64, messages: u64) -> EventRow {
    let Row::Event(mut row) = message(seq, 1) else {
        unreachable!("it is an event")
    };
    row.head.messages = messages;
    row
}

#[test]
fn a_chat_whose_newest_message_is_buckets_away_still_has_it() {
    let Some(keyspace) = keyspace("quiet") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let silent = |seq| {
        Row::Event(EventRow {
            record: vec![3; 50].into(),
            kind: EventKind::Other,
            ..counted(seq, 3)
        })
    };
    let messages = (1..=3).map(|seq| message(seq, 1));
    let head = 2 * BUCKET + 40;
    let rows = [chat(CHAT)]
        .into_iter()
        .chain(messages)
        .chain((4..=head).map(silent));
    shard.write(rows.collect());
    let found = read_chat(&mut shard, 8);
    assert_eq!((found.head.seq, found.recent.len()), (Seq(head), 8));
    assert_eq!(found.latest_message.unwrap().seq, Seq(3));
    assert_eq!(before(&mut shard, head + 1, 2), [3, 2]);
    assert_eq!(after(&mut shard, 2, 2), [3]);
    assert_eq!(after(&mut shard, 3, 2), [0; 0]);

    shard.write(vec![Row::Event(counted(head + 1, 4))]);
    assert_eq!(after(&mut shard, 2, 3), [3, head + 1]);
    assert_eq!(before(&mut shard, head + 2, 3), [head + 1, 3, 2]);
    shard.stop();
}
