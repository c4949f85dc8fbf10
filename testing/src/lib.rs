//! What the tests of all crates have in common. No other code may depend on it.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod dice;
pub mod host;
pub mod http;
pub mod json_schema;
pub mod seeds;
pub mod store;
pub mod ws;
