//! What the store still has of what deleted users said, chat by chat, a page of events at a time. The store knows how far that
//! is, so that another owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::limits::PAGE_MESSAGES_MAX;
use rookery_schema::row::{RewriteRow, Row};
use rookery_schema::{PartitionId, Seq};

use crate::edge::port::{Read, StoredEvent};
use crate::owner::erased::rewritten;

/// Users, each in one chat, who are looked for at a time.
const SENDERS_MAX: usize = 64;
/// Microseconds until the store is read again that could not be.
const RETRY_MICROS: u64 = 1_000_000;
/// Microseconds until those are looked for again who could not be done.
const AGAIN_MICROS: u64 = 10_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rewriting {
    /// The store may have users who are not among these.
    is_wanted: bool,
    /// What the first of them said is being rewritten.
    senders: VecDeque<RewriteRow>,
    /// Some that were found could not be done, and are still in the store.
    is_any_left: bool,
    /// The store has not answered.
    is_under_way: bool,
    /// Nothing is done before.
    resume_micros: u64,
}

/// What the store is asked next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whose content there is to rewrite.
    Senders(Read),
    /// The next events of the first one's chat.
    Events(Read),
}

impl Rewriting {
    /// There may be something to rewrite.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// What is to be read, unless something is under way.
    pub(crate) fn next(&mut self, partition: PartitionId, now_micros: u64) -> Option<Next> {
        if self.senders.is_empty() && std::mem::take(&mut self.is_any_left) {
            self.is_wanted = true;
            self.resume_micros = now_micros + AGAIN_MICROS;
        }
        if self.is_under_way || now_micros < self.resume_micros {
            return None;
        }
        let Some(sender) = self.senders.front() else {
            if !self.is_wanted {
                return None;
            }
            // Who wants it from here on may mean one that this read does not find.
            self.is_wanted = false;
            self.is_under_way = true;
            return Some(Next::Senders(Read::Rewrites {
                partition,
                limit: SENDERS_MAX,
            }));
        };
        self.is_under_way = true;
        Some(Next::Events(Read::EventsAfter {
            chat_id: sender.chat_id,
            after: sender.through,
            limit: PAGE_MESSAGES_MAX,
        }))
    }

    /// The store has these. Where it has none, there are none until [`Self::want`].
    pub(crate) fn found_senders(&mut self, senders: Vec<RewriteRow>) {
        self.is_under_way = false;
        self.is_wanted |= !senders.is_empty();
        self.senders = senders.into();
    }

    /// The store has these events of the chat, which are the next ones. Gives the rows that rewrite them, and say how far that is;
    /// none where there is nothing to be done yet.
    pub(crate) fn found_events(&mut self, events: &[StoredEvent]) -> Vec<Row> {
        let last = events.last().map(|event| event.row.head.seq);
        let Some((sender, last)) = self.senders.front_mut().zip(last) else {
            // A store may have written who it is before what they said. Of a chat that was deleted it forgets who it is.
            self.is_under_way = false;
            self.put_off();
            return Vec::new();
        };
        let earlier = events.iter().filter(|it| it.row.head.seq < sender.seq);
        let mut rows: Vec<Row> = earlier.flat_map(|event| rewritten(event, sender)).collect();
        // None is missing in front of the event that tells of it.
        sender.is_done = last.next() >= sender.seq;
        sender.through = last.min(Seq(sender.seq.0.saturating_sub(1)));
        rows.push(Row::Rewritten(*sender));
        rows
    }

    /// What was to be written is in the store.
    pub(crate) fn written(&mut self) {
        self.is_under_way = false;
        self.senders.pop_front_if(|sender| sender.is_done);
    }

