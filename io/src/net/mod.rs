//! Sockets: accepting them, reading and writing them, and moving them to another shard.

pub mod admission;
pub(crate) mod connection;
pub(crate) mod connections;
mod crowd;
pub mod listener;
pub(crate) mod poller;
mod sketch;
mod slab;
pub(crate) mod socket;
mod turns;
