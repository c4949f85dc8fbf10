//! The embedded log against real files: what was confirmed is there after any restart, in order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store_support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rookery_engine::port::{AppendFault, Log, LogEvent, LogRequest};
use rookery_io::embedded::Durability;
use rookery_io::lane::Lane;
use rookery_io::log::embedded::{LogError, LogLayout, Settings, Stored, open_lane};
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::vital::Shutdown;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::routing::Topology;
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Timestamp, UserId};
use store_support::SmallDisk;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);
const P0: PartitionId = PartitionId(0);

/// Messages that say their own numbers.
fn batch(numbers: impl IntoIterator<Item = u64>) -> RecordBatch {
    sized_batch(numbers, 0)
}

fn sized_batch(numbers: impl IntoIterator<Item = u64>, padding: usize) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    for number in numbers {
        builder.push(&Record::MessagePosted(MessagePosted {
            chat_id: ChatId::from_bytes([1; 16]),
            message_id: MessageId::from_bytes([2; 16]),
            sender_id: UserId::from_bytes([3; 16]),
            at: Timestamp::from_millis(1_700_000_000_000),
            client_id: None,
            content: &format!("{number} {}", "x".repeat(padding)),
        }));
    }
    builder.take()
}

fn numbers(batch: &RecordBatch) -> Vec<u64> {
    let number = |bytes: &[u8]| match Record::decode(bytes).unwrap() {
        Record::MessagePosted(it) => it.content.split(' ').next().unwrap().parse().unwrap(),
        other => panic!("not written here: {other:?}"),
    };
    batch.iter().map(|bytes| number(&bytes)).collect()
}

/// Segments and a window that a test can fill.
fn small() -> Settings {
    Settings {
        segment_bytes: 16 << 10,
        window_records: 100,
        reserve_bytes: 0,
        ..Settings::new(Durability::Fsync)
    }
}

fn layout(root: &Path, partitions: u32) -> LogLayout {
    LogLayout::prepare(&root.join("log"), partitions, Uuid::from_u128(7)).unwrap()
}

/// A shard with its log, and what the log told it.
struct Shard {
    log: Box<dyn Log>,
    mailbox: Mailbox,
    receiver: Receiver<LogEvent>,
    lane: Lane,
    shutdown: Shutdown,
    events: Vec<LogEvent>,
}

impl Shard {
    fn open(root: &Path) -> Self {
        Self::open_stored(root, Stored::Below(Offset(0))).unwrap()
    }

    fn open_stored(root: &Path, stored: Stored) -> Result<Self, LogError> {
        Self::open_with(&layout(root, 1), &[(P0, stored)], small())
    }

    fn open_with(
        layout: &LogLayout,
        partitions: &[(PartitionId, Stored)],
        settings: Settings,
    ) -> Result<Self, LogError> {
        let (mailbox, shutdown) = (Mailbox::new(), Shutdown::default());
        let threads = (&mailbox, &shutdown);
        let (log, receiver, lane) = open_lane("log", None, layout, partitions, settings, threads)?;
        Ok(Self {
            log: Box::new(log),
            mailbox,
            receiver,
            lane,
            shutdown,
            events: Vec::new(),
        })
    }

    fn submit(&mut self, request: LogRequest) {
        self.log.submit(request).unwrap();
    }

    fn append(&mut self, partition: PartitionId, batch: RecordBatch) {
        self.submit(LogRequest::Append { partition, batch });
    }

    fn commit(&mut self, offset: u64) {
        self.submit(LogRequest::Commit {
            partition: P0,
            offset: Offset(offset),
        });
    }

