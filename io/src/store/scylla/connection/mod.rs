//! A session with all its statements, and what a lane does through it.

mod amendments;
mod deletions;
mod history;
mod own;
mod read;
mod users;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use scylla::client::session::Session;

use super::statements::Statements;

/// A session with all its statements.
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) statements: Statements,
    /// Of the newest row in the keyspace, as all lanes know it.
    pub(super) format: Arc<AtomicU32>,
}

impl Connection {
    /// See [`rookery_schema::format`].
    pub(super) fn format(&self) -> u32 {
        self.format.load(Ordering::Acquire)
    }

    pub(super) fn set_format(&self, raised: u32) {
        self.format.store(raised, Ordering::Release);
    }
}
