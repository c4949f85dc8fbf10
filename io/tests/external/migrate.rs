//! `rookery migrate`.

use std::path::Path;

use super::support::engines::{broker, store, store_flags};
use super::support::server::rookery;
use rookery_testing::dice::Dice;

/// Runs it, and gives its exit code and what it printed.
fn migrate(log: &Path, flags: &[String], partitions: u32) -> (Option<i32>, String) {
    let partitions = partitions.to_string();
    let mut command = rookery(log);
    command.arg("migrate").args(flags);
    let status = command.args(["--partitions", &partitions]).status();
    (
        status.unwrap().code(),
        std::fs::read_to_string(log).unwrap(),
    )
}

#[test]
fn it_makes_topics_and_tables_and_refuses_another_number_of_partitions() {
    let (Some(brokers), Some(store)) = (broker(), store()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let name = format!("migrate_{:016x}", Dice::from_entropy().next());
    let mut flags = store_flags(&store, &name);
    for (flag, value) in [
        ("--log", "redpanda"),
        ("--brokers", &*brokers),
        ("--topic", &*name),
        ("--group", &*name),
    ] {
        flags.extend([flag.to_owned(), value.to_owned()]);
    }

    let (code, text) = migrate(&log, &flags, 6);
    assert_eq!(code, Some(0), "{text}");
    for made in ["the topic was made", "the store's schema was upgraded"] {
        assert!(text.contains(made), "{text}");
    }
    let (code, text) = migrate(&log, &flags, 6);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("the topic was made"), "{text}");
    assert!(!text.contains("was upgraded"), "{text}");

    let (code, text) = migrate(&log, &flags, 7);
    assert_eq!(code, Some(64), "{text}");
    assert!(text.contains("has 6 partitions"), "{text}");
}
