//! The embedded log against real files: what was confirmed is there after any restart, in order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commits;
mod descriptors;
#[path = "../support/disk.rs"]
mod disk;
#[path = "../support/few_descriptors.rs"]
mod few_descriptors;
mod full_disk;
#[path = "../support/log_shard.rs"]
mod log_shard;
mod refusals;
mod replay;
mod support;
