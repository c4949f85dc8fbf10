//! What the log delivers after a restart, and in which order.

use std::path::Path;
use std::time::{Duration, Instant};

use rookery_engine::port::LogRequest;
use rookery_io::embedded::Durability;
use rookery_io::log::Stored;
use rookery_io::log::embedded::Settings;
use rookery_schema::{Offset, Placement, Routing};

use super::support::{P0, PATIENCE, batch, layout, open, open_with, segments, sized_batch, small};

/// Writes 1,600 records, each an append of its own: more than the ring of events holds, so that their
/// replay is not over before the shard looks.
fn write_one_by_one(root: &Path, padding: usize) {
    let mut shard = open(root);
    for start in (0..1600).step_by(100) {
        (start..start + 100).for_each(|number| shard.append(P0, sized_batch([number], padding)));
        shard.until_answered(start as usize + 100);
    }
    shard.stop();
}

#[test]
fn records_come_back_whatever_the_number_of_shards() {
    let root = tempfile::tempdir().unwrap();
    let layout = layout(root.path(), 5);
    let mut written: Vec<Vec<u64>> = vec![Vec::new(); 5];
    for (round, shards) in [2_u16, 1, 3, 5].into_iter().enumerate() {
        let routing = Routing::new(Placement::new(5).unwrap(), shards).unwrap();
        for shard in routing.all_shards() {
            let owned = Vec::from_iter(routing.served_by(shard));
            let stored = Stored::Below(Offset(if round == 0 { 0 } else { 2 }));
            let partitions = Vec::from_iter(owned.iter().map(|&id| (id, stored)));
            let mut shard = open_with(&layout, &partitions, small()).unwrap();
            shard.until_caught_up(owned.len());
            for &id in &owned {
                let so_far = &mut written[id.index()];
                assert_eq!(shard.delivered(id), *so_far);
                assert_eq!(shard.opened(id), (0, if round == 0 { 0 } else { 2 }));
                let base = so_far.len() as u64;
                for range in [base..base + 3, base + 3..base + 4] {
                    shard.append(id, batch(range.clone()));
                    so_far.extend(range);
                }
            }
            let outcomes = shard.until_answered(owned.len() * 2);
            assert!(outcomes.iter().all(Result::is_ok));
            for &id in &owned {
                shard.until_delivered(id, &written[id.index()]);
                shard.submit(LogRequest::Commit {
                    partition: id,
                    offset: Offset(2),
                });
            }
            shard.stop();
        }
    }
}

#[test]
fn appends_during_a_paused_replay_are_confirmed_at_once_and_delivered_in_order() {
    let root = tempfile::tempdir().unwrap();
    write_one_by_one(root.path(), 4000);

    let mut second = open(root.path());
    second.submit(LogRequest::Pause { partition: P0 });
    second.append_durably(batch([1600]));
    std::thread::sleep(Duration::from_millis(100));
    second.receiver.drain_into(&mut second.events, usize::MAX);
    let paused_at = second.delivered(P0).len();
    assert!(paused_at < 1600, "{paused_at} were delivered while paused");
    second.append_durably(batch([1601]));
    second.submit(LogRequest::Resume { partition: P0 });
    second.until_caught_up(1);
    second.append_durably(batch([1602]));
    second.until_delivered(P0, &Vec::from_iter(0..1603));
    second.stop();
}

#[test]
fn a_log_stops_in_the_middle_of_its_replay() {
    let root = tempfile::tempdir().unwrap();
    write_one_by_one(root.path(), 0);
    open(root.path()).stop();
}

#[test]
fn without_fsync_records_survive_the_end_of_the_process() {
    let root = tempfile::tempdir().unwrap();
    let settings = Settings {
        durability: Durability::Os,
        ..small()
    };
    let layout = layout(root.path(), 1);
    let open = || open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let mut shard = open();
        shard.until_caught_up(1);
        shard.until_delivered(P0, &expected);
        for number in round * 10..round * 10 + 10 {
            shard.append_durably(sized_batch([number], 1000));
            expected.push(number);
        }
        shard.stop();
    }
    assert!(segments(root.path()) > 1);
}

#[test]
fn a_lane_whose_shard_does_not_look_waits_and_loses_nothing() {
    const EVENTS_MAX: usize = 1024;
    let root = tempfile::tempdir().unwrap();
    write_one_by_one(root.path(), 0);

    let mut second = open(root.path());
    let deadline = Instant::now() + PATIENCE;
    while second.receiver.len() < EVENTS_MAX {
        assert!(Instant::now() < deadline, "the ring was to be filled");
        std::thread::sleep(Duration::from_millis(1));
    }
    second.append(P0, batch([1600]));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(
        second.receiver.len(),
        EVENTS_MAX,
        "events wait without bound"
    );
    second.until_delivered(P0, &Vec::from_iter(0..1601));
    second.stop();
}
