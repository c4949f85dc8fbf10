//! Bad input over a raw socket: each gets its status and its stable code, and the connection (where it
//! may live) or the server lives on. Numbers in the names are RFC sections.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod callers;
mod cases;
mod connections;
mod framing;
mod heads;
mod load;
mod paths;
mod upgrades;
mod values;
