//! What devices hear, and how their connections end.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

#[path = "../support/mod.rs"]
mod support;

mod delivery;
mod frames;
mod logins;
mod sends;