    /// Waits until the events fulfil a condition.
    fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.receiver.drain_into(&mut self.events, usize::MAX);
            if condition(self) {
                return;
            }
            let seen = self.events.len();
            assert!(Instant::now() < deadline, "no {what} among {seen} events");
            self.mailbox.wait(Duration::from_millis(50));
        }
    }

    fn until_caught_up(&mut self, partitions: usize) {
        let is_end = |event: &&LogEvent| matches!(event, LogEvent::CaughtUp { .. });
        self.until("end of replay", |shard| {
            shard.events.iter().filter(is_end).count() == partitions
        });
    }

    fn outcomes(&self) -> Vec<Result<(), AppendFault>> {
        let outcome = |event: &LogEvent| match event {
            LogEvent::Appended { outcome, .. } => Some(*outcome),
            _ => None,
        };
        self.events.iter().filter_map(outcome).collect()
    }

    fn until_answered(&mut self, appends: usize) -> Vec<Result<(), AppendFault>> {
        self.until("answer", |shard| shard.outcomes().len() >= appends);
        self.outcomes()
    }

    fn outcome(&mut self, batch: RecordBatch) -> Result<(), AppendFault> {
        let before = self.outcomes().len();
        self.append(P0, batch);
        *self.until_answered(before + 1).last().unwrap()
    }

    fn append_durably(&mut self, batch: RecordBatch) {
        assert_eq!(self.outcome(batch), Ok(()));
    }

    /// All records delivered of a partition, after checking that there is no gap between them.
    fn delivered(&self, of: PartitionId) -> Vec<u64> {
        let (mut next, mut all) = (None, Vec::new());
        for event in &self.events {
            if let LogEvent::Records {
                partition,
                base,
                batch,
            } = event
                && *partition == of
            {
                let follows = next.unwrap_or(*base) == *base;
                assert!(follows, "a gap or a repeat in front of {base}");
                next = Some(base.plus(u64::from(batch.len())));
                all.extend(numbers(batch));
            }
        }
        all
    }

    fn until_delivered(&mut self, of: PartitionId, expected: &[u64]) {
        self.until("record", |shard| {
            shard.delivered(of).len() >= expected.len()
        });
        assert_eq!(self.delivered(of), expected);
    }

    fn opened(&self, of: PartitionId) -> (u64, u64) {
        let opened = |event: &LogEvent| match event {
            LogEvent::Opened { partition, opened } if *partition == of => {
                Some((opened.start.0, opened.committed.0))
            }
            _ => None,
        };
        self.events.iter().find_map(opened).unwrap()
    }

    fn stop(self) {
        self.shutdown.begin();
        drop((self.log, self.receiver));
        assert!(self.lane.join(PATIENCE));
    }
}

/// What a shard finds that opens the log once more.
fn reopened(root: &Path, stored: Stored) -> Shard {
    let mut shard = Shard::open_stored(root, stored).unwrap();
    shard.until_caught_up(1);
    shard
}

fn refused(root: &Path, stored: Stored) -> String {
    let opened = Shard::open_stored(root, stored);
    opened.err().expect("it must be refused").to_string()
}

fn segments(root: &Path) -> usize {
    let entries = fs::read_dir(root.join("log/0")).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some()).count()
}

#[test]
fn records_come_back_whatever_the_number_of_shards() {
    let root = tempfile::tempdir().unwrap();
    let layout = layout(root.path(), 5);
    let mut written: Vec<Vec<u64>> = vec![Vec::new(); 5];
    for (round, shards) in [2_u16, 1, 3, 5].into_iter().enumerate() {
        let topology = Topology::new(5, shards).unwrap();
        for shard in topology.all_shards() {
            let owned = Vec::from_iter(topology.owned_by(shard));
            let stored = Stored::Below(Offset(if round == 0 { 0 } else { 2 }));
            let partitions = Vec::from_iter(owned.iter().map(|&id| (id, stored)));
            let mut shard = Shard::open_with(&layout, &partitions, small()).unwrap();
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
    let mut first = Shard::open(root.path());
    // More than the ring of events holds, so that the replay is not over when it is paused.
    for start in (0..1600).step_by(100) {
        (start..start + 100).for_each(|number| first.append(P0, sized_batch([number], 4000)));
        first.until_answered(start as usize + 100);
    }
    first.stop();

    let mut second = Shard::open(root.path());
    second.submit(LogRequest::Pause { partition: P0 });
    assert_eq!(second.outcome(batch([1600])), Ok(()));
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
    let mut first = Shard::open(root.path());
    for start in (0..1600).step_by(100) {
        (start..start + 100).for_each(|number| first.append(P0, batch([number])));
        first.until_answered(start as usize + 100);
    }
    first.stop();
    Shard::open(root.path()).stop();
}

#[test]
fn a_commit_survives_the_end_of_the_process_and_its_loss_only_means_a_longer_replay() {
    let root = tempfile::tempdir().unwrap();
    let stored = Stored::Below(Offset(300));
    let mut shard = Shard::open(root.path());
    for start in (0..300).step_by(50) {
        shard.append_durably(sized_batch(start..start + 50, 500));
    }
    shard.commit(290);
    shard.stop();

    let shard = reopened(root.path(), stored);
    let (start, committed) = shard.opened(P0);
    assert_eq!(committed, 290);
    assert!((100..=190).contains(&start), "{start}");
    assert_eq!(shard.delivered(P0), Vec::from_iter(start..300));
    shard.stop();

    let path = root.path().join("log/0/committed");
    for garbage in [&b""[..], &[0; 48], &[0xA5; 48], &[0xA5; 10]] {
        fs::write(&path, garbage).unwrap();
        let shard = reopened(root.path(), stored);
        let (start, committed) = shard.opened(P0);
        assert_eq!(start, committed);
        assert_eq!(shard.delivered(P0), Vec::from_iter(start..300));
        shard.stop();
    }
}

#[test]
fn what_nobody_will_read_again_leaves_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::open(root.path());
    shard.until_caught_up(1);
    let mut most = 0;
    for number in (0..2000).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
        shard.commit(number + 10);
        most = most.max(segments(root.path()));
    }
    // The window of 100 records takes 34 KiB, in segments of 16.
    assert!(most <= 6, "{most} segments");
    shard.stop();
    let shard = reopened(root.path(), Stored::Below(Offset(2000)));
    let (start, committed) = shard.opened(P0);
    assert_eq!(committed, 2000);
    assert!((1800..=1900).contains(&start), "{start}");
    assert_eq!(shard.delivered(P0), Vec::from_iter(start..2000));
    shard.stop();
}

