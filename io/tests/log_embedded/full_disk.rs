//! Records that the disk has no room for.

use std::collections::HashSet;

use rookery_engine::port::AppendFault;
use rookery_io::log::Stored;
use rookery_io::log::embedded::Settings;
use rookery_schema::Offset;

use super::disk::with_small_disk;
use super::support::{P0, batch, layout, open, open_with, reopened, sized_batch, small};

#[test]
fn below_its_reserve_the_log_refuses_records_and_takes_them_again_when_there_is_room() {
    with_small_disk(32, |disk| {
        let settings = Settings {
            reserve_bytes: 2 << 20,
            ..small()
        };
        let root = disk.path().join("data");
        let layout = layout(&root, 1);
        let open = || open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
        let mut shard = open();
        shard.append_durably(batch([0]));
        disk.fill(1 << 20);
        for number in 1..4 {
            assert_eq!(
                shard.outcome(batch([number])),
                Err(AppendFault::Unavailable)
            );
        }
        disk.free();
        shard.append_durably(batch([4]));
        shard.stop();
        let mut shard = open();
        shard.until_caught_up(1);
        assert_eq!(shard.delivered(P0), [0, 4]);
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
