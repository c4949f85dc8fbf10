//! Who may register, what operators may do, and what the security log tells of both.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod acts;
mod passwords;
mod registration;
mod security_log;
mod stage;
#[path = "../support/mod.rs"]
mod support;
