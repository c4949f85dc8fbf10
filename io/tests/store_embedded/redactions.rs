//! Events that were redacted: what they said is nowhere any more.

use std::path::Path;

use fjall::{Guard, Keyspace, KeyspaceCreateOptions};
use rookery_schema::format::CONVERSATIONS;

use super::store_redactions::{SECRET, assert_redacted, cases};
use super::support::{format_of, open, start};

#[test]
fn a_redaction_stands_whenever_and_however_often_it_and_its_original_were_written() {
    let root = tempfile::tempdir().unwrap();
    let cases = cases();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    for case in &cases {
        case.writes
            .iter()
            .for_each(|rows| shard.write(rows.clone()));
        assert_redacted(&mut shard, case);
    }
    shard.stop();
    assert_eq!(format_of(root.path()), CONVERSATIONS);
    assert_eq!(values_with(root.path(), SECRET), 0);
    // Once more, with what the database has written into tables by now.
    let mut shard = start(&open(root.path()).unwrap(), 1);
    for case in &cases {
        assert_redacted(&mut shard, case);
        case.writes
            .iter()
            .for_each(|rows| shard.write(rows.clone()));
        assert_redacted(&mut shard, case);
    }
    shard.stop();
    assert_eq!(values_with(root.path(), SECRET), 0);
    assert!(values_with(root.path(), "hello") > 0);
}

/// How many events have a text, behind the store's back.
fn values_with(root: &Path, text: &str) -> usize {
    let database = fjall::Database::builder(root.join("store")).open().unwrap();
    let open = |name| {
        database
            .keyspace(name, KeyspaceCreateOptions::default)
            .unwrap()
    };
    let has_text = |keyspace: &Keyspace| {
        let entries = keyspace.iter().map(Guard::into_inner);
        let found = entries.filter(|entry| {
            let (_, value) = entry.as_ref().unwrap();
            memchr::memmem::find(value, text.as_bytes()).is_some()
        });
        found.count()
    };
    ["messages", "events"].map(open).iter().map(has_text).sum()
}
