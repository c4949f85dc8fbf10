//! The one database that the lanes of all shards use, and its opening anew after a failed write.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rookery_schema::format::{NEWEST, OLDEST};
use rookery_schema::{Offset, PartitionId, ShardId, Timestamp};
use uuid::Uuid;

use super::database::JournalCopies;
use super::error::{ReadError, StoreError};
use super::progress::Progress;
use super::tables::Tables;
use crate::embedded::{DataDir, Durability};
use crate::log::Stored;

pub(crate) const DIR: &str = "store";
/// Free bytes that the database may still need when nothing more is written: memtables that wait to
/// be flushed, tables that are being merged, and merged ones that are still to be removed.
const RESERVE_BYTES: u64 = 320 << 20;

/// How the store treats its disk.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// That of the log: without it, syncing the store would be in vain.
    pub durability: Durability,
    /// Free bytes of the disk below which writes wait.
    pub reserve_bytes: u64,
}

impl Settings {
    /// What fits real disks.
    pub const fn new(durability: Durability) -> Self {
        Self {
            durability,
            reserve_bytes: RESERVE_BYTES,
        }
    }
}

/// The embedded store of a process, open. Clones share it.
#[derive(Clone)]
pub struct EmbeddedStore {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Settings,
    stored: Arc<HashMap<PartitionId, Offset>>,
}

/// What the lanes share. They may wait for each other; no shard ever does.
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    log_id: [u8; 16],
    state: RwLock<State>,
    _data_dir: DataDir,
}

struct State {
    /// Absent while the database can't be opened again.
    tables: Option<Tables>,
    /// How often it was opened again.
    reopened: u64,
}

impl EmbeddedStore {
    /// Opens the store of a log, or makes it.
    ///
    /// # Errors
    /// Where it can't be read or written, is damaged, belongs to another log, or has another version's
    /// format.
    pub fn open(data_dir: &DataDir, log_id: Uuid, settings: Settings) -> Result<Self, StoreError> {
        let dir = data_dir.path().join(DIR);
        let tables = Tables::open(&dir, *log_id.as_bytes())
            .map_err(|error| StoreError::open(error, &dir))?;
        let unreadable = |error| corrupt(&dir, &error);
        match tables.meta.origin().map_err(unreadable)? {
            Some((found, _)) if !(OLDEST..=NEWEST).contains(&found) => {
                return Err(StoreError::OtherFormat { path: dir, found });
            }
            Some((_, found)) if found != *log_id.as_bytes() => {
                let found = Uuid::from_bytes(found);
                return Err(StoreError::OtherLog {
                    path: dir,
                    found,
                    wanted: log_id,
                });
            }
            Some(_) => {}
            None => tables
                .set_origin()
                .map_err(|error| unreadable(error.into()))?,
        }
        tables.remove_expired(now()).map_err(unreadable)?;
        tables.index_names().map_err(unreadable)?;
        let stored = Arc::new(tables.meta.stored().map_err(unreadable)?);
        let state = RwLock::new(State {
            tables: Some(tables),
            reopened: 0,
        });
        let shared = Arc::new(Shared {
            dir,
            log_id: *log_id.as_bytes(),
            state,
            _data_dir: data_dir.clone(),
        });
        Ok(Self {
            shared,
            settings,
            stored,
        })
    }

    /// What it had of a partition of the log when it was opened.
    pub fn stored(&self, partition: PartitionId) -> Stored {
        if self.stored.is_empty() {
            return Stored::Nothing;
        }
        self.stored
            .get(&partition)
            .map_or(Stored::Unknown, |&behind| Stored::Below(behind))
    }

    /// Has the store carry at least this format.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn raise_format(&self, needed: u32) -> Result<(), StoreError> {
        let raised = self.shared.with(|tables, _| tables.raise_format(needed));
        raised
            .unwrap_or(Ok(()))
            .map_err(|error| corrupt(&self.shared.dir, &error.into()))
    }

    pub(super) fn progress(&self, shard: ShardId) -> Result<Progress, StoreError> {
        let batches = self
            .shared
            .with(|tables, _| tables.meta.batches(shard))
            .unwrap_or(Ok(0));
        let batches = batches.map_err(|error| corrupt(&self.shared.dir, &error))?;
        Ok(Progress {
            batches,
            stored: HashMap::clone(&self.stored),
        })
    }
}

impl Shared {
    /// Does something with the tables, where they are open, and how often they were opened again.
    pub(super) fn with<T>(&self, act: impl FnOnce(&Tables, u64) -> T) -> Option<T> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state
            .tables
            .as_ref()
            .map(|tables| act(tables, state.reopened))
    }

    /// Opens the database again, unless another lane has done so since `reopened` was seen.
    pub(super) fn reopen(&self, reopened: u64) -> Result<(), StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.tables.is_some() && state.reopened != reopened {
            return Ok(());
        }
        let failed = |source| StoreError::Io {
            path: self.dir.clone(),
            source,
        };
        // As long as there is no room for copies, the tables can still be read.
        let copies = JournalCopies::make(&self.dir).map_err(failed)?;
        state.tables = None;
        copies.adopt().map_err(failed)?;
        let tables = Tables::open(&self.dir, self.log_id)
            .map_err(|error| StoreError::open(error, &self.dir))?;
        state.tables = Some(tables);
        state.reopened += 1;
        Ok(())
    }
}

fn corrupt(dir: &Path, error: &ReadError) -> StoreError {
    let (path, store) = (dir.to_owned(), dir.to_owned());
    StoreError::Corrupt {
        path,
        reason: error.to_string(),
        store,
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
