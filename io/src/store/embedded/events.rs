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

    /// The events of each run in a bucket.
    pub(super) fn runs_of_bucket(
        &self,
        chat_id: ChatId,
        kind: EventKind,
        first: Seq,
    ) -> Result<Vec<Vec<EventRow>>, ReadError> {
        let seqs = first..run::next_bucket(first);
        let range = run::key_from(chat_id, seqs.start)..run::key_from(chat_id, seqs.end);
        let decoded = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            decoded(&key, &value, kind)
        };
        self.of(kind).range(range).map(decoded).collect()
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
        self.read(
            chat_id,
            behind(after),
            EventKind::Message,
            Order::OldestFirst,
        )
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
        let all = Seq(0)..Seq(u64::MAX);
        let mut recent: Vec<EventRow> = Vec::new();
        for row in self.all(chat_id, &all, Order::NewestFirst).take(limit) {
            let row = row?;
            let newer = recent.last();
            if newer.is_some_and(|newer| newer.head.seq != row.head.seq.next()) {
                break;
            }
            recent.push(row);
        }
        recent.reverse();
        Ok(recent)
    }

    /// Events of all kinds with a higher seq, the oldest first.
    pub(super) fn after(
        &self,
        chat_id: ChatId,
        after: Seq,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> + use<> {
        self.all(chat_id, &behind(after), Order::OldestFirst)
    }

    fn all(
        &self,
        chat_id: ChatId,
        seqs: &Range<Seq>,
        order: Order,
    ) -> impl Iterator<Item = Result<EventRow, ReadError>> + use<> {
        let of = |kind| self.read(chat_id, seqs.clone(), kind, order).peekable();
        let (mut messages, mut others) = (of(EventKind::Message), of(EventKind::Other));
        std::iter::from_fn(move || {
            let is_message = match (messages.peek(), others.peek()) {
                (Some(Ok(message)), Some(Ok(other))) => {
                    let is_older = message.head.seq < other.head.seq;
                    is_older == (order == Order::OldestFirst)
                }
                // What can't be read is told before anything behind it.
                (Some(Ok(_)), Some(Err(_))) => false,
                (message, _) => message.is_some(),
            };
            if is_message {
                messages.next()
            } else {
                others.next()
            }
        })
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

/// The events of a run, whatever their seqs.
pub(super) fn decoded(
    key: &[u8],
    value: &[u8],
    kind: EventKind,
) -> Result<Vec<EventRow>, ReadError> {
    let (all, mut events) = (Seq(0)..Seq(u64::MAX), Vec::new());
    run::decode(key, value, &all, kind, &mut events).ok_or_else(|| malformed(kind))?;
    Ok(events)
}

const fn behind(seq: Seq) -> Range<Seq> {
    Seq(seq.0.saturating_add(1))..Seq(u64::MAX)
}

const fn malformed(kind: EventKind) -> ReadError {
    ReadError::Malformed(match kind {
        EventKind::Message => MESSAGES,
        EventKind::Other => OTHERS,
    })
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
            return Err(malformed(self.kind));
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
            .ok_or_else(|| malformed(self.kind))
    }

    fn decode(&mut self, (key, value): &KvPair) -> Result<(), ReadError> {
        run::decode(key, value, &self.seqs, self.kind, &mut self.bucket)
            .ok_or_else(|| malformed(self.kind))
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
