//! A shard with its log, whichever it is, and what it writes into it.

use std::time::{Duration, Instant};

use rookery_engine::port::{AppendFault, Log, LogEvent, LogRequest};
use rookery_io::lane::Lane;
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::vital::Shutdown;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Timestamp, UserId};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const P0: PartitionId = PartitionId(0);

/// Messages that say their own numbers.
pub(crate) fn batch(numbers: impl IntoIterator<Item = u64>) -> RecordBatch {
    sized_batch(numbers, 0)
}

pub(crate) fn sized_batch(numbers: impl IntoIterator<Item = u64>, padding: usize) -> RecordBatch {
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

pub(crate) fn numbers(batch: &RecordBatch) -> Vec<u64> {
    let number = |bytes: &[u8]| match Record::decode(bytes).unwrap() {
        Record::MessagePosted(it) => it.content.split(' ').next().unwrap().parse().unwrap(),
        other => panic!("not written here: {other:?}"),
    };
    batch.iter().map(|bytes| number(&bytes)).collect()
}

/// A shard with its log, and what the log told it.
pub(crate) struct Shard {
    pub(crate) log: Box<dyn Log>,
    pub(crate) mailbox: Mailbox,
    pub(crate) receiver: Receiver<LogEvent>,
    pub(crate) lane: Lane,
    pub(crate) shutdown: Shutdown,
    pub(crate) events: Vec<LogEvent>,
}

impl Shard {
    pub(crate) fn submit(&mut self, request: LogRequest) {
        self.log.submit(request).unwrap();
    }

    pub(crate) fn append(&mut self, partition: PartitionId, batch: RecordBatch) {
        self.submit(LogRequest::Append {
            partition,
            batch,
            is_small: false,
        });
    }

    pub(crate) fn commit(&mut self, offset: u64) {
        self.submit(LogRequest::Commit {
            partition: P0,
            offset: Offset(offset),
        });
    }

    /// Waits until the events fulfil a condition.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
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

    pub(crate) fn until_caught_up(&mut self, partitions: usize) {
        let is_end = |event: &&LogEvent| matches!(event, LogEvent::CaughtUp { .. });
        self.until("end of replay", |shard| {
            shard.events.iter().filter(is_end).count() == partitions
        });
    }

    pub(crate) fn outcomes(&self) -> Vec<Result<Offset, AppendFault>> {
        let outcome = |event: &LogEvent| match event {
            LogEvent::Appended { outcome, .. } => Some(*outcome),
            _ => None,
        };
        self.events.iter().filter_map(outcome).collect()
    }

    pub(crate) fn until_answered(&mut self, appends: usize) -> Vec<Result<Offset, AppendFault>> {
        self.until("answer", |shard| shard.outcomes().len() >= appends);
        self.outcomes()
    }

    pub(crate) fn outcome(&mut self, batch: RecordBatch) -> Result<Offset, AppendFault> {
        let before = self.outcomes().len();
        self.append(P0, batch);
        *self.until_answered(before + 1).last().unwrap()
    }

    pub(crate) fn append_durably(&mut self, batch: RecordBatch) {
        self.outcome(batch).unwrap();
    }

    /// All records delivered of a partition, after checking that none is repeated.
    pub(crate) fn delivered(&self, of: PartitionId) -> Vec<u64> {
        let (mut next, mut all) = (None, Vec::new());
        for event in &self.events {
            if let LogEvent::Records {
                partition,
                base,
                batch,
            } = event
                && *partition == of
            {
                let follows = next.unwrap_or(*base) <= *base;
                assert!(follows, "a repeat in front of {base}");
                next = Some(base.plus(u64::from(batch.len())));
                all.extend(numbers(batch));
            }
        }
        all
    }

    pub(crate) fn until_delivered(&mut self, of: PartitionId, expected: &[u64]) {
        self.until("record", |shard| {
            shard.delivered(of).len() >= expected.len()
        });
        assert_eq!(self.delivered(of), expected);
    }

    pub(crate) fn opened(&self, of: PartitionId) -> (u64, u64) {
        let opened = |event: &LogEvent| match event {
            LogEvent::Opened { partition, opened } if *partition == of => {
                Some((opened.start.0, opened.committed.0))
            }
            _ => None,
        };
        self.events.iter().find_map(opened).unwrap()
    }

    pub(crate) fn stop(self) {
        self.shutdown.begin();
        drop((self.log, self.receiver));
        assert!(self.lane.join(PATIENCE));
    }
}
