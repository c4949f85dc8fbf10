//! A lane whose client for reading is of no use any more, on a broker that is played.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread;

use rdkafka::mocking::MockCluster;
use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

use super::*;
use crate::config::Endpoint;
use crate::log::partitions::Partitions;
use crate::log::redpanda::Settings;
use crate::log::stored::Stored;
use crate::startup::Startup;

const P: PartitionId = PartitionId(0);
const PATIENCE: Duration = Duration::from_secs(30);
/// Short enough for a test, and long enough for a client that works.
const SILENCE_MAX: Duration = Duration::from_secs(1);

fn settings(brokers: &str) -> Settings {
    let (host, port) = brokers.rsplit_once(':').unwrap();
    let broker = Endpoint {
        host: host.to_owned(),
        port: port.parse().unwrap(),
    };
    let name = || "lane".to_owned();
    Settings {
        silence_max: SILENCE_MAX,
        ..Settings::new(vec![broker], name(), name(), Partitions::IfNew(1))
    }
}

fn append(content: &str) -> LogRequest {
    let mut builder = RecordBatchBuilder::default();
    builder.push(&Record::MessagePosted(MessagePosted {
        chat_id: ChatId::from_bytes([1; 16]),
        message_id: MessageId::from_bytes([2; 16]),
        sender_id: UserId::from_bytes([3; 16]),
        at: Timestamp::from_millis(1),
        client_id: None,
        content,
    }));
    LogRequest::Append {
        partition: P,
        batch: builder.take(),
        is_small: false,
    }
}

/// The shard's end.
struct Shard {
    mailbox: Mailbox,
    receiver: Receiver<LogEvent>,
    events: Vec<LogEvent>,
}

impl Shard {
    fn records(&self) -> u32 {
        let count = |event: &LogEvent| match event {
            LogEvent::Records { batch, .. } => batch.len(),
            _ => 0,
        };
        self.events.iter().map(count).sum()
    }

    fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "no {what}: {:?}", self.events);
            self.mailbox.wait(Duration::from_millis(50));
            self.receiver.drain_into(&mut self.events, EVENTS_MAX);
        }
    }
}

#[test]
fn a_consumer_that_reads_nothing_is_replaced_and_what_it_was_to_commit_is_committed() {
    let cluster = MockCluster::new(1).unwrap();
    let settings = settings(&cluster.bootstrap_servers());
    for topic in [settings.topic.clone(), settings.dead_letter_topic()] {
        cluster.create_topic(&topic, 1, 1).unwrap();
    }
    let log = RedpandaLog::connect(&settings, &Startup::default()).unwrap();
    let stored = [(P, Stored::Below(Offset(0)))];
    let claimed = log.claim(&stored, &Startup::default()).unwrap();
    let mailbox = Mailbox::new();
    let (mut requests, ring) = lane::requests(REQUESTS_MAX);
    let (events, receiver) = mailbox.channel(EVENTS_MAX);
    let lane = LogLane::new(&log, &claimed, ring, events).unwrap();
    lane.consumer.break_off();
    let running = thread::spawn(move || lane.run());

    let mut shard = Shard {
        mailbox,
        receiver,
        events: Vec::new(),
    };
    // The claim is in the log, so that this is due at once.
    shard.until("end of the replay", |shard| {
        shard
            .events
            .iter()
            .any(|event| matches!(event, LogEvent::CaughtUp { .. }))
    });
    requests.submit(append("one")).unwrap();
    requests.submit(append("two")).unwrap();
    shard.until("records", |shard| shard.records() >= 2);
    requests
        .submit(LogRequest::Commit {
            partition: P,
            offset: Offset(3),
        })
        .unwrap();
    drop(requests);
    running.join().unwrap().unwrap();
    assert_eq!(shard.records(), 2, "none comes twice");
    let again = Consumer::new(&settings).unwrap();
    let commits = again.committed(&[P], PATIENCE).unwrap();
    assert_eq!(commits[0].unwrap().offset, Offset(3));
}
