//! What amends messages of a chat and may not be in what is read of the store: it is laid over that.

use std::collections::{BTreeMap, VecDeque};

use rookery_schema::message::Message;
use rookery_schema::row::{Amendment, AmendmentRow};
use rookery_schema::{Offset, Seq};

use crate::owner::budget::allocated;

/// Bytes of memory that an amendment takes here, but for its text: its place in a tree that is two thirds full, and in
/// the order.
const ENTRY_BYTES: usize = size_of::<((Seq, Seq), Entry)>() * 3 / 2 + 2 * size_of::<Kept>();

/// The reads of a chat's messages that are under way. Reads are numbered in the order in which they begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The number of the next one.
    pub(crate) next: u64,
    /// The one that began first.
    pub(crate) oldest: Option<u64>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Unstored {
    /// By target and the seq of the amending event.
    entries: BTreeMap<(Seq, Seq), Entry>,
    /// In the order of the log.
    order: VecDeque<Kept>,
    /// How many of these, from the first on, are in the store.
    stored: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    row: AmendmentRow,
    /// How many messages there were up to its event.
    messages: u64,
}

#[derive(Debug)]
struct Kept {
    /// Of its record.
    offset: Offset,
    target: Seq,
    seq: Seq,
    /// Once it is stored: reads with lower numbers may have begun before.
    seen_from: u64,
}

impl Unstored {
    /// Keeps an amendment whose record lies here; there were so many messages up to its event.
    pub(crate) fn push(&mut self, row: AmendmentRow, messages: u64, offset: Offset) {
        let (target, seq) = (row.target, row.seq);
        self.bytes += entry_bytes(&row);
        self.order.push_back(Kept {
            offset,
            target,
            seq,
            seen_from: 0,
        });
        self.entries.insert((target, seq), Entry { row, messages });
    }

    /// Gives up what every read has seen that is under way or comes: the store has all records below `stored`.
    pub(crate) fn release(&mut self, stored: Offset, reading: Reading) {
        while let Some(kept) = self.order.get_mut(self.stored)
            && kept.offset < stored
        {
            kept.seen_from = reading.next;
            self.stored += 1;
        }
        while self.stored > 0
            && let Some(kept) = self
                .order
                .pop_front_if(|kept| reading.oldest.is_none_or(|it| it >= kept.seen_from))
        {
            self.stored -= 1;
            if let Some(entry) = self.entries.remove(&(kept.target, kept.seq)) {
                self.bytes -= entry_bytes(&entry.row);
            }
        }
        if self.order.is_empty() {
            self.order = VecDeque::new();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether the store lacks some of it.
    pub(crate) fn waits_for_store(&self) -> bool {
        self.stored < self.order.len()
    }

    /// Whether a message is amended by something here.
    pub(crate) fn amends(&self, target: Seq) -> bool {
        self.of(target).next().is_some()
    }

    /// Lays all that is for a message over it.
    pub(crate) fn lay_over(&self, message: &mut Message) {
        self.of(message.seq)
            .for_each(|entry| message.amend(&entry.row));
    }

    /// Whether a message was deleted by something here.
    pub(crate) fn deletes(&self, target: Seq) -> bool {
        self.of(target)
            .any(|entry| entry.row.change == Amendment::Deleted)
    }

    /// The newest edit of a message, and how many messages there were up to it.
    pub(crate) fn newest_edit(&self, target: Seq) -> Option<(&AmendmentRow, u64)> {
        let edits = self.of(target).rev();
        let mut edits = edits.filter(|it| matches!(it.row.change, Amendment::Edited { .. }));
        edits.next().map(|entry| (&entry.row, entry.messages))
    }

    fn of(&self, target: Seq) -> impl DoubleEndedIterator<Item = &Entry> {
        let all = (target, Seq(0))..=(target, Seq(u64::MAX));
        self.entries.range(all).map(|(_, entry)| entry)
    }

    /// Bytes of memory that it takes, besides itself.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn entry_bytes(row: &AmendmentRow) -> usize {
    let text = match &row.change {
        Amendment::Edited { content } => content.capacity(),
        Amendment::Reaction { emoji, .. } => emoji.capacity(),
        Amendment::Deleted => 0,
    };
    ENTRY_BYTES + allocated(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::record::MessagePosted;
    use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

    const NONE: Reading = Reading {
        next: 10,
        oldest: None,
    };

    fn edit(target: u64, seq: u64, content: &str) -> AmendmentRow {
        AmendmentRow {
            chat_id: ChatId::from_bytes([1; 16]),
            target: Seq(target),
            seq: Seq(seq),
            by: UserId::from_bytes([2; 16]),
            at: Timestamp::from_millis(seq),
            change: Amendment::Edited {
                content: content.to_owned(),
            },
        }
    }

    fn shown(unstored: &Unstored, seq: u64) -> String {
        let posted = MessagePosted {
            chat_id: ChatId::from_bytes([1; 16]),
            message_id: MessageId::from_bytes([3; 16]),
            sender_id: UserId::from_bytes([2; 16]),
            at: Timestamp::default(),
            client_id: None,
            content: "said",
        };
        let mut message = Message::said(&posted, Seq(seq), 1);
        unstored.lay_over(&mut message);
        message.content
    }

    fn two() -> Unstored {
        let mut unstored = Unstored::default();
        unstored.push(edit(3, 7, "first"), 4, Offset(70));
        unstored.push(edit(3, 8, "second"), 5, Offset(80));
        unstored
    }

    #[test]
    fn what_the_store_lacks_is_laid_over() {
        let unstored = two();
        assert_eq!(shown(&unstored, 3), "second");
        assert_eq!(shown(&unstored, 4), "said");
        let newest = unstored.newest_edit(Seq(3));
        assert_eq!(
            newest.map(|(row, count)| (row.seq, count)),
            Some((Seq(8), 5))
        );
    }

    #[test]
    fn it_is_given_up_once_the_store_has_it() {
        let mut unstored = two();
        let bytes = unstored.bytes();
        unstored.release(Offset(70), NONE);
        assert_eq!(
            (unstored.bytes(), unstored.waits_for_store()),
            (bytes, true)
        );
        unstored.release(Offset(71), NONE);
        assert!(unstored.waits_for_store() && unstored.amends(Seq(3)));
        assert!(unstored.bytes() < bytes);
        unstored.release(Offset(81), NONE);
        assert!(unstored.is_empty() && !unstored.waits_for_store());
        assert_eq!(
            (unstored.bytes(), shown(&unstored, 3)),
            (0, "said".to_owned())
        );
    }

    #[test]
    fn it_is_kept_for_reads_that_began_before_the_store_had_it() {
        let mut unstored = two();
        let with_oldest = |next, oldest| Reading {
            next,
            oldest: Some(oldest),
        };
        unstored.release(Offset(81), with_oldest(6, 5));
        assert!(!unstored.waits_for_store());
        assert_eq!(shown(&unstored, 3), "second");
        // Others began since.
        unstored.release(Offset(81), with_oldest(9, 5));
        assert!(!unstored.is_empty());
        unstored.release(Offset(81), with_oldest(9, 6));
        assert!(unstored.is_empty());
    }
}
