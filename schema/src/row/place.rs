//! How far a chat has come, and its readers.

use crate::ids::{Offset, PartitionId, Seq};

/// How far a chat has come: carried by every event's row, so that the newest one tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest event's number.
    pub seq: Seq,
    /// How many messages there were up to it.
    pub messages: u64,
    /// The log partition of its record.
    pub partition: PartitionId,
    /// The place of its record in that partition.
    pub offset: Offset,
}

impl Head {
    /// The place of the newest event.
    pub const fn mark(self) -> Mark {
        Mark {
            seq: self.seq,
            messages: self.messages,
        }
    }
}

/// A place in a chat: further places have higher seqs, and no fewer messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub seq: Seq,
    /// How many messages there are up to it.
    pub messages: u64,
}

impl Mark {
    /// The creation of a chat, which comes before all else.
    pub const CREATION: Self = Self {
        seq: Seq(1),
        messages: 0,
    };
}
