//! The whole process: starts its threads in the right order, runs until it is told to stop, and ends
//! when everything begun is finished.

mod config;
mod running;
mod start;

use std::time::Duration;

use rookery_engine::config::Keys;
use rookery_engine::shard::Shard;

pub use self::config::{ServerConfig, ServerError};
pub use self::running::Server;
pub use self::start::start;
use crate::backend::{OpenError, Opened, Opening};
use crate::runtime::Control;
use crate::service;
use crate::signals::StopSignals;
use crate::startup::Startup;
use crate::vital;

/// How long a drain may take before the process ends anyway.
const DRAIN_MAX: Duration = Duration::from_secs(25);

/// Runs a server until it is signalled to stop, then drains it. `SIGHUP` gives it the keys that `reread_keys` finds.
///
/// # Errors
/// If it can't start.
pub(crate) fn run(
    config: &ServerConfig,
    mut signals: StopSignals,
    reread_keys: impl Fn() -> Option<Keys>,
    open: impl FnOnce(&Opening<'_>) -> Result<Opened, OpenError>,
) -> Result<(), ServerError> {
    vital::log_panics();
    let startup = Startup::new(signals.flag().clone());
    let server = match start(config, Shard::new, &startup, open) {
        Err(ServerError::Open(_)) if startup.is_interrupted() => return Ok(()),
        started => started?,
    };
    let (shards, partitions) = (config.cpus.len(), server.partitions());
    tracing::info!(address = %server.address(), shards, partitions, "listening");
    warn_of_idle_shards(shards, partitions);
    for keys in signals.hangups().filter_map(|()| reread_keys()) {
        let count = keys.iter().count();
        server.tell(&Control::TokenKeys(keys));
        tracing::info!(keys = count, "took up the token keys");
    }
    tracing::info!("draining");
    service::stopping();
    if !server.stop(DRAIN_MAX) {
        tracing::warn!("not everything was finished in time; what was acknowledged is in the log");
    }
    Ok(())
}

/// A log keeps its number of partitions, whatever the number of shards becomes.
fn warn_of_idle_shards(shards: usize, partitions: u32) {
    if (partitions as usize) < shards {
        tracing::warn!(
            shards,
            partitions,
            "shards without a partition own no chats; run with as many --shards as the log has partitions"
        );
    }
}
