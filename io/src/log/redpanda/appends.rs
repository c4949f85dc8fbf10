//! The appends of one partition, from the shard's request to its answer: a state machine without a broker.
//!
//! Each append is answered once, in the order of the requests, when all of its records are reported. When
//! records time out, the log counts as down: appends are refused at once then, but for one in a while
//! that is let through to see whether it still is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rookery_engine::port::AppendFault;
use rookery_schema::Offset;
use rookery_schema::batch::RecordBatch;

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
    /// The end of the log, as far as it was confirmed.
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
    reported: u32,
    failed: bool,
    /// The offset behind its last record, as far as it is known.
    end: Option<Offset>,
    /// When a probe is answered, whatever is known by then.
    answer_by: Option<Instant>,
}

impl Append {
    const fn is_settled(&self) -> bool {
        self.rest.is_empty() && self.handed == self.reported
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
            reported: 0,
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

    /// The next record to hand over, and the number of its append.
    pub(super) fn next_record(&mut self) -> Option<(u64, &[u8])> {
        while self.queue.get(self.handed)?.rest.is_empty() {
            self.handed += 1;
        }
        let number = self.first + self.handed as u64;
        let record = self.queue.get(self.handed)?.rest.first()?;
        Some((number, record))
    }

    /// The record that [`Self::next_record`] gave was handed over.
    pub(super) fn handed_over(&mut self) {
        if let Some(append) = self.queue.get_mut(self.handed) {
            append.rest.remove_first();
            append.handed += 1;
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

    /// Takes what became of so many records of an append.
    pub(super) fn reported(&mut self, number: u64, records: u32, verdict: Verdict, now: Instant) {
        let index = number.checked_sub(self.first);
        let Some(append) = index.and_then(|index| self.queue.get_mut(index as usize)) else {
            return;
        };
        append.reported += records;
        match verdict {
            Verdict::Written(end) => {
                append.end = append.end.max(end);
                self.end = self.end.max(end.unwrap_or_default());
                self.health = Health::Up;
            }
            Verdict::Failed => {
                append.fail();
                self.look_down(now);
            }
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
            append.reported = append.handed;
        }
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
                // A broker that is told of a record twice may only know that it has it.
                Append { failed: false, .. } => Ok(append.end.unwrap_or(self.end)),
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

    /// The end of the log, as far as it was confirmed.
    pub(super) const fn end(&self) -> Offset {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::batch::RecordBatchBuilder;

    const ENOUGH: Duration = Duration::from_secs(1);

    fn batch(records: u8) -> RecordBatch {
        let mut builder = RecordBatchBuilder::default();
        (0..records).for_each(|record| builder.push_encoded(&[record]));
        builder.take()
    }

    fn hand_over(appends: &mut Appends) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some((number, _)) = appends.next_record() {
            numbers.push(number);
            appends.handed_over();
        }
        numbers
    }

    fn written(end: u64) -> Verdict {
        Verdict::Written(Some(Offset(end)))
    }

    fn answers(appends: &mut Appends, now: Instant) -> Vec<Result<u64, AppendFault>> {
        let answers = std::iter::from_fn(|| appends.next_answer(now));
        answers.map(|answer| answer.map(|end| end.0)).collect()
    }

    /// Two appends of which the first timed out.
    fn down(now: Instant) -> Appends {
        let mut appends = Appends::default();
        appends.submit(batch(2), now);
        assert_eq!(hand_over(&mut appends), [0, 0]);
        appends.reported(0, 2, Verdict::Failed, now);
        assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
        assert!(!appends.is_outstanding());
        assert!(appends.is_down());
        appends
    }

    #[test]
    fn an_append_is_answered_when_all_of_it_and_all_before_it_is_reported() {
        let now = Instant::now();
        let mut appends = Appends::default();
        for records in [2, 1, 3] {
            appends.submit(batch(records), now);
        }
        assert_eq!(hand_over(&mut appends), [0, 0, 1, 2, 2, 2]);
        appends.reported(1, 1, written(13), now);
        appends.reported(0, 1, written(11), now);
        assert_eq!(answers(&mut appends, now), []);
        appends.reported(0, 1, written(12), now);
        assert_eq!(answers(&mut appends, now), [Ok(12), Ok(13)]);
        appends.reported(2, 3, written(16), now);
        assert_eq!(answers(&mut appends, now), [Ok(16)]);
        assert_eq!(appends.end(), Offset(16));
        assert!(!appends.is_outstanding());
    }

    #[test]
    fn a_record_that_a_broker_had_already_counts_as_written() {
        let now = Instant::now();
        let mut appends = Appends::default();
        appends.submit(batch(1), now);
        appends.submit(batch(1), now);
        hand_over(&mut appends);
        appends.reported(0, 1, written(5), now);
        appends.reported(1, 1, Verdict::Written(None), now);
        assert_eq!(answers(&mut appends, now), [Ok(5), Ok(5)]);
    }

    #[test]
    fn one_lost_record_makes_its_append_unknown_and_stops_the_rest_of_it() {
        let now = Instant::now();
        let mut appends = Appends::default();
        appends.submit(batch(3), now);
        appends.next_record();
        appends.handed_over();
        appends.next_record();
        appends.handed_over();
        appends.reported(0, 1, written(1), now);
        appends.reported(0, 1, Verdict::Failed, now);
        assert!(hand_over(&mut appends).is_empty());
        assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
    }

    #[test]
    fn what_was_not_begun_when_the_log_went_down_was_certainly_not_written() {
        let now = Instant::now();
        let mut appends = Appends::default();
        (0..3).for_each(|_| appends.submit(batch(1), now));
        appends.next_record();
        appends.handed_over();
        appends.reported(0, 1, Verdict::Failed, now);
        assert_eq!(
            answers(&mut appends, now),
            [
                Err(AppendFault::Unknown),
                Err(AppendFault::Unavailable),
                Err(AppendFault::Unavailable)
            ]
        );
        assert!(!appends.is_outstanding());
    }

    #[test]
    fn a_record_that_the_client_does_not_take_ends_its_append_alone() {
        let now = Instant::now();
        let mut appends = Appends::default();
        appends.submit(batch(1), now);
        appends.submit(batch(1), now);
        appends.next_record();
        appends.not_taken(now);
        assert_eq!(hand_over(&mut appends), [1]);
        appends.reported(1, 1, written(1), now);
        assert_eq!(
            answers(&mut appends, now),
            [Err(AppendFault::Unavailable), Ok(1)]
        );
    }

    #[test]
    fn while_the_log_is_down_all_is_refused_at_once_but_for_a_probe_in_a_while() {
        let now = Instant::now();
        let mut appends = down(now);
        appends.submit(batch(1), now + PROBE_PAUSE / 2);
        assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unavailable)]);

        let probed = now + PROBE_PAUSE;
        appends.submit(batch(1), probed);
        appends.submit(batch(1), probed);
        assert_eq!(hand_over(&mut appends), [2]);
        assert_eq!(answers(&mut appends, probed), []);
        let both = [Err(AppendFault::Unknown), Err(AppendFault::Unavailable)];
        assert_eq!(answers(&mut appends, probed + PROBE_WAIT), both);
        // As long as nothing is known of the probe, there is no second one.
        appends.submit(batch(1), probed + ENOUGH);
        assert!(hand_over(&mut appends).is_empty());
        let refused = [Err(AppendFault::Unavailable)];
        assert_eq!(answers(&mut appends, probed + ENOUGH), refused);
        assert!(appends.is_outstanding());

        let failed = probed + ENOUGH * 2;
        appends.reported(2, 1, Verdict::Failed, failed);
        assert_eq!(answers(&mut appends, failed), []);
        assert!(!appends.is_outstanding());
        appends.submit(batch(1), failed);
        assert_eq!(answers(&mut appends, failed), refused);
    }

    #[test]
    fn a_probe_that_the_client_does_not_take_is_followed_by_another() {
        let now = Instant::now();
        let mut appends = down(now);
        let refused = [Err(AppendFault::Unavailable)];
        let first = now + PROBE_PAUSE;
        appends.submit(batch(1), first);
        appends.next_record();
        appends.not_taken(first);
        assert_eq!(answers(&mut appends, first), refused);
        appends.submit(batch(1), first);
        assert!(hand_over(&mut appends).is_empty(), "not at once");
        assert_eq!(answers(&mut appends, first), refused);
        let second = first + PROBE_PAUSE;
        appends.submit(batch(1), second);
        assert_eq!(hand_over(&mut appends), [3]);
        appends.reported(3, 1, written(9), second);
        assert_eq!(answers(&mut appends, second), [Ok(9)]);
    }

    #[test]
    fn a_probe_that_gets_through_late_ends_the_refusals() {
        let now = Instant::now();
        let mut appends = down(now);
        appends.submit(batch(1), now + ENOUGH);
        assert_eq!(hand_over(&mut appends), [1]);
        let later = now + ENOUGH + PROBE_WAIT;
        assert_eq!(answers(&mut appends, later), [Err(AppendFault::Unknown)]);
        appends.reported(1, 1, written(7), later);
        assert!(!appends.is_down());
        appends.submit(batch(1), later);
        assert_eq!(hand_over(&mut appends), [2]);
        appends.reported(2, 1, written(8), later);
        assert_eq!(answers(&mut appends, later), [Ok(8)]);
    }

    #[test]
    fn what_was_handed_over_to_a_client_that_is_no_more_is_unknown_and_its_reports_too_late() {
        let now = Instant::now();
        let mut appends = Appends::default();
        (0..2).for_each(|_| appends.submit(batch(2), now));
        appends.next_record();
        appends.handed_over();
        appends.give_up(now);
        assert_eq!(answers(&mut appends, now), [Err(AppendFault::Unknown)]);
        appends.reported(0, 1, written(1), now);
        assert_eq!(hand_over(&mut appends), [1, 1]);
        appends.reported(1, 2, written(2), now);
        assert_eq!(answers(&mut appends, now), [Ok(2)]);
    }
}
