//! Events that were redacted: what they said is nowhere any more.

use std::path::Path;

use fjall::{Guard, Keyspace, KeyspaceCreateOptions};
use rookery_engine::port::{Found, Read};
use rookery_schema::format::CONVERSATIONS;
use rookery_schema::row::{DeletedChatRow, Head, PurgeRow, PurgeStep, RewriteRow, Row};
use rookery_schema::{PartitionId, Seq, Timestamp, UserId};

use super::store_redactions::{SECRET, assert_redacted, cases};
use super::support::{CHAT, Shard, amendment, format_of, message_of, open, start};

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

#[test]
fn nothing_of_a_deleted_chat_is_overwritten_that_was_read_before_it_was_removed() {
    let (partition, user_id, seq) = (PartitionId(3), UserId::from_bytes([9; 16]), Seq(4));
    let Row::Event(said) = message_of(2, "") else {
        unreachable!("it is an event")
    };
    let head = Head { seq, ..said.head };
    let at = Timestamp::from_millis(7);
    let deleted = Row::ChatDeleted(DeletedChatRow {
        chat_id: CHAT,
        head,
        by: user_id,
        at,
    });
    let purged = |step| {
        Row::Purged(PurgeRow {
            chat_id: CHAT,
            partition,
            seq,
            step,
        })
    };
    let row = RewriteRow {
        partition,
        chat_id: CHAT,
        user_id,
        seq,
        through: Seq(2),
        is_done: false,
    };
    let late = vec![
        Row::Redacted(said),
        Row::Amendment(amendment(CHAT, 2, 4)),
        Row::Rewritten(row),
    ];
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    shard.write(vec![message_of(2, SECRET), Row::Rewritten(row), deleted]);
    let is_left = |shard: &mut Shard| {
        let after = Seq(0);
        let (events, rewrites) = (
            Read::EventsAfter {
                chat_id: CHAT,
                after,
                limit: 9,
            },
            Read::Rewrites {
                partition,
                after: None,
                limit: 9,
            },
        );
        let (events, rewrites) = (shard.read(&events), shard.read(&rewrites));
        let nothing = (Found::Events(Vec::new()), Found::Rewrites(Vec::new()));
        (events, rewrites) != nothing
    };
    assert!(is_left(&mut shard));
    shard.write(vec![purged(PurgeStep::Events { bucket: 0 })]);
    shard.write(vec![purged(PurgeStep::Rest)]);
    assert!(!is_left(&mut shard));
    shard.write(late);
    assert!(!is_left(&mut shard));
    shard.stop();
    let database = fjall::Database::builder(root.path().join("store")).open();
    let database = database.unwrap();
    for name in ["redacted", "amendments"] {
        let keyspace = database.keyspace(name, KeyspaceCreateOptions::default);
        assert_eq!(keyspace.unwrap().iter().count(), 0, "{name}");
    }
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
