//! The appends of one partition, from the shard's request to its answer: a state machine without a broker.
//!
//! Each append is answered once, in the order of the requests, when all of its records are confirmed. When
//! records time out, the log counts as down: appends are refused at once then, but for one in a while
//! that is let through to see whether it still is.
//!
//! A record that is in the log counts for nothing behind another writer's claim. So one that was reported is
//! confirmed when all before it is known: it was read, or is our own and confirmed. Where others wrote in
//! between, what they wrote is read first; where one of them claimed the partition, nothing is confirmed
//! any more.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rookery_engine::port::AppendFault;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;

#[cfg(test)]
mod tests;

/// How long appends are refused before one is let through as a probe.
pub(super) const PROBE_PAUSE: Duration = Duration::from_millis(500);
/// How long a probe, and with it all that is refused behind it, waits for its answer. Its records may
/// still arrive later, and are waited for.
pub(super) const PROBE_WAIT: Duration = Duration::from_millis(500);

/// What the brokers said of some records of one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are in the log; the offset behind the last of them, where it is known.
    Written(Option<Offset>),
    /// They may be in the log or not.
    Failed,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Appends {
    /// Those not yet answered or not yet reported, oldest first.
    queue: VecDeque<Append>,
    /// The number of the oldest.
    first: u64,
    /// How many of the oldest are answered, and only wait for reports.
    answered: usize,
    /// How many of the oldest have nothing more to hand over.
    handed: usize,
    health: Health,
    /// Records below were read, or are our own and confirmed.
    known: Offset,
    /// The end of the log, as far as it was reported.
    end: Offset,
    /// Own records that were reported and not confirmed, by the offset of the first.
    unconfirmed: BTreeMap<Offset, Reported>,
    /// Records that were handed over.
    records: u64,
    /// Own records that were read are numbered below.
    read: u64,
    /// Appends with records in the log of which it is not known where. Mostly there are none.
    unplaced: usize,
}

/// Records of one append that follow each other in the log.
#[derive(Debug)]
struct Reported {
    number: u64,
    records: u32,
    end: Offset,
}

#[derive(Debug, Default)]
enum Health {
    #[default]
    Up,
    /// Appends are refused; from then on, all but one.
    Down { probe_at: Instant },
    /// Appends are refused; this one was let through.
    Probing { number: u64 },
}

#[derive(Debug)]
struct Append {
    /// What is still to be handed over.
    rest: RecordBatch,
    handed: u32,
    /// Its records that were confirmed, or failed.
    settled: u32,
    /// Those that are in the log, it is not known where.
    unplaced: u32,
    /// Its records that were handed over are numbered below.
    handed_end: u64,
    failed: bool,
    /// The offset behind its last record, as far as it is known.
    end: Option<Offset>,
    /// When a probe is answered, whatever is known by then.
    answer_by: Option<Instant>,
}

impl Append {
    const fn is_settled(&self) -> bool {
        self.rest.is_empty() && self.handed == self.settled
    }

    /// Nothing more is handed over of an append that can't succeed any more.
    fn fail(&mut self) {
        self.failed = true;
        self.rest = RecordBatch::default();
    }
}

impl Appends {
    /// Takes a request.
    pub(super) fn submit(&mut self, batch: RecordBatch, now: Instant) {
        let number = self.first + self.queue.len() as u64;
        let mut append = Append {
            rest: batch,
            handed: 0,
            settled: 0,
            unplaced: 0,
            handed_end: 0,
            failed: false,
            end: None,
            answer_by: None,
        };
        match self.health {
            Health::Up => {}
            Health::Down { probe_at } if probe_at <= now => {
                self.health = Health::Probing { number };
                append.answer_by = Some(now + PROBE_WAIT);
            }
            Health::Down { .. } | Health::Probing { .. } => append.fail(),
        }
        self.queue.push_back(append);
    }

    /// The next record to hand over, the number of its append, and its own.
    pub(super) fn next_record(&mut self) -> Option<(u64, u64, &[u8])> {
        while self.queue.get(self.handed)?.rest.is_empty() {
            self.handed += 1;
        }
        let number = self.first + self.handed as u64;
        let record = self.queue.get(self.handed)?.rest.first()?;
        Some((number, self.records, record))
    }

    /// The record that [`Self::next_record`] gave was handed over.
    pub(super) fn handed_over(&mut self) {
        if let Some(append) = self.queue.get_mut(self.handed) {
            append.rest.remove_first();
            append.handed += 1;
            self.records += 1;
            append.handed_end = self.records;
        }
    }

    /// The record that [`Self::next_record`] gave can't be handed over, so its append can't succeed.
    pub(super) fn not_taken(&mut self, now: Instant) {
        if let Some(append) = self.queue.get_mut(self.handed) {
            append.fail();
        }
        if self.is_down() {
            // It was the probe: without a report of it there has to be another.
            self.look_down(now);
        }
    }

