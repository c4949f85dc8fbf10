//! The embedded log of a shard.

use std::fs;
use std::path::Path;

use rookery_io::embedded::Durability;
use rookery_io::log::embedded::{LogError, LogLayout, Settings, open_lane};
use rookery_io::log::{Partitions, Stored};
use rookery_io::mailbox::Mailbox;
use rookery_io::vital::Shutdown;
use rookery_schema::{Offset, PartitionId};
use uuid::Uuid;

pub(super) use super::log_shard::{P0, PATIENCE, Shard, batch, sized_batch};

/// Segments and a window that a test can fill.
pub(super) fn small() -> Settings {
    Settings {
        segment_bytes: 16 << 10,
        window_records: 100,
        reserve_bytes: 4 << 10,
        ..Settings::new(Durability::Fsync)
    }
}

pub(super) fn layout(root: &Path, partitions: u32) -> LogLayout {
    LogLayout::prepare(
        &root.join("log"),
        Partitions::IfNew(partitions),
        Uuid::from_u128(7),
    )
    .unwrap()
}

pub(super) fn open(root: &Path) -> Shard {
    open_stored(root, Stored::Below(Offset(0))).unwrap()
}

pub(super) fn open_stored(root: &Path, stored: Stored) -> Result<Shard, LogError> {
    open_with(&layout(root, 1), &[(P0, stored)], small())
}

pub(super) fn open_with(
    layout: &LogLayout,
    partitions: &[(PartitionId, Stored)],
    settings: Settings,
) -> Result<Shard, LogError> {
    let (mailbox, shutdown) = (Mailbox::new(), Shutdown::default());
    let threads = (&mailbox, &shutdown);
    let (log, receiver, lane) = open_lane("log", None, layout, partitions, settings, threads)?;
    Ok(Shard {
        log: Box::new(log),
        mailbox,
        receiver,
        lane,
        shutdown,
        events: Vec::new(),
    })
}

/// What a shard finds that opens the log once more.
pub(super) fn reopened(root: &Path, stored: Stored) -> Shard {
    let mut shard = open_stored(root, stored).unwrap();
    shard.until_caught_up(1);
    shard
}

pub(super) fn refused(root: &Path, stored: Stored) -> String {
    let opened = open_stored(root, stored);
    opened.err().expect("it must be refused").to_string()
}

pub(super) fn segments(root: &Path) -> usize {
    let entries = fs::read_dir(root.join("log/0")).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some()).count()
}

/// Writes so many records, and commits them as they come.
pub(super) fn write_and_commit(root: &Path, records: u64) {
    let mut shard = open(root);
    shard.until_caught_up(1);
    for number in (0..records).step_by(10) {
        shard.append_durably(sized_batch(number..number + 10, 300));
        shard.commit(number + 10);
    }
    shard.stop();
}
