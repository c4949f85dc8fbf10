//! Records of one partition on their way into the store: how far they are stored, and how far that is committed.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Offset, SessionId, Timestamp, UserId};

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
    /// Usernames that changed at these times, as the store knows by then.
    pub(crate) names: Vec<(Box<str>, Timestamp)>,
    /// Whoever waits for these endings of sessions finds in the store by then what they came with.
    pub(crate) endings: Vec<u64>,
    /// Sessions that the store lists by then.
    pub(crate) sessions: Vec<(UserId, SessionId)>,
    /// Users whose settings of these records the store has by then.
    pub(crate) settings: Vec<(UserId, Offset)>,
    /// The store has a chat by then of which there is more to remove.
    pub(crate) any_deleted: bool,
    /// Users were deleted.
    pub(crate) any_erased: bool,
    /// The store has something by then that deleted users said.
    pub(crate) any_to_rewrite: bool,
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
        let last_end = self.spans.back().map_or(self.stored, |last| last.end);
        if end <= last_end {
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
            self.stored = self.stored.max(done.end);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::sample::Surroundings;
    use crate::mesh::Waiting;
    use rookery_schema::ShardId;

    const COMMITTED: Offset = Offset(10);

    fn progress() -> Progress {
        Progress::new(COMMITTED, 100)
    }

    fn asker(gather: u64) -> Asker {
        Asker {
            shard: ShardId(0),
            waiting: Waiting::Inbox { gather },
        }
    }

    /// Has somebody be answered when a span is stored.
    fn wait(progress: &mut Progress, span: SpanId, gather: u64, cx: &mut Context<'_>) {
        let on_stored = progress.on_stored(span, cx).expect("under way");
        on_stored.answers.push((asker(gather), Outcome::Done));
    }

    fn waited(on_stored: Option<OnStored>) -> Option<Vec<Asker>> {
        on_stored.map(|it| it.answers.into_iter().map(|(asker, _)| asker).collect())
    }

    #[test]
    fn a_span_is_stored_when_nothing_holds_it_and_all_before_it_are() {
        let mut surroundings = Surroundings::new();
        let mut progress = progress();
        assert!(progress.is_stored());
        let cx = &mut surroundings.at(5);
        let first = progress.begin(Offset(12), 30, cx);
        let second = progress.begin(Offset(15), 40, cx);
        assert_eq!((first, second), (SpanId(100), SpanId(101)));
        progress.hold(first, cx);
        progress.count_message(first, cx);
        progress.count_message(second, cx);
        progress.count_message(second, cx);
        wait(&mut progress, first, 1, cx);
        wait(&mut progress, second, 2, cx);
        assert_eq!(
            (progress.unstored_bytes(), progress.unstored_messages()),
            (70, 3)
        );

        assert_eq!(waited(progress.release(second, cx)), Some(vec![asker(2)]));
        assert_eq!(
            waited(progress.release(first, cx)),
            None,
            "it is still held"
        );
        assert_eq!(
            (progress.stored(), progress.oldest_micros()),
            (COMMITTED, Some(5))
        );
        assert_eq!(
            (progress.unstored_bytes(), progress.unstored_messages()),
            (70, 3)
        );
        assert!(!progress.is_stored());

        let cx = &mut surroundings.at(8);
        assert_eq!(waited(progress.release(first, cx)), Some(vec![asker(1)]));
        assert_eq!(
            (progress.stored(), progress.oldest_micros()),
            (Offset(15), None)
        );
        assert_eq!(
            (progress.unstored_bytes(), progress.unstored_messages()),
            (0, 0)
        );
        assert!(progress.is_stored());
        let stats = surroundings.stats;
        assert_eq!(stats.messages_processed, 3);
        assert_eq!(
            (stats.processing.count(), stats.processing.sum_micros),
            (2, 3)
        );
    }

    #[test]
    fn spans_are_numbered_on() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        let cx = &mut surroundings.at(0);
        let first = progress.begin(Offset(11), 1, cx);
        progress.release(first, cx);
        assert_eq!(progress.begin(Offset(12), 1, cx), SpanId(101));
        assert_eq!(progress.unstored_bytes(), 1);
    }

    #[test]
    fn who_waits_for_too_long_is_taken_once() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        for (number, micros) in [(1, 5), (2, 7), (3, 9)] {
            let cx = &mut surroundings.at(micros);
            let span = progress.begin(Offset(10 + number), 1, cx);
            wait(&mut progress, span, number, cx);
        }
        assert_eq!(progress.take_overdue(7), [asker(1)]);
        assert_eq!(progress.take_overdue(9), [asker(2)]);
        assert_eq!(progress.take_overdue(u64::MAX), [asker(3)]);
        let cx = &mut surroundings.at(10);
        assert_eq!(waited(progress.release(SpanId(100), cx)), Some(vec![]));
    }

    #[test]
    fn what_a_sync_covers_is_what_was_stored_when_it_began() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        let cx = &mut surroundings.at(0);
        assert_eq!(progress.end_sync(cx), None, "none was running");
        progress.begin_sync();
        assert_eq!(progress.end_sync(cx), None, "it covered nothing new");
        let first = progress.begin(Offset(11), 1, cx);
        progress.release(first, cx);
        assert!(!progress.is_committed());
        progress.begin_sync();
        let second = progress.begin(Offset(12), 1, cx);
        progress.release(second, cx);
        assert_eq!(progress.end_sync(cx), Some(Offset(11)));
        assert!(!progress.is_committed());
        progress.begin_sync();
        assert_eq!(progress.end_sync(cx), Some(Offset(12)));
        assert!(progress.is_committed());
    }

    #[test]
    fn a_span_of_an_earlier_time_that_the_partition_was_open_is_passed_over() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        let cx = &mut surroundings.at(0);
        progress.begin(Offset(11), 1, cx);
        assert!(progress.release(SpanId(99), cx).is_none());
        assert!(!progress.is_stored());
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a span does not end behind the one before it")]
    fn a_span_ends_behind_the_one_before_it() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        progress.begin(Offset(11), 1, &mut surroundings.at(0));
        progress.begin(Offset(11), 1, &mut surroundings.at(0));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a span does not end behind the one before it")]
    fn a_span_ends_behind_what_is_stored() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        progress.begin(COMMITTED, 1, &mut surroundings.at(0));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a span that is done, or never began, is named")]
    fn a_span_is_not_released_before_it_began() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        progress.release(SpanId(100), &mut surroundings.at(0));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a span that is done, or never began, is named")]
    fn a_span_is_not_held_once_it_is_done() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        let cx = &mut surroundings.at(0);
        let span = progress.begin(Offset(11), 1, cx);
        progress.release(span, cx);
        progress.hold(span, cx);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a span is released more often than it was held")]
    fn a_span_is_not_released_more_often_than_it_was_held() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        let cx = &mut surroundings.at(0);
        progress.begin(Offset(11), 1, cx);
        let second = progress.begin(Offset(12), 1, cx);
        progress.release(second, cx);
        progress.release(second, cx);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: a commit goes back")]
    fn a_commit_never_goes_back() {
        let (mut surroundings, mut progress) = (Surroundings::new(), progress());
        progress.begin_sync();
        progress.committing = Offset(11);
        progress.end_sync(&mut surroundings.at(0));
    }
}
