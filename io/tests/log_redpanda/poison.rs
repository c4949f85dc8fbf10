//! Records that the log did not write.

use bytes::Bytes;
use futures_lite::future::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset as Position, TopicPartitionList};
use rookery_engine::port::{LogEvent, LogRequest};
use rookery_schema::Offset;

use super::support::{P0, PATIENCE, Shard, batch, broker, fresh, open, write_by_hand};

#[test]
fn a_record_of_a_stranger_is_delivered_as_it_is_and_can_be_set_aside() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch([0]));
    write_by_hand(&settings, &settings.topic, b"not a record");
    let is_stranger = |event: &LogEvent| match event {
        LogEvent::Records { base, batch, .. } => {
            let index = batch.iter().position(|bytes| *bytes == b"not a record"[..]);
            index.map(|index| base.plus(index as u64))
        }
        _ => None,
    };
    shard.until("the stranger's record", |shard| {
        shard.events.iter().find_map(is_stranger) == Some(Offset(2))
    });
    send_dead_letter(&mut shard, Bytes::from_static(b"not a record"));
    shard.stop();

    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", settings.brokers[0].to_string())
        .set("group.id", "unused")
        .create()
        .unwrap();
    let mut from = TopicPartitionList::new();
    let dead = format!("{}.dead", settings.topic);
    from.add_partition_offset(&dead, 0, Position::Beginning)
        .unwrap();
    reader.assign(&from).unwrap();
    let found = reader.poll(PATIENCE).unwrap().unwrap();
    assert_eq!(found.payload(), Some(&b"not a record"[..]));
    let headers: Vec<_> = found
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key, header.value.unwrap()))
        .collect();
    let expected: [(&str, &[u8]); 3] = [
        ("partition", b"0"),
        ("offset", b"1"),
        ("reason", b"an unknown kind"),
    ];
    assert_eq!(headers, expected);
}

/// Has a record set aside, and waits until that is done.
fn send_dead_letter(shard: &mut Shard, record: Bytes) {
    shard.submit(LogRequest::DeadLetter {
        partition: P0,
        offset: Offset(1),
        record,
        reason: "an unknown kind".into(),
    });
    let is_done = |event: &LogEvent| matches!(event, LogEvent::DeadLettered { partition } if *partition == P0);
    shard.until("word of the dead letter", |shard| {
        shard.events.iter().any(is_done)
    });
}

/// Otherwise nothing behind it would ever count as stored.
#[test]
fn a_record_that_the_topic_for_such_records_refuses_is_left_where_it_is() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", settings.brokers[0].to_string())
        .create()
        .unwrap();
    let dead = format!("{}.dead", settings.topic);
    let narrow =
        NewTopic::new(&dead, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "200");
    for made in block_on(admin.create_topics([&narrow], &AdminOptions::new())).unwrap() {
        made.unwrap();
    }
    let mut shard = open(&settings);
    send_dead_letter(&mut shard, Bytes::from(vec![b'x'; 1000]));
    shard.stop();
}
