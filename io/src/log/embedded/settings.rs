//! How the embedded log treats its disk.

use rookery_schema::Offset;
use rookery_schema::limits::DEDUP_WINDOW_RECORDS;

use crate::embedded::Durability;

/// Bytes of a segment.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes of blocks that a partition keeps for small changes on a full disk: some thousand logouts.
const RESERVE_BYTES: u64 = 256 << 10;

/// How the log treats its disk.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub durability: Durability,
    /// Bytes of a segment file, of which only whole ones are removed.
    pub segment_bytes: u64,
    /// Records below the committed one that are kept.
    pub window_records: u64,
    /// Bytes of blocks that are kept for small changes.
    pub reserve_bytes: u64,
}

impl Settings {
    /// What fits real disks.
    pub const fn new(durability: Durability) -> Self {
        Self {
            durability,
            segment_bytes: SEGMENT_BYTES,
            window_records: DEDUP_WINDOW_RECORDS,
            reserve_bytes: RESERVE_BYTES,
        }
    }

    /// The oldest record that is kept when so much is committed.
    pub(super) const fn kept_at(&self, committed: Offset) -> Offset {
        Offset(committed.0.saturating_sub(self.window_records))
    }
}
