//! Records of one partition on their way into the store: how far they are stored, and how far that is committed.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Offset, UserId};

use crate::context::Context;
use crate::mesh::{Asker, Outcome};

/// Records that were applied together and are on their way into the store. Numbers count up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(pub(crate) u64);

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
pub(crate) struct Progress {
    spans: VecDeque<Span>,
    first_span: u64,
    /// Spans with lower numbers belong to an earlier time that this partition was open.
    opened_span: u64,
    unstored_messages: u64,
    unstored_bytes: usize,
    /// All records below are in the store.
    stored: Offset,
    /// Up to where a commit was asked for.
    committing: Offset,
    /// Up to where the store holds records that survive a power cut once the running sync is done.
    syncing: Option<Offset>,
}

impl Progress {
    /// All records below `committed` are in the store; spans are numbered from `first_span` on.
    pub(crate) const fn new(committed: Offset, first_span: u64) -> Self {
        Self {
            spans: VecDeque::new(),
            first_span,
            opened_span: first_span,
            unstored_messages: 0,
            unstored_bytes: 0,
            stored: committed,
            committing: committed,
            syncing: None,
        }
    }

    /// All records below are in the store.
    pub(crate) const fn stored(&self) -> Offset {
        self.stored
    }

    /// Bytes of records that are not in the store.
    pub(crate) const fn unstored_bytes(&self) -> usize {
        self.unstored_bytes
    }

    /// Messages that were applied and are not in the store.
    pub(crate) const fn unstored_messages(&self) -> u64 {
        self.unstored_messages
    }

    /// When the oldest records that are not in the store were applied, in microseconds.
    pub(crate) fn oldest_micros(&self) -> Option<u64> {
        self.spans.front().map(|span| span.since_micros)
    }

    /// Whether all that was applied is stored.
    pub(crate) fn is_stored(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether everything that is in the store is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.committing == self.stored
    }

    /// Begins a span of so many bytes that ends at `end`; it is held until [`Self::release`].
    pub(crate) fn begin(&mut self, end: Offset, bytes: usize, cx: &mut Context<'_>) -> SpanId {
        if self.spans.back().is_some_and(|last| end <= last.end) {
            cx.bug("a span does not end behind the one before it");
        }
        self.unstored_bytes += bytes;
        self.spans.push_back(Span {
            end,
            holds: 1,
            messages: 0,
            bytes,
            since_micros: cx.now.micros,
            on_stored: OnStored::default(),
        });
        SpanId(self.first_span + self.spans.len() as u64 - 1)
    }

    fn span(&mut self, id: SpanId, cx: &mut Context<'_>) -> Option<&mut Span> {
        let index = id.0.checked_sub(self.first_span);
        let span = index.and_then(|index| self.spans.get_mut(index as usize));
        if span.is_none() && id.0 >= self.opened_span {
            cx.bug("a span that is done, or never began, is named");
        }
        span
    }

    /// Keeps a span from being done until one more [`Self::release`].
    pub(crate) fn hold(&mut self, id: SpanId, cx: &mut Context<'_>) {
        if let Some(span) = self.span(id, cx) {
            span.holds += 1;
        }
    }

    pub(crate) fn count_message(&mut self, id: SpanId, cx: &mut Context<'_>) {
        if let Some(span) = self.span(id, cx) {
            span.messages += 1;
            self.unstored_messages += 1;
        }
    }

    /// What happens when a span is in the store.
    pub(crate) fn on_stored(&mut self, id: SpanId, cx: &mut Context<'_>) -> Option<&mut OnStored> {
        self.span(id, cx).map(|span| &mut span.on_stored)
    }

    /// Releases one hold; with the last one the span is in the store.
    pub(crate) fn release(&mut self, id: SpanId, cx: &mut Context<'_>) -> Option<OnStored> {
        let span = self.span(id, cx)?;
        let Some(holds) = span.holds.checked_sub(1) else {
            cx.bug("a span is released more often than it was held");
            return None;
        };
        span.holds = holds;
        if holds > 0 {
            return None;
        }
        let on_stored = std::mem::take(&mut span.on_stored);
        let took = cx.now.micros.saturating_sub(span.since_micros);
        cx.stats.processing.observe(took);
        while let Some(done) = self.spans.pop_front_if(|span| span.holds == 0) {
            self.first_span += 1;
            self.stored = done.end;
            self.unstored_messages -= done.messages;
            self.unstored_bytes -= done.bytes;
            cx.stats.messages_processed += done.messages;
        }
        Some(on_stored)
    }

    /// Takes the askers of spans that were begun before a time and are not in the store.
    pub(crate) fn take_overdue(&mut self, begun_before_micros: u64) -> Vec<Asker> {
        self.spans
            .iter_mut()
            .take_while(|span| span.since_micros < begun_before_micros)
            .flat_map(|span| std::mem::take(&mut span.on_stored.answers))
            .map(|(asker, _)| asker)
            .collect()
    }

    /// Notes that a sync of the store begins; it covers what is stored now.
    pub(crate) const fn begin_sync(&mut self) {
        self.syncing = Some(self.stored);
    }

    /// What the sync that is done covers, where that is more than was committed.
    pub(crate) fn end_sync(&mut self, cx: &mut Context<'_>) -> Option<Offset> {
        let synced = self.syncing.take()?;
        if synced < self.committing {
            cx.bug("a commit goes back");
        }
        let is_news = synced > self.committing;
        self.committing = self.committing.max(synced);
        is_news.then_some(synced)
    }
}
