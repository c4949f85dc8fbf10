//! The HTTP/1.1 server protocol, through its public interface and over bytes alone.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on should say where"
)]

mod bodies;
mod connection;
mod heads;
mod limits;
mod responses;
mod streams;
mod support;
