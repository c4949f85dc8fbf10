//! Why the scylla store can't be used.

use std::io;

use uuid::Uuid;

use crate::config::CredentialsError;
use crate::vital::{EXIT_FAILURE, Failure};

/// The store can't be used. Where it merely doesn't answer, it is waited for instead.
#[derive(Debug, thiserror::Error)]
pub enum ScyllaError {
    #[error(
        "keyspace {keyspace} has schema version {found}, and Rookery {} knows up to {known}: start the version \
         that upgraded it, or a newer one, or name another --keyspace",
        env!("CARGO_PKG_VERSION")
    )]
    NewerSchema {
        keyspace: String,
        found: u32,
        known: u32,
    },
    #[error(
        "keyspace {keyspace} belongs to log {found}, not to log {wanted}: bring the two together that \
         were written together, or name another --keyspace"
    )]
    OtherLog {
        keyspace: String,
        found: Uuid,
        wanted: Uuid,
    },
    #[error(
        "table meta of keyspace {keyspace} has {value:?} as {key}, which nobody wrote there: restore it"
    )]
    Malformed {
        keyspace: String,
        key: &'static str,
        value: String,
    },
    #[error(
        "the store at {nodes} does not answer: {reason}; start it, or correct --scylla or --scylla-credentials-file"
    )]
    Unreachable { nodes: String, reason: String },
    #[error(
        "the store at {nodes} refuses this user: {reason}; correct --scylla-credentials-file, or grant the \
         user what infra/README.md lists"
    )]
    Refused { nodes: String, reason: String },
    #[error(
        "the store at {nodes} does not set up keyspace {keyspace}: {reason}; make the keyspace by hand as the store \
         wants it, or name another --keyspace"
    )]
    Rejected {
        nodes: String,
        keyspace: String,
        reason: String,
    },
    #[error(
        "the store at {nodes} does not take the statements of this version: {reason}; if that is not for a node \
         that lags behind, keyspace {keyspace} has the tables of an unreleased version or of another hand: name \
         another --keyspace"
    )]
    OtherTables {
        nodes: String,
        keyspace: String,
        reason: String,
    },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("told to stop while waiting for the store")]
    Interrupted,
    #[error("no thread for the store: {0}")]
    Thread(io::Error),
}

impl Failure for ScyllaError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Credentials(error) => error.exit_code(),
            _ => EXIT_FAILURE,
        }
    }
}
