//! What is being appended to one partition of the log: gathered, in flight, and how much of it there may be.

use std::collections::VecDeque;

use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::record::{Record, SessionEnded};
use rookery_schema::{ChatId, MessageId, PartitionId, SessionId, ShardId, UserId};

use crate::context::Context;
use crate::edge::port::LogRequest;
use crate::ids::ConnId;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Waiting};
use crate::owner::changes::ChangeKey;
use crate::owner::dedup::{DedupKey, DedupWindow};

/// Bytes of records that may be gathered or in flight before new ones are refused.
const APPEND_BYTES_MAX: usize = 32 << 20;
/// Bytes of one append; larger gatherings are cut by submitting early.
const APPEND_BATCH_BYTES: usize = 1 << 20;
/// So many records wait for no more, however soon they come behind others.
const PACED_RECORDS_MAX: usize = 8;
/// Microseconds after which an append that is not confirmed, or a change that is not stored, is
/// answered as unknown.
pub(crate) const APPEND_DEADLINE_MICROS: u64 = 5_000_000;

/// What waits for a record to be durable.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A message without a client id: its sender.
    Message {
        asker: Asker,
        message_id: MessageId,
        chat_id: ChatId,
    },
    /// A message with one: everybody who waits for it is in the dedup window.
    KeyedMessage { key: DedupKey, chat_id: ChatId },
    /// Another change, and who asked for it; they are answered when it is in the store.
    Change(ChangeKey, Asker),
    /// The end of a session, and its number among the endings, where somebody asked for it.
    SessionEnd(SessionEnded, Option<u64>),
    /// The start of a session of a user, and who waits to be logged in by it.
    SessionStart(Option<Asker>, UserId, SessionId),
    /// Nobody: it tells who is admin since the last one has left a chat.
    Heir,
    /// Nobody any more: they were told that the outcome is unknown.
    Nobody,
}

/// What waits for appends that are not confirmed in time.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    /// Who posted.
    pub(super) senders: Vec<Asker>,
    /// Who logs in.
    pub(super) logins: Vec<Asker>,
    pub(super) changes: Vec<ChangeKey>,
}

/// Records that were submitted together.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) pending: Vec<Pending>,
    pub(crate) submitted_micros: u64,
    /// When the first of them came.
    since_micros: u64,
    bytes: usize,
}

/// Records that will be submitted together.
#[derive(Debug, Default)]
struct Gathering {
    records: RecordBatchBuilder,
    pending: Vec<Pending>,
    /// When the first of them came.
    since_micros: u64,
    askers: Askers,
}

/// Who waits for some records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Askers {
    #[default]
    Nobody,
    /// One connection, of this shard, by its posts.
    One(ShardId, ConnId),
    Many,
}

impl Askers {
    fn add(&mut self, other: Self) {
        if *self == Self::Nobody {
            *self = other;
        } else if other != Self::Nobody && *self != other {
            *self = Self::Many;
        }
    }
}

impl From<Asker> for Askers {
    fn from(asker: Asker) -> Self {
        match asker.waiting {
            Waiting::Connection { conn, .. } => Self::One(asker.shard, conn),
            Waiting::Inbox { .. }
            | Waiting::Mark { .. }
            | Waiting::Telling { .. }
            | Waiting::Resume { .. }
            | Waiting::Following { .. }
            | Waiting::Erasing { .. } => Self::Many,
        }
    }
}

