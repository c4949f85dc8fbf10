//! Why the embedded log can't be used.

use std::io;
use std::path::{Path, PathBuf};

use rookery_schema::Offset;
use rookery_schema::format::{NEWEST, OLDEST};

use crate::embedded::version_for;
use crate::vital::{EXIT_FAILURE, EXIT_USAGE, Failure};

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
        "{} has format {found}, and Rookery {} reads {OLDEST} to {NEWEST}: start {} or name \
         another --data-dir",
        path.display(), env!("CARGO_PKG_VERSION"), version_for(*found)
    )]
    OtherFormat { path: PathBuf, found: u32 },
    #[error(
        "the log file {} has a record of kind {kind} at offset {offset}, which Rookery {} does not know: \
         start the version that wrote it, or a newer one",
        path.display(), env!("CARGO_PKG_VERSION")
    )]
    UnknownKind {
        path: PathBuf,
        offset: Offset,
        kind: u8,
    },
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
    #[error(
        "the log {} has {found} partitions and not {wanted}: leave --partitions out to go on with {found}; \
         where a chat belongs follows from their number, so it can't be changed",
        path.display()
    )]
    Partitions {
        path: PathBuf,
        found: u32,
        wanted: u32,
    },
    #[error(
        "{}, a part of the log, was removed while this process used it: what is written to it would be lost, and is not \
         acknowledged; restore the data directory from a backup, or start without it",
        .0.display()
    )]
    Removed(PathBuf),
    #[error("the log's disk did not confirm a write ({0}): what it holds is not known any more")]
    Sync(io::Error),
}

impl LogError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What an operator moves away as a whole: a part of it would look like a loss.
fn partition_dir(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

impl Failure for LogError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Partitions { .. } => EXIT_USAGE,
            _ => EXIT_FAILURE,
        }
    }
}
