//! A store that is there and does not answer, or is gone for a while.

use std::thread;
use std::time::{Duration, Instant};

use rookery_engine::port::{StoreEvent, StoreRequest};
use rookery_io::store::scylla::{Settings, probe};

use super::door::{Door, GONE, OPEN, SHUT};
use super::support::{Keyspace, NEWEST, Shard, keyspace, message, reached, seqs, start};

/// More writes than a lane has room for in its ring, by far.
const MANY_WRITES: u64 = 9300;

/// A shard that reaches its store through a door, and has written a message.
struct Behind {
    /// First to be bound, and so the last to go.
    _keyspace: Keyspace,
    door: Door,
    shard: Shard,
}

fn behind_a_door(test: &str) -> Option<Behind> {
    let mut keyspace = keyspace(test)?;
    let door = Door::to(&keyspace.node);
    keyspace.settings.nodes = vec![door.address.to_string()];
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    Some(Behind {
        _keyspace: keyspace,
        door,
        shard,
    })
}

fn is_read_refused(shard: &mut Shard) -> bool {
    let read = shard.submit(|token| StoreRequest::Read {
        token,
        read: NEWEST,
    });
    match shard.next() {
        StoreEvent::Read { token, outcome } => {
            assert_eq!(token, read);
            outcome.is_err()
        }
        other => panic!("not what was asked: {other:?}"),
    }
}

#[test]
fn a_frozen_store_refuses_reads_in_time_and_gets_all_writes_later() {
    let Some(Behind {
        _keyspace,
        door,
        mut shard,
    }) = behind_a_door("frozen")
    else {
        return;
    };
    door.set(SHUT);
    let writes: Vec<_> = (2..40)
        .map(|seq| shard.submit_write(vec![message(seq, 10), reached(0, seq)]))
        .collect();
    let sync = shard.submit(|token| StoreRequest::Sync { token });
    let asked = Instant::now();
    assert!(is_read_refused(&mut shard));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "refused after {took:?}");
    // Longer than an attempt to write may take.
    thread::sleep(Duration::from_secs(3));
    door.set(OPEN);
    let mut answered = Vec::new();
    loop {
        match shard.next() {
            StoreEvent::Written { token, .. } => answered.push(token),
            StoreEvent::Synced { token } => break assert_eq!(token, sync),
            other => panic!("not what was asked: {other:?}"),
        }
    }
    assert_eq!(answered, writes);
    assert_eq!(seqs(&shard.read(&NEWEST)), [39]);
    shard.stop();
}

/// However many writes wait, a read behind them is answered.
#[test]
fn a_read_is_refused_in_time_behind_more_writes_than_the_ring_holds() {
    let Some(Behind {
        _keyspace,
        door,
        mut shard,
    }) = behind_a_door("many")
    else {
        return;
    };
    door.set(SHUT);
    for seq in 2..MANY_WRITES {
        shard.submit_write(vec![message(seq, 10)]);
    }
    let asked = Instant::now();
    assert!(is_read_refused(&mut shard));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "refused after {took:?}");
    door.set(OPEN);
    for _ in 2..MANY_WRITES {
        assert!(matches!(shard.next(), StoreEvent::Written { .. }));
    }
    assert_eq!(seqs(&shard.read(&NEWEST)), [MANY_WRITES - 1]);
    shard.stop();
}

#[test]
fn a_lane_does_not_outlive_its_shard_for_long_when_the_store_is_frozen() {
    let Some(Behind {
        _keyspace,
        door,
        mut shard,
    }) = behind_a_door("frozen_end")
    else {
        return;
    };
    door.set(SHUT);
    shard.submit_write(vec![message(2, 1)]);
    let since = Instant::now();
    shard.stop();
    let took = since.elapsed();
    assert!(took < Duration::from_secs(10), "it ended after {took:?}");
    door.set(OPEN);
}

/// The driver alone would look for it every ten seconds by then.
#[test]
fn a_store_that_was_gone_is_used_again_at_once() {
    let Some(Behind {
        _keyspace,
        door,
        mut shard,
    }) = behind_a_door("gone")
    else {
        return;
    };
    door.set(GONE);
    thread::sleep(Duration::from_millis(100));
    assert!(is_read_refused(&mut shard));
    let written = shard.submit_write(vec![message(2, 1)]);
    thread::sleep(Duration::from_secs(7));
    door.set(OPEN);
    let since = Instant::now();
    match shard.next() {
        StoreEvent::Written { token, .. } => assert_eq!(token, written),
        other => panic!("not what was asked: {other:?}"),
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(3), "after {took:?}");
    assert_eq!(seqs(&shard.read(&NEWEST)), [2]);
    shard.stop();
}

#[test]
fn a_store_that_does_not_answer_is_told_from_one_that_does() {
    let Some(keyspace) = keyspace("probe") else {
        return;
    };
    let patience = Duration::from_millis(1500);
    let answer = probe(&keyspace.settings, patience).unwrap();
    assert!(!answer.release.is_empty() && !answer.datacenter.is_empty());
    let door = Door::to(&keyspace.node);
    door.set(SHUT);
    let settings = Settings {
        nodes: vec![door.address.to_string()],
        ..keyspace.settings.clone()
    };
    let text = probe(&settings, patience).unwrap_err().to_string();
    assert!(text.contains("correct --scylla"), "{text}");
}
