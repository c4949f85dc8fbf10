//! The embedded log: for each partition a directory of segment files, written by a lane beside the
//! shard that owns the partition, one sync for all that came in meanwhile.

mod committed;
#[cfg(test)]
mod crash_tests;
mod dead;
mod frame;
mod lane;
mod layout;
mod partition;
mod segments;

use std::io;
use std::path::{Path, PathBuf};

use rookery_schema::Offset;
use rookery_schema::limits::DEDUP_WINDOW_RECORDS;

use crate::embedded::Durability;

pub use lane::open_lane;
pub use layout::LogLayout;

/// Batches of one partition that a lane holds: more in flight would only make them smaller.
pub const APPENDS_IN_FLIGHT_MAX: usize = 1;
/// Bytes of a segment.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Free bytes below which the log takes no records: a new segment, and room for others to breathe.
pub(crate) const RESERVE_BYTES: u64 = 128 << 20;

/// How the log treats its disk.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub durability: Durability,
    /// Bytes of a segment file, of which only whole ones are removed.
    pub segment_bytes: u64,
    /// Records below the committed one that are kept.
    pub window_records: u64,
    /// Free bytes of the disk below which no records are taken.
    pub reserve_bytes: u64,
}

impl Settings {
    /// What fits real disks.
    pub const fn new(durability: Durability) -> Self {
        Self {
            durability,
            segment_bytes: SEGMENT_BYTES,
            window_records: DEDUP_WINDOW_RECORDS,
            reserve_bytes: RESERVE_BYTES,
        }
    }

    /// The oldest record that is kept when so much is committed.
    const fn kept_at(&self, committed: Offset) -> Offset {
        Offset(committed.0.saturating_sub(self.window_records))
    }
}

/// The embedded log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the log file {} is damaged at byte {at}: restore it from a backup, or move {} away to go on \
         with what the store has",
        path.display(), partition_dir(path).display()
    )]
    Corrupt { path: PathBuf, at: u64 },
    #[error(
        "the log has no records from offset {expected} up to {}: restore the missing file from a backup, \
         or move {} away to go on with what the store has",
        path.display(), partition_dir(path).display()
    )]
    Missing { path: PathBuf, expected: Offset },
    #[error(
        "{} was written by another version of Rookery, or is damaged: {reason}",
        path.display()
    )]
    Layout { path: PathBuf, reason: String },
    #[error(
        "{} ends at offset {end}, but the store has records up to {stored}, as a power cut leaves it \
         without --durability fsync: bring back the log that belongs to the store, or move the \
         directory away to go on with what the store has",
        path.display()
    )]
    BehindStore {
        path: PathBuf,
        end: Offset,
        stored: Offset,
    },
    #[error(
        "{} begins at offset {start}, but the store has records only up to {stored}: bring back the \
         store that belongs to the log",
        path.display()
    )]
    AheadOfStore {
        path: PathBuf,
        start: Offset,
        stored: Offset,
    },
    #[error("the log's disk did not confirm a write ({0}): what it holds is not known any more")]
    Sync(io::Error),
}

impl LogError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What an operator moves away as a whole: a part of it would look like a loss.
fn partition_dir(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}
