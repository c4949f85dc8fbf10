//! The redpanda log: a topic of a Kafka-API broker, one message for each record, so that offsets are the
//! broker's own. Each shard has a lane with a producer and a consumer for the partitions it owns.

mod appends;
mod ask;
mod claimed;
mod claiming;
mod client_log;
mod cluster;
mod commits;
mod consumer;
mod dead_letters;
mod delivery;
mod error;
mod lane;
#[cfg(test)]
mod model;
mod opening;
mod ownership;
mod partition;
mod producer;
mod settings;
mod silence;
mod topics;

pub use claimed::Claimed;
pub use cluster::RedpandaLog;
pub use error::RedpandaError;
pub use lane::open_lane;
pub use settings::Settings;
pub(crate) use topics::look;

/// Descriptors of a shard's producer and consumer: of each, a connection to every broker, and two that wake its thread.
/// It is enough for nine brokers; for more, raise the limit of open files, so that clients need not have all the rest.
pub(crate) const SHARD_DESCRIPTORS: u64 = 64;

/// Batches of one partition that a lane holds: while one is on its way to the broker's disk, the next
/// ones are on theirs to the broker.
pub const APPENDS_IN_FLIGHT_MAX: usize = 4;
