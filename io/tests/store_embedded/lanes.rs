//! In which order lanes answer, and what they share.

use rookery_engine::port::{StoreEvent, StoreRequest};

use super::support::{NEWEST, Shard, message, open, seqs, start};

#[test]
fn writes_and_syncs_are_answered_in_order() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let mut expected = Vec::new();
    for seq in 1..=200 {
        let rows = vec![message(seq, 100)];
        let token = shard.submit(|token| StoreRequest::Write {
            token,
            rows: rows.clone(),
        });
        expected.push((token, false));
        if seq % 50 == 0 {
            expected.push((shard.submit(|token| StoreRequest::Sync { token }), true));
        }
    }
    for wanted in expected {
        let answer = match shard.next() {
            StoreEvent::Written { token, .. } => (token, false),
            StoreEvent::Synced { token } => (token, true),
            other => panic!("not what was asked: {other:?}"),
        };
        assert_eq!(answer, wanted);
    }
    shard.stop();
}

#[test]
fn a_read_does_not_wait_for_a_long_queue_of_writes() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let rows = |n: u64| {
        (n * 500..(n + 1) * 500)
            .map(|seq| message(seq + 1, 300))
            .collect()
    };
    for n in 0..200 {
        shard.submit(|token| StoreRequest::Write {
            token,
            rows: rows(n),
        });
    }
    let before = shard.writes_before_a_read();
    assert!(before < 150, "{before} of 200 writes came first");
    shard.stop();
}

#[test]
fn the_lanes_of_all_shards_share_the_rows() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let mut shards = [0, 1, 2].map(|shard| start(&store, shard));
    for round in 0..30 {
        let seq = round + 1;
        shards[round as usize % 3].write(vec![message(seq, 10)]);
        for shard in &mut shards {
            assert_eq!(seqs(&shard.read(&NEWEST)), [seq]);
        }
    }
    shards.into_iter().for_each(Shard::stop);
}

#[test]
fn an_event_that_is_there_in_two_versions_is_damage() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    shard.write((1..=3).map(|seq| message(seq, 10)).collect());
    shard.write(vec![message(2, 10), message(3, 10)]);
    assert_eq!(seqs(&shard.read(&NEWEST)), [3], "in other company");
    shard.write(vec![message(3, 11)]);
    shard.submit(|token| StoreRequest::Read {
        token,
        read: NEWEST,
    });
    let answer = shard.next();
    assert!(
        matches!(
            answer,
            StoreEvent::Read {
                outcome: Err(_),
                ..
            }
        ),
        "{answer:?}"
    );
    shard.stop();
}
