//! The embedded store: one database, used by the store lanes of all shards.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `messages`, `events` | chat, first seq, count | of each event of a run: the rest of its head, its log record |
//! | `chats` | chat | creation, name |
//! | `members_by_chat` | chat, user | added seq, position |
//! | `chats_by_user` | user, chat | |
//! | `users` | user | times, name, password hash |
//! | `usernames` | name | user |
//! | `ended_sessions` | session | expiry |
//! | `meta` | | format, log id, and up to where each partition of the log is stored |

mod codec;
mod database;
mod events;
mod journal;
mod lane;
mod run;
mod shared;
mod tables;

pub use lane::spawn_lane;
pub(crate) use shared::RESERVE_BYTES;
pub use shared::{EmbeddedStore, Settings};

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use database::OpenError;

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
        "{} has format {found}, this version knows {known}: start the version that wrote it, or name \
         another --data-dir",
        path.display()
    )]
    OtherFormat {
        path: PathBuf,
        found: u32,
        known: u32,
    },
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
    fn open(error: OpenError, store: &std::path::Path) -> Self {
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
