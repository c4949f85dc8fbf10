//! Which seeds random tests run with. `ROOKERY_TEST_SEED` sets one for all of them.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::dice::Dice;

/// The seed that random tests are to run with.
const SEED: &str = "ROOKERY_TEST_SEED";
/// First and last of the seeds for tests that run with many, as `1..2000`.
const SEEDS: &str = "ROOKERY_TEST_SEEDS";

/// Dice of the seed that was set, or of a new one; either way it is printed, so that a failure can be repeated.
pub fn dice() -> Dice {
    let seed = set_seed().unwrap_or_else(|| Dice::from_entropy().next());
    print(&format!("{SEED}={seed}"));
    Dice::new(seed)
}

/// Runs a test with the seed that was set, or with those of a range that was set, or else with fixed ones and those
/// that failed once, one a line.
///
/// # Panics
/// Where it panics with some of them, which are named.
pub fn for_each(fixed: Range<u64>, failed_once: &str, run: impl Fn(u64)) {
    let fails = |seed: &u64| catch_unwind(AssertUnwindSafe(|| run(*seed))).is_err();
    let failed: Vec<u64> = seeds(fixed, failed_once)
        .into_iter()
        .filter(fails)
        .collect();
    assert!(failed.is_empty(), "failed with {SEED} {failed:?}");
}

fn seeds(fixed: Range<u64>, failed_once: &str) -> Vec<u64> {
    if let Some(seed) = set_seed() {
        return vec![seed];
    }
    if let Some(range) = variable(SEEDS) {
        let (first, last) = range.split_once("..").unwrap();
        return (first.parse().unwrap()..=last.parse().unwrap()).collect();
    }
    let failed_once = failed_once.lines().map(|line| line.parse().unwrap());
    fixed.chain(failed_once).collect()
}

fn set_seed() -> Option<u64> {
    variable(SEED).map(|seed| seed.parse().unwrap())
}

#[allow(clippy::disallowed_methods, reason = "seeds are set from outside")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[allow(clippy::print_stderr, reason = "a test tells how to repeat it")]
fn print(line: &str) {
    eprintln!("{line}");
}
