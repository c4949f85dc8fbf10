//! How far a store is, as its log has to know.

use rookery_schema::Offset;

/// What a store had of a partition when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The store is empty.
    Nothing,
    /// The store has rows, but no record of this partition.
    Unknown,
    /// Records below this offset, the last one included.
    Below(Offset),
}

impl Stored {
    /// Records below were in the store, as far as it can tell.
    pub(super) const fn offset(self) -> Offset {
        match self {
            Self::Nothing | Self::Unknown => Offset(0),
            Self::Below(offset) => offset,
        }
    }
}
