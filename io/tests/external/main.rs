//! What an operator of external engines meets: `rookery migrate`, engines that are not there at the start, a
//! store that goes away, and a second server on the same topic. What needs a real broker or store is skipped,
//! and says so, without a dev stack.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod migrate;
mod start;
mod store_away;
#[path = "../support/mod.rs"]
mod support;
mod two_servers;
