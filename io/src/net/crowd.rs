//! Connections of crowds that have something to send, and wait until others were sent what is for them.

use std::collections::VecDeque;

use rookery_engine::ids::ConnId;

/// Those that one round sends to: less than a millisecond, then others have their turn.
const SENDS_MAX: usize = 64;
/// Microseconds after which they wait for nobody, however long rounds take: no reader may look slow for that.
const WAIT_MICROS_MAX: u64 = 100_000;

/// See the module.
#[derive(Default)]
pub(crate) struct Crowd {
    /// Each once, and since when, in microseconds; oldest first.
    waiting: VecDeque<(ConnId, u64)>,
    /// How many have had their turn.
    served: u64,
    /// Broadcasts to them: how many have had their turn once they are done, and when they were applied, in microseconds.
    broadcasts: VecDeque<(u64, u64)>,
}

impl Crowd {
    pub(super) fn push(&mut self, conn: ConnId, now_micros: u64) {
        self.waiting.push_back((conn, now_micros));
    }

    /// The next, unless this round has sent to enough.
    pub(super) fn next(&mut self, sent: usize, now_micros: u64) -> Option<ConnId> {
        let &(conn, since) = self.waiting.front()?;
        if sent >= SENDS_MAX && now_micros < since + WAIT_MICROS_MAX {
            return None;
        }
        self.waiting.pop_front();
        self.served += 1;
        Some(conn)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many have come.
    pub(crate) fn pushed(&self) -> u64 {
        self.served + self.waiting.len() as u64
    }

    /// Notes broadcasts that are done once all have had their turn who wait now.
    pub(crate) fn hold(&mut self, applied: impl Iterator<Item = u64>) {
        let done_at = self.pushed();
        self.broadcasts.extend(applied.map(|it| (done_at, it)));
    }

    /// Takes those that are done by now.
    pub(crate) fn take_done(&mut self) -> Vec<u64> {
        let is_done = |&(done_at, _): &(u64, u64)| done_at <= self.served;
        let done = self.broadcasts.iter().take_while(|it| is_done(it)).count();
        self.broadcasts.drain(..done).map(|it| it.1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn conn(slot: u32) -> ConnId {
        ConnId {
            slot,
            generation: 0,
        }
    }

    fn round(crowd: &mut Crowd, now: u64) -> usize {
        let mut sent = 0;
        while crowd.next(sent, now).is_some() {
            sent += 1;
        }
        sent
    }

    #[test]
    fn a_round_sends_to_some_and_to_all_who_have_waited_long() {
        let mut crowd = Crowd::default();
        (0..200).for_each(|slot| crowd.push(conn(slot), u64::from(slot / 100)));
        assert_eq!(crowd.next(0, 0), Some(conn(0)), "the oldest first");
        assert_eq!(round(&mut crowd, 10), SENDS_MAX);
        assert_eq!(round(&mut crowd, WAIT_MICROS_MAX), SENDS_MAX);
        (200..300).for_each(|slot| crowd.push(conn(slot), 5));
        assert_eq!(round(&mut crowd, WAIT_MICROS_MAX + 1), 71);
        assert_eq!(round(&mut crowd, WAIT_MICROS_MAX + 5), 100);
        assert!(crowd.is_empty());
    }

    #[test]
    fn a_broadcast_is_done_once_all_have_had_their_turn_who_waited_then() {
        let mut crowd = Crowd::default();
        (0..65).for_each(|slot| crowd.push(conn(slot), 0));
        crowd.hold([7, 8].into_iter());
        crowd.push(conn(65), 0);
        crowd.hold([9].into_iter());
        assert_eq!(round(&mut crowd, 0), 64);
        assert_eq!(crowd.take_done(), [0_u64; 0]);
        assert!(crowd.next(0, 0).is_some());
        assert_eq!(crowd.take_done(), [7, 8]);
        assert!(crowd.next(0, 0).is_some());
        assert_eq!(crowd.take_done(), [9]);
        assert_eq!(crowd.pushed(), 66);
    }
}
