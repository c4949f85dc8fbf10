//! Sockets: accepting them, reading and writing them, and moving them to another shard.

mod connection;
pub(crate) mod connections;
pub mod listener;
mod poller;
mod slab;
pub(crate) mod socket;
