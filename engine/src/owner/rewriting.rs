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

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rewriting {
    /// The store may have users who are not among these.
    is_wanted: bool,
    /// What the first of them said is being rewritten.
    senders: VecDeque<RewriteRow>,
    /// The store has not answered.
    is_under_way: bool,
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
    pub(crate) fn next(&mut self, partition: PartitionId) -> Option<Next> {
        if self.is_under_way {
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

    /// The store has these events of the chat, which are the next ones. Gives the rows that rewrite them, and say how far that is.
    pub(crate) fn found_events(&mut self, events: &[StoredEvent]) -> Vec<Row> {
        let Some(sender) = self.senders.front_mut() else {
            return Vec::new();
        };
        let earlier = events.iter().filter(|it| it.row.head.seq < sender.seq);
        let mut rows: Vec<Row> = Vec::new();
        let mut through = None;
        for event in earlier {
            rows.extend(rewritten(event, sender));
            through = Some(event.row.head.seq);
        }
        // None is missing in front of the event that tells of it; of a chat that was deleted meanwhile all are.
        sender.is_done = through.is_none_or(|through: Seq| through.next() >= sender.seq);
        sender.through = through.unwrap_or(sender.through);
        rows.push(Row::Rewritten(*sender));
        rows
    }

    /// What was to be written is in the store.
    pub(crate) fn written(&mut self) {
        self.is_under_way = false;
        self.senders.pop_front_if(|sender| sender.is_done);
    }

    /// The store could not be read: it is asked again later.
    pub(crate) fn failed(&mut self) {
        self.is_under_way = false;
        self.is_wanted |= self.senders.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(rewriting.next(PARTITION), None);
        rewriting.want();
        rewriting
    }

    #[test]
    fn a_chat_without_events_is_done_and_then_the_store_is_asked_again() {
        let mut rewriting = wanted();
        assert!(matches!(rewriting.next(PARTITION), Some(Next::Senders(_))));
        assert_eq!(rewriting.next(PARTITION), None, "one at a time");
        rewriting.found_senders(vec![sender(1), sender(2)]);
        for n in [1, 2] {
            let next = rewriting.next(PARTITION);
            let is_of = |read: &Read| matches!(read, Read::EventsAfter { chat_id, .. } if *chat_id == sender(n).chat_id);
            assert!(matches!(next, Some(Next::Events(read)) if is_of(&read)));
            let done = RewriteRow {
                is_done: true,
                ..sender(n)
            };
            assert_eq!(rewriting.found_events(&[]), [Row::Rewritten(done)]);
            rewriting.written();
        }
        assert!(matches!(rewriting.next(PARTITION), Some(Next::Senders(_))));
        rewriting.found_senders(Vec::new());
        assert_eq!(rewriting.next(PARTITION), None);
    }

    #[test]
    fn what_comes_up_while_the_store_is_asked_is_looked_for_again() {
        let mut rewriting = wanted();
        let first = rewriting.next(PARTITION);
        rewriting.want();
        rewriting.found_senders(Vec::new());
        assert_eq!(rewriting.next(PARTITION), first);
        rewriting.failed();
        assert_eq!(rewriting.next(PARTITION), first, "it was not answered");
        rewriting.found_senders(vec![sender(1)]);
        let events = rewriting.next(PARTITION);
        rewriting.failed();
        assert_eq!(rewriting.next(PARTITION), events);
    }
}
