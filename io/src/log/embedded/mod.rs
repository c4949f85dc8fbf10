//! The embedded log: for each partition a directory of segment files, written by a lane beside the
//! shard that owns the partition, one sync for all that came in meanwhile.

mod committed;
#[cfg(test)]
mod crash_tests;
mod dead_letters;
mod error;
// What reads bytes that a disk or a server gives back is public for `fuzz/`.
pub mod frame;
mod lane;
mod layout;
mod partition;
mod reserve;
mod segment;
mod segments;
mod settings;

pub use error::LogError;
pub use lane::open_lane;
pub(crate) use layout::DIR;
pub use layout::LogLayout;
pub(crate) use partition::PARTITION_DESCRIPTORS;
pub use settings::Settings;

/// Batches of one partition that a lane holds: more in flight would only make them smaller.
pub const APPENDS_IN_FLIGHT_MAX: usize = 1;
/// Microseconds from one sync of a partition to the next, unless many records wait: about four times what a sync takes.
pub const SYNC_PACE_MICROS: u64 = 400;
