//! The redpanda log of a shard, on topics that no other test has.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rookery_io::config::Endpoint;
use rookery_io::log::redpanda::{RedpandaError, RedpandaLog, Settings, open_lane};
use rookery_io::log::{Partitions, Stored};
use rookery_io::mailbox::Mailbox;
use rookery_io::startup::Startup;
use rookery_io::vital::Shutdown;
use rookery_schema::{Offset, PartitionId};

pub(super) use super::log_shard::{P0, PATIENCE, Shard, batch, sized_batch};

/// Names the broker of the tests.
const BROKERS: &str = "ROOKERY_TEST_BROKERS";
/// Records that are read again, few enough for a test.
const WINDOW_RECORDS: u64 = 100;

/// Where the tests' broker is; says that a test is skipped where there is none.
#[allow(
    clippy::print_stderr,
    reason = "a test that does nothing has to say so"
)]
pub(super) fn broker() -> Option<Endpoint> {
    let Ok(text) = std::env::var(BROKERS) else {
        eprintln!("SKIPPED: no broker; name one with {BROKERS}=HOST:PORT");
        return None;
    };
    let (host, port) = text.rsplit_once(':').expect("HOST:PORT");
    Some(Endpoint {
        host: host.to_owned(),
        port: port.parse().unwrap(),
    })
}

/// A topic and a group that don't exist yet.
pub(super) fn fresh(broker: Endpoint, partitions: u32) -> Settings {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let name = format!("test-{}-{number}", now.as_nanos());
    Settings {
        window_records: WINDOW_RECORDS,
        ..Settings::new(
            vec![broker],
            name.clone(),
            name,
            Partitions::IfNew(partitions),
        )
    }
}

pub(super) fn connect(settings: &Settings) -> Result<RedpandaLog, RedpandaError> {
    RedpandaLog::connect(settings, &Startup::default())
}

pub(super) fn open(settings: &Settings) -> Shard {
    open_stored(settings, Stored::Below(Offset(0))).unwrap()
}

pub(super) fn open_stored(settings: &Settings, stored: Stored) -> Result<Shard, RedpandaError> {
    open_with(&connect(settings)?, &[(P0, stored)])
}

pub(super) fn open_with(
    log: &RedpandaLog,
    partitions: &[(PartitionId, Stored)],
) -> Result<Shard, RedpandaError> {
    let (mailbox, shutdown) = (Mailbox::new(), Shutdown::default());
    let claimed = log.claim(partitions, &Startup::default())?;
    let threads = (&mailbox, &shutdown);
    let (opened, receiver, lane) = open_lane("log", None, log, &claimed, threads)?;
    Ok(Shard {
        log: Box::new(opened),
        mailbox,
        receiver,
        lane,
        shutdown,
        events: Vec::new(),
    })
}

/// What a shard finds that opens the log once more.
pub(super) fn reopened(settings: &Settings, stored: Stored) -> Shard {
    let mut shard = open_stored(settings, stored).unwrap();
    shard.until_caught_up(1);
    shard
}

/// Puts something into a topic that the log did not write.
pub(super) fn write_by_hand(settings: &Settings, topic: &str, payload: &[u8]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", settings.brokers[0].to_string())
        .create()
        .unwrap();
    let record = BaseRecord::<(), [u8]>::to(topic)
        .partition(0)
        .payload(payload);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
}
