//! Files with which the log does not open.

use std::fs;

use rookery_io::log::embedded::LogLayout;
use rookery_io::log::{Partitions, Stored};
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatchBuilder;
use uuid::Uuid;

use super::support::{P0, batch, open, refused, reopened, write_and_commit};

#[test]
fn a_log_that_lacks_what_the_store_has_is_refused_unless_it_was_moved_away() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    shard.append_durably(batch(0..5));
    shard.stop();
    let behind = Stored::Below(Offset(9));
    let text = refused(root.path(), behind);
    assert!(text.contains("ends at offset 5"), "{text}");
    assert!(text.contains("up to 9"), "{text}");
    let segment = root.path().join("log/0/00000000000000000000.segment");
    fs::rename(&segment, root.path().join("moved.segment")).unwrap();
    let text = refused(root.path(), behind);
    assert!(text.contains("ends at offset 0"), "{text}");

    fs::rename(root.path().join("log/0"), root.path().join("moved")).unwrap();
    let mut shard = reopened(root.path(), behind);
    assert_eq!(shard.opened(P0), (9, 9));
    shard.append_durably(batch([9]));
    shard.stop();
    let shard = reopened(root.path(), behind);
    assert_eq!(shard.delivered(P0), [9]);
    shard.stop();
}

#[test]
fn a_store_that_lacks_what_the_log_removed_is_refused() {
    let root = tempfile::tempdir().unwrap();
    write_and_commit(root.path(), 400);
    for lacking in [Stored::Nothing, Stored::Unknown, Stored::Below(Offset(3))] {
        let text = refused(root.path(), lacking);
        assert!(text.contains("log/0 begins at"), "{text}");
        assert!(text.contains("store that belongs to the log"), "{text}");
    }
}

#[test]
fn a_damaged_log_is_refused_by_name_and_not_touched() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = open(root.path());
    (0..6).for_each(|number| shard.append_durably(batch([number])));
    shard.stop();
    let path = root.path().join("log/0/00000000000000000000.segment");
    let mut bytes = fs::read(&path).unwrap();
    bytes[300] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let text = refused(root.path(), Stored::Below(Offset(0)));
    assert!(text.contains(&*path.to_string_lossy()), "{text}");
    assert!(text.contains("damaged at byte"), "{text}");
    assert!(text.contains("move"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn another_layout_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("log");
    let id = Uuid::from_u128(7);
    LogLayout::prepare(&dir, Partitions::IfNew(3), id).unwrap();
    let again = LogLayout::prepare(&dir, Partitions::IfNew(8), Uuid::from_u128(8)).unwrap();
    assert_eq!((again.partitions, again.log_id), (3, id));
    LogLayout::prepare(&dir, Partitions::Exactly(3), id).unwrap();
    let error = LogLayout::prepare(&dir, Partitions::Exactly(8), id).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("has 3 partitions and not 8: leave --partitions out"),
        "{text}"
    );
    let older = format!("format = 1\npartitions = 3\nlog_id = \"{id}\"\n");
    for text in [&older, "format = 7\npartitions = 3\n", "format = ", ""] {
        fs::write(dir.join("meta.toml"), text).unwrap();
        let error = LogLayout::prepare(&dir, Partitions::IfNew(3), id)
            .unwrap_err()
            .to_string();
        assert!(error.contains("meta.toml"), "{error}");
    }
}

#[test]
fn another_format_is_judged_before_what_it_may_have_changed() {
    let root = tempfile::tempdir().unwrap();
    let id = Uuid::from_u128(7);
    let refusal = |format: u32| {
        let text = format!("format = {format}\nlog_id = \"{id}\"\nshards = []\n");
        fs::write(root.path().join("meta.toml"), text).unwrap();
        let error = LogLayout::prepare(root.path(), Partitions::IfNew(3), id).unwrap_err();
        error.to_string()
    };
    let unknown = rookery_schema::format::NEWEST + 1;
    let (older, newer) = (refusal(1), refusal(unknown));
    assert!(newer.contains(&format!("has format {unknown}")), "{newer}");
    assert!(newer.contains("start the version that wrote it, or a newer one, or name"));
    assert!(older.contains("has format 1"), "{older}");
    assert!(
        older.contains("start the version that wrote it or name"),
        "{older}"
    );
}

#[test]
fn a_log_with_a_record_of_a_newer_version_is_refused_by_its_format_and_by_the_record() {
    let root = tempfile::tempdir().unwrap();
    let meta = root.path().join("log/meta.toml");
    let mut shard = open(root.path());
    shard.append_durably(batch(0..5));
    let first = fs::read_to_string(&meta).unwrap();
    assert!(first.contains("format = 2\n"), "{first}");
    let mut newer = RecordBatchBuilder::default();
    newer.push_encoded(&[1; 80]);
    newer.push_encoded(&[31, 1, 2]);
    // What no version writes is a dead letter to all of them.
    newer.push_encoded(b"text");
    shard.append_durably(newer.take());
    shard.stop();
    let raised = fs::read_to_string(&meta).unwrap();
    let id = Uuid::from_u128(7);
    let error = LogLayout::prepare(&root.path().join("log"), Partitions::IfNew(1), id).unwrap_err();
    let text = error.to_string();
    let newer = format!("has format {}", rookery_schema::format::NEWEST + 1);
    assert!(text.contains(&newer), "{text}");
    assert!(
        text.contains("start the version that wrote it, or a newer one"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&meta).unwrap(), raised);

    fs::write(&meta, &first).unwrap();
    let text = refused(root.path(), Stored::Below(Offset(0)));
    assert!(text.contains("a record of kind 31 at offset 6"), "{text}");
    assert!(
        text.contains("start the version that wrote it, or a newer one"),
        "{text}"
    );
}
