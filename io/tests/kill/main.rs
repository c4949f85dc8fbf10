//! What survives: the server, the broker or the store is killed or frozen under load, and every acknowledged
//! message is there exactly once, in one order that all readers agree on, and so are members.
//!
//! `ROOKERY_KILLS` sets how many kills of the server, `ROOKERY_TEST_SEED` repeats a run's choices.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a run says what it did")]

#[path = "../support/mod.rs"]
mod support;

mod clubs;
mod kills;
mod load;
mod outages;
mod verify;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps other tests from running: what one of them takes away is needed by all.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
