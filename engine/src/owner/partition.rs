//! One log partition as its owner sees it: what is being appended, what is on its way into the store,
//! and up to where both are done.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schema::record::Record;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, SessionId, Timestamp, UserId};

use crate::context::{Context, SpanId};
use crate::effect::Notice;
use crate::mesh::{Asker, Command, Outcome};
use crate::owner::appends::{APPEND_DEADLINE_MICROS, Appends, InFlight};
use crate::owner::dedup::{DedupKey, DedupWindow};
use crate::port::{LogRequest, Opened};
use crate::problem::Problem;

/// Bytes of records on their way into the store above which the log delivers no more of what it has.
const UNSTORED_BYTES_HIGH: usize = 32 << 20;
/// Bytes of records on their way into the store below which the log delivers again.
const UNSTORED_BYTES_LOW: usize = 8 << 20;
/// Reads that may wait for records to be applied.
const READS_WAITING_MAX: usize = 4096;
/// Microseconds that a read waits for them; a log that can't be read for longer must not keep what is
/// there from being shown.
const READ_WAIT_MAX_MICROS: u64 = 500_000;

/// What waits for a record to be durable.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A message without a client id: its sender.
    Message {
        asker: Asker,
        message_id: MessageId,
        chat_id: ChatId,
        at: Timestamp,
    },
    /// A message with one: everybody who waits for it is in the dedup window.
    KeyedMessage {
        key: DedupKey,
        message_id: MessageId,
        chat_id: ChatId,
        at: Timestamp,
    },
    /// Another change, and who asked for it; he is answered when it is in the store.
    Change(ChangeKey, Asker),
    /// Nobody any more: he was told that the outcome is unknown.
    Nobody,
}

/// Names a change that somebody waits for, in terms of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChangeKey {
    Chat(ChatId),
    Added(ChatId, UserId),
    Removed(ChatId, UserId),
    User(UserId),
    Session(SessionId),
}

/// A read of a chat that must see what was confirmed before it came.
#[derive(Debug)]
pub(crate) struct WaitingRead {
    pub(crate) asker: Asker,
    pub(crate) chat_id: ChatId,
    pub(crate) command: Command,
    /// It can be served when all records below are applied.
    confirmed: Offset,
    since_micros: u64,
}

/// Records that were applied together and are on their way into the store.
#[derive(Debug)]
struct Span {
    end: Offset,
    /// Writes and parked records that it still waits for.
    holds: u32,
    messages: u64,
    /// Bytes of its records.
    bytes: usize,
    since_micros: u64,
    on_stored: OnStored,
}

/// What happens when a span is in the store.
#[derive(Debug, Default)]
pub(crate) struct OnStored {
    pub(crate) answers: Vec<(Asker, Outcome)>,
    /// Users whose membership the store knows by then.
    pub(crate) joins: Vec<(ChatId, Vec<UserId>)>,
    /// Usernames that the store knows by then.
    pub(crate) names: Vec<Box<str>>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    /// Records below were in the store before this process started.
    pub(crate) committed_before: Offset,
    /// Where the log ended when it was opened.
    opened_end: Offset,
    pub(crate) caught_up: bool,
    pub(crate) dedup: DedupWindow,
    appends: Appends,
    /// The record that is applied next.
    next: Offset,
    /// Records below were confirmed to be in the log.
    confirmed: Offset,
    /// Where appends ended whose records are not all applied, and when they were confirmed, oldest first.
    /// New ones are refused before the first is [`ShardConfig::lag_limit`](crate::shard::ShardConfig) old.
    confirmations: VecDeque<(Offset, u64)>,
    /// Oldest first.
    reads: VecDeque<WaitingRead>,
    /// The spans of records that are being buried, oldest first.
    burials: VecDeque<SpanId>,
    spans: VecDeque<Span>,
    first_span: u64,
    unstored_messages: u64,
    unstored_bytes: usize,
    paused: bool,
    /// All records below are in the store.
    pub(crate) stored: Offset,
    /// Up to where a commit was asked for.
    committing: Offset,
    /// Up to where the store holds records that survive a power cut once the running sync is done.
    syncing: Option<Offset>,
}