impl Gathering {
    fn add(&mut self, record: &Record<'_>, pending: Pending, askers: Askers, now_micros: u64) {
        if self.records.is_empty() {
            self.since_micros = now_micros;
        }
        self.askers.add(askers);
        self.records.push(record);
        self.pending.push(pending);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Appends {
    gathering: Gathering,
    /// Small changes, which the log takes also where it has no room for others.
    small: Gathering,
    /// Oldest first.
    in_flight: VecDeque<InFlight>,
    in_flight_bytes: usize,
    /// When the last append was submitted, and who waits for it.
    submitted_micros: u64,
    last_askers: Askers,
}

impl Appends {
    /// Whether a new record may be appended.
    pub(super) fn admit(&self, cx: &Context<'_>) -> Result<(), Problem> {
        if cx.disk_full {
            return Err(Problem::DISK_FULL);
        }
        self.admit_small(cx)?;
        if cx.is_over_lag_limit(self.oldest_micros(cx.now.micros)) {
            return Err(Problem::LAGGING);
        }
        Ok(())
    }

    /// Whether a small change may be appended.
    pub(super) fn admit_small(&self, cx: &Context<'_>) -> Result<(), Problem> {
        let gathered = self.gathering.records.bytes() + self.small.records.bytes();
        if self.is_log_stuck(cx.now.micros) {
            return Err(Problem::LOG_UNAVAILABLE);
        }
        if gathered + self.in_flight_bytes >= APPEND_BYTES_MAX {
            return Err(Problem::APPEND_BYTES);
        }
        Ok(())
    }

    /// How long the oldest record in flight has waited. With none in flight, nothing is gathered for longer than
    /// [`ShardConfig::append_pace_micros`](crate::config::ShardConfig::append_pace_micros).
    fn oldest_micros(&self, now_micros: u64) -> u64 {
        let oldest = self.in_flight.front();
        oldest.map_or(0, |it| now_micros.saturating_sub(it.since_micros))
    }

    /// Whether the oldest append is overdue.
    fn is_log_stuck(&self, now_micros: u64) -> bool {
        let oldest = self.in_flight.front();
        oldest.is_some_and(|it| it.submitted_micros + APPEND_DEADLINE_MICROS < now_micros)
    }

    pub(super) fn append(&mut self, record: &Record<'_>, pending: Pending, now_micros: u64) {
        self.gathering
            .add(record, pending, Askers::Many, now_micros);
    }

    /// The same, of what a connection posts.
    pub(super) fn append_post(
        &mut self,
        record: &Record<'_>,
        pending: Pending,
        asker: Asker,
        now_micros: u64,
    ) {
        self.gathering
            .add(record, pending, asker.into(), now_micros);
    }

    pub(super) fn append_small(&mut self, record: &Record<'_>, pending: Pending, now_micros: u64) {
        self.small.add(record, pending, Askers::Many, now_micros);
    }

    /// Submits what was gathered, unless the log has enough to do, or had a moment ago: then it grows into a larger batch.
    pub(super) fn submit(&mut self, partition: PartitionId, cx: &mut Context<'_>) {
        let has_room = self.in_flight.len() < cx.config.appends_in_flight_max;
        let waits_until = self.paced_until(cx).filter(|_| has_room);
        if let Some(until_micros) = waits_until {
            cx.effects.wake_at(until_micros);
        }
        let room = has_room && waits_until.is_none();
        let mut askers = Askers::Nobody;
        for (gathering, is_small) in [(&mut self.small, true), (&mut self.gathering, false)] {
            let bytes = gathering.records.bytes();
            if bytes == 0 || !(room || bytes >= APPEND_BATCH_BYTES) {
                continue;
            }
            self.in_flight_bytes += bytes;
            askers.add(std::mem::take(&mut gathering.askers));
            self.in_flight.push_back(InFlight {
                pending: std::mem::take(&mut gathering.pending),
                submitted_micros: cx.now.micros,
                since_micros: gathering.since_micros,
                bytes,
            });
            cx.effects.log.push(LogRequest::Append {
                partition,
                batch: gathering.records.take(),
                is_small,
            });
        }
        if askers != Askers::Nobody {
            self.submitted_micros = cx.now.micros;
            self.last_askers = askers;
        }
    }

    /// Until when what was gathered waits for more: each append costs as much as a few records do. A connection that posts
    /// alone waits for nobody.
    fn paced_until(&self, cx: &Context<'_>) -> Option<u64> {
        let until_micros = self.submitted_micros + cx.config.append_pace_micros;
        let few = self.gathered() < PACED_RECORDS_MAX && self.gathered() > 0;
        let mut askers = self.small.askers;
        askers.add(self.gathering.askers);
        let is_lone = matches!(askers, Askers::One(..)) && askers == self.last_askers;
        (few && !is_lone && cx.now.micros < until_micros).then_some(until_micros)
    }

    /// How many records are gathered.
    fn gathered(&self) -> usize {
        self.gathering.pending.len() + self.small.pending.len()
    }

    /// The oldest append was answered.
    pub(super) fn take_answered(&mut self) -> Option<InFlight> {
        let in_flight = self.in_flight.pop_front()?;
        self.in_flight_bytes -= in_flight.bytes;
        Some(in_flight)
    }

    /// Takes who waits for appends that are not confirmed by the deadline. A send with a client id stays
    /// in flight, so that a retry joins it instead of making a second message.
    pub(super) fn take_overdue(&mut self, dedup: &mut DedupWindow, now_micros: u64) -> Overdue {
        let mut overdue = Overdue::default();
        if !self.is_log_stuck(now_micros) {
            return overdue;
        }
        let submitted = self
            .in_flight
            .iter_mut()
            .map(|in_flight| &mut in_flight.pending);
        let gathered = [&mut self.small.pending, &mut self.gathering.pending];
        for waiting in submitted.chain(gathered) {
            for pending in waiting {
                match pending {
                    Pending::Message { asker, .. } => {
                        overdue.senders.push(*asker);
                        *pending = Pending::Nobody;
                    }
                    Pending::SessionStart(asker, ..) => overdue.logins.extend(asker.take()),
                    Pending::KeyedMessage { key, .. } => {
                        overdue.senders.extend(dedup.take_askers(*key));
                    }
                    Pending::Change(key, _) => overdue.changes.push(*key),
                    // Who asked for one is among the endings.
                    Pending::SessionEnd(..) | Pending::Heir | Pending::Nobody => {}
                }
            }
        }
        overdue
    }

    /// Takes everything that waits, as nothing more is heard of it.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pending> + '_ {
        let submitted = self.in_flight.drain(..).flat_map(|it| it.pending);
        let gathered = [&mut self.small.pending, &mut self.gathering.pending];
        submitted.chain(gathered.into_iter().flat_map(|it| it.drain(..)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gathered() == 0 && self.in_flight.is_empty()
    }
}