    /// Takes what became of so many records of an append. Where it is known where they are, they follow each
    /// other.
    pub(super) fn reported(&mut self, number: u64, records: u32, verdict: Verdict, now: Instant) {
        if matches!(verdict, Verdict::Written(_)) {
            self.health = Health::Up;
        }
        match verdict {
            Verdict::Written(Some(end)) => {
                let base = Offset(end.0.saturating_sub(u64::from(records)));
                let reported = Reported {
                    number,
                    records,
                    end,
                };
                self.unconfirmed.insert(base, reported);
                self.end = self.end.max(end);
            }
            Verdict::Written(None) => {
                if let Some(append) = self.append(number) {
                    let is_first = append.unplaced == 0;
                    append.unplaced += records;
                    self.unplaced += usize::from(is_first);
                }
            }
            Verdict::Failed => {
                if let Some(append) = self.append(number) {
                    append.settled += records;
                    append.fail();
                    self.look_down(now);
                }
            }
        }
        self.confirm();
    }

    /// Everything below was read, the own records up to this number included.
    pub(super) fn read(&mut self, below: Offset, own: Option<u64>) {
        self.known = self.known.max(below);
        self.read = self.read.max(own.map_or(0, |number| number + 1));
        self.confirm();
    }

    fn append(&mut self, number: u64) -> Option<&mut Append> {
        let index = number.checked_sub(self.first)?;
        self.queue.get_mut(usize::try_from(index).ok()?)
    }

    /// Confirms what stands behind nothing but what is known.
    fn confirm(&mut self) {
        if self.unplaced > 0 {
            self.confirm_unplaced();
        }
        while let Some(entry) = self.unconfirmed.first_entry()
            && *entry.key() <= self.known
        {
            let Reported {
                number,
                records,
                end,
            } = entry.remove();
            self.known = self.known.max(end);
            if let Some(append) = self.append(number) {
                append.settled += records;
                append.end = append.end.max(Some(end));
            }
        }
    }

    /// Confirms those that were read.
    fn confirm_unplaced(&mut self) {
        let (known, read) = (self.known, self.read);
        let unplaced = self.queue.iter_mut().filter(|append| append.unplaced > 0);
        let is_read = |append: &&mut Append| append.rest.is_empty() && append.handed_end <= read;
        for append in unplaced.filter(is_read) {
            append.settled += std::mem::take(&mut append.unplaced);
            append.end = append.end.max(Some(known));
            self.unplaced -= 1;
        }
    }

    /// Refuses what was not begun, and what comes until a probe gets through.
    fn look_down(&mut self, now: Instant) {
        if self.is_probe_out() {
            return;
        }
        self.health = Health::Down {
            probe_at: now + PROBE_PAUSE,
        };
        for append in self.queue.range_mut(self.handed..) {
            if append.handed == 0 {
                append.fail();
            }
        }
    }

    fn is_probe_out(&self) -> bool {
        let Health::Probing { number } = self.health else {
            return false;
        };
        let index = number.checked_sub(self.first);
        let probe = index.and_then(|index| self.queue.get(index as usize));
        probe.is_some_and(|probe| !probe.is_settled())
    }

    /// No report will come for anything that was handed over.
    pub(super) fn give_up(&mut self, now: Instant) {
        for append in self.queue.iter_mut().filter(|append| append.handed > 0) {
            append.fail();
            append.settled = append.handed;
            append.unplaced = 0;
        }
        self.unplaced = 0;
        self.unconfirmed.clear();
        if matches!(self.health, Health::Probing { .. }) {
            self.health = Health::Down { probe_at: now };
        }
    }

    /// Takes the next answer that is due.
    pub(super) fn next_answer(&mut self, now: Instant) -> Option<Result<Offset, AppendFault>> {
        self.forget_settled();
        let append = self.queue.get(self.answered)?;
        let answer = if append.is_settled() {
            match append {
                Append { failed: false, .. } => Ok(append.end.unwrap_or(self.known)),
                Append { handed: 0, .. } => Err(AppendFault::Unavailable),
                _ => Err(AppendFault::Unknown),
            }
        } else if append.answer_by.is_some_and(|by| by <= now) {
            Err(AppendFault::Unknown)
        } else {
            return None;
        };
        self.answered += 1;
        self.forget_settled();
        Some(answer)
    }

    fn forget_settled(&mut self) {
        while self.answered > 0 && self.queue.pop_front_if(|it| it.is_settled()).is_some() {
            self.first += 1;
            self.answered -= 1;
            self.handed = self.handed.saturating_sub(1);
        }
    }

    /// Whether there is something to hand over, to hear of or to answer.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether the log takes no records for now, as far as is known.
    pub(super) const fn is_down(&self) -> bool {
        !matches!(self.health, Health::Up)
    }

    /// The end of the log, as far as it was reported.
    pub(super) const fn end(&self) -> Offset {
        self.end
    }
}
