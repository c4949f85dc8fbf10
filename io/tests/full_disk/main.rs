//! What a full file system refuses, what it takes all the same, and that all is well when there is room again.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod logouts;
mod posts;
#[path = "../support/mod.rs"]
mod support;
