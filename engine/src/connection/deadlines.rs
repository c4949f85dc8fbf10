//! A timing wheel of seconds: one entry a connection, so that a hundred thousand idle connections cost
//! nothing until they are due.

use std::collections::VecDeque;

use crate::context::MICROS_PER_SECOND;
use crate::ids::ConnId;

/// Seconds in one turn of the wheel; more than most deadlines are away. One further away is looked at once in a turn.
const SLOTS: u64 = 128;

/// Which connections are to be looked at in which second: never before they are due, and less than a second after. An
/// entry counts only if its connection still has the same deadline noted; so a deadline is moved by adding another
/// entry.
pub(super) struct Deadlines {
    slots: Vec<Vec<(ConnId, u64)>>,
    /// The second up to which entries are due.
    passed: u64,
    /// Entries that are due.
    due: VecDeque<(ConnId, u64)>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            passed: 0,
            due: VecDeque::new(),
        }
    }
}

impl Deadlines {
    /// Adds what is due then, in microseconds.
    pub(super) fn add(&mut self, id: ConnId, due_micros: u64) {
        let second = due_micros.div_ceil(MICROS_PER_SECOND);
        let second = second.clamp(self.passed + 1, self.passed + SLOTS - 1);
        self.slots[(second % SLOTS) as usize].push((id, due_micros));
    }

    /// It is `now_micros`.
    pub(super) fn pass(&mut self, now_micros: u64) {
        let now = now_micros / MICROS_PER_SECOND;
        let first = (self.passed + 1).max(now.saturating_sub(SLOTS - 1));
        for second in first..=now {
            self.due
                .extend(self.slots[(second % SLOTS) as usize].drain(..));
        }
        self.passed = self.passed.max(now);
    }

    /// Takes an entry that is due.
    pub(super) fn next_due(&mut self) -> Option<(ConnId, u64)> {
        self.due.pop_front()
    }

    /// Whether entries are due.
    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Microseconds between two looks.
    const HEARTBEAT: u64 = 100_000;

    proptest! {
        #[test]
        fn an_entry_comes_back_when_it_is_due_and_within_a_second(
            dues in proptest::collection::vec(1u64..120 * MICROS_PER_SECOND, 1..40),
        ) {
            let mut deadlines = Deadlines::default();
            for (slot, due) in (0..).zip(&dues) {
                deadlines.add(ConnId { slot, generation: 0 }, *due);
            }
            let mut seen = 0;
            for now in (0..=SLOTS * MICROS_PER_SECOND).step_by(HEARTBEAT as usize) {
                deadlines.pass(now);
                while let Some((_, due)) = deadlines.next_due() {
                    prop_assert!(due <= now && now < due + MICROS_PER_SECOND, "{due} at {now}");
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, dues.len());
        }
    }

    #[test]
    fn nothing_is_forgotten_when_seconds_are_skipped() {
        let mut deadlines = Deadlines::default();
        for (slot, due) in [(1, 3), (2, 90)] {
            let id = ConnId {
                slot,
                generation: 0,
            };
            deadlines.add(id, due * MICROS_PER_SECOND);
        }
        deadlines.pass(1000 * MICROS_PER_SECOND);
        assert_eq!(std::iter::from_fn(|| deadlines.next_due()).count(), 2);
    }
}
