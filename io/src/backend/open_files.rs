//! How many files the configured log and store have open.

use crate::config::{Config, LogEngine, StoreEngine};
use crate::log::embedded::LogLayout;
use crate::log::{Partitions, embedded, redpanda};
use crate::store;

/// Descriptors that log and store take at most.
pub(crate) fn open_files_max(config: &Config) -> u64 {
    let shards = config.placement.shards.len() as u64;
    let log = match config.log {
        LogEngine::Embedded => embedded::PARTITION_DESCRIPTORS * u64::from(partitions(config)),
        LogEngine::Redpanda => redpanda::SHARD_DESCRIPTORS * shards,
    };
    let store = match config.store {
        StoreEngine::Embedded => store::embedded::DESCRIPTORS,
        StoreEngine::Scylla => store::scylla::SHARD_DESCRIPTORS * shards,
    };
    log + store
}

/// Those of the embedded log, or those that it is to be made with. One that can't be read is refused when it is opened.
fn partitions(config: &Config) -> u32 {
    let dir = config.data_dir.join(embedded::DIR);
    let found = LogLayout::find(&dir, Partitions::of(config)).ok().flatten();
    found.map_or(config.partitions, |log| log.partitions)
}
