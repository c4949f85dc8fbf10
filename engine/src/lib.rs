//! What a shard does, without I/O: chats, users, sessions, fan-out, and the HTTP and WebSocket protocols over
//! bytes in memory.
//!
//! All state of a shard is in [`Shard`](shard::Shard), and changes only in its steps. `ARCHITECTURE.md` has the
//! map of the rooms, and says where to add what.

#![forbid(unsafe_code)]
#![deny(
    clippy::wildcard_enum_match_arm,
    reason = "what is new must be handled, or passed over on purpose, wherever its kind is told apart"
)]

mod addresses;
mod api;
pub mod assets;
mod auth;
pub mod config;
mod connection;
mod context;
mod edge;
mod fair_queue;
pub mod hashing;
pub mod held_bytes;
mod home;
pub mod http;
pub mod ids;
mod json_page;
mod leases;
pub mod limits;
mod map;
mod merge_patch;
pub mod mesh;
pub mod outbox;
mod owner;
pub mod pages;
mod passwords;
mod readiness;
mod scrape;
pub mod security;
pub mod shard;
mod stamps;
pub mod standby;
pub mod stats;
mod text;
mod user;
pub mod ws;

pub use api::{ASYNCAPI, OPENAPI, refuse_connection};
pub use edge::{effect, input, port};
