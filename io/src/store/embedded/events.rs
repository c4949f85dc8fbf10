//! The keyspaces of events: messages apart from all others.

use std::ops::Range;

use fjall::{Guard, Keyspace, KvPair, OwnedWriteBatch};
use rookery_schema::event::EventKind;
use rookery_schema::row::EventRow;
use rookery_schema::{ChatId, Seq};

use super::error::ReadError;
use super::run::{self, Run};

/// Names of the keyspaces.
pub(super) const MESSAGES: &str = "messages";
pub(super) const OTHERS: &str = "events";

/// See the module.
pub(super) struct Events {
    pub(super) messages: Keyspace,
    pub(super) others: Keyspace,
}

/// In which order events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

impl Events {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, run: Run) {
        batch.insert(self.of(run.kind), run.key(), run.value);
    }

    const fn of(&self, kind: EventKind) -> &Keyspace {
        match kind {
            EventKind::Message => &self.messages,
            EventKind::Other => &self.others,
        }
    }

    /// Messages with a lower seq, the newest first.
    pub(super) fn messages_before(
        &self,
        chat_id: ChatId,
        before: Seq,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> {
        self.read(
            chat_id,
            Seq(0)..before,
            EventKind::Message,
            Order::NewestFirst,
        )
    }

    /// Messages with a higher seq, the oldest first.
    pub(super) fn messages_after(
        &self,
        chat_id: ChatId,
        after: Seq,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> {
        let seqs = Seq(after.0.saturating_add(1))..Seq(u64::MAX);
        self.read(chat_id, seqs, EventKind::Message, Order::OldestFirst)
    }

    /// Events of one kind, the newest first.
    pub(super) fn newest(
        &self,
        chat_id: ChatId,
        kind: EventKind,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> {
        let all = Seq(0)..Seq(u64::MAX);
        self.read(chat_id, all, kind, Order::NewestFirst)
    }

    /// The newest events of all kinds, oldest first, as far back as there is no gap.
    pub(super) fn recent(&self, chat_id: ChatId, limit: usize) -> Result<Vec<EventRow>, ReadError> {
        let kinds = [EventKind::Message, EventKind::Other];
        let mut sources = kinds.map(|kind| self.newest(chat_id, kind));
        let [mut message, mut other] =
            [sources[0].next(), sources[1].next()].map(Option::transpose);
        let mut recent: Vec<EventRow> = Vec::new();
        while recent.len() < limit {
            let (a, b) = (message?, other?);
            let is_message =
                a.as_ref().map(|row| row.head.seq) > b.as_ref().map(|row| row.head.seq);
            let (next, kept) = if is_message { (a, b) } else { (b, a) };
            let Some(next) = next else { break };
            let is_next = recent
                .last()
                .is_none_or(|newer| newer.head.seq == next.head.seq.next());
            if !is_next {
                break;
            }
            recent.push(next);
            let following = sources[usize::from(!is_message)].next().transpose();
            (message, other) = if is_message {
                (following, Ok(kept))
            } else {
                (Ok(kept), following)
            };
        }
        recent.reverse();
        Ok(recent)
    }

    fn read(
        &self,
        chat_id: ChatId,
        seqs: Range<Seq>,
        kind: EventKind,
        order: Order,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> + use<> {
        let first = run::key_from(chat_id, run::bucket_of(seqs.start));
        let end = run::key_from(chat_id, seqs.end);
        let mut runs = self.of(kind).range(first..end);
        Reading {
            runs: std::iter::from_fn(move || match order {
                Order::OldestFirst => runs.next(),
                Order::NewestFirst => runs.next_back(),
            }),
            ahead: None,
            seqs,
            kind,
            order,
            bucket: Vec::new(),
        }
    }
}

/// Reads events bucket by bucket.
struct Reading<R> {
    runs: R,
    /// A run of the next bucket, met behind the last one's.
    ahead: Option<KvPair>,
    seqs: Range<Seq>,
    kind: EventKind,
    order: Order,
    /// The rest of a bucket's events, the next one last.
    bucket: Vec<EventRow>,
}

impl<R: Iterator<Item = Guard>> Reading<R> {
    /// Reads one more bucket, of which no event may be wanted; false where there is none.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let Some(run) = self.next_run()? else {
            return Ok(false);
        };
        let bucket = self.bucket_of(&run)?;
        self.decode(&run)?;
        while let Some(run) = self.next_run()? {
            if self.bucket_of(&run)? != bucket {
                self.ahead = Some(run);
                break;
            }
            self.decode(&run)?;
        }
        self.bucket.sort_unstable_by_key(|event| event.head.seq);
        self.bucket.dedup();
        let is_twofold = |pair: &[EventRow]| pair[0].head.seq == pair[1].head.seq;
        if self.bucket.windows(2).any(is_twofold) {
            return Err(self.malformed());
        }
        if self.order == Order::OldestFirst {
            self.bucket.reverse();
        }
        Ok(true)
    }

    fn next_run(&mut self) -> fjall::Result<Option<KvPair>> {
        match self.ahead.take() {
            Some(run) => Ok(Some(run)),
            None => self.runs.next().map(Guard::into_inner).transpose(),
        }
    }

    fn bucket_of(&self, (key, _): &KvPair) -> Result<Seq, ReadError> {
        run::first_seq(key)
            .map(run::bucket_of)
            .ok_or_else(|| self.malformed())
    }

    fn decode(&mut self, (key, value): &KvPair) -> Result<(), ReadError> {
        run::decode(key, value, &self.seqs, self.kind, &mut self.bucket)
            .ok_or_else(|| self.malformed())
    }

    const fn malformed(&self) -> ReadError {
        ReadError::Malformed(match self.kind {
            EventKind::Message => MESSAGES,
            EventKind::Other => OTHERS,
        })
    }
}

impl<R: Iterator<Item = Guard>> Iterator for Reading<R> {
    type Item = Result<EventRow, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(event) = self.bucket.pop() {
                return Some(Ok(event));
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
