//! What a shard does, without touching anything: chats, users, sessions, fan-out, and the state of the
//! HTTP and WebSocket protocols over bytes in memory.
//!
//! All state of a shard is in [`Shard`](shard::Shard), and changes only in its `step`.

#![forbid(unsafe_code)]

mod api;
pub mod auth;
mod connection;
mod context;
pub mod effect;
mod home;
pub mod http;
pub mod input;
pub mod mesh;
pub mod outbox;
mod owner;
pub mod port;
pub mod problem;
mod revoked;
mod scrape;
pub mod shard;
pub mod stats;
pub mod ws;
