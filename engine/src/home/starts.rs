//! Where a room stood when WebSockets became ready: what they were sent live begins there. A home numbers these moments, and
//! a room notes where it stands when it advances for the first time after one. So no socket costs a room anything.

use std::collections::VecDeque;

use rookery_schema::Seq;

use crate::context::MICROS_PER_SECOND;

/// Notes of one room.
const NOTES_MAX: usize = 1024;
/// Microseconds for which a note is kept: clients resume as soon as they are ready.
const NOTE_MICROS: u64 = 30 * MICROS_PER_SECOND;

/// A moment at which a socket of a home became ready: the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// Oldest first.
    notes: VecDeque<Note>,
    /// The latest moment that a note was about.
    noted: Moment,
    /// Nothing is known of moments up to this one.
    forgotten: Moment,
    /// When it is to forget what is old, in microseconds, where it has notes.
    due_micros: Option<u64>,
}

/// Until this moment, the event that came next had this seq.
#[derive(Debug)]
struct Note {
    moment: Moment,
    next: Seq,
    noted_micros: u64,
}

impl Starts {
    /// The room advances from `next` on; `latest` is the latest moment of its home. When it is to forget what is old, in
    /// microseconds, where it has its first note.
    pub(crate) fn advance(&mut self, next: Seq, latest: Moment, now_micros: u64) -> Option<u64> {
        if latest <= self.noted {
            return None;
        }
        self.note(next, latest, now_micros);
        if self.due_micros.is_some() {
            return None;
        }
        self.due_micros = Some(now_micros + NOTE_MICROS);
        self.due_micros
    }

    /// It was due to forget what is old: no room that falls silent keeps its notes. When it is due again, in microseconds.
    pub(crate) fn forget(&mut self, due_micros: u64, now_micros: u64) -> Option<u64> {
        // A room of this name may have gone, and another one come.
        if self.due_micros != Some(due_micros) {
            return None;
        }
        self.forget_old(now_micros);
        self.notes.shrink_to_fit();
        self.due_micros = (!self.notes.is_empty()).then_some(now_micros + NOTE_MICROS);
        self.due_micros
    }

    fn forget_old(&mut self, now_micros: u64) {
        let is_old = |note: &mut Note| note.noted_micros + NOTE_MICROS <= now_micros;
        while let Some(old) = self.notes.pop_front_if(is_old) {
            self.forgotten = old.moment;
        }
    }

    #[cold]
    fn note(&mut self, next: Seq, moment: Moment, now_micros: u64) {
        self.noted = moment;
        self.forget_old(now_micros);
        if self.notes.len() >= NOTES_MAX
            && let Some(oldest) = self.notes.pop_front()
        {
            self.forgotten = oldest.moment;
        }
        self.notes.push_back(Note {
            moment,
            next,
            noted_micros: now_micros,
        });
    }

    /// The seq of the first event since a moment, where the room has advanced since then.
    pub(crate) fn first_since(&self, moment: Moment) -> FirstSince {
        if moment <= self.forgotten {
            return FirstSince::Forgotten;
        }
        let later = self.notes.partition_point(|note| note.moment < moment);
        match self.notes.get(later) {
            Some(note) => FirstSince::Event(note.next),
            None => FirstSince::Nothing,
        }
    }
}

/// What came first in a room since a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstSince {
    Event(Seq),
    /// Nothing came.
    Nothing,
    /// It was too long ago, or too much happened.
    Forgotten,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_knows_what_came_first_since_each_moment(
            steps in proptest::collection::vec(proptest::bool::weighted(0.4), 1..200),
        ) {
            let mut starts = Starts::default();
            let (mut latest, mut next) = (Moment(0), Seq(1));
            let mut stood_at = Vec::new();
            for becomes_ready in steps {
                if becomes_ready {
                    latest.0 += 1;
                    stood_at.push((latest, next));
                } else {
                    starts.advance(next, latest, 0);
                    next.0 += 2;
                }
            }
            for (moment, stood) in stood_at {
                let expected = match stood == next {
                    true => FirstSince::Nothing,
                    false => FirstSince::Event(stood),
                };
                prop_assert_eq!(starts.first_since(moment), expected);
            }
        }
    }

    #[test]
    fn what_is_long_ago_is_forgotten_and_so_is_what_is_too_much() {
        let mut starts = Starts::default();
        starts.advance(Seq(1), Moment(1), 0);
        starts.advance(Seq(2), Moment(2), NOTE_MICROS - 1);
        assert_eq!(starts.first_since(Moment(1)), FirstSince::Event(Seq(1)));
        starts.advance(Seq(3), Moment(3), NOTE_MICROS);
        assert_eq!(starts.first_since(Moment(1)), FirstSince::Forgotten);
        assert_eq!(starts.first_since(Moment(2)), FirstSince::Event(Seq(2)));
        for n in 4..=NOTES_MAX as u64 + 2 {
            starts.advance(Seq(n), Moment(n), NOTE_MICROS);
        }
        assert_eq!(starts.first_since(Moment(2)), FirstSince::Forgotten);
        assert_eq!(starts.first_since(Moment(3)), FirstSince::Event(Seq(3)));
    }

    #[test]
    fn a_room_that_falls_silent_keeps_nothing() {
        let mut starts = Starts::default();
        let due = starts.advance(Seq(1), Moment(1), 0);
        assert_eq!(due, Some(NOTE_MICROS));
        for n in 2..=NOTES_MAX as u64 {
            assert_eq!(starts.advance(Seq(n), Moment(n), n), None, "it is due");
        }
        let (newest, again) = (NOTES_MAX as u64, 2 * NOTE_MICROS);
        assert_eq!(starts.forget(NOTE_MICROS, NOTE_MICROS), Some(again));
        assert_eq!(starts.first_since(Moment(1)), FirstSince::Forgotten);
        assert_eq!(starts.first_since(Moment(2)), FirstSince::Event(Seq(2)));
        assert_eq!(starts.forget(NOTE_MICROS, u64::MAX), None, "of another");
        assert_eq!(starts.forget(again, again), None);
        assert_eq!(starts.notes.capacity(), 0);
        assert_eq!(starts.first_since(Moment(newest)), FirstSince::Forgotten);
        let due = starts.advance(Seq(9999), Moment(newest + 1), again);
        assert_eq!(due, Some(again + NOTE_MICROS));
    }
}
