//! In which order lanes answer, and what they share.

use rookery_engine::port::{Read, StoreEvent, StoreRequest};
use rookery_schema::{ChatId, Seq};

use super::support::{CHAT, NEWEST, Shard, chat, keyspace, message, message_in, seqs, start};

#[test]
fn a_sync_is_answered_behind_all_writes_before_it() {
    let Some(keyspace) = keyspace("syncs") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let mut expected = Vec::new();
    for seq in 1..=200 {
        expected.push(shard.submit_write(vec![message(seq, 100)]));
        if seq % 50 != 0 {
            continue;
        }
        let sync = shard.submit(|token| StoreRequest::Sync { token });
        loop {
            match shard.next() {
                StoreEvent::Written { token, .. } => expected.retain(|wanted| *wanted != token),
                StoreEvent::Synced { token } => break assert_eq!(token, sync),
                other => panic!("not what was asked: {other:?}"),
            }
        }
        assert!(expected.is_empty(), "writes that came after the sync");
    }
    shard.stop();
}

#[test]
fn a_read_does_not_wait_for_a_long_queue_of_writes() {
    let Some(keyspace) = keyspace("reads_first") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    for n in 0..200 {
        let seqs = n * 500 + 2..(n + 1) * 500 + 2;
        shard.submit_write(seqs.map(|seq| message(seq, 300)).collect());
    }
    let before = shard.writes_before_a_read();
    assert!(before < 150, "{before} of 200 writes came first");
    shard.stop();
}

#[test]
fn the_lanes_of_all_shards_share_the_rows() {
    let Some(keyspace) = keyspace("shared_rows") else {
        return;
    };
    let store = keyspace.open();
    let mut shards = [0, 1, 2].map(|shard| start(&store, shard));
    for seq in 1..=30 {
        shards[seq as usize % 3].write(vec![message(seq, 10)]);
        for shard in &mut shards {
            assert_eq!(seqs(&shard.read(&NEWEST)), [seq]);
        }
    }
    shards.into_iter().for_each(Shard::stop);
}

#[test]
fn many_chats_and_large_messages_are_all_written() {
    let Some(keyspace) = keyspace("many") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let chats: Vec<_> = (0..300u128)
        .map(|n| ChatId::from_bytes(n.to_be_bytes()))
        .collect();
    for seq in 1..=4 {
        let rows = chats
            .iter()
            .flat_map(|&id| [chat(id), message_in(id, seq, 4000)]);
        shard.write(rows.collect());
    }
    for &chat_id in &chats {
        let read = Read::MessagesAfter {
            chat_id,
            after: Seq(0),
            limit: 10,
        };
        assert_eq!(seqs(&shard.read(&read)), [1, 2, 3, 4]);
    }
    // One row that is larger than a batch.
    shard.write(vec![message(1, 1_600_000), message(2, 1)]);
    let read = Read::MessagesAfter {
        chat_id: CHAT,
        after: Seq(0),
        limit: 2,
    };
    assert_eq!(seqs(&shard.read(&read)), [1, 2]);
    shard.stop();
}
