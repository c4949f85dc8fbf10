//! The store of a process: found or made at the start, and what it knew then.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rookery_schema::cql::{in_keyspace, replicas};
use rookery_schema::{Offset, PartitionId, format};
use scylla::client::session::Session;
use scylla::cluster::metadata::Strategy;
use uuid::Uuid;

use super::connect::{Trouble, open, persist, runtime};
use super::connection::Connection;
use super::error::ScyllaError;
use super::event::{from_bigint, partition};
use super::failure::{DriverError, written};
use super::migrate::{claim, index_names, migrate_tables, own_datacenter, prepare_keyspace, rows};
use super::settings::Settings;
use super::statements::Statements;
use crate::log::Stored;
use crate::startup::Startup;

/// The store of a process, reached and with its tables. Clones share it.
#[derive(Clone)]
pub struct ScyllaStore {
    pub(super) settings: Settings,
    datacenter: String,
    stored: Arc<HashMap<PartitionId, Offset>>,
    format: Arc<AtomicU32>,
}

impl ScyllaStore {
    /// Waits for the store, upgrades its schema, and takes it for a log or checks that it belongs to it.
    ///
    /// # Errors
    /// Where it belongs to another log, has a newer schema, or waiting was interrupted.
    pub fn connect(
        settings: &Settings,
        log_id: Uuid,
        startup: &Startup,
    ) -> Result<Self, ScyllaError> {
        let (runtime, indexed) = (runtime()?, Cell::new(0));
        let (datacenter, format, stored) =
            runtime.block_on(persist(settings, startup, || async {
                let (session, datacenter, format) = migrated(settings, &indexed).await?;
                claim(&session, &settings.keyspace, log_id).await?;
                // What the lanes will ask has to be understood: better known now than never to be ready.
                let prepared = Statements::prepare(&session, &settings.keyspace).await;
                prepared.map_err(DriverError::of_known_tables)?;
                let stored = stored(&session, &settings.keyspace).await?;
                Ok((datacenter, format, stored))
            }))?;
        Ok(Self {
            settings: settings.clone(),
            datacenter,
            stored: Arc::new(stored),
            format: Arc::new(AtomicU32::new(format)),
        })
    }

    /// What it had of a partition of the log when it was reached.
    pub fn stored(&self, partition: PartitionId) -> Stored {
        if self.stored.is_empty() {
            return Stored::Nothing;
        }
        self.stored
            .get(&partition)
            .map_or(Stored::Unknown, |&behind| Stored::Below(behind))
    }

    /// Has the keyspace carry at least this format. Waits for the store.
    ///
    /// # Errors
    /// Where the store refuses us for good, or waiting was interrupted.
    pub fn raise_format(&self, needed: u32, startup: &Startup) -> Result<(), ScyllaError> {
        runtime()?.block_on(persist(&self.settings, startup, || async {
            let connection = self.connection().await?;
            Ok(connection.raise_format(needed).await?)
        }))
    }

    /// One try to get what a lane works with.
    pub(super) async fn connection(&self) -> Result<Connection, DriverError> {
        let session = open(&self.settings, Some(&self.datacenter)).await?;
        let statements = Statements::prepare(&session, &self.settings.keyspace).await?;
        Ok(Connection {
            session,
            statements,
            format: Arc::clone(&self.format),
        })
    }
}

/// Makes the keyspace and its tables, or upgrades them. Waits for the store.
///
/// # Errors
/// Where the schema is newer than this version knows.
pub fn migrate(settings: &Settings, startup: &Startup) -> Result<(), ScyllaError> {
    let indexed = Cell::new(0);
    runtime()?.block_on(persist(settings, startup, || async {
        migrated(settings, &indexed).await.map(drop)
    }))
}

/// A session, the datacenter, and the format of the newest row. `indexed` is how far an earlier try came with the names.
async fn migrated(
    settings: &Settings,
    indexed: &Cell<i32>,
) -> Result<(Session, String, u32), Trouble> {
    let datacenter = prepare_keyspace(settings).await?;
    let session = open(settings, Some(&datacenter)).await?;
    let version = migrate_tables(&session, &settings.keyspace).await?;
    if version < format::CONVERSATIONS {
        index_names(&session, &settings.keyspace, indexed).await?;
    }
    Ok((session, datacenter, version.max(format::OLDEST)))
}

async fn stored(
    session: &Session,
    keyspace: &str,
) -> Result<HashMap<PartitionId, Offset>, DriverError> {
    let statement = in_keyspace(
        "SELECT log_partition, behind FROM KEYSPACE.reached",
        keyspace,
    );
    let reached: Vec<(i32, i64)> = rows(session, &statement).await?;
    let pair = |(id, behind)| Some((partition(id)?, Offset(from_bigint(behind)?)));
    let pairs = reached.into_iter().map(pair).collect::<Option<_>>();
    written(pairs, "how far a partition is stored")
}

/// What a server that answers says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The version of Cassandra that it is compatible with, or is.
    pub release: String,
    pub datacenter: String,
    /// Copies of each row of the keyspace in this datacenter; absent where there is no such keyspace yet, or its
    /// strategy is of an unknown kind.
    pub copies: Option<usize>,
    /// Of how many there should be.
    pub copies_wanted: usize,
}

/// Asks a server who it is, once.
///
/// # Errors
/// Where it does not answer in time.
pub fn probe(settings: &Settings, at_most: Duration) -> Result<Answer, ScyllaError> {
    let ask = async {
        let session = open(settings, None).await?;
        let text = "SELECT release_version FROM system.local";
        let local: Vec<(String,)> = rows(&session, text).await?;
        let first = local.into_iter().next();
        let (release,) = first.ok_or_else(|| DriverError::new("table system.local is empty"))?;
        let (datacenter, nodes) = own_datacenter(&session, settings).await?;
        Ok::<_, DriverError>(Answer {
            release,
            copies: copies(&session, &settings.keyspace, &datacenter),
            copies_wanted: replicas(nodes),
            datacenter,
        })
    };
    let answer = runtime()?.block_on(async { tokio::time::timeout(at_most, ask).await });
    let unreachable = |reason| ScyllaError::Unreachable {
        nodes: settings.nodes.join(","),
        reason,
    };
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable(format!("no answer in {at_most:?}"))),
    }
}

fn copies(session: &Session, keyspace: &str, datacenter: &str) -> Option<usize> {
    let cluster = session.get_cluster_state();
    match &cluster.get_keyspace(keyspace)?.strategy {
        Strategy::SimpleStrategy { replication_factor } => Some(*replication_factor),
        Strategy::NetworkTopologyStrategy {
            datacenter_repfactors,
        } => Some(
            datacenter_repfactors
                .get(datacenter)
                .copied()
                .unwrap_or_default(),
        ),
        _ => None,
    }
}