impl Partition {
    pub(crate) fn opened(id: PartitionId, opened: Opened, seed: u64) -> Self {
        let Opened {
            start,
            committed,
            end,
        } = opened;
        Self {
            id,
            committed_before: committed,
            opened_end: end,
            caught_up: false,
            dedup: DedupWindow::new(seed),
            appends: Appends::default(),
            next: start,
            confirmed: start,
            confirmations: VecDeque::new(),
            reads: VecDeque::new(),
            burials: VecDeque::new(),
            spans: VecDeque::new(),
            first_span: 0,
            unstored_messages: 0,
            unstored_bytes: 0,
            paused: false,
            stored: committed,
            committing: committed,
            syncing: None,
        }
    }

    /// Whether a new record may be appended.
    pub(crate) fn admit(&self, cx: &Context<'_>) -> Result<(), Problem> {
        self.appends.admit(cx)?;
        if cx.is_over_lag_limit(self.lag_micros(cx.now.micros)) {
            return Err(Problem::LAGGING);
        }
        Ok(())
    }

    pub(crate) fn append(&mut self, record: &Record<'_>, pending: Pending, cx: &Context<'_>) {
        self.appends.append(record, pending, cx.now.micros);
    }

    /// Submits what was gathered, unless the log has enough to do.
    pub(crate) fn submit(&mut self, cx: &mut Context<'_>) {
        self.appends.submit(self.id, cx);
    }

    /// Records below are confirmed to be in the log, whether or not they are applied.
    pub(crate) fn confirm(&mut self, end: Offset, now_micros: u64) {
        self.confirmed = self.confirmed.max(end);
        if self.next < end {
            self.confirmations.push_back((end, now_micros));
        }
    }

    /// Records below are applied from here on.
    pub(crate) fn advance(&mut self, end: Offset) {
        self.next = end;
        while self.confirmations.pop_front_if(|it| it.0 <= end).is_some() {}
    }

    /// Whether something was confirmed that is not applied yet, so that a read would not see it.
    pub(crate) fn is_behind(&self) -> bool {
        self.next < self.confirmed
    }

    /// Lets a read wait until everything that is confirmed by now is applied.
    ///
    /// # Errors
    /// Where too many wait.
    pub(crate) fn wait_to_read(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: Command,
        now_micros: u64,
    ) -> Result<(), Problem> {
        if self.reads.len() >= READS_WAITING_MAX {
            return Err(Problem::LAGGING);
        }
        self.reads.push_back(WaitingRead {
            asker,
            chat_id,
            command,
            confirmed: self.confirmed,
            since_micros: now_micros,
        });
        Ok(())
    }

    /// Takes the next read that need not wait, or has waited long enough.
    pub(crate) fn next_read(&mut self, now_micros: u64) -> Option<WaitingRead> {
        let next = self.next;
        self.reads.pop_front_if(|read| {
            read.confirmed <= next || read.since_micros + READ_WAIT_MAX_MICROS <= now_micros
        })
    }

    /// The oldest append was answered.
    pub(crate) fn take_answered(&mut self) -> Option<InFlight> {
        self.appends.take_answered()
    }

    /// Takes who waits for appends that are not confirmed by the deadline.
    pub(crate) fn take_overdue(&mut self, now_micros: u64) -> (Vec<Asker>, Vec<ChangeKey>) {
        self.appends.take_overdue(&mut self.dedup, now_micros)
    }

    /// Takes who waits for changes that are not in the store by the deadline.
    pub(crate) fn take_overdue_answers(&mut self, now_micros: u64) -> Vec<Asker> {
        self.spans
            .iter_mut()
            .take_while(|span| span.since_micros + APPEND_DEADLINE_MICROS < now_micros)
            .flat_map(|span| std::mem::take(&mut span.on_stored.answers))
            .map(|(asker, _)| asker)
            .collect()
    }

    /// Begins a span of so many bytes that ends at `end`; it is held until [`Self::release`].
    pub(crate) fn begin_span(&mut self, end: Offset, bytes: usize, now_micros: u64) -> SpanId {
        self.unstored_bytes += bytes;
        self.spans.push_back(Span {
            end,
            holds: 1,
            messages: 0,
            bytes,
            since_micros: now_micros,
            on_stored: OnStored::default(),
        });
        let number = self.first_span + self.spans.len() as u64 - 1;
        SpanId {
            partition: self.id,
            number,
        }
    }

    fn span(&mut self, id: SpanId) -> Option<&mut Span> {
        let index = id.number.checked_sub(self.first_span)?;
        self.spans.get_mut(index as usize)
    }

    pub(crate) fn hold(&mut self, id: SpanId) {
        if let Some(span) = self.span(id) {
            span.holds += 1;
        }
    }

