//! A record that can't be understood, in the middle of a log: it is set aside and counted, and the rest goes
//! on, now and after a restart.
//!
//! Only another client of the brokers can put one there; without `ROOKERY_TEST_BROKERS` this is skipped.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use rookery_testing::dice::Dice;
use support::api::Api;
use support::engines::broker;
use support::{Options, PATIENCE, any_user, eventually};

const POISON: &[u8] = b"not a record of any version";

#[test]
fn a_poison_record_is_set_aside_and_the_rest_goes_on() {
    let Some(brokers) = broker() else { return };
    let topic = format!("poison-{}", Dice::from_entropy().uuid());
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .flag("--log", "redpanda")
        .flag("--brokers", &brokers)
        .flag("--topic", &topic)
        .flag("--group", &topic)
        .shards(1);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "before");
    let client: BaseProducer = client(&brokers).create().unwrap();
    let record = BaseRecord::<(), [u8]>::to(&topic)
        .partition(0)
        .payload(POISON);
    client.send(record).map_err(|(error, _)| error).unwrap();
    client.flush(Duration::from_secs(10)).unwrap();
    eventually("the record is counted", || {
        (server.metrics().sum("rookery_poison_records_total") == 1.0).then_some(())
    });
    alice.say(&chat, "behind");
    eventually("nothing lags", || {
        (server.metrics().sum("consumer_lag") == 0.0).then_some(())
    });
    assert_eq!(first_of(&brokers, &format!("{topic}.dead")), POISON);

    server.kill();
    server = options.start();
    let mut alice = Api::trusted(server.addr, &alice.user_id);
    alice.say(&chat, "after");
    let contents: Vec<_> = alice
        .history(&chat)
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(contents, ["after", "behind", "before"]);
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "unused");
    config
}

fn first_of(brokers: &str, topic: &str) -> Vec<u8> {
    let reader: BaseConsumer = client(brokers).create().unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    reader.assign(&from).unwrap();
    let found = reader.poll(PATIENCE).unwrap().unwrap();
    found.payload().unwrap().to_vec()
}
