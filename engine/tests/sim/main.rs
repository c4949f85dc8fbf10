//! A whole world of shards, clients, a log and a store in one thread, run from a seed: messages between
//! shards, answers of the log and the store and bytes from clients arrive in random order, appends and
//! reads fail, partitions move from shard to shard, and the process stops or crashes and comes back with another
//! number of shards.
//!
//! CONTRIBUTING.md says how to run one seed, or many.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod log;
mod mesh_full;
mod moves;
mod paused;
mod scenario;
mod store;
mod wires;
mod world;

use rookery_testing::seeds;
use scenario::{Kind, Scenario};

/// Seeds that every run tries.
const FIXED: std::ops::Range<u64> = 0..40;
/// Seeds that failed once, one a line.
const FAILED_ONCE: &str = include_str!("seeds.txt");

fn run(kind: Kind) {
    seeds::for_each(FIXED, FAILED_ONCE, |seed| {
        Scenario::new(seed, kind).run();
    });
}

#[test]
fn everything_acknowledged_is_seen_once_and_in_order() {
    run(Kind::Calm);
}

#[test]
fn crashes_and_failing_engines_lose_nothing() {
    run(Kind::Faulty);
}

/// Else nobody could look into what a seed has shown.
#[cfg(debug_assertions)]
#[test]
fn a_seed_shows_the_same_world_each_time() {
    seeds::for_each(0..8, "", |seed| {
        let [first, second] = [(); 2].map(|()| Scenario::new(seed, Kind::Faulty).run());
        assert_eq!(first, second);
    });
}
