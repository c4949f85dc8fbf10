//! What Rookery's parts agree on: identifiers, routing, limits, log records, the events members see,
//! and the rows that are stored. Pure data and functions: no I/O, no clock, no threads.

#![forbid(unsafe_code)]
#![deny(
    clippy::wildcard_enum_match_arm,
    reason = "what is new must be handled, or passed over on purpose, wherever its kind is told apart"
)]

pub mod batch;
pub mod claims;
pub mod cql;
pub mod event;
pub mod format;
pub mod ids;
pub mod limits;
pub mod message;
pub mod names;
pub mod placement;
pub mod record;
pub mod routing;
pub mod row;
pub mod time;
mod wire;

pub use ids::{
    ChatId, MessageId, Offset, PartitionId, Seq, SessionId, ShardId, UserId, parse_uuid,
};
pub use placement::Placement;
pub use routing::{Route, Routing};
pub use time::Timestamp;
