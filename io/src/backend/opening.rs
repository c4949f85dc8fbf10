//! How a server asks for its log and store, and what it gets.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rookery_schema::Routing;

use crate::embedded::Disk;
use crate::lane::Lane;
use crate::mailbox::Mailbox;
use crate::runtime::Backend;
use crate::vital::Shutdown;

/// What log and store need in order to open. If opening fails halfway, `shutdown` must begin before the
/// lanes that already run lose their rings.
pub struct Opening<'a> {
    /// Which shard serves which partition.
    pub routing: Routing,
    /// For each shard, the CPU that its lanes are pinned to, if any.
    pub cpus: &'a [Option<usize>],
    /// For each shard, where its events go.
    pub mailboxes: &'a [Mailbox],
    /// Tells lanes when they may end.
    pub shutdown: &'a Shutdown,
    /// Set when the process was told to stop: a log or store that waits for an outside server gives up.
    pub interrupted: &'a AtomicBool,
}

/// An open log and store.
pub struct Opened {
    /// For each shard, in order.
    pub backends: Vec<Backend>,
    /// The disk that they fill, if they are embedded.
    pub disk: Option<Arc<Disk>>,
    /// Joined at the end, in this order.
    pub lanes: Vec<Lane>,
}

/// Why log or store can't be opened.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;
