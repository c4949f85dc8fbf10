//! A whole world of shards, clients, a log and a store in one thread, run from a seed: messages between
//! shards, answers of the log and the store and bytes from clients arrive in random order, appends and
//! reads fail, and the process crashes and comes back with another number of shards.
//!
//! A failing case prints its seed; `SEED=… cargo test -p rookery-engine --test sim` runs it alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod log;
mod mesh_full;
mod scenario;
mod store;
mod world;

use scenario::Scenario;

/// Seeds that every run tries; the failures of the past belong here.
const SEEDS: std::ops::Range<u64> = 0..40;

fn run(seed: u64, faults: bool) {
    let result = std::panic::catch_unwind(|| Scenario::new(seed, faults).run());
    if let Err(panic) = result {
        eprintln_seed(seed);
        std::panic::resume_unwind(panic);
    }
}

#[allow(
    clippy::print_stderr,
    reason = "the seed is what makes a failure repeatable"
)]
fn eprintln_seed(seed: u64) {
    eprintln!("the world of SEED={seed} failed");
}

#[allow(
    clippy::disallowed_methods,
    reason = "a seed is asked for from outside"
)]
fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => SEEDS.collect(),
    }
}

#[test]
fn everything_acknowledged_is_seen_once_and_in_order() {
    seeds().into_iter().for_each(|seed| run(seed, false));
}

#[test]
fn crashes_and_failing_engines_lose_nothing() {
    seeds().into_iter().for_each(|seed| run(seed, true));
}