#[test]
fn a_log_that_lacks_what_the_store_has_is_refused_unless_it_was_moved_away() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::open(root.path());
    shard.append_durably(batch(0..5));
    shard.stop();
    let behind = Stored::Below(Offset(9));
    let text = refused(root.path(), behind);
    assert!(text.contains("ends at offset 5"), "{text}");
    assert!(text.contains("up to 9"), "{text}");
    let segment = root.path().join("log/0/00000000000000000000.segment");
    fs::rename(&segment, root.path().join("moved.segment")).unwrap();
    let text = refused(root.path(), behind);
    assert!(text.contains("ends at offset 0"), "{text}");

    fs::rename(root.path().join("log/0"), root.path().join("moved")).unwrap();
    let mut shard = reopened(root.path(), behind);
    assert_eq!(shard.opened(P0), (9, 9));
    shard.append_durably(batch([9]));
    shard.stop();
    let shard = reopened(root.path(), behind);
    assert_eq!(shard.delivered(P0), [9]);
    shard.stop();
}

#[test]
fn a_store_that_lacks_what_the_log_removed_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::open(root.path());
    shard.until_caught_up(1);
    for number in (0..400).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
        shard.commit(number + 10);
    }
    shard.stop();
    for lacking in [Stored::Nothing, Stored::Unknown, Stored::Below(Offset(3))] {
        let text = refused(root.path(), lacking);
        assert!(text.contains("log/0 begins at"), "{text}");
        assert!(text.contains("store that belongs to the log"), "{text}");
    }
}

#[test]
fn an_empty_store_gets_all_that_the_log_still_has() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::open(root.path());
    shard.append_durably(batch(0..50));
    shard.commit(50);
    shard.stop();
    let shard = reopened(root.path(), Stored::Nothing);
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
    // It was filled out of order and not finished: its newest record does not speak for the others.
    let shard = reopened(root.path(), Stored::Below(Offset(40)));
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
}

#[test]
fn a_damaged_log_is_refused_by_name_and_not_touched() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::open(root.path());
    (0..6).for_each(|number| shard.append_durably(batch([number])));
    shard.stop();
    let path = root.path().join("log/0/00000000000000000000.segment");
    let mut bytes = fs::read(&path).unwrap();
    bytes[300] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let text = refused(root.path(), Stored::Below(Offset(0)));
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
    assert!(text.contains("damaged at byte"), "{text}");
    assert!(text.contains("move"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn another_layout_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("log");
    let id = Uuid::from_u128(7);
    LogLayout::prepare(&dir, 3, id).unwrap();
    let again = LogLayout::prepare(&dir, 8, Uuid::from_u128(8)).unwrap();
    assert_eq!((again.partitions, again.log_id), (3, id));
    for text in ["format = 7\npartitions = 3\n", "format = ", ""] {
        fs::write(dir.join("meta.toml"), text).unwrap();
        let error = LogLayout::prepare(&dir, 3, id).unwrap_err().to_string();
        assert!(error.contains("meta.toml"), "{error}");
    }
}

#[test]
fn below_its_reserve_the_log_refuses_records_and_takes_them_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(32) else {
        return;
    };
    let settings = Settings {
        reserve_bytes: 2 << 20,
        ..small()
    };
    let root = disk.path().join("data");
    let layout = layout(&root, 1);
    let open = || Shard::open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
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
}

#[test]
fn of_a_write_that_failed_halfway_nothing_comes_back() {
    let Some(disk) = SmallDisk::mount(32) else {
        return;
    };
    let root = disk.path().join("data");
    let (mut confirmed, mut refused, mut number) = (Vec::new(), HashSet::new(), 0);
    let mut shard = Shard::open(&root);
    for leave in [100_000, 50_001, 20_002, 3] {
        disk.fill(leave);
        while refused.len() < 3 || shard.outcomes().last() == Some(&Ok(())) {
            match shard.outcome(sized_batch([number], 9_000)) {
                Ok(()) => confirmed.push(number),
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
}

#[test]
fn without_fsync_records_survive_the_end_of_the_process() {
    let root = tempfile::tempdir().unwrap();
    let settings = Settings {
        durability: Durability::Os,
        ..small()
    };
    let layout = layout(root.path(), 1);
    let open = || Shard::open_with(&layout, &[(P0, Stored::Nothing)], settings).unwrap();
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
