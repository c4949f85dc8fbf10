//! Whichever store was configured, as the server opens it.

use std::sync::atomic::AtomicBool;

use rookery_engine::port::{Store, StoreEvent};
use rookery_schema::{PartitionId, ShardId};
use uuid::Uuid;

use super::opening::OpenError;
use crate::config::{Config, StoreEngine};
use crate::embedded::DataDir;
use crate::lane::Lane;
use crate::log::Stored;
use crate::mailbox::{Mailbox, Receiver};
use crate::store::{embedded, scylla};
use crate::vital::Shutdown;

/// The store that a configuration names, open.
pub(crate) enum StoreBackend {
    Embedded(embedded::EmbeddedStore),
    Scylla(scylla::ScyllaStore),
}

/// What a shard has of its store: where it asks, where it is answered, and the thread in between.
type OpenedStore = (Box<dyn Store + Send>, Receiver<StoreEvent>, Lane);

impl StoreBackend {
    /// Opens the store of a log. Waits for one that is a server of its own, until interrupted.
    ///
    /// # Errors
    /// Where it can't be had, or belongs to another log.
    pub(crate) fn open(
        config: &Config,
        data_dir: &DataDir,
        log_id: Uuid,
        interrupted: &AtomicBool,
    ) -> Result<Self, OpenError> {
        match config.store {
            StoreEngine::Embedded => {
                let settings = embedded::Settings::new(config.durability);
                let store = embedded::EmbeddedStore::open(data_dir, log_id, settings)?;
                Ok(Self::Embedded(store))
            }
            StoreEngine::Scylla => {
                let settings = scylla::Settings::of(config)?;
                let store = scylla::ScyllaStore::connect(&settings, log_id, interrupted)?;
                Ok(Self::Scylla(store))
            }
        }
    }

    /// What it had of a partition of the log when it was opened.
    pub(crate) fn stored(&self, partition: PartitionId) -> Stored {
        match self {
            Self::Embedded(store) => store.stored(partition),
            Self::Scylla(store) => store.stored(partition),
        }
    }

    /// Starts a shard's store lane.
    ///
    /// # Errors
    /// Where no thread can be made, or the store can't be read.
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
