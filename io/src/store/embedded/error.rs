//! Why the embedded store can't be opened, or can't be read.

use std::io;
use std::path::{Path, PathBuf};

use rookery_schema::format::{NEWEST, OLDEST};
use uuid::Uuid;

use super::database::OpenError;
use crate::embedded::version_for;
use crate::vital::Failure;

/// The embedded store can't be opened, or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store at {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is corrupt: {reason}; restore {} from a backup, or move it away to go on with what \
         the log still has",
        path.display(), store.display()
    )]
    Corrupt {
        path: PathBuf,
        reason: String,
        store: PathBuf,
    },
    #[error(
        "the store at {} has format {found}, and Rookery {} reads {OLDEST} to {NEWEST}: start {} or name \
         another --data-dir",
        path.display(), env!("CARGO_PKG_VERSION"), version_for(*found)
    )]
    OtherFormat { path: PathBuf, found: u32 },
    #[error(
        "the store at {} belongs to log {found}, not to log {wanted}: bring the two together that \
         were written together, or name another --data-dir",
        path.display()
    )]
    OtherLog {
        path: PathBuf,
        found: Uuid,
        wanted: Uuid,
    },
    #[error(
        "the store at {} lost rows that were written, when its disk failed; look at the disk, then \
         start again: what is lost is in the log",
        path.display()
    )]
    RowsLost { path: PathBuf },
    #[error("no thread for the store: {0}")]
    Thread(io::Error),
}

impl StoreError {
    pub(super) fn open(error: OpenError, store: &Path) -> Self {
        match error {
            OpenError::Io(path, source) => Self::Io { path, source },
            OpenError::Corrupt(path, reason) => Self::Corrupt {
                path,
                reason,
                store: store.to_owned(),
            },
        }
    }
}

/// The store can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("{0}")]
    Database(#[from] fjall::Error),
    #[error("a value in {0} is not what was written")]
    Malformed(&'static str),
}

impl Failure for StoreError {}
