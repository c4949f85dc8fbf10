//! Which topic, and how its clients are tuned: every knob that matters is set here, since the library's
//! own defaults change between versions.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rookery_schema::limits::{DEDUP_WINDOW_RECORDS, RECORD_BYTES_MAX};

use crate::config::{Config, Endpoint};
use crate::log::partitions::Partitions;

/// Bytes of a message in the topic: the largest record, with room for what Kafka puts around it.
pub(super) const MESSAGE_BYTES_MAX: usize = 2 << 20;
/// Bytes of a dead letter, which has headers besides its record.
pub(super) const DEAD_LETTER_BYTES_MAX: usize = MESSAGE_BYTES_MAX + (64 << 10);
/// Milliseconds after which a record that no broker confirmed is given up. The shard's own patience is 5
/// seconds: whoever waits is to be answered before that.
pub(super) const MESSAGE_TIMEOUT_MS: u32 = 2_500;
/// Milliseconds that a broker may wait for its replicas.
const REQUEST_TIMEOUT_MS: u32 = 2_000;
/// Milliseconds for any other request. A broker that is frozen and not gone is found out by this.
const SOCKET_TIMEOUT_MS: u32 = 5_000;
/// Milliseconds for the first word of a broker to which a connection was made.
const GREETING_TIMEOUT_MS: u32 = 2_000;
/// Milliseconds that a record waits for others. The shard has gathered them already; this is for the
/// first record of a batch to wait for the rest of it.
const LINGER_MS: f32 = 0.5;
/// Bytes of one produce request.
const BATCH_BYTES: usize = 1 << 20;
/// Records of one produce request.
const BATCH_RECORDS: u32 = 10_000;
/// Records that wait in a producer; above that, they wait in the lane.
const PRODUCER_RECORDS_MAX: u32 = 1_000_000;
/// KiB of records that wait in a producer: two full gatherings of a partition.
const PRODUCER_KIB_MAX: u32 = 64 << 10;
/// Records of a partition that a consumer tries to have read ahead.
const READ_AHEAD_RECORDS: u32 = 100_000;
/// KiB of records that a consumer reads ahead, whatever partitions they are of.
const READ_AHEAD_KIB_MAX: u32 = 16 << 10;
/// Bytes of all partitions in one answer to a fetch.
const FETCH_BYTES: usize = 8 << 20;
/// Milliseconds that a fetch waits at the broker for the next record.
const FETCH_WAIT_MS: u32 = 500;
/// Milliseconds before a consumer whose queue was full looks again whether it is.
const FETCH_PAUSE_MS: u32 = 5;
/// Milliseconds before the first retry or reconnect, doubled up to [`BACKOFF_MAX_MS`].
const BACKOFF_MS: u32 = 50;
/// Milliseconds before any later one: a broker that is back should not be waited for.
const BACKOFF_MAX_MS: u32 = 500;
/// Milliseconds after which the library would give up a consumer that does not poll: never.
const POLL_INTERVAL_MAX_MS: u32 = 86_400_000;

/// How long records that are there may not come, or a commit not be made, before another consumer takes over. A
/// client may never find back to brokers that were frozen; to those that are, it does so sooner.
const SILENCE_MAX: Duration = Duration::from_secs(15);

const _: () = assert!(RECORD_BYTES_MAX + 1024 <= MESSAGE_BYTES_MAX);
const _: () = assert!(BATCH_BYTES <= MESSAGE_BYTES_MAX);
const _: () = assert!(REQUEST_TIMEOUT_MS < MESSAGE_TIMEOUT_MS);
const _: () = assert!(FETCH_WAIT_MS + 1_000 < SOCKET_TIMEOUT_MS);

/// Which log to use.
#[derive(Clone, Debug)]
pub struct Settings {
    pub brokers: Vec<Endpoint>,
    pub topic: String,
    /// Under which name it is noted how far the store is.
    pub group: String,
    pub partitions: Partitions,
    /// Records below the committed one that are read again at a start.
    pub window_records: u64,
    /// How long a consumer may get nothing though something is due, before it is replaced.
    pub silence_max: Duration,
}

