//! Marks of what users have read: how far one is, and those that users set by posting and joining.

use rookery_schema::row::{Mark, Row};
use rookery_schema::{ChatId, Seq};

use crate::context::{Context, MICROS_PER_SECOND};
use crate::edge::port::{Found, Read, StoreFault};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Marked, Outcome};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;

/// The number under which marks are written: no span has it.
pub(super) const MARKS_NUMBER: u64 = 0;
/// Microseconds until what is noted of a chat is written. It is known for as long after that: longer than anybody holds
/// marks that were read before.
pub(super) const NOTED_MICROS: u64 = 30 * MICROS_PER_SECOND;
/// Marks of a partition that are written in one tick, but for those of the last chat.
const MARKS_PER_TICK: usize = 4096;

impl Partition {
    /// Has the store say how many messages there are up to an event; this is the last one, with all.
    pub(super) fn count_messages(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        seq: Seq,
        all: Mark,
        cx: &mut Context<'_>,
    ) {
        let read = Read::EventsAfter {
            chat_id,
            after: Seq(seq.0 - 1),
            limit: 1,
        };
        let what = PartitionRead::Mark {
            asker,
            chat_id,
            seq,
            all,
        };
        self.read(what, read, cx);
    }

    /// The store has answered.
    pub(super) fn messages_counted(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        (seq, all): (Seq, Mark),
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let event = cx.found(outcome, Found::events).and_then(|events| {
            let event = events.into_iter().find(|event| event.row.head.seq == seq);
            if event.is_none() && self.is_there(chat_id) {
                cx.bug("an event is missing in the store");
            }
            event
        });
        let Some(event) = event else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        let mark = event.row.head.mark();
        let marked = Marked {
            mark,
            unread: all.messages.saturating_sub(mark.messages),
            last_seq: all.seq,
        };
        cx.answer(asker, Outcome::Marked(marked));
    }

    /// Has what is noted of a chat written in time.
    pub(super) fn write_later(&mut self, chat_id: ChatId, due_micros: u64) {
        self.noted.push_back((due_micros, chat_id));
    }

    /// Writes what has been noted of chats for long enough, and all of it before the process ends.
    pub(super) fn write_marks(&mut self, cx: &mut Context<'_>) {
        let (now, is_last) = (cx.now.micros, cx.readiness.is_draining());
        let mut rows = Vec::new();
        while rows.len() < MARKS_PER_TICK
            && let Some((due, chat_id)) = self.noted.pop_front_if(|(due, _)| is_last || *due <= now)
        {
            let again = self.chats.change(chat_id, |chat| {
                // It may have been forgotten since, and read again.
                if chat.notes.due_micros != Some(due) {
                    return None;
                }
                rows.extend(chat.take_marks());
                chat.notes.due_micros =
                    (!is_last && chat.notes.is_due_again()).then(|| now + NOTED_MICROS);
                chat.notes.due_micros
            });
            if let Some(Some(due)) = again {
                self.write_later(chat_id, due);
            }
        }
        self.write_rows_of_marks(rows, cx);
    }

    /// Writes all that is noted of chats that are in memory.
    pub(super) fn write_all_marks(&mut self, cx: &mut Context<'_>) {
        let mut rows = self.chats.take_marks();
        for (_, chat_id) in std::mem::take(&mut self.noted) {
            self.chats
                .change(chat_id, |chat| rows.extend(chat.take_marks()));
        }
        self.write_rows_of_marks(rows, cx);
    }

    /// Writes what was noted of chats that were forgotten.
    pub(super) fn write_marks_of_forgotten(&mut self, cx: &mut Context<'_>) {
        let rows = self.chats.take_marks();
        self.write_rows_of_marks(rows, cx);
    }

    fn write_rows_of_marks(&mut self, rows: Vec<Row>, cx: &mut Context<'_>) {
        if !rows.is_empty() {
            self.marks_on_their_way += 1;
            cx.write(self.token(MARKS_NUMBER), rows);
        }
    }

    /// The store has a write of marks, or of an earlier time that the partition was open.
    pub(super) const fn marks_written(&mut self) {
        self.marks_on_their_way = self.marks_on_their_way.saturating_sub(1);
    }

    /// Whether nothing that was noted is to be written.
    pub(super) fn are_marks_stored(&self) -> bool {
        self.noted.is_empty() && self.marks_on_their_way == 0
    }
}
