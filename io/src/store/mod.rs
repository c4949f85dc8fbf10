//! The stores behind the engine's [`Store`] port.

mod backend;
mod backoff;
pub mod embedded;
pub mod scylla;

pub(crate) use backend::StoreBackend;
