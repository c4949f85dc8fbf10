//! What a shard touches: executors, sockets, the mesh, lanes, log, store, and the process itself.

pub mod lane;
pub mod mailbox;
pub mod mesh;
pub mod metrics;
pub mod net;
pub mod passwords;
pub mod runtime;
pub mod server;
pub mod vital;
