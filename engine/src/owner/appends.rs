//! What is being appended to one partition of the log: gathered, in flight, and how much of it there may be.

use std::collections::VecDeque;
use std::time::Duration;

use rookery_schema::PartitionId;
use rookery_schema::batch::RecordBatchBuilder;
use rookery_schema::record::Record;

use crate::context::Context;
use crate::mesh::Asker;
use crate::owner::dedup::DedupWindow;
use crate::owner::partition::{ChangeKey, Pending};
use crate::port::LogRequest;
use crate::problem::Problem;

/// Bytes of records that may be gathered or in flight before new ones are refused.
const APPEND_BYTES_MAX: usize = 32 << 20;
/// Bytes of one append; larger gatherings are cut by submitting early.
const APPEND_BATCH_BYTES: usize = 1 << 20;
/// Microseconds after which an append that is not confirmed, or a change that is not stored, is
/// answered as unknown.
pub(crate) const APPEND_DEADLINE_MICROS: u64 = 5_000_000;
/// Records that may wait to be durable, however long that takes.
const WAITING_LEAST: usize = 256;
/// The part of the bound on waiting records by which each append that was quick enough raises it.
const RAISED_BY: usize = 8;

/// Records that were submitted together.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) pending: Vec<Pending>,
    pub(crate) submitted_micros: u64,
    /// When the first of them came.
    since_micros: u64,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Appends {
    gathering: RecordBatchBuilder,
    gathering_pending: Vec<Pending>,
    gathering_since_micros: u64,
    /// Oldest first.
    in_flight: VecDeque<InFlight>,
    in_flight_bytes: usize,
    /// Records that are gathered or in flight.
    waiting: usize,
    /// From how many on more are refused, so that none waits for much longer than the bound on lag. Found as
    /// TCP finds its window: lowered by what was too slow, and raised little by little.
    waiting_max: usize,
}

impl Default for Appends {
    fn default() -> Self {
        Self {
            gathering: RecordBatchBuilder::default(),
            gathering_pending: Vec::new(),
            gathering_since_micros: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            waiting: 0,
            waiting_max: usize::MAX,
        }
    }
}

impl Appends {
    /// Whether a new record may be appended.
    pub(super) fn admit(&self, now_micros: u64) -> Result<(), Problem> {
        let is_full = self.gathering.bytes() + self.in_flight_bytes >= APPEND_BYTES_MAX;
        if is_full || self.is_log_stuck(now_micros) {
            return Err(Problem::LOG_UNAVAILABLE);
        }
        if self.waiting >= self.waiting_max {
            return Err(Problem::LAGGING);
        }
        Ok(())
    }

    /// Whether the oldest append is overdue.
    fn is_log_stuck(&self, now_micros: u64) -> bool {
        let oldest = self.in_flight.front();
        oldest.is_some_and(|it| it.submitted_micros + APPEND_DEADLINE_MICROS < now_micros)
    }

    pub(super) fn append(&mut self, record: &Record<'_>, pending: Pending, now_micros: u64) {
        if self.gathering.is_empty() {
            self.gathering_since_micros = now_micros;
        }
        self.gathering.push(record);
        self.gathering_pending.push(pending);
        self.waiting += 1;
    }

    /// Submits what was gathered, unless the log has enough to do: then it grows into a larger batch.
    pub(super) fn submit(&mut self, partition: PartitionId, cx: &mut Context<'_>) {
        let room = self.in_flight.len() < cx.config.appends_in_flight_max;
        if self.gathering.is_empty() || !(room || self.gathering.bytes() >= APPEND_BATCH_BYTES) {
            return;
        }
        let bytes = self.gathering.bytes();
        self.in_flight_bytes += bytes;
        self.in_flight.push_back(InFlight {
            pending: std::mem::take(&mut self.gathering_pending),
            submitted_micros: cx.now.micros,
            since_micros: self.gathering_since_micros,
            bytes,
        });
        let batch = self.gathering.take();
        cx.effects.log.push(LogRequest::Append { partition, batch });
    }

    /// The oldest append was answered.
    pub(super) fn take_answered(
        &mut self,
        now_micros: u64,
        lag_limit: Duration,
    ) -> Option<InFlight> {
        let in_flight = self.in_flight.pop_front()?;
        let took = Duration::from_micros(now_micros.saturating_sub(in_flight.since_micros));
        self.adapt(took, lag_limit);
        self.in_flight_bytes -= in_flight.bytes;
        self.waiting -= in_flight.pending.len();
        Some(in_flight)
    }

    /// Learns from how long the oldest of all that is waiting took.
    fn adapt(&mut self, took: Duration, lag_limit: Duration) {
        if took <= lag_limit {
            let raised = self
                .waiting_max
                .saturating_add(self.waiting_max / RAISED_BY);
            self.waiting_max = raised;
            return;
        }
        let within = lag_limit.as_secs_f64() / took.as_secs_f64();
        let fitting = self.waiting as f64 * within;
        self.waiting_max = (fitting as usize).max(WAITING_LEAST);
    }

    /// Takes who waits for appends that are not confirmed by the deadline. A send with a client id stays
    /// in flight, so that a retry joins it instead of making a second message.
    pub(super) fn take_overdue(
        &mut self,
        dedup: &mut DedupWindow,
        now_micros: u64,
    ) -> (Vec<Asker>, Vec<ChangeKey>) {
        let (mut overdue, mut changes) = (Vec::new(), Vec::new());
        if !self.is_log_stuck(now_micros) {
            return (overdue, changes);
        }
        let submitted = self
            .in_flight
            .iter_mut()
            .map(|in_flight| &mut in_flight.pending);
        for waiting in submitted.chain([&mut self.gathering_pending]) {
            for pending in waiting {
                match pending {
                    Pending::Message { asker, .. } => {
                        overdue.push(*asker);
                        *pending = Pending::Nobody;
                    }
                    Pending::KeyedMessage { key, .. } => {
                        overdue.extend(dedup.take_askers(*key));
                    }
                    Pending::Change(key, _) => {
                        changes.push(*key);
                    }
                    Pending::Nobody => {}
                }
            }
        }
        (overdue, changes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gathering.is_empty() && self.in_flight.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Duration = Duration::from_millis(100);

    /// Offers more than there is room for to a log that confirms so many records a second, and returns how long
    /// the slowest record waited in the second half.
    fn overload(per_second: usize) -> Duration {
        let mut appends = Appends::default();
        let mut slowest = Duration::ZERO;
        for round in 0..400 {
            let room = appends.waiting_max.saturating_sub(appends.waiting);
            appends.waiting += room.min(50_000);
            let took = Duration::from_secs_f64(appends.waiting as f64 / per_second as f64);
            appends.adapt(took, LIMIT);
            appends.waiting = 0;
            if round >= 200 {
                slowest = slowest.max(took);
            }
        }
        slowest
    }

    proptest! {
        #[test]
        fn under_overload_nothing_waits_much_longer_than_the_bound(per_second in 5_000..1_000_000usize) {
            let slowest = overload(per_second);
            prop_assert!(slowest < LIMIT * 12 / 10, "{slowest:?}");
            // Neither are more refused than need be.
            prop_assert!(slowest > LIMIT * 8 / 10 || slowest.as_secs_f64() * per_second as f64 > 49_999.0);
        }
    }
}
