//! The log and the store that were configured: how a server opens them, and what it gets.

mod log;
mod opening;
mod store;

pub(crate) use self::log::LogBackend;
pub use self::opening::{OpenError, Opened, Opening};
pub(crate) use self::store::StoreBackend;
