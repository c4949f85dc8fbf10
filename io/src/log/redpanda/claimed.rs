//! What a process knows of a partition between its claim and the first record that it reads.

use rookery_engine::port::Opened;
use rookery_schema::PartitionId;
use rookery_schema::claims::Claim;

use super::ownership::{Mark, Ownership};

/// A partition that this process has claimed, and may own once it has read that.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    pub(super) id: PartitionId,
    pub(super) opened: Opened,
    pub(super) claim: Claim,
    pub(super) mark: Option<Mark>,
}

impl Claimed {
    pub const fn partition(&self) -> PartitionId {
        self.id
    }

    pub(super) fn ownership(&self) -> Ownership {
        let start = self.opened.start;
        Ownership::new(self.claim, start, Mark::standing(self.mark, start))
    }
}
