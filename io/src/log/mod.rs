//! The logs behind the engine's [`Log`](rookery_engine::port::Log) port.

pub mod embedded;
mod partitions;
pub mod redpanda;
mod stored;

pub use partitions::Partitions;
pub use stored::Stored;
