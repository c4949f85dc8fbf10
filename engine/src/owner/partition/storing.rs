//! How records get into the store, and what is done once they are there.

use bytes::Bytes;
use rookery_schema::Offset;
use rookery_schema::row::Row;

use crate::context::Context;
use crate::edge::effect::Notice;
use crate::edge::port::LogRequest;
use crate::mesh::ShardMessage;
use crate::owner::partition::marks::MARKS_NUMBER;
use crate::owner::partition::{Partition, send_to_homes};
use crate::owner::progress::{OnStored, SpanId};

/// Bytes of records on their way into the store above which the log delivers no more of what it has.
const UNSTORED_BYTES_HIGH: usize = 32 << 20;
/// Bytes of records on their way into the store below which the log delivers again.
const UNSTORED_BYTES_LOW: usize = 8 << 20;

impl Partition {
    /// Writes rows of a span, which is released when they are in the store.
    pub(super) fn write_and_release(&mut self, span: SpanId, rows: Vec<Row>, cx: &mut Context<'_>) {
        if rows.is_empty() {
            self.release(span, cx);
        } else {
            cx.write(self.token(span.0), rows);
        }
        self.steer_delivery(cx);
    }

    /// A write of one of its spans is in the store.
    pub(crate) fn written(&mut self, number: u64, cx: &mut Context<'_>) {
        if number == MARKS_NUMBER {
            return self.marks_written();
        }
        self.release(SpanId(number), cx);
    }

    /// Has a record that can't be understood kept for an operator; until then its span is held.
    pub(super) fn dead_letter(
        &mut self,
        offset: Offset,
        span: SpanId,
        bytes: &Bytes,
        reason: String,
        cx: &mut Context<'_>,
    ) {
        let partition = self.id;
        cx.stats.poison_records += 1;
        cx.effects.notices.push(Notice::PoisonRecord {
            partition,
            offset,
            reason: reason.clone(),
        });
        self.progress.hold(span, cx);
        self.dead_letters.push_back(span);
        cx.effects.log.push(LogRequest::DeadLetter {
            partition,
            offset,
            record: bytes.clone(),
            reason,
        });
    }

    /// The oldest record that was to be a dead letter is one.
    pub(crate) fn dead_lettered(&mut self, cx: &mut Context<'_>) {
        match self.dead_letters.pop_front() {
            Some(span) => self.release(span, cx),
            None => cx.bug("the log kept a dead letter that nobody sent"),
        }
    }

    /// Gives up a hold on a span; with the last one, whoever waited for it to be stored is told.
    pub(super) fn release(&mut self, span: SpanId, cx: &mut Context<'_>) {
        if let Some(on_stored) = self.progress.release(span, cx) {
            self.stored(on_stored, cx);
            self.trim_stored();
            self.steer_delivery(cx);
        }
    }

    fn stored(&mut self, on_stored: OnStored, cx: &mut Context<'_>) {
        for (name, since) in on_stored.names {
            self.names.stored(&name, since);
        }
        for ending in on_stored.endings {
            self.session_end_recorded(Some(ending), cx);
        }
        for (user_id, session_id) in on_stored.sessions {
            self.new_sessions.remove(user_id, session_id);
        }
        for (user_id, offset) in on_stored.settings {
            self.user_settings_stored(user_id, offset, cx);
        }
        for (chat_id, users) in on_stored.joins {
            send_to_homes(&users, cx, |users| ShardMessage::JoinsStored {
                chat_id,
                users,
            });
        }
        for (asker, outcome) in on_stored.answers {
            cx.answer(asker, outcome);
        }
        if on_stored.any_erased {
            self.erasing.want();
            self.go_on_erasing(cx);
        }
        if on_stored.any_to_rewrite {
            self.rewriting.want();
            self.go_on_rewriting(cx);
        }
        if on_stored.any_deleted {
            self.purging.want();
            self.go_on_purging(cx);
        }
    }

    /// Stops the log's delivery while the store is far behind, so that memory stays bounded.
    fn steer_delivery(&mut self, cx: &mut Context<'_>) {
        let (partition, unstored) = (self.id, self.progress.unstored_bytes());
        if !self.paused && unstored > UNSTORED_BYTES_HIGH {
            self.paused = true;
            cx.effects.log.push(LogRequest::Pause { partition });
        } else if self.paused && unstored < UNSTORED_BYTES_LOW {
            self.paused = false;
            cx.effects.log.push(LogRequest::Resume { partition });
        }
    }

    /// Age of the oldest record that is not in the store, since it was applied or, where the log has not
    /// delivered it, confirmed.
    pub(crate) fn lag_micros(&self, now_micros: u64) -> u64 {
        let applied = self.progress.oldest_micros();
        let confirmed = self.delivery.oldest_micros();
        let oldest = applied.into_iter().chain(confirmed).min();
        oldest.map_or(0, |since| now_micros.saturating_sub(since))
    }

    /// Messages in the log that are not in the store. What the log has not delivered counts as if it were
    /// all messages: what it is shows when it is read.
    pub(crate) fn lag_messages(&self) -> u64 {
        self.progress.unstored_messages() + self.delivery.undelivered(self.committed_before)
    }

    /// Whether nothing is being appended, applied or stored, and all that is stored is committed.
    pub(crate) fn is_drained(&self) -> bool {
        let is_idle = self.appends.is_empty() && !self.delivery.is_behind();
        is_idle
            && self.are_marks_stored()
            && self.progress.is_stored()
            && self.progress.is_committed()
    }

    /// Whether everything that is in the store is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.progress.is_committed()
    }

    /// A sync of the store begins.
    pub(crate) const fn begin_sync(&mut self) {
        self.progress.begin_sync();
    }

    /// Commits what the finished sync covered.
    pub(crate) fn end_sync(&mut self, cx: &mut Context<'_>) {
        if let Some(offset) = self.progress.end_sync(cx) {
            let partition = self.id;
            cx.effects
                .log
                .push(LogRequest::Commit { partition, offset });
        }
    }
}
