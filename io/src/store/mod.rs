//! The stores behind the engine's [`Store`](rookery_engine::port::Store) port.

mod backoff;
pub mod embedded;
pub mod scylla;
