//! The embedded log: for each partition a directory of segment files, written by a lane beside the
//! shard that owns the partition, one sync for all that came in meanwhile.

mod committed;
mod frame;
mod lane;
mod layout;
mod partition;
mod segments;

use std::io;
use std::path::{Path, PathBuf};

use rookery_schema::{Offset, PartitionId};

pub use lane::open_lane;
pub use layout::LogLayout;

/// What a store had of a partition when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The store is empty.
    Nothing,
    /// The store has rows, but no event of this partition.
    Unknown,
    /// Events below this offset, the last one included.
    Below(Offset),
}

impl Stored {
    /// Records below were in the store, as far as it can tell.
    const fn offset(self) -> Offset {
        match self {
            Self::Nothing | Self::Unknown => Offset(0),
            Self::Below(offset) => offset,
        }
    }
}

/// The embedded log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "the log file {} is damaged at byte {at}: restore it from a backup, or move it away to go on \
         without the records in and behind it",
        path.display()
    )]
    Corrupt { path: PathBuf, at: u64 },
    #[error(
        "the log has no file for offset {expected} although {} exists: restore the missing file",
        path.display()
    )]
    Missing { path: PathBuf, expected: Offset },
    #[error(
        "{} was written by another version of Rookery, or is damaged: {reason}",
        path.display()
    )]
    Layout { path: PathBuf, reason: String },
    #[error(
        "partition {partition} of the log ends at offset {end}, but the store has records up to \
         {stored}: bring back the log that belongs to the store"
    )]
    BehindStore {
        partition: PartitionId,
        end: Offset,
        stored: Offset,
    },
    #[error(
        "partition {partition} of the log begins at offset {start}, but the store has records only up \
         to {stored}: bring back the store that belongs to the log"
    )]
    AheadOfStore {
        partition: PartitionId,
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
