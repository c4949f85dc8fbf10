//! The edge of a shard: its inputs, its effects, and the ports to log, store and password hashers.

pub mod effect;
pub mod input;
pub mod port;
