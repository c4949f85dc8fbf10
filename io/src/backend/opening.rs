//! How a server asks for its log and store, and what it gets.

use std::sync::Arc;

use rookery_schema::{Placement, Routing};

use crate::embedded::Disk;
use crate::lane::Lane;
use crate::mailbox::Mailbox;
use crate::runtime::Backend;
use crate::startup::Startup;
use crate::vital::Shutdown;

/// What log and store need in order to open. If opening fails halfway, `shutdown` must begin before the
/// lanes that already run lose their rings.
pub struct Opening<'a> {
    /// For each shard, the CPU that its lanes are pinned to, if any.
    pub cpus: &'a [Option<usize>],
    /// For each shard, where its events go.
    pub mailboxes: &'a [Mailbox],
    /// Tells lanes when they may end.
    pub shutdown: &'a Shutdown,
    /// Told what is waited for; a log or store that waits for an outside server gives up where it is interrupted.
    pub startup: &'a Startup,
}

impl Opening<'_> {
    /// Which shard serves which of so many partitions.
    ///
    /// # Errors
    /// Where there are none.
    pub fn routing(&self, partitions: u32) -> Result<Routing, OpenError> {
        let shards = u16::try_from(self.cpus.len()).ok();
        let placement = Placement::new(partitions);
        let routing = shards.and_then(|shards| Routing::new(placement?, shards));
        routing.ok_or_else(|| "a log needs at least one partition".into())
    }
}

/// An open log and store.
pub struct Opened {
    /// Which shard serves which partition of the log.
    pub routing: Routing,
    /// Batches of one partition that the log holds at most; the shard gathers more records meanwhile.
    pub appends_in_flight_max: usize,
    /// Microseconds between two appends to a partition, unless many records wait.
    pub append_pace_micros: u64,
    /// For each shard, in order.
    pub backends: Vec<Backend>,
    /// The disk that they fill, if they are embedded.
    pub disk: Option<Arc<Disk>>,
    /// Joined at the end, in this order.
    pub lanes: Vec<Lane>,
}

/// Why log or store can't be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;
