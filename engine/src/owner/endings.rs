//! Sessions that are being ended: who waits until they are void on all shards and their end is in the log.

use std::collections::VecDeque;

use rookery_schema::record::SessionEnded;

use crate::map::Unanswered;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Outcome};

/// Ends that the log did not take and that are kept to be appended later, about 40 bytes each. Those beyond are void
/// until the process ends, and no longer.
const UNRECORDED_MAX: usize = 65_536;
/// How many of them are appended at once.
const RECORDED_AT_ONCE_MAX: usize = 1024;
/// Microseconds between two tries.
const RETRY_MICROS: u64 = 1_000_000;

/// How far the end of a session has come on its way into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recording {
    UnderWay,
    Done,
    Failed,
}

#[derive(Debug)]
struct Ending {
    askers: Vec<Asker>,
    /// On so many shards the sessions are not void yet, as far as is known.
    shards: u16,
    recording: Recording,
    since_micros: u64,
}

/// Who is to be answered, and how.
pub(crate) struct Settled {
    pub(crate) askers: Vec<Asker>,
    pub(crate) outcome: fn() -> Outcome,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Endings {
    endings: Unanswered<Ending>,
    /// Oldest first.
    unrecorded: VecDeque<SessionEnded>,
    retry_at_micros: u64,
}

impl Endings {
    /// Endings are numbered from above `number_base`.
    pub(crate) fn above(number_base: u64) -> Self {
        Self {
            endings: Unanswered::above(number_base),
            unrecorded: VecDeque::new(),
            retry_at_micros: 0,
        }
    }

    /// Sessions begin to end, on so many shards; gives the number of that.
    pub(crate) fn begin(
        &mut self,
        askers: Vec<Asker>,
        shards: u16,
        recording: Recording,
        now_micros: u64,
    ) -> u64 {
        self.endings.add(Ending {
            askers,
            shards,
            recording,
            since_micros: now_micros,
        })
    }

    /// The sessions are void on one more shard; `None` where nothing has this number.
    pub(crate) fn void(&mut self, number: u64) -> Option<Option<Settled>> {
        let ending = self.endings.get_mut(number)?;
        ending.shards = ending.shards.saturating_sub(1);
        Some(self.settle(number))
    }

    /// The end of a session is in the log.
    pub(crate) fn recorded(&mut self, number: u64) -> Option<Settled> {
        self.endings.get_mut(number)?.recording = Recording::Done;
        self.settle(number)
    }

    /// It is not in the log, as far as is known: it is kept to be appended later.
    pub(crate) fn not_recorded(
        &mut self,
        ended: SessionEnded,
        number: Option<u64>,
    ) -> Option<Settled> {
        if self.unrecorded.len() < UNRECORDED_MAX {
            self.unrecorded.push_back(ended);
        }
        let number = number?;
        self.endings.get_mut(number)?.recording = Recording::Failed;
        self.settle(number)
    }

    fn settle(&mut self, number: u64) -> Option<Settled> {
        let ending = self.endings.get_mut(number)?;
        if ending.shards > 0 {
            return None;
        }
        let outcome = match ending.recording {
            Recording::UnderWay => return None,
            Recording::Done => || Outcome::Done,
            Recording::Failed => || Outcome::Refused(Problem::LOGOUT_NOT_RECORDED),
        };
        let askers = self.endings.take(number)?.askers;
        Some(Settled { askers, outcome })
    }

    /// Takes ends that the log did not take, where it is time to try again.
    pub(crate) fn take_unrecorded(&mut self, now_micros: u64) -> Vec<SessionEnded> {
        if self.unrecorded.is_empty() || now_micros < self.retry_at_micros {
            return Vec::new();
        }
        self.retry_at_micros = now_micros + RETRY_MICROS;
        let count = self.unrecorded.len().min(RECORDED_AT_ONCE_MAX);
        self.unrecorded.drain(..count).collect()
    }

    /// Takes who asked before a time and waits still.
    pub(crate) fn take_overdue(&mut self, begun_before_micros: u64) -> Vec<Asker> {
        self.endings
            .values_mut()
            .filter(|ending| ending.since_micros < begun_before_micros)
            .flat_map(|ending| std::mem::take(&mut ending.askers))
            .collect()
    }
}
