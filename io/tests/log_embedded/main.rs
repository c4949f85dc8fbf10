//! The embedded log against real files: what was confirmed is there after any restart, in order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commits;
#[path = "../support/disk.rs"]
mod disk;
mod full_disk;
#[path = "../support/log_shard.rs"]
mod log_shard;
mod refusals;
mod replay;
mod support;
