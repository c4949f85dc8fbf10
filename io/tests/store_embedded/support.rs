//! A shard with its store, and what it writes into it.

use std::path::Path;

use rookery_io::embedded::{DataDir, Durability};
use rookery_io::store::embedded::{EmbeddedStore, Settings, StoreError, spawn_lane};
use rookery_schema::event::EventKind;
use rookery_schema::row::{EventRow, Head, Row};
use rookery_schema::{Offset, PartitionId, Seq, ShardId};
use uuid::Uuid;

pub(super) use super::store_shard::{CHAT, NEWEST, Shard, amendment, message_record, seqs};

pub(super) const LOG: Uuid = Uuid::from_u128(0x8c1d_77e0_53ab_4f96_b2c8_06f4_9d35_ea71);

pub(super) fn open(root: &Path) -> Result<EmbeddedStore, StoreError> {
    open_with(root, 0)
}

pub(super) fn open_with(root: &Path, reserve_bytes: u64) -> Result<EmbeddedStore, StoreError> {
    let data_dir = DataDir::open(root).unwrap();
    let settings = Settings {
        reserve_bytes,
        ..Settings::new(Durability::Fsync)
    };
    EmbeddedStore::open(&data_dir, LOG, settings)
}

/// A shard with its store lane.
pub(super) fn start(store: &EmbeddedStore, shard: u16) -> Shard {
    Shard::new(|mailbox, shutdown| {
        spawn_lane(store, ShardId(shard), None, mailbox, shutdown).unwrap()
    })
}

pub(super) fn message(seq: u64, bytes: usize) -> Row {
    message_of(seq, &"x".repeat(bytes))
}

pub(super) fn message_of(seq: u64, content: &str) -> Row {
    let head = Head {
        seq: Seq(seq),
        messages: seq,
        partition: PartitionId(3),
        offset: Offset(seq + 10),
    };
    Row::Event(EventRow {
        chat_id: CHAT,
        head,
        record: message_record(CHAT, seq, content).into(),
        kind: EventKind::Message,
    })
}

/// Says what the store carries, behind its back.
pub(super) fn format_of(root: &Path) -> u32 {
    let database = fjall::Database::builder(root.join("store")).open().unwrap();
    let meta = database
        .keyspace("meta", fjall::KeyspaceCreateOptions::default)
        .unwrap();
    assert_eq!(*meta.get(b"log_id").unwrap().unwrap(), *LOG.as_bytes());
    let format = meta.get(b"format").unwrap().unwrap();
    u32::from_be_bytes((*format).try_into().unwrap())
}
