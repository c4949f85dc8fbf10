//! From where the log replays.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, TopicPartitionList};
use rookery_io::log::Stored;
use rookery_io::log::redpanda::Settings;
use rookery_schema::Offset;

use super::support::{P0, PATIENCE, batch, broker, fresh, open, reopened};

#[test]
fn a_commit_survives_the_end_of_the_process_and_a_window_below_it_is_read_again() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch(0..300));
    for offset in [10, 120, 290] {
        shard.commit(offset);
    }
    shard.stop();
    let shard = reopened(&settings, Stored::Below(Offset(300)));
    assert_eq!(shard.opened(P0), (190, 290));
    // The claim took the first offset.
    assert_eq!(shard.delivered(P0), Vec::from_iter(189..300));
    shard.stop();
}

#[test]
fn a_commit_is_at_the_brokers_while_the_shard_goes_on() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch(0..300));
    for offset in [120, 250] {
        shard.commit(offset);
        std::thread::sleep(Duration::from_secs(1));
    }
    // A start would read from 150 on, where the first epoch stands.
    assert_eq!(committed(&settings), (250, "1@150".to_owned()));
    let began = Instant::now();
    shard.stop();
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "it is known that nothing is left to commit"
    );
}

/// What the brokers have as the commit of the first partition.
fn committed(settings: &Settings) -> (i64, String) {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", settings.brokers[0].to_string())
        .set("group.id", &settings.group)
        .create()
        .unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition(&settings.topic, 0);
    let found = client.committed_offsets(asked, PATIENCE).unwrap();
    let found = found.find_partition(&settings.topic, 0).unwrap();
    let offset = found.offset().to_raw().unwrap();
    (offset, found.metadata().to_owned())
}

#[test]
fn a_store_that_lost_rows_gets_them_again_and_once_more_until_they_are_committed() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch(0..50));
    shard.commit(50);
    shard.stop();
    let shard = reopened(&settings, Stored::Nothing);
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
    // It was filled out of order and not finished: its newest record does not speak for the others.
    let shard = reopened(&settings, Stored::Below(Offset(40)));
    assert_eq!(shard.opened(P0), (0, 0));
    shard.stop();
}
