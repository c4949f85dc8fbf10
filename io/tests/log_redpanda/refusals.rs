//! Topics with which the log does not open.

use std::time::Duration;

use rookery_io::config::Endpoint;
use rookery_io::log::redpanda::{RedpandaError, RedpandaLog, Settings};
use rookery_io::log::{Partitions, Stored};
use rookery_io::signals::StopFlag;
use rookery_io::startup::Startup;
use rookery_schema::Offset;

use super::support::{batch, broker, connect, fresh, open, open_stored};

#[test]
fn another_number_of_partitions_is_refused_only_where_it_was_asked_for() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 3);
    let first = connect(&settings).unwrap();
    let asked = |partitions| Settings {
        partitions,
        ..settings.clone()
    };
    let again = connect(&asked(Partitions::IfNew(8))).unwrap();
    assert_eq!(again.partitions(), 3);
    assert_eq!(again.log_id(), first.log_id());
    connect(&asked(Partitions::Exactly(3))).unwrap();
    let text = connect(&asked(Partitions::Exactly(8)))
        .unwrap_err()
        .to_string();
    assert!(text.contains("has 3 partitions and not 8"), "{text}");
    assert!(text.contains("--partitions"), "{text}");
}

#[test]
fn many_that_start_at_once_make_one_topic() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 2);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| connect(&settings).unwrap()))
            .collect();
        for one in all {
            assert_eq!(one.join().unwrap().partitions(), 2);
        }
    });
}

#[test]
fn a_log_that_lacks_what_the_store_has_is_refused() {
    let Some(broker) = broker() else { return };
    let settings = fresh(broker, 1);
    let mut shard = open(&settings);
    shard.append_durably(batch(0..5));
    shard.stop();
    let opened = open_stored(&settings, Stored::Below(Offset(9)));
    let text = opened.err().unwrap().to_string();
    assert!(text.contains("ends at offset 6"), "{text}");
    assert!(text.contains("up to 9"), "{text}");
}

#[test]
fn who_waits_for_brokers_that_are_not_there_can_be_interrupted() {
    let nobody = Endpoint {
        host: "127.0.0.1".into(),
        port: 1,
    };
    let settings = fresh(nobody, 1);
    let stop = StopFlag::default();
    let startup = Startup::new(stop.clone());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| RedpandaLog::connect(&settings, &startup));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        stop.set();
        let given_up = waiting.join().unwrap();
        assert!(matches!(given_up, Err(RedpandaError::Interrupted)));
    });
}