    /// The store could not be read: it is asked again later, and for other chats before.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        self.is_under_way = false;
        self.resume_micros = now_micros + RETRY_MICROS;
        self.is_wanted |= self.senders.is_empty();
        self.put_off();
    }

    /// Leaves the chat that is being rewritten for later.
    fn put_off(&mut self) {
        if let Some(RewriteRow { chat_id, .. }) = self.senders.front().copied() {
            self.senders.retain(|sender| sender.chat_id != chat_id);
            self.is_any_left = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rookery_schema::event::EventKind;
    use rookery_schema::row::{EventRow, Head};
    use rookery_schema::{ChatId, UserId};

    const PARTITION: PartitionId = PartitionId(3);

    fn sender(n: u8) -> RewriteRow {
        RewriteRow {
            partition: PARTITION,
            chat_id: ChatId::from_bytes([n; 16]),
            user_id: UserId::from_bytes([9; 16]),
            seq: Seq(5),
            through: Seq(0),
            is_done: false,
        }
    }

    fn wanted() -> Rewriting {
        let mut rewriting = Rewriting::default();
        assert_eq!(rewriting.next(PARTITION, 0), None);
        rewriting.want();
        rewriting
    }

    fn event(seq: u64) -> StoredEvent {
        StoredEvent {
            row: EventRow {
                chat_id: sender(1).chat_id,
                head: Head {
                    seq: Seq(seq),
                    ..Head::default()
                },
                record: Bytes::new(),
                kind: EventKind::Other,
            },
            message: None,
        }
    }

    #[test]
    fn a_chat_is_done_with_the_event_in_front_of_the_one_that_tells_of_it_and_then_the_store_is_asked_again()
     {
        let mut rewriting = wanted();
        assert!(matches!(
            rewriting.next(PARTITION, 0),
            Some(Next::Senders(_))
        ));
        assert_eq!(rewriting.next(PARTITION, 0), None, "one at a time");
        rewriting.found_senders(vec![sender(1), sender(2)]);
        for n in [1, 2] {
            let next = rewriting.next(PARTITION, 0);
            let is_of = |read: &Read| matches!(read, Read::EventsAfter { chat_id, .. } if *chat_id == sender(n).chat_id);
            assert!(matches!(next, Some(Next::Events(read)) if is_of(&read)));
            let done = RewriteRow {
                is_done: true,
                through: Seq(4),
                ..sender(n)
            };
            let events = [event(4)];
            assert_eq!(rewriting.found_events(&events), [Row::Rewritten(done)]);
            rewriting.written();
        }
        assert!(matches!(
            rewriting.next(PARTITION, 0),
            Some(Next::Senders(_))
        ));
        rewriting.found_senders(Vec::new());
        assert_eq!(rewriting.next(PARTITION, 0), None);
    }

    #[test]
    fn what_comes_up_while_the_store_is_asked_is_looked_for_again() {
        let mut rewriting = wanted();
        let first = rewriting.next(PARTITION, 0);
        rewriting.want();
        rewriting.found_senders(Vec::new());
        assert_eq!(rewriting.next(PARTITION, 0), first);
        rewriting.failed(0);
        assert_eq!(rewriting.next(PARTITION, 0), None, "not at once");
        let again = rewriting.next(PARTITION, RETRY_MICROS);
        assert_eq!(again, first, "it was not answered");
    }

    #[test]
    fn a_chat_that_can_not_be_done_is_left_for_later() {
        let mut rewriting = wanted();
        let first = rewriting.next(PARTITION, 0);
        rewriting.found_senders(vec![sender(1), sender(2), sender(3)]);
        let mut now = 0;
        let mut chats = Vec::new();
        let mut next = |rewriting: &mut Rewriting, now| match rewriting.next(PARTITION, now) {
            Some(Next::Events(Read::EventsAfter { chat_id, .. })) => chats.push(chat_id),
            other => panic!("{other:?}"),
        };
        next(&mut rewriting, now);
        rewriting.failed(now);
        now += RETRY_MICROS;
        next(&mut rewriting, now);
        assert_eq!(rewriting.found_events(&[]), [], "they are not stored yet");
        next(&mut rewriting, now);
        assert_eq!(chats, [1, 2, 3].map(|n| sender(n).chat_id));
        assert!(!rewriting.found_events(&[event(4)]).is_empty());
        rewriting.written();
        assert_eq!(rewriting.next(PARTITION, now), None, "not at once");
        assert_eq!(rewriting.next(PARTITION, now + AGAIN_MICROS), first);
    }
}
