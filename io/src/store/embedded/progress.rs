//! How far a lane has come.

use std::collections::HashMap;

use rookery_schema::row::Row;
use rookery_schema::{Offset, PartitionId};

/// What one lane has written so far.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) batches: u64,
    /// How far each partition is stored, see [`Row::Reached`].
    pub(super) stored: HashMap<PartitionId, Offset>,
}

impl Progress {
    /// What one more batch changes.
    pub(super) fn after<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> Self {
        let mut changed = HashMap::new();
        for row in rows {
            if let Row::Reached { partition, behind } = row {
                let before = self.stored.get(partition).copied().unwrap_or_default();
                let stored = changed.entry(*partition).or_insert(before);
                *stored = (*stored).max(*behind);
            }
        }
        Self {
            batches: self.batches + 1,
            stored: changed,
        }
    }

    /// Takes over what [`Progress::after`] found.
    pub(super) fn advance(&mut self, after: Self) {
        self.batches = after.batches;
        self.stored.extend(after.stored);
    }
}
