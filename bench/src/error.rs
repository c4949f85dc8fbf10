//! Why there is no measurement.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::CallError;
use crate::load::worker::WorkerError;

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("{0}; is a server running there? (see bench/README.md)")]
    Call(#[from] CallError),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error("{url} is no address: {source}; give one such as http://127.0.0.1:8000")]
    Address { url: String, source: io::Error },
    #[error("the server's reply to {path} has no {field}; is it a Rookery of this version?")]
    Missing { path: String, field: &'static str },
    #[error("{0}")]
    Usage(&'static str),
    #[error(
        "{0} of the messages that were to be history were refused; try again when the server has less to do"
    )]
    NoHistory(u64),
    #[error(
        "the server's memory can't be read; say with --pid which process of this machine it is"
    )]
    NoMemory,
    #[error(
        "NATS: {0}; is nats-server running there, with JetStream (-js)? It is a single binary of \
         https://github.com/nats-io/nats-server/releases"
    )]
    Nats(#[source] io::Error),
    #[error(
        "Centrifuge at {addr}: {source}; build the peer with Go (go -C bench/peers/centrifuge build -o \
         /tmp/centrifuge-peer), start it (/tmp/centrifuge-peer), or say with --peer-url where it is"
    )]
    Centrifuge { addr: SocketAddr, source: io::Error },
    #[error("random bytes: {0}")]
    Random(#[source] io::Error),
    #[error("printing: {0}")]
    Print(#[source] io::Error),
    #[error("{path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} can't be drawn: {why}")]
    Draw { path: PathBuf, why: String },
}
