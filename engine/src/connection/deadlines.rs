//! A timing wheel of seconds: one entry a connection, so that a hundred thousand idle connections cost
//! nothing until they are due.

use crate::ids::ConnId;

/// Seconds in one turn of the wheel; more than any deadline is away.
const SLOTS: u64 = 128;

/// Which connections are to be looked at in which second. An entry counts only if its connection still
/// has the same due second noted; so a deadline is moved by adding another entry.
pub(super) struct Deadlines {
    slots: Vec<Vec<(ConnId, u64)>>,
    /// The second up to which entries were taken.
    taken: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            taken: 0,
        }
    }
}

impl Deadlines {
    pub(super) fn add(&mut self, id: ConnId, due: u64) {
        let due_slot = due.clamp(self.taken + 1, self.taken + SLOTS - 1);
        self.slots[(due_slot % SLOTS) as usize].push((id, due));
    }

    /// Takes what is due by `now`, in seconds.
    pub(super) fn take_due(&mut self, now: u64) -> Vec<(ConnId, u64)> {
        let mut due = Vec::new();
        let first = (self.taken + 1).max(now.saturating_sub(SLOTS - 1));
        for second in first..=now {
            due.append(&mut self.slots[(second % SLOTS) as usize]);
        }
        self.taken = self.taken.max(now);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_entry_comes_back_in_its_second(dues in proptest::collection::vec(1u64..120, 1..40)) {
            let mut deadlines = Deadlines::default();
            for (slot, due) in (0..).zip(&dues) {
                deadlines.add(ConnId { slot, generation: 0 }, *due);
            }
            let mut seen = 0;
            for now in 0..=SLOTS {
                for (_, due) in deadlines.take_due(now) {
                    prop_assert_eq!(due, now);
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, dues.len());
        }
    }

    #[test]
    fn nothing_is_forgotten_when_seconds_are_skipped() {
        let mut deadlines = Deadlines::default();
        deadlines.add(
            ConnId {
                slot: 1,
                generation: 0,
            },
            3,
        );
        deadlines.add(
            ConnId {
                slot: 2,
                generation: 0,
            },
            90,
        );
        assert_eq!(deadlines.take_due(1000).len(), 2);
    }
}
