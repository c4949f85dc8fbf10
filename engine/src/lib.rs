//! What a shard does, without touching anything: chats, users, sessions, fan-out, and the state of the
//! HTTP and WebSocket protocols over bytes in memory.
//!
//! All state of a shard is in [`Shard`](shard::Shard), and changes only in its `step`.

#![forbid(unsafe_code)]

pub mod auth;
pub mod effect;
pub mod input;
pub mod mesh;
pub mod outbox;
pub mod port;
pub mod problem;
pub mod shard;
pub mod stats;
