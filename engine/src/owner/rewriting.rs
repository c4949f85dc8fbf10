//! What the store still has of what deleted users said, chat by chat, a page of events at a time, for all of them that are known
//! in a chat at once. The store knows how far that is, so that another owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::limits::PAGE_MESSAGES_MAX;
use rookery_schema::row::{RewriteRow, Row};
use rookery_schema::{PartitionId, Seq};

use crate::edge::port::{Read, StoredEvent};
use crate::owner::erased::{author_of, rewritten};
use crate::owner::rounds::Rounds;

/// Users, each in one chat, who are looked for at a time.
const SENDERS_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rewriting {
    rounds: Rounds,
    /// By chats, the first of which is being rewritten.
    senders: VecDeque<RewriteRow>,
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
        self.rounds.want();
    }

    /// What is to be read, unless something is under way.
    pub(crate) fn next(&mut self, partition: PartitionId, now_micros: u64) -> Option<Next> {
        if !self.rounds.is_due(now_micros) {
            return None;
        }
        let through = self.of_first_chat().map(|sender| sender.through).min();
        let Some((sender, after)) = self.senders.front().zip(through) else {
            let read = Read::Rewrites {
                partition,
                after: self.rounds.after(),
                limit: SENDERS_MAX,
            };
            return self.rounds.begin_looking().then_some(Next::Senders(read));
        };
        self.rounds.begin();
        Some(Next::Events(Read::EventsAfter {
            chat_id: sender.chat_id,
            after,
            limit: PAGE_MESSAGES_MAX,
        }))
    }

    fn of_first_chat(&self) -> impl Iterator<Item = &RewriteRow> {
        let first = self.senders.front().map(|sender| sender.chat_id);
        let is_of_first = move |sender: &&RewriteRow| Some(sender.chat_id) == first;
        self.senders.iter().take_while(is_of_first)
    }

    /// The store has these, chat by chat.
    pub(crate) fn found_senders(&mut self, senders: Vec<RewriteRow>, now_micros: u64) {
        let last = senders.last().map(|sender| sender.chat_id);
        self.rounds.found(last, now_micros);
        self.senders = senders.into();
    }

    /// The store has these events of the chat, which are the next ones. Gives the rows that rewrite them, and say how far that is;
    /// none where there is nothing to be done yet.
    pub(crate) fn found_events(&mut self, events: &[StoredEvent]) -> Vec<Row> {
        let of_chat = self.of_first_chat().count();
        let senders = &mut self.senders.make_contiguous()[..of_chat];
        let Some(last) = events.last().map(|event| event.row.head.seq) else {
            // A store may have written who it is before what they said. Of a chat that was deleted it forgets who it is.
            self.leave_first();
            return Vec::new();
        };
        let mut rows: Vec<Row> = Vec::new();
        for event in events {
            let (author, seq) = (author_of(event), event.row.head.seq);
            let is_theirs = |sender: &&RewriteRow| {
                Some(sender.user_id) == author && sender.through < seq && seq < sender.seq
            };
            let sender = senders.iter().find(is_theirs);
            rows.extend(sender.into_iter().flat_map(|it| rewritten(event, it)));
        }
        for sender in senders.iter_mut().filter(|it| it.through < last) {
            // None is missing in front of the event that tells of it.
            sender.is_done = last.next() >= sender.seq;
            sender.through = last.min(Seq(sender.seq.0.saturating_sub(1)));
            rows.push(Row::Rewritten(*sender));
        }
        rows
    }

    /// What was to be written is in the store.
    pub(crate) fn written(&mut self) {
        self.rounds.end();
        self.senders.retain(|sender| !sender.is_done);
    }

    /// The store could not be read: it is asked again later, and for other chats before.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        match self.senders.is_empty() {
            true => self.rounds.look_again(now_micros),
            false => {
                self.leave_first();
                self.rounds.fail(now_micros);
            }
        }
    }

    fn leave_first(&mut self) {
        let first = self.senders.front().map(|sender| sender.chat_id);
        self.senders.retain(|sender| Some(sender.chat_id) != first);
        self.rounds.leave();
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
    /// Microseconds after which anything is tried again.
    const LATER: u64 = 60_000_000;

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

    fn senders_behind(after: Option<ChatId>) -> Option<Next> {
        let (partition, limit) = (PARTITION, SENDERS_MAX);
        let read = Read::Rewrites {
            partition,
            after,
            limit,
        };
        Some(Next::Senders(read))
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
        rewriting.found_senders(vec![sender(1), sender(2)], 0);
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
        for after in [Some(sender(2).chat_id), None] {
            assert_eq!(rewriting.next(PARTITION, 0), senders_behind(after));
            rewriting.found_senders(Vec::new(), 0);
        }
        assert_eq!(rewriting.next(PARTITION, 0), None);
    }

    #[test]
    fn a_chat_that_can_not_be_done_is_left_for_later() {
        let mut rewriting = wanted();
        rewriting.next(PARTITION, 0);
        rewriting.found_senders(vec![sender(1), sender(2), sender(3)], 0);
        let mut chats = Vec::new();
        let mut next = |rewriting: &mut Rewriting| match rewriting.next(PARTITION, LATER) {
            Some(Next::Events(Read::EventsAfter { chat_id, .. })) => chats.push(chat_id),
            other => panic!("{other:?}"),
        };
        next(&mut rewriting);
        rewriting.failed(0);
        assert_eq!(rewriting.next(PARTITION, 0), None, "not at once");
        next(&mut rewriting);
        assert_eq!(rewriting.found_events(&[]), [], "they are not stored yet");
        next(&mut rewriting);
        assert_eq!(chats, [1, 2, 3].map(|n| sender(n).chat_id));
        assert!(!rewriting.found_events(&[event(4)]).is_empty());
        rewriting.written();
        let last = Some(sender(3).chat_id);
        assert_eq!(rewriting.next(PARTITION, LATER), senders_behind(last));
        rewriting.found_senders(Vec::new(), LATER);
        assert_eq!(rewriting.next(PARTITION, LATER), None, "not at once");
        assert_eq!(rewriting.next(PARTITION, 2 * LATER), senders_behind(None));
    }

    #[test]
    fn a_chat_is_read_once_for_all_who_are_gone() {
        let mut rewriting = wanted();
        rewriting.next(PARTITION, 0);
        let gone = |n: u8, seq: u64, through: u64| RewriteRow {
            user_id: UserId::from_bytes([n; 16]),
            seq: Seq(seq),
            through: Seq(through),
            ..sender(1)
        };
        let all = vec![gone(1, 300, 0), gone(2, 950, 400), gone(3, 1_000, 0)];
        rewriting.found_senders(all, 0);
        let mut done = Vec::new();
        let mut afters = Vec::new();
        while let Some(Next::Events(read)) = rewriting.next(PARTITION, 0) {
            let Read::EventsAfter { after, limit, .. } = read else {
                panic!("{read:?}")
            };
            afters.push(after.0);
            let events = (after.0 + 1..=1_000).take(limit).map(event);
            let rows = rewriting.found_events(&events.collect::<Vec<_>>());
            for row in rows {
                let Row::Rewritten(row) = row else {
                    panic!("{row:?}")
                };
                assert!(row.through < row.seq);
                if row.is_done {
                    done.push((row.user_id, row.through.0));
                }
            }
            rewriting.written();
        }
        let ends = [(1, 299), (2, 949), (3, 999)];
        assert_eq!(
            done,
            ends.map(|(n, through)| (gone(n, 0, 0).user_id, through))
        );
        assert_eq!(afters, (0..10).map(|page| page * 100).collect::<Vec<_>>());
    }

    #[test]
    fn chats_behind_come_before_those_in_front_that_there_are_meanwhile() {
        let mut rewriting = wanted();
        let [first, second] = [1, 2].map(|n| sender(n).chat_id);
        // The first chat has somebody more, whenever the store is asked.
        let found = |after: Option<ChatId>| match after {
            None => vec![sender(1); SENDERS_MAX],
            Some(after) if after == first => vec![sender(2)],
            Some(_) => Vec::new(),
        };
        let mut turns = Vec::new();
        while turns.len() < 4 {
            match rewriting.next(PARTITION, 0) {
                Some(Next::Senders(Read::Rewrites { after, .. })) => {
                    rewriting.found_senders(found(after), 0);
                }
                Some(Next::Events(Read::EventsAfter { chat_id, .. })) => {
                    turns.push(chat_id);
                    rewriting.found_events(&[event(4)]);
                    rewriting.written();
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(turns, [first, second, first, second]);
    }
}
