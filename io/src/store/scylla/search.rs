//! Searches among a chat's events, each of a few looks at one of them. They know no server.

use rookery_schema::Seq;
use rookery_schema::cql::is_last_of_bucket;

/// What a search does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look<A, F> {
    At(A),
    /// It is over, and this is what was searched for.
    Done(F),
}

/// The search for the newest bucket that is not empty: twice as far each time, then halving.
#[derive(Debug, Default)]
pub(super) struct HeadSearch {
    /// The newest bucket known to have events.
    filled: Option<i32>,
    /// The oldest bucket known to be empty.
    empty: Option<i32>,
}

impl HeadSearch {
    pub(super) const fn next(&self) -> Look<i32, Option<i32>> {
        match (self.filled, self.empty) {
            (None, None) => Look::At(0),
            (None, Some(_)) => Look::Done(None),
            (Some(0), None) => Look::At(1),
            (Some(filled), None) => Look::At(filled.saturating_mul(2)),
            (Some(filled), Some(empty)) if empty - filled <= 1 => Look::Done(Some(filled)),
            (Some(filled), Some(empty)) => Look::At(filled + (empty - filled) / 2),
        }
    }

    pub(super) fn found(&mut self, bucket: i32, newest: Option<Seq>) {
        match newest {
            Some(newest) => {
                self.filled = Some(bucket);
                // One that has room is the last.
                if !is_last_of_bucket(newest) {
                    self.empty = Some(bucket + 1);
                }
            }
            None => self.empty = Some(bucket),
        }
    }
}

/// The search for a message by its number, past events of other kinds, of which there may be a million. Each
/// event has the count of messages up to it, so it is the oldest that has so many. Twice as far each time, then
/// halving.
#[derive(Debug)]
pub(super) struct MessageSearch {
    number: u64,
    is_down: bool,
    stride: u64,
    /// The newest seq known to have fewer messages.
    fewer: u64,
    /// The oldest seq known to have as many, or to be beyond the head.
    enough: u64,
}

impl MessageSearch {
    /// For the message with this number, which is older than an event.
    pub(super) const fn down(from: u64, number: u64) -> Self {
        Self {
            number,
            is_down: true,
            stride: 1,
            fewer: 0,
            enough: from,
        }
    }

    /// For the message with this number, which is newer than an event. Where there is none yet, it ends just
    /// beyond the head.
    pub(super) const fn up(from: u64, number: u64) -> Self {
        Self {
            number,
            is_down: false,
            stride: 1,
            fewer: from,
            enough: u64::MAX,
        }
    }

    pub(super) fn next(&self) -> Look<u64, u64> {
        if self.enough.saturating_sub(self.fewer) <= 1 {
            return Look::Done(self.enough);
        }
        let middle = self.fewer + (self.enough - self.fewer) / 2;
        Look::At(if self.is_down {
            middle.max(self.enough.saturating_sub(self.stride))
        } else {
            middle.min(self.fewer.saturating_add(self.stride))
        })
    }

    /// The count of messages of the event that was looked at; none where it is not there.
    pub(super) fn found(&mut self, at: u64, messages: Option<u64>) {
        self.stride = self.stride.saturating_mul(2);
        if messages.is_none_or(|messages| messages >= self.number) {
            self.enough = at;
        } else {
            self.fewer = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rookery_schema::cql::{BUCKET_BITS, bucket};

    fn search(head: Option<u64>) -> (Option<i32>, usize) {
        let mut search = HeadSearch::default();
        let mut looks = 0;
        loop {
            match search.next() {
                Look::Done(found) => return (found, looks),
                Look::At(at) => {
                    looks += 1;
                    let last = ((at as u64 + 1) << BUCKET_BITS) - 1;
                    let first = (at as u64) << BUCKET_BITS;
                    let newest = head
                        .filter(|head| *head >= first)
                        .map(|head| head.min(last));
                    search.found(at, newest.map(Seq));
                }
            }
        }
    }

    #[test]
    fn most_chats_take_one_look() {
        assert_eq!(search(None), (None, 1));
        assert_eq!(search(Some(1)), (Some(0), 1));
        assert_eq!(search(Some((1 << BUCKET_BITS) - 2)), (Some(0), 1));
        assert_eq!(search(Some((1 << BUCKET_BITS) - 1)), (Some(0), 2));
    }

    /// Of a chat whose messages have these seqs.
    fn find(mut search: MessageSearch, seqs: &[u64], head: u64) -> (u64, usize) {
        let mut looks = 0;
        loop {
            match search.next() {
                Look::Done(found) => return (found, looks),
                Look::At(at) => {
                    looks += 1;
                    let count = seqs.iter().filter(|seq| **seq <= at).count();
                    search.found(at, (at <= head).then_some(count as u64));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_newest_bucket_is_found_in_few_looks(head in 1..1u64 << 45) {
            let (found, looks) = search(Some(head));
            prop_assert_eq!(found, Some(bucket(Seq(head))));
            prop_assert!(looks <= 2 * 31);
        }

        #[test]
        fn a_message_is_found_from_both_sides_in_few_looks(
            gaps in proptest::collection::vec(1..1u64 << 20, 1..20),
            at: proptest::sample::Index,
            silent in 0..1000u64,
        ) {
            let seqs: Vec<u64> = gaps.iter().scan(0, |seq, gap| { *seq += gap; Some(*seq) }).collect();
            let head = seqs[seqs.len() - 1] + silent;
            let place = at.index(seqs.len());
            let (wanted, number) = (seqs[place], place as u64 + 1);
            let newer = seqs.get(place + 1).map_or(head, |next| next - 1);
            if newer > wanted {
                let (found, looks) = find(MessageSearch::down(newer, number), &seqs, head);
                prop_assert_eq!(found, wanted);
                prop_assert!(looks <= 2 * 21, "{} looks", looks);
            }
            let older = place.checked_sub(1).map_or(0, |place| seqs[place]);
            let (found, looks) = find(MessageSearch::up(older, number), &seqs, head);
            prop_assert_eq!(found, wanted);
            prop_assert!(looks <= 2 * 21, "{} looks", looks);
            let (found, _) = find(MessageSearch::up(head, seqs.len() as u64 + 1), &seqs, head);
            prop_assert_eq!(found, head + 1);
        }
    }
}
