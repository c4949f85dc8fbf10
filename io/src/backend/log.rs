//! The log that was configured.

use rookery_engine::port::{Log, LogEvent};
use rookery_schema::{PartitionId, ShardId};
use uuid::Uuid;

use super::opening::{OpenError, Opening};
use crate::embedded::Durability;
use crate::lane::Lane;
use crate::log::Stored;
use crate::log::embedded::{self, LogLayout};
use crate::log::redpanda::{self, Claimed, RedpandaError, RedpandaLog};
use crate::mailbox::{Mailbox, Receiver};
use crate::startup::Startup;

/// A log that exists, but is not yet opened by the shards.
pub(crate) enum LogBackend {
    Embedded {
        layout: LogLayout,
        durability: Durability,
    },
    Redpanda(RedpandaLog),
}

/// A shard's log, its events, and its lane.
type OpenedLog = (Box<dyn Log + Send>, Receiver<LogEvent>, Lane);

impl LogBackend {
    /// By which a store recognizes its log.
    pub(crate) const fn id(&self) -> Uuid {
        match self {
            Self::Embedded { layout, .. } => layout.log_id,
            Self::Redpanda(log) => log.log_id(),
        }
    }

    pub(crate) const fn partitions(&self) -> u32 {
        match self {
            Self::Embedded { layout, .. } => layout.partitions,
            Self::Redpanda(log) => log.partitions(),
        }
    }

    /// Batches of one partition that the log holds at most; the shard gathers more records meanwhile.
    pub(crate) const fn appends_in_flight_max(&self) -> usize {
        match self {
            Self::Embedded { .. } => embedded::APPENDS_IN_FLIGHT_MAX,
            Self::Redpanda(_) => redpanda::APPENDS_IN_FLIGHT_MAX,
        }
    }

    /// Microseconds between two appends to a partition, unless many records wait.
    pub(crate) const fn append_pace_micros(&self) -> u64 {
        match self {
            Self::Embedded {
                durability: Durability::Fsync,
                ..
            } => embedded::SYNC_PACE_MICROS,
            // The client of the Kafka protocol waits by itself.
            Self::Embedded { .. } | Self::Redpanda(_) => 0,
        }
    }

    /// Whether other processes may reach it: then its partitions have to be claimed.
    pub(crate) const fn is_shared(&self) -> bool {
        match self {
            Self::Embedded { .. } => false,
            Self::Redpanda(_) => true,
        }
    }

    /// Makes this process the only writer. The embedded log's lock file has done so already.
    ///
    /// # Errors
    /// Where a partition can't be used, or waiting for the brokers was interrupted.
    pub(crate) fn claim(
        &self,
        partitions: &[(PartitionId, Stored)],
        startup: &Startup,
    ) -> Result<Vec<Claimed>, RedpandaError> {
        match self {
            Self::Embedded { .. } => Ok(Vec::new()),
            Self::Redpanda(log) => log.claim(partitions, startup),
        }
    }

    /// Opens a shard's partitions and starts the lane that serves them.
    pub(crate) fn open_lane(
        &self,
        shard: ShardId,
        cpu: Option<usize>,
        partitions: &[(PartitionId, Stored)],
        claimed: &[Claimed],
        mailbox: &Mailbox,
        opening: &Opening<'_>,
    ) -> Result<OpenedLog, OpenError> {
        let name = format!("log-{shard}");
        let threads = (mailbox, opening.shutdown);
        match self {
            Self::Embedded { layout, durability } => {
                let settings = embedded::Settings::new(*durability);
                let (log, events, lane) =
                    embedded::open_lane(&name, cpu, layout, partitions, settings, threads)?;
                Ok((Box::new(log), events, lane))
            }
            Self::Redpanda(log) => {
                let is_here =
                    |it: &&Claimed| partitions.iter().any(|&(id, _)| id == it.partition());
                let claimed: Vec<_> = claimed.iter().filter(is_here).copied().collect();
                let (log, events, lane) = redpanda::open_lane(&name, cpu, log, &claimed, threads)?;
                Ok((Box::new(log), events, lane))
            }
        }
    }
}
