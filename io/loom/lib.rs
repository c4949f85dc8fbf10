//! The mailbox of `io`, the very files, on [loom]'s types instead of the standard library's. A test that
//! runs inside `loom::model` is repeated for each interleaving of its threads, within a bound, and for each
//! value that a load may see under the memory orderings that the code asks for.
//!
//! [loom]: https://docs.rs/loom

#![forbid(unsafe_code)]

#[path = "../src/mailbox.rs"]
pub mod mailbox;
#[path = "../src/notifier.rs"]
mod notifier;
mod sync;
