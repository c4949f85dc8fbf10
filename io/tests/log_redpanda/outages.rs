//! Brokers that are gone for a while.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rookery_engine::port::AppendFault;
use rookery_io::config::Endpoint;
use rookery_io::log::redpanda::Settings;

use super::support::{P0, PATIENCE, batch, fresh, open};

/// The deadline of the engine, with some room.
const ANSWERED_WITHIN: Duration = Duration::from_secs(4);

/// One broker that is played, with the topics of a log.
fn played() -> (MockCluster<'static, DefaultProducerContext>, Settings) {
    let cluster = MockCluster::new(1).unwrap();
    let address = cluster.bootstrap_servers();
    let (host, port) = address.rsplit_once(':').unwrap();
    let broker = Endpoint {
        host: host.to_owned(),
        port: port.parse().unwrap(),
    };
    let settings = fresh(broker, 1);
    for topic in [settings.topic.clone(), format!("{}.dead", settings.topic)] {
        cluster.create_topic(&topic, 1, 1).unwrap();
    }
    (cluster, settings)
}

#[test]
fn while_the_brokers_are_gone_appends_are_refused_at_once_and_then_taken_again() {
    let (cluster, settings) = played();
    let mut shard = open(&settings);
    shard.append_durably(batch(0..10));
    shard.until_delivered(P0, &Vec::from_iter(0..10));

    cluster.broker_down(1).unwrap();
    let gone = Instant::now();
    assert_eq!(shard.outcome(batch([10])), Err(AppendFault::Unknown));
    assert!(gone.elapsed() < ANSWERED_WITHIN, "{:?}", gone.elapsed());
    let refused = Instant::now();
    for _ in 0..5 {
        assert_eq!(shard.outcome(batch([11])), Err(AppendFault::Unavailable));
    }
    assert!(
        refused.elapsed() < Duration::from_millis(500),
        "{:?}",
        refused.elapsed()
    );

    cluster.broker_up(1).unwrap();
    let back = Instant::now();
    while shard.outcome(batch([12])).is_err() {
        assert!(back.elapsed() < PATIENCE, "it never comes back");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(back.elapsed() < ANSWERED_WITHIN, "{:?}", back.elapsed());
    let durable = shard.outcome(batch([13])).unwrap();
    // What was not confirmed may be there or not, and a probe besides; what was refused is not.
    shard.until("last record", |shard| {
        shard.delivered(P0).last() == Some(&13)
    });
    let delivered = shard.delivered(P0);
    assert_eq!(delivered.len() as u64 + 1, durable.0, "and the claim");
    assert_eq!(delivered[..10], Vec::from_iter(0..10));
    shard.stop();
}
