//! What the store knows when it is opened again, and with what it does not open.

use std::fs;
use std::path::Path;

use rookery_engine::port::{EndedSessions, Found, Read};
use rookery_io::embedded::{DataDir, Durability};
use rookery_io::log::Stored;
use rookery_io::store::embedded::{EmbeddedStore, Settings};
use rookery_schema::row::{Row, SessionRow};
use rookery_schema::{Offset, PartitionId, SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::support::{LOG, message, open, start};

#[test]
fn it_knows_up_to_where_the_log_is_stored() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(3)), Stored::Nothing);
    let mut shard = start(&store, 0);
    let reached = |partition, behind| Row::Reached {
        partition: PartitionId(partition),
        behind: Offset(behind),
    };
    shard.write(vec![message(5, 1), reached(3, 16)]);
    shard.write(vec![message(2, 1), reached(3, 13)]);
    shard.stop();
    drop(store);
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
    assert_eq!(store.stored(PartitionId(0)), Stored::Unknown);
    let mut shard = start(&store, 0);
    shard.write(vec![reached(0, 8)]);
    shard.stop();
    drop(store);
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(0)), Stored::Below(Offset(8)));
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
}

#[test]
fn of_sessions_that_have_expired_only_until_when_is_remembered() {
    let root = tempfile::tempdir().unwrap();
    let ended = |id: u8, millis| Row::EndedSession {
        session_id: SessionId::from_bytes([id; 16]),
        expires_at: Timestamp::from_millis(millis),
    };
    let mut shard = start(&open(root.path()).unwrap(), 0);
    shard.write(vec![
        ended(1, 1_600_000_000_000),
        ended(3, 1_500_000_000_000),
        ended(2, 200_000_000_000_000),
    ]);
    shard.stop();
    // Once more, now that there is nothing to forget.
    for _ in 0..2 {
        let mut shard = start(&open(root.path()).unwrap(), 0);
        let kept = (
            SessionId::from_bytes([2; 16]),
            Timestamp::from_millis(200_000_000_000_000),
        );
        let expected = EndedSessions {
            all_until: Timestamp::from_millis(1_600_000_000_000),
            sessions: vec![kept],
        };
        assert_eq!(
            shard.read(&Read::EndedSessions),
            Found::EndedSessions(expected)
        );
        shard.stop();
    }
}

#[test]
fn sessions_that_have_expired_are_listed_no_more_after_a_start() {
    let root = tempfile::tempdir().unwrap();
    let user_id = UserId::from_bytes([1; 16]);
    let session = |id: u8, millis| {
        let at = Timestamp::from_millis(millis);
        SessionRow {
            user_id,
            session_id: SessionId::from_bytes([id; 16]),
            created_at: at,
            expires_at: at,
            address: [192, 0, 2, 1].into(),
            name: "client".to_owned(),
        }
    };
    let kept = session(2, 200_000_000_000_000);
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let rows = [session(1, 1_600_000_000_000), kept.clone()];
    shard.write(rows.map(Row::Session).to_vec());
    shard.stop();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let listed = shard.read(&Read::SessionsOfUser { user_id, limit: 9 });
    assert_eq!(listed, Found::Sessions(vec![kept]));
    shard.stop();
}

#[test]
fn the_store_of_another_log_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()).unwrap());
    let data_dir = DataDir::open(root.path()).unwrap();
    let other = Uuid::from_u128(8);
    let opened = EmbeddedStore::open(&data_dir, other, Settings::new(Durability::Fsync));
    let text = opened.err().unwrap().to_string();
    assert!(
        text.contains(&LOG.to_string()) && text.contains(&other.to_string()),
        "{text}"
    );
}

#[test]
fn the_store_of_another_format_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()).unwrap());
    let database = fjall::Database::builder(root.path().join("store"))
        .open()
        .unwrap();
    let meta = database
        .keyspace("meta", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    let mut batch = database.batch();
    batch.insert(&meta, b"log_id", LOG.as_bytes());
    batch.insert(&meta, b"format", 1_u32.to_be_bytes());
    batch.commit().unwrap();
    drop((meta, database));
    let text = open(root.path()).err().unwrap().to_string();
    assert!(
        text.contains("has format 1,") && text.contains("start the version that wrote it"),
        "{text}"
    );
}

#[test]
fn a_flipped_bit_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    (1..9).for_each(|seq| shard.write(vec![message(seq, 200)]));
    shard.stop();
    let path = root.path().join("store/0.jnl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[700] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let text = open(root.path()).err().unwrap().to_string();
    assert!(
        text.contains(&*path.to_string_lossy()) && text.contains("is corrupt"),
        "{text}"
    );
}

#[test]
fn damage_in_front_of_what_was_written_later_is_no_torn_end() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = start(&open(root.path()).unwrap(), 0);
    (1..5).for_each(|seq| shard.write(vec![message(seq, 200)]));
    shard.stop();
    let path = root.path().join("store/0.jnl");
    let mut bytes = fs::read(&path).unwrap();
    let ends = memchr::memmem::find_iter(&bytes, b"FJL\x03");
    let third = ends.map(|at| at + 4).nth(1).unwrap();
    // Without it, nothing tells how long the batch is.
    bytes[third] ^= 8;
    fs::write(&path, &bytes).unwrap();
    let text = open(root.path()).err().unwrap().to_string();
    assert!(text.contains("is corrupt"), "{text}");
}

/// As a full disk, a bound of file sizes or a kill leave it.
#[test]
fn a_store_whose_making_was_cut_short_is_made_anew() {
    let steps: [&dyn Fn(&Path); 6] = [
        &|store| fs::write(store.join("lock"), "").unwrap(),
        &|store| fs::create_dir(store.join("keyspaces")).unwrap(),
        &|store| fs::write(store.join("0.jnl"), "").unwrap(),
        &|store| fs::write(store.join("0.jnl"), [0; 4096]).unwrap(),
        &|store| fs::write(store.join("version"), "").unwrap(),
        &|store| fs::write(store.join("version"), "FJL").unwrap(),
    ];
    for done in 0..=steps.len() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store");
        fs::create_dir_all(&store).unwrap();
        steps[..done].iter().for_each(|step| step(&store));
        let mut shard = start(&open(root.path()).unwrap(), 0);
        shard.write(vec![message(1, 10)]);
        shard.stop();
        start(&open(root.path()).unwrap(), 0).stop();
    }
}
