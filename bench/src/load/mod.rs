//! The load generator: one thread, one epoll instance, and connections that cost little.

pub mod centrifuge;
pub mod codec;
mod connection;
pub(crate) mod dial;
mod dispatcher;
mod frames;
pub(crate) mod handshake;
pub mod history;
pub mod http;
pub mod ledger;
pub mod link;
pub mod nats;
pub(crate) mod poller;
mod pool;
pub mod run;
mod scan;
mod typing;
pub mod typists;
pub mod worker;
pub mod ws;
