//! The log and the store that were configured: how a server opens them, and what it gets.

mod log;
mod open_files;
mod opening;
mod store;

pub(crate) use self::log::LogBackend;
pub(crate) use self::open_files::open_files_max;
pub use self::opening::{OpenError, Opened, Opening};
pub(crate) use self::store::StoreBackend;
