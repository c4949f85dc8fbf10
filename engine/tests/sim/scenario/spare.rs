//! What users know of the chats that they make beside the rooms.

use crate::wires::WireId;

/// Users who make chats by keys, and who have direct chats with each other.
pub(super) const KEEPERS: usize = 3;
/// Keys of each of them.
pub(super) const KEYS: usize = 4;

/// Chats beside the rooms.
#[derive(Default)]
pub(super) struct Spares {
    pub(super) asked: Vec<(WireId, Asked)>,
    /// By user and key.
    pub(super) keyed: [[Keyed; KEYS]; KEEPERS],
    /// By two users, the lower one first.
    pub(super) direct: [[Option<String>; KEEPERS]; KEEPERS],
    /// Whether the first has blocked the second, where that is known.
    pub(super) blocks: [[Block; KEEPERS]; KEEPERS],
}

/// A chat that was made by a key, or will be.
#[derive(Default)]
pub(super) struct Keyed {
    pub(super) id: Option<String>,
    /// Somebody wants it deleted, so that it may be.
    pub(super) may_be_gone: bool,
    pub(super) is_gone: bool,
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) is_set: bool,
    /// How many changes of it were asked for: one after the other.
    pub(super) changes: usize,
    /// One of them was not answered, or nobody knows what became of it.
    pub(super) is_doubtful: bool,
}

/// What was asked for and not answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Make {
        user: usize,
        key: usize,
        is_other: bool,
    },
    Delete {
        user: usize,
        key: usize,
    },
    Open {
        one: usize,
        other: usize,
    },
    Block {
        by: usize,
        other: usize,
        is_blocked: bool,
    },
    /// What was known of the block when it was asked for.
    Post {
        to: usize,
        by: usize,
        block: Block,
    },
}
