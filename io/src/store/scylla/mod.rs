//! The store in ScyllaDB, or any other server that speaks CQL: tables in [`rookery_schema::cql`].
//!
//! Each shard has a lane with a runtime and a session of its own, on its core; what comes back from the
//! server wakes nobody else. Nothing here uses lightweight transactions or the clocks of several
//! machines: rows are written once with the content that the log gives them, and the few that change
//! carry the seq or offset of the change as their timestamp, so that of two the later one stays,
//! whichever is written last.

mod complaints;
mod connect;
mod connection;
mod error;
// What reads bytes that a disk or a server gives back is public for `fuzz/`.
pub mod event;
mod failure;
mod group;
mod lane;
mod link;
mod migrate;
mod plan;
mod queue;
mod search;
mod settings;
mod statements;
mod store;

pub use error::ScyllaError;
pub use lane::spawn_lane;
pub use settings::Settings;
pub use store::{Answer, ScyllaStore, migrate, probe};

/// Descriptors of a shard's session, twice while it is renewed: a connection to every shard of every node, and its
/// runtime's own. It is enough for 24 of them, three nodes of eight shards; for more, raise the limit of open files, so
/// that clients need not have all the rest.
pub(crate) const SHARD_DESCRIPTORS: u64 = 64;
