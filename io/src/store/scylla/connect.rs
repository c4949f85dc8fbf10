//! Sessions: how they are set up, and that they are waited for.

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::Consistency;

use super::error::ScyllaError;
use super::failure::{DriverError, Kind};
use super::settings::Settings;
use crate::startup::Startup;
use crate::store::backoff::Backoff;
use crate::throttle::Throttle;

/// A connection to each shard of a node, so that each request goes to the one that has its partition; one to
/// a node of Cassandra, which has no shards.
const POOL: PoolSize = PoolSize::PerShard(NonZeroUsize::MIN);
/// For a request to be answered. What is not is asked again by the lane, or was read for too long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// For a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two signs of life on an idle connection.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// For a sign of life to be answered, before the connection is given up for a new one.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at whether waiting should end.
const INTERRUPTED_POLL: Duration = Duration::from_millis(100);
/// For how long a store may refuse us at the start: one that has just come up does not know its users yet, and
/// not every node has the newest tables.
const REFUSED_PATIENCE: Duration = Duration::from_secs(20);

/// One try to make a session. Nodes of another datacenter are for their own clients; absent while ours is to
/// be found out.
pub(super) async fn open(
    settings: &Settings,
    datacenter: Option<&str>,
) -> Result<Session, DriverError> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .request_timeout(Some(REQUEST_TIMEOUT))
        // The lane tries again; nothing is to be tried twice at a time.
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .speculative_execution_policy(None)
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&settings.nodes)
        .default_execution_profile_handle(profile.into_handle())
        .pool_size(POOL)
        .connection_timeout(CONNECT_TIMEOUT)
        .keepalive_interval(KEEPALIVE_INTERVAL)
        .keepalive_timeout(KEEPALIVE_TIMEOUT)
        .keyspaces_to_fetch([&settings.keyspace]);
    if let Some(datacenter) = datacenter {
        builder = builder.prefer_datacenter(datacenter.to_owned());
    }
    if let Some(credentials) = &settings.credentials {
        builder = builder.user(&credentials.user, credentials.expose());
    }
    Ok(builder.build().await?)
}

/// Tries until it is done, says why it is not every few seconds, and gives up when interrupted, or when the
/// store answers and refuses.
pub(super) async fn persist<T, F>(
    settings: &Settings,
    startup: &Startup,
    attempt: impl Fn() -> F,
) -> Result<T, ScyllaError>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut backoff = Backoff::default();
    let throttle = Throttle::default();
    let mut refused_since: Option<Instant> = None;
    loop {
        let reason = match unless_interrupted(attempt(), startup).await? {
            Ok(done) => {
                startup.go_on();
                return Ok(done);
            }
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Driver(error)) => error,
        };
        match refusal(settings, &reason) {
            None => refused_since = None,
            Some(error) => {
                let since = *refused_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= REFUSED_PATIENCE {
                    return Err(error);
                }
            }
        }
        let nodes = settings.nodes.join(",");
        startup.wait_for(format!("the store at {nodes} ({reason})"));
        if let Some(held_back) = throttle.pass(Instant::now()) {
            tracing::warn!(nodes, %reason, held_back, "waiting for the store");
        }
        unless_interrupted(tokio::time::sleep(backoff.next()), startup).await?;
    }
}

/// What becomes of a failure that is not for want of an answer.
fn refusal(settings: &Settings, error: &DriverError) -> Option<ScyllaError> {
    let nodes = || settings.nodes.join(",");
    let reason = || error.to_string();
    match error.kind {
        Kind::Passing | Kind::CutOff => None,
        Kind::Refused => Some(ScyllaError::Refused {
            nodes: nodes(),
            reason: reason(),
        }),
        Kind::Invalid => Some(ScyllaError::Rejected {
            nodes: nodes(),
            keyspace: settings.keyspace.clone(),
            reason: reason(),
        }),
        Kind::OtherTables => Some(ScyllaError::OtherTables {
            nodes: nodes(),
            keyspace: settings.keyspace.clone(),
            reason: reason(),
        }),
    }
}

/// Why something at the start was not done.
pub(super) enum Trouble {
    /// It may work later, if the store did not answer.
    Driver(DriverError),
    /// It never will.
    Final(ScyllaError),
}

impl From<DriverError> for Trouble {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

impl From<ScyllaError> for Trouble {
    fn from(error: ScyllaError) -> Self {
        Self::Final(error)
    }
}

async fn unless_interrupted<T>(
    work: impl Future<Output = T>,
    startup: &Startup,
) -> Result<T, ScyllaError> {
    let mut work = pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(INTERRUPTED_POLL, &mut work).await {
            return Ok(done);
        }
        if startup.is_interrupted() {
            return Err(ScyllaError::Interrupted);
        }
    }
}

/// A runtime for the calling thread alone: whatever the driver starts stays on its CPU.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ScyllaError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(ScyllaError::Thread)
}
