//! What a shard touches: executors, sockets, the mesh, lanes, log, store, and the process itself.

pub mod backend;
pub mod check;
pub mod cli;
pub mod config;
mod descriptors;
pub mod embedded;
mod entropy;
pub mod lane;
pub mod log;
pub mod logging;
pub mod mailbox;
mod memory;
pub mod mesh;
pub mod metrics;
pub mod net;
mod notifier;
pub mod passwords;
mod privacy;
pub mod runtime;
mod secret_memory;
pub mod serve;
pub mod server;
pub mod service;
pub mod store;
mod sync;
mod throttle;
pub mod vital;
