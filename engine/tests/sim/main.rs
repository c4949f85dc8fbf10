//! A whole world of shards, clients, a log and a store in one thread, run from a seed: messages between
//! shards, answers of the log and the store and bytes from clients arrive in random order, appends and
//! reads fail, partitions move from shard to shard, and the process crashes and comes back with another number of
//! shards.
//!
//! A failing world prints its seed; `ROOKERY_TEST_SEED=… cargo test -p rookery-engine --test sim` runs it alone, and
//! `ROOKERY_TEST_SEEDS=FIRST..LAST` many.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod log;
mod mesh_full;
mod model;
mod moves;
mod scenario;
mod seeds;
mod store;
mod world;

use scenario::{Kind, Scenario};
use seeds::for_each_seed;

#[test]
fn everything_acknowledged_is_seen_once_and_in_order() {
    for_each_seed(|seed| Scenario::new(seed, Kind::Calm).run());
}

#[test]
fn crashes_and_failing_engines_lose_nothing() {
    for_each_seed(|seed| Scenario::new(seed, Kind::Faulty).run());
}