impl Settings {
    /// With the engine's own window.
    pub const fn new(
        brokers: Vec<Endpoint>,
        topic: String,
        group: String,
        partitions: Partitions,
    ) -> Self {
        Self {
            brokers,
            topic,
            group,
            partitions,
            window_records: DEDUP_WINDOW_RECORDS,
            silence_max: SILENCE_MAX,
        }
    }

    /// What a configuration says.
    pub(crate) fn of(config: &Config) -> Self {
        Self::new(
            config.brokers.clone(),
            config.topic.clone(),
            config.group.clone(),
            Partitions::of(config),
        )
    }

    /// The brokers, as the client library and people read them.
    pub(super) fn broker_list(&self) -> String {
        let brokers: Vec<_> = self.brokers.iter().map(Endpoint::to_string).collect();
        brokers.join(",")
    }

    /// The topic of dead letters: records that can't be understood.
    pub(super) fn dead_letter_topic(&self) -> String {
        format!("{}.dead", self.topic)
    }

    /// What all clients have in common, and all that one needs that only asks questions.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set_log_level(RDKafkaLogLevel::Warning)
            .set("bootstrap.servers", self.broker_list())
            .set("client.id", "rookery")
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("socket.timeout.ms", SOCKET_TIMEOUT_MS.to_string())
            .set(
                "socket.connection.setup.timeout.ms",
                SOCKET_TIMEOUT_MS.to_string(),
            )
            .set(
                "api.version.request.timeout.ms",
                GREETING_TIMEOUT_MS.to_string(),
            )
            .set("reconnect.backoff.ms", BACKOFF_MS.to_string())
            .set("reconnect.backoff.max.ms", BACKOFF_MAX_MS.to_string())
            .set("retry.backoff.ms", BACKOFF_MS.to_string())
            .set("retry.backoff.max.ms", BACKOFF_MAX_MS.to_string())
            // An idle connection that a broker closes is no news.
            .set("log.connection.close", "false")
            .set("enable.metrics.push", "false");
        config
    }

    /// A producer whose confirmation means: on all replicas in sync, once, in order.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("max.in.flight.requests.per.connection", "5")
            .set("retries", i32::MAX.to_string())
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string())
            .set("request.timeout.ms", REQUEST_TIMEOUT_MS.to_string())
            .set("linger.ms", LINGER_MS.to_string())
            .set("batch.size", BATCH_BYTES.to_string())
            .set("batch.num.messages", BATCH_RECORDS.to_string())
            .set("message.max.bytes", DEAD_LETTER_BYTES_MAX.to_string())
            .set(
                "queue.buffering.max.messages",
                PRODUCER_RECORDS_MAX.to_string(),
            )
            .set("queue.buffering.max.kbytes", PRODUCER_KIB_MAX.to_string())
            // Records are small and of ids, which don't compress; a shard's core is dearer than a network.
            .set("compression.codec", "none");
        config
    }

    /// A consumer that is told what to read. It is no member of its group, whose name is only used to
    /// note offsets.
    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // An offset that is not there is a loss, not a reason to begin elsewhere.
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            // Nobody writes transactions here, and one that a stranger left open must not hold up the log.
            .set("isolation.level", "read_uncommitted")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
            .set("fetch.queue.backoff.ms", FETCH_PAUSE_MS.to_string())
            .set("fetch.error.backoff.ms", BACKOFF_MS.to_string())
            .set("fetch.max.bytes", FETCH_BYTES.to_string())
            .set("fetch.message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queued.min.messages", READ_AHEAD_RECORDS.to_string())
            .set("queued.max.messages.kbytes", READ_AHEAD_KIB_MAX.to_string())
            .set("max.poll.interval.ms", POLL_INTERVAL_MAX_MS.to_string())
            .set("allow.auto.create.topics", "false");
        config
    }
}
