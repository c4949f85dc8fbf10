//! The store that was configured.

use rookery_engine::port::{Store, StoreEvent};
use rookery_schema::{PartitionId, ShardId};
use uuid::Uuid;

use super::opening::OpenError;
use crate::config::{Config, StoreEngine};
use crate::embedded::DataDir;
use crate::lane::Lane;
use crate::log::Stored;
use crate::mailbox::{Mailbox, Receiver};
use crate::startup::Startup;
use crate::store::{embedded, scylla};
use crate::vital::Shutdown;

/// The configured store, open.
pub(crate) enum StoreBackend {
    Embedded(embedded::EmbeddedStore),
    Scylla(scylla::ScyllaStore),
}

/// A shard's store, its events, and its lane.
type OpenedStore = (Box<dyn Store + Send>, Receiver<StoreEvent>, Lane);

impl StoreBackend {
    /// Opens the store of a log. Waits for an outside server until interrupted.
    ///
    /// # Errors
    /// If it can't be opened, or belongs to another log.
    pub(crate) fn open(
        config: &Config,
        data_dir: &DataDir,
        log_id: Uuid,
        startup: &Startup,
    ) -> Result<Self, OpenError> {
        match config.store {
            StoreEngine::Embedded => {
                let settings = embedded::Settings::new(config.durability);
                let store = embedded::EmbeddedStore::open(data_dir, log_id, settings)?;
                Ok(Self::Embedded(store))
            }
            StoreEngine::Scylla => {
                let settings = scylla::Settings::of(config)?;
                let store = scylla::ScyllaStore::connect(&settings, log_id, startup)?;
                Ok(Self::Scylla(store))
            }
        }
    }

    /// How much of a partition it had stored when it was opened.
    pub(crate) fn stored(&self, partition: PartitionId) -> Stored {
        match self {
            Self::Embedded(store) => store.stored(partition),
            Self::Scylla(store) => store.stored(partition),
        }
    }

    /// Has it carry at least this format, before the log holds what needs it.
    ///
    /// # Errors
    /// Where that can't be written, or waiting for an outside server was interrupted.
    pub(crate) fn raise_format(&self, needed: u32, startup: &Startup) -> Result<(), OpenError> {
        match self {
            Self::Embedded(store) => Ok(store.raise_format(needed)?),
            Self::Scylla(store) => Ok(store.raise_format(needed, startup)?),
        }
    }

    /// Starts a shard's store lane.
    ///
    /// # Errors
    /// If no thread can be made, or the store can't be read.
    pub(crate) fn spawn_lane(
        &self,
        shard: ShardId,
        cpu: Option<usize>,
        mailbox: &Mailbox,
        shutdown: &Shutdown,
    ) -> Result<OpenedStore, OpenError> {
        match self {
            Self::Embedded(store) => {
                let (port, events, lane) =
                    embedded::spawn_lane(store, shard, cpu, mailbox, shutdown)?;
                Ok((Box::new(port), events, lane))
            }
            Self::Scylla(store) => {
                let (port, events, lane) =
                    scylla::spawn_lane(store, shard, cpu, mailbox, shutdown)?;
                Ok((Box::new(port), events, lane))
            }
        }
    }
}
