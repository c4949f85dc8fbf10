//! Records that the disk has no room for.

use std::collections::HashSet;

use rookery_engine::port::{AppendFault, LogRequest};
use rookery_io::log::Stored;
use rookery_io::log::embedded::Settings;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;

use super::disk::with_small_disk;
use super::support::{P0, Shard, batch, layout, open, open_with, reopened, sized_batch, small};

/// Appends what goes into the log also on a full disk.
fn append_small(shard: &mut Shard, batch: RecordBatch) {
    shard.submit(LogRequest::Append {
        partition: P0,
        batch,
        is_small: true,
    });
}

fn outcome_of_small(shard: &mut Shard, batch: RecordBatch) -> Result<Offset, AppendFault> {
    let before = shard.outcomes().len();
    append_small(shard, batch);
    *shard.until_answered(before + 1).last().unwrap()
}

#[test]
fn with_no_byte_left_small_changes_are_durable_and_others_are_refused() {
    with_small_disk(32, |disk| {
        let settings = Settings {
            reserve_bytes: 64 << 10,
            ..small()
        };
        let root = disk.path().join("data");
        let layout = layout(&root, 1);
        let open = || open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
        let mut shard = open();
        shard.append_durably(sized_batch([0], 12_000));
        disk.fill(0);
        let refused = (1..1000).find(|&number| shard.outcome(batch([number])).is_err());
        let mut expected = Vec::from_iter(0..refused.expect("the disk is full"));
        // More than the rest of the segment has room for.
        for number in 1000..1045 {
            outcome_of_small(&mut shard, sized_batch([number], 1000)).unwrap();
            expected.push(number);
        }
        assert_eq!(shard.outcome(batch([2000])), Err(AppendFault::Unavailable));
        // The reserve ends, too.
        let refused = (3000..4000).find(|&number| {
            let taken = outcome_of_small(&mut shard, sized_batch([number], 1000));
            expected.extend(taken.is_ok().then_some(number));
            taken.is_err()
        });
        assert!(refused.is_some());

        // As a kill leaves it, it can be read with no byte left.
        shard.stop();
        let mut shard = open();
        shard.until_caught_up(1);
        assert_eq!(shard.delivered(P0), expected);
        disk.free();
        shard.append_durably(batch([5000]));
        expected.push(5000);
        shard.stop();
        let mut shard = open();
        shard.until_caught_up(1);
        assert_eq!(shard.delivered(P0), expected);
        shard.stop();
    });
}

#[test]
fn of_batches_that_come_together_the_small_ones_are_taken() {
    with_small_disk(32, |disk| {
        let settings = Settings {
            segment_bytes: 1 << 20,
            reserve_bytes: 64 << 10,
            ..small()
        };
        let layout = layout(&disk.path().join("data"), 1);
        let mut shard = open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
        shard.until_caught_up(1);
        disk.fill(0);
        while shard.outcome(sized_batch([0], 9_000)).is_ok() {}
        let before = shard.outcomes().len();
        for _ in 0..50 {
            shard.append(P0, sized_batch([1], 9_000));
            append_small(&mut shard, batch([2]));
        }
        let outcomes = shard.until_answered(before + 100)[before..].to_vec();
        for (number, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.is_ok(), number % 2 == 1, "{outcomes:?}");
        }
        shard.stop();
    });
}

#[test]
fn of_a_write_that_failed_halfway_nothing_comes_back() {
    with_small_disk(32, |disk| {
        let root = disk.path().join("data");
        let (mut confirmed, mut refused, mut number) = (Vec::new(), HashSet::new(), 0);
        let mut shard = open(&root);
        for leave in [100_000, 50_001, 20_002, 3] {
            disk.fill(leave);
            while refused.len() < 3 || matches!(shard.outcomes().last(), Some(Ok(_))) {
                match shard.outcome(sized_batch([number], 9_000)) {
                    Ok(_) => confirmed.push(number),
                    Err(fault) => {
                        assert_eq!(fault, AppendFault::Unavailable);
                        refused.insert(number);
                    }
                }
                number += 1;
            }
            disk.free();
            shard.append_durably(batch([number]));
            confirmed.push(number);
            number += 1;
        }
        assert!(!refused.is_empty());
        shard.until_delivered(P0, &confirmed);
        shard.stop();
        let shard = reopened(&root, Stored::Below(Offset(0)));
        assert_eq!(shard.delivered(P0), confirmed);
        shard.stop();
    });
}
