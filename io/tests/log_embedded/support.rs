//! A shard with its log, and what it writes into it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rookery_engine::port::{AppendFault, Log, LogEvent, LogRequest};
use rookery_io::embedded::Durability;
use rookery_io::lane::Lane;
use rookery_io::log::Stored;
use rookery_io::log::embedded::{LogError, LogLayout, Settings, open_lane};
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::vital::Shutdown;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Timestamp, UserId};
use uuid::Uuid;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const P0: PartitionId = PartitionId(0);

/// Messages that say their own numbers.
pub(super) fn batch(numbers: impl IntoIterator<Item = u64>) -> RecordBatch {
    sized_batch(numbers, 0)
}

pub(super) fn sized_batch(numbers: impl IntoIterator<Item = u64>, padding: usize) -> RecordBatch {
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

pub(super) fn numbers(batch: &RecordBatch) -> Vec<u64> {
    let number = |bytes: &[u8]| match Record::decode(bytes).unwrap() {
        Record::MessagePosted(it) => it.content.split(' ').next().unwrap().parse().unwrap(),
        other => panic!("not written here: {other:?}"),
    };
    batch.iter().map(|bytes| number(&bytes)).collect()
}

/// Segments and a window that a test can fill.
pub(super) fn small() -> Settings {
    Settings {
        segment_bytes: 16 << 10,
        window_records: 100,
        reserve_bytes: 0,
        ..Settings::new(Durability::Fsync)
    }
}

pub(super) fn layout(root: &Path, partitions: u32) -> LogLayout {
    LogLayout::prepare(&root.join("log"), partitions, Uuid::from_u128(7)).unwrap()
}

/// A shard with its log, and what the log told it.
pub(super) struct Shard {
    pub(super) log: Box<dyn Log>,
    pub(super) mailbox: Mailbox,
    pub(super) receiver: Receiver<LogEvent>,
    pub(super) lane: Lane,
    pub(super) shutdown: Shutdown,
    pub(super) events: Vec<LogEvent>,
}

impl Shard {
    pub(super) fn open(root: &Path) -> Self {
        Self::open_stored(root, Stored::Below(Offset(0))).unwrap()
    }

    pub(super) fn open_stored(root: &Path, stored: Stored) -> Result<Self, LogError> {
        Self::open_with(&layout(root, 1), &[(P0, stored)], small())
    }

    pub(super) fn open_with(
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

    pub(super) fn submit(&mut self, request: LogRequest) {
        self.log.submit(request).unwrap();
    }

    pub(super) fn append(&mut self, partition: PartitionId, batch: RecordBatch) {
        self.submit(LogRequest::Append { partition, batch });
    }

    pub(super) fn commit(&mut self, offset: u64) {
        self.submit(LogRequest::Commit {
            partition: P0,
            offset: Offset(offset),
        });
    }

    /// Waits until the events fulfil a condition.
    pub(super) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
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

    pub(super) fn until_caught_up(&mut self, partitions: usize) {
        let is_end = |event: &&LogEvent| matches!(event, LogEvent::CaughtUp { .. });
        self.until("end of replay", |shard| {
            shard.events.iter().filter(is_end).count() == partitions
        });
    }

    pub(super) fn outcomes(&self) -> Vec<Result<Offset, AppendFault>> {
        let outcome = |event: &LogEvent| match event {
            LogEvent::Appended { outcome, .. } => Some(*outcome),
            _ => None,
        };
        self.events.iter().filter_map(outcome).collect()
    }

    pub(super) fn until_answered(&mut self, appends: usize) -> Vec<Result<Offset, AppendFault>> {
        self.until("answer", |shard| shard.outcomes().len() >= appends);
        self.outcomes()
    }

    pub(super) fn outcome(&mut self, batch: RecordBatch) -> Result<Offset, AppendFault> {
        let before = self.outcomes().len();
        self.append(P0, batch);
        *self.until_answered(before + 1).last().unwrap()
    }

    pub(super) fn append_durably(&mut self, batch: RecordBatch) {
        self.outcome(batch).unwrap();
    }

    /// All records delivered of a partition, after checking that there is no gap between them.
    pub(super) fn delivered(&self, of: PartitionId) -> Vec<u64> {
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

    pub(super) fn until_delivered(&mut self, of: PartitionId, expected: &[u64]) {
        self.until("record", |shard| {
            shard.delivered(of).len() >= expected.len()
        });
        assert_eq!(self.delivered(of), expected);
    }

    pub(super) fn opened(&self, of: PartitionId) -> (u64, u64) {
        let opened = |event: &LogEvent| match event {
            LogEvent::Opened { partition, opened } if *partition == of => {
                Some((opened.start.0, opened.committed.0))
            }
            _ => None,
        };
        self.events.iter().find_map(opened).unwrap()
    }

    pub(super) fn stop(self) {
        self.shutdown.begin();
        drop((self.log, self.receiver));
        assert!(self.lane.join(PATIENCE));
    }
}

/// What a shard finds that opens the log once more.
pub(super) fn reopened(root: &Path, stored: Stored) -> Shard {
    let mut shard = Shard::open_stored(root, stored).unwrap();
    shard.until_caught_up(1);
    shard
}

pub(super) fn refused(root: &Path, stored: Stored) -> String {
    let opened = Shard::open_stored(root, stored);
    opened.err().expect("it must be refused").to_string()
}

pub(super) fn segments(root: &Path) -> usize {
    let entries = fs::read_dir(root.join("log/0")).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some()).count()
}

/// Writes so many records, and commits them as they come.
pub(super) fn write_and_commit(root: &Path, records: u64) {
    let mut shard = Shard::open(root);
    shard.until_caught_up(1);
    for number in (0..records).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
        shard.commit(number + 10);
    }
    shard.stop();
}
