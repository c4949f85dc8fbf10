//! The redpanda log: what was confirmed is in the topic, and comes back in order.
//!
//! Most tests need a broker, `ROOKERY_TEST_BROKERS=HOST:PORT`, and are skipped without one; each makes
//! topics and a group of its own. Outages are played with the client library's own mock of a cluster.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod claims;
mod commits;
#[path = "../support/log_shard.rs"]
mod log_shard;
mod outages;
mod poison;
mod refusals;
mod replay;
mod support;
