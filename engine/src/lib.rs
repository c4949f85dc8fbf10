//! What a shard does, without touching anything: chats, users, sessions, fan-out, and the state of the
//! HTTP and WebSocket protocols over bytes in memory.
//!
//! All state of a shard is in [`Shard`](shard::Shard), and changes only in its `step`.

#![forbid(unsafe_code)]

mod api;
mod auth;
pub mod config;
mod connection;
mod context;
mod edge;
pub mod held_bytes;
mod home;
pub mod http;
pub mod ids;
mod map;
pub mod mesh;
pub mod outbox;
mod owner;
mod readiness;
mod scrape;
pub mod shard;
pub mod stats;
mod user;
pub mod ws;

pub use edge::{effect, input, port};
