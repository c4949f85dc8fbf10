//! The logs behind the engine's [`Log`](rookery_engine::port::Log) port.

mod backend;
pub mod embedded;
pub mod redpanda;

pub(crate) use backend::LogBackend;
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
    const fn offset(self) -> Offset {
        match self {
            Self::Nothing | Self::Unknown => Offset(0),
            Self::Below(offset) => offset,
        }
    }
}
