//! What the black-box tests share: the real binary as a process, an HTTP and a WebSocket client on
//! blocking sockets, and the calls of the API in short.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses a part of the harness"
)]
#![allow(unreachable_pub, reason = "a module of test binaries has no outside")]
#![allow(clippy::unwrap_used, reason = "a harness fails by panicking")]
#![allow(clippy::print_stderr, reason = "a failed test prints the server's log")]

pub mod api;
pub mod disk;
pub mod documented;
pub mod door;
pub mod engines;
pub mod http;
pub mod machine;
pub mod operator;
pub mod patience;
pub mod prometheus;
pub mod server;
pub mod ws;

pub use api::{Api, Posted};
pub use patience::{PATIENCE, eventually};
pub use server::{Options, Server, start_trusting, start_with_tokens};

/// A fresh user id, for trust mode, where any will do.
pub fn any_user() -> String {
    rookery_testing::dice::Dice::from_entropy().uuid()
}
