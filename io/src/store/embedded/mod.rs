//! The embedded store: one database, used by the store lanes of all shards.
//!
//! Its keyspaces, their keys and values stand in `docs/stores.md`.

mod amendments;
mod blocks;
mod chats;
mod database;
mod deletions;
mod ended_sessions;
mod erased;
mod error;
mod events;
mod lane;
mod marks;
mod members;
mod meta;
mod own;
mod progress;
mod redactions;
mod shared;
mod tables;
mod users;

// What reads bytes that a disk or a server gives back is public for `fuzz/`.
pub mod codec;
pub mod journal;
pub mod run;

pub use error::StoreError;
pub use lane::spawn_lane;
pub(crate) use shared::DIR;
pub use shared::{EmbeddedStore, Settings};
pub(crate) use tables::DESCRIPTORS;