    /// Has a record buried that can't be understood; until then its span is held.
    pub(crate) fn bury(
        &mut self,
        span: SpanId,
        (offset, record): (Offset, Bytes),
        reason: String,
        cx: &mut Context<'_>,
    ) {
        cx.stats.poison_records += 1;
        cx.effects.notices.push(Notice::PoisonRecord {
            partition: self.id,
            offset,
            reason: reason.clone(),
        });
        self.hold(span);
        self.burials.push_back(span);
        cx.effects.log.push(LogRequest::Bury {
            partition: self.id,
            offset,
            record,
            reason,
        });
    }

    /// The oldest record that was to be buried is; its span.
    pub(crate) fn buried(&mut self) -> Option<SpanId> {
        self.burials.pop_front()
    }

    pub(crate) fn count_message(&mut self, id: SpanId) {
        if let Some(span) = self.span(id) {
            span.messages += 1;
            self.unstored_messages += 1;
        }
    }

    pub(crate) fn on_stored(&mut self, id: SpanId) -> Option<&mut OnStored> {
        self.span(id).map(|span| &mut span.on_stored)
    }

    /// Writes rows of a span and gives up the hold that gathered them.
    pub(crate) fn write_and_release(
        &mut self,
        id: SpanId,
        rows: Vec<Row>,
        cx: &mut Context<'_>,
    ) -> Option<OnStored> {
        if rows.is_empty() {
            return self.release(id, cx);
        }
        cx.write(rows, id);
        None
    }

    /// Gives up one hold; with the last one the span is in the store.
    pub(crate) fn release(&mut self, id: SpanId, cx: &mut Context<'_>) -> Option<OnStored> {
        let now_micros = cx.now.micros;
        let span = self.span(id)?;
        span.holds -= 1;
        if span.holds > 0 {
            return None;
        }
        let on_stored = std::mem::take(&mut span.on_stored);
        cx.stats
            .processing
            .observe(now_micros.saturating_sub(span.since_micros));
        while let Some(done) = self.spans.pop_front_if(|span| span.holds == 0) {
            self.first_span += 1;
            self.stored = done.end;
            self.unstored_messages -= done.messages;
            self.unstored_bytes -= done.bytes;
            cx.stats.messages_processed += done.messages;
        }
        self.steer_delivery(cx);
        Some(on_stored)
    }

    /// Stops the log's delivery while the store is far behind, so that memory stays bounded.
    pub(crate) fn steer_delivery(&mut self, cx: &mut Context<'_>) {
        let partition = self.id;
        if !self.paused && self.unstored_bytes > UNSTORED_BYTES_HIGH {
            self.paused = true;
            cx.effects.log.push(LogRequest::Pause { partition });
        } else if self.paused && self.unstored_bytes < UNSTORED_BYTES_LOW {
            self.paused = false;
            cx.effects.log.push(LogRequest::Resume { partition });
        }
    }

    /// Age of the oldest record that is not in the store, since it was applied or, where the log has not
    /// delivered it, confirmed.
    pub(crate) fn lag_micros(&self, now_micros: u64) -> u64 {
        let applied = self.spans.front().map(|span| span.since_micros);
        let confirmed = self.confirmations.front().map(|&(_, at)| at);
        let oldest = applied.into_iter().chain(confirmed).min();
        oldest.map_or(0, |since| now_micros.saturating_sub(since))
    }

    /// Messages in the log that are not in the store. What the log has not delivered counts as if it were
    /// all messages: what it is shows when it is read.
    pub(crate) fn lag_messages(&self) -> u64 {
        let unread_from = self.next.max(self.committed_before);
        let end = self.opened_end.max(self.confirmed);
        self.unstored_messages + end.0.saturating_sub(unread_from.0)
    }

    /// Whether nothing is being appended, applied or stored.
    pub(crate) fn is_idle(&self) -> bool {
        self.appends.is_empty() && !self.is_behind() && self.spans.is_empty()
    }

    /// Whether everything that is in the store is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.committing == self.stored
    }

    /// Notes that a sync of the store begins; it covers what is stored now.
    pub(crate) fn begin_sync(&mut self) {
        self.syncing = Some(self.stored);
    }

    /// Commits what the finished sync covered.
    pub(crate) fn commit(&mut self, cx: &mut Context<'_>) {
        let Some(offset) = self
            .syncing
            .take()
            .filter(|&offset| offset > self.committing)
        else {
            return;
        };
        self.committing = offset;
        cx.effects.log.push(LogRequest::Commit {
            partition: self.id,
            offset,
        });
    }
}
