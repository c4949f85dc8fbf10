//! The stores behind the engine's [`Store`](rookery_engine::port::Store) port.

mod backend;
mod backoff;
pub mod embedded;
pub mod scylla;

pub(crate) use backend::StoreBackend;
