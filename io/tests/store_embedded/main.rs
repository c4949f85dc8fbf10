//! The embedded store against real files: what was written is there after any restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod amendments;
mod descriptors;
#[path = "../support/disk.rs"]
mod disk;
#[path = "../support/few_descriptors.rs"]
mod few_descriptors;
mod full_disk;
mod lanes;
mod marks;
mod model;
mod redactions;
mod restarts;
#[path = "../support/store_amendments.rs"]
mod store_amendments;
#[path = "../support/store_redactions.rs"]
mod store_redactions;
#[path = "../support/store_shard.rs"]
mod store_shard;
mod support;
