//! How much memory the chats of a shard may take.

/// Chats that a shard keeps in memory; above it, unused ones are forgotten.
const CHATS_MAX: usize = 200_000;
/// Bytes of stored events of one chat kept in memory.
const RECENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of stored events that all chats of a shard keep in memory, once each was swept.
const RECENT_BYTES_TOTAL: usize = 256 << 20;
/// Chats of a shard looked at in one tick to find some to forget.
const CHATS_SWEPT: usize = 4096;
/// What a shard's partitions share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bytes of stored events that one chat may keep: the more chats, the fewer each.
    pub(crate) recent_bytes_max: usize,
    /// Unused chats are forgotten.
    pub(crate) too_many: bool,
    /// Chats of each partition looked at in one tick.
    pub(crate) swept: usize,
}

impl Budget {
    /// For a shard with so many chats in so many partitions.
    pub(crate) fn new(chats: usize, partitions: usize) -> Self {
        Self {
            recent_bytes_max: RECENT_BYTES_MAX.min(RECENT_BYTES_TOTAL / chats.max(1)),
            too_many: chats > CHATS_MAX,
            swept: CHATS_SWEPT.div_ceil(partitions.max(1)),
        }
    }
}

impl Budget {
    /// Whether chats need not be looked at: each may keep the most.
    pub(crate) const fn is_ample(self) -> bool {
        self.recent_bytes_max == RECENT_BYTES_MAX
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(0, 0)
    }
}
