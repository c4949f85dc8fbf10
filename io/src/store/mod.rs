//! The stores behind the engine's [`Store`](rookery_engine::port::Store) port.

pub mod embedded;
