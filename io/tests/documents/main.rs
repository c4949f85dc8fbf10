//! The documents that describe the API: a server gives them, and every example in them is executed. That all that tests
//! receive is as documented is checked by `support/documented.rs`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod examples;
mod http;
#[path = "../support/mod.rs"]
mod support;
mod websockets;
