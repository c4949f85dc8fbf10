//! The logs behind the engine's [`Log`](rookery_engine::port::Log) port.

pub mod embedded;
pub mod redpanda;
mod stored;

pub use stored::Stored;
