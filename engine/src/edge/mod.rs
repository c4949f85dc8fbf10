//! The shard's edge: all that may happen to it, all that it may ask for, and the ports behind which log, store and
//! password hashers stand.

pub mod effect;
pub mod input;
pub mod port;
