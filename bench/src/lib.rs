//! What the benchmarks share: a client that costs the measured machine as little as it can.

#![forbid(unsafe_code)]

pub mod http;
pub mod listener;
pub mod metrics;
