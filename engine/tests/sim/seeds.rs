//! Which seeds are run.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds that every run tries.
const FIXED: std::ops::Range<u64> = 0..40;
/// Seeds that failed once, one a line.
const FAILED_ONCE: &str = include_str!("seeds.txt");

/// Runs something for all seeds of this run, and tells which of them failed.
pub(crate) fn for_each_seed(run: impl Fn(u64)) {
    let fails = |seed: &u64| catch_unwind(AssertUnwindSafe(|| run(*seed))).is_err();
    let failed: Vec<u64> = seeds().into_iter().filter(fails).collect();
    assert!(failed.is_empty(), "ROOKERY_TEST_SEED: {failed:?} failed");
}

/// `ROOKERY_TEST_SEED` alone, those of `ROOKERY_TEST_SEEDS`, or the fixed ones.
fn seeds() -> Vec<u64> {
    if let Some(seed) = variable("ROOKERY_TEST_SEED") {
        return vec![seed.parse().unwrap()];
    }
    if let Some(range) = variable("ROOKERY_TEST_SEEDS") {
        let (first, last) = range.split_once("..").unwrap();
        return (first.parse().unwrap()..=last.parse().unwrap()).collect();
    }
    let failed_once = FAILED_ONCE.lines().map(|line| line.parse().unwrap());
    FIXED.chain(failed_once).collect()
}

#[allow(
    clippy::disallowed_methods,
    reason = "seeds are asked for from outside"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
