//! Appends are confirmed, delivered, and delivered again after a restart.

use rookery_engine::port::LogRequest;
use rookery_io::log::Stored;
use rookery_schema::{Offset, PartitionId};

use super::support::{
    P0, PATIENCE, batch, broker, connect, fresh, open, open_with, reopened, sized_batch,
};

#[test]
fn what_was_appended_is_confirmed_and_delivered_in_order_now_and_after_a_restart() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut expected = Vec::new();
    for round in 0..3 {
        let mut shard = reopened(&settings, Stored::Below(Offset(0)));
        shard.until_delivered(P0, &expected);
        let base = round * 100;
        for number in (base..base + 100).step_by(25) {
            shard.append(P0, batch(number..number + 25));
        }
        expected.extend(base..base + 100);
        let outcomes = shard.until_answered(4);
        let claims = round + 1;
        let ends = [25, 50, 75, 100].map(|end| Ok(Offset(base + end + claims)));
        assert_eq!(outcomes, ends);
        shard.until_delivered(P0, &expected);
        shard.stop();
    }
}

#[test]
fn every_owner_of_a_partition_reads_what_the_ones_before_it_wrote() {
    let Some(broker) = broker() else { return };
    let log = connect(&fresh(broker, 5)).unwrap();
    assert_eq!(log.partitions(), 5);
    let mut written = vec![Vec::new(); 5];
    for shards in [2, 3, 1] {
        for shard in 0..shards {
            let owned: Vec<_> = (0..5)
                .filter(|id| id % shards == shard)
                .map(PartitionId)
                .collect();
            let stored: Vec<_> = owned
                .iter()
                .map(|&id| (id, Stored::Below(Offset(0))))
                .collect();
            let mut shard = open_with(&log, &stored).unwrap();
            shard.until_caught_up(owned.len());
            for &id in &owned {
                let so_far: &mut Vec<u64> = &mut written[id.index()];
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
            }
            shard.stop();
        }
    }
}

#[test]
fn appends_are_confirmed_at_once_while_delivery_is_paused() {
    let Some(broker) = broker() else { return };
    let mut shard = open(&fresh(broker, 1));
    shard.append_durably(batch(0..100));
    shard.until_delivered(P0, &Vec::from_iter(0..100));
    shard.submit(LogRequest::Pause { partition: P0 });
    shard.append_durably(batch([100]));
    std::thread::sleep(std::time::Duration::from_millis(500));
    shard.receiver.drain_into(&mut shard.events, usize::MAX);
    assert_eq!(shard.delivered(P0).len(), 100);
    shard.append_durably(batch([101]));
    shard.submit(LogRequest::Resume { partition: P0 });
    shard.append_durably(batch([102]));
    shard.until_delivered(P0, &Vec::from_iter(0..103));
    shard.stop();
}

#[test]
fn a_log_stops_in_the_middle_of_its_replay_and_finishes_what_was_begun() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut first = open(&settings);
    first.append_durably(sized_batch(0..1000, 2000));
    for number in 1000..1010 {
        first.append(P0, batch([number]));
    }
    first.stop();
    open(&settings).stop();
    let third = reopened(&settings, Stored::Below(Offset(0)));
    assert_eq!(third.delivered(P0), Vec::from_iter(0..1010));
    third.stop();
}

#[test]
fn records_as_large_as_they_come_go_through() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(sized_batch(0..3, 1_600_000));
    shard.until_delivered(P0, &[0, 1, 2]);
    shard.stop();
}

/// Not a benchmark: it shows that there is no pause where there should be none.
#[test]
fn one_append_after_the_other_is_no_matter_of_timeouts() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch([0]));
    let start = std::time::Instant::now();
    for number in 1..201 {
        shard.append_durably(batch([number]));
    }
    let took = start.elapsed();
    assert!(took < PATIENCE / 3, "200 appends took {took:?}");
    shard.until_delivered(P0, &Vec::from_iter(0..201));
    shard.stop();
}
