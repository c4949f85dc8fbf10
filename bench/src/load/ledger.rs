//! What happens in a run, counted.

use std::ops::Range;

use hdrhistogram::Histogram;

use crate::check::Account;
use crate::load::link::{Link, Message};
use crate::refusal::Refusals;
use crate::schedule::Micros;
use crate::stamp::Stamp;
use crate::world::RoomNumber;

/// Significant digits that histograms keep: their error is at most a thousandth.
const HISTOGRAM_DIGITS: u8 = 3;
/// Above it latencies count as this much: an hour.
const LATENCY_MAX: Micros = 3_600 * 1_000_000;
/// HTTP's ways to say that there is too much to do just now.
pub const TOO_MANY_REQUESTS: u16 = 429;
pub const SERVICE_UNAVAILABLE: u16 = 503;

/// Numbers of events since the run began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sent: u64,
    pub accepted: u64,
    /// Because of load.
    pub refused: u64,
    /// Refused for any other reason, or not answered.
    pub errors: u64,
    /// Were due, but no connection was free until the end.
    pub unsent: u64,
    /// What listeners must get of what is accepted.
    pub expected: u64,
    pub delivered: u64,
    /// Times that somebody was told that another one types.
    pub whispers: u64,
    /// Messages that pages of history lacked.
    pub missing: u64,
    /// Of listeners: each counts for itself.
    pub pauses: u64,
    /// Deliveries to who does not listen there, or without a stamp.
    pub strays: u64,
}

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// From the intended send time to each receipt.
    pub delivery: Histogram<u64>,
    /// From the intended send time to the answer.
    pub acceptance: Histogram<u64>,
    /// From the intended send time until all listeners had it.
    pub completion: Histogram<u64>,
    /// From the loss of a connection until it has all that was missed.
    pub rejoin: Histogram<u64>,
}

/// A histogram of latencies.
pub fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LATENCY_MAX, HISTOGRAM_DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}

/// The books of a run.
pub struct Ledger {
    /// The time of what is taken in now.
    pub now: Micros,
    /// When something was heard last.
    pub news_at: Micros,
    /// Whose latencies count, by intended send time; rates are those of this time as well.
    pub window: Range<Micros>,
    pub counts: Counts,
    /// What happened in the window.
    pub windowed: Counts,
    pub latencies: Latencies,
    /// For each room.
    pub accounts: Vec<Account>,
    /// The longest that this process has not looked at its sockets: it was busy, or had no core.
    pub stall_max: Micros,
    /// Messages that are not answered, sent or not.
    pub outstanding: u64,
    /// The first refusal that was none because of load.
    pub first_error: Option<String>,
    /// Refusals because of load.
    pub refused_by: Refusals,
    /// Listeners of each room.
    hearers: Vec<u64>,
}

impl Ledger {
    /// `hearers`: how many listeners each room has.
    pub fn new(hearers: Vec<u64>) -> Self {
        Self {
            now: 0,
            news_at: 0,
            window: 0..Micros::MAX,
            counts: Counts::default(),
            windowed: Counts::default(),
            latencies: Latencies {
                delivery: histogram(),
                acceptance: histogram(),
                completion: histogram(),
                rejoin: histogram(),
            },
            accounts: vec![Account::default(); hearers.len()],
            stall_max: 0,
            outstanding: 0,
            first_error: None,
            refused_by: Refusals::default(),
            hearers,
        }
    }

    /// A message was planned.
    pub fn planned(&mut self) {
        self.outstanding += 1;
    }

    /// A message goes on its way.
    pub fn sent(&mut self) {
        self.counts.sent += 1;
        self.windowed.sent += u64::from(self.in_window());
    }

    /// The server has taken a message: the oldest of the connection without an answer, or the one with this
    /// index.
    pub fn accepted(&mut self, link: &mut Link, index: Option<u64>) {
        let Some(message) = self.answered(link, index) else {
            return;
        };
        let expected = self.hearers[message.room as usize];
        self.accounts[message.room as usize].accept(message.stamp.index);
        self.counts.accepted += 1;
        self.counts.expected += expected;
        if self.in_window() {
            self.windowed.accepted += 1;
            self.windowed.expected += expected;
        }
        if self.window.contains(&message.stamp.intended) {
            record(
                &mut self.latencies.acceptance,
                self.now,
                message.stamp.intended,
            );
        }
    }

    /// The server has refused a message, with a status of HTTP or one like it.
    pub fn refused(&mut self, link: &mut Link, index: Option<u64>, status: u16, why: &[u8]) {
        let Some(message) = self.answered(link, index) else {
            return;
        };
        self.accounts[message.room as usize].uncertain += 1;
        if matches!(status, TOO_MANY_REQUESTS | SERVICE_UNAVAILABLE) {
            self.counts.refused += 1;
            self.windowed.refused += u64::from(self.in_window());
            self.refused_by.note(why);
        } else {
            self.error(|| format!("{status}: {}", String::from_utf8_lossy(why)));
        }
    }

    /// A message will never be answered.
    pub fn unanswered(&mut self, message: &Message) {
        self.outstanding -= 1;
        self.accounts[message.room as usize].uncertain += 1;
        self.error(|| "a connection broke before all was answered".to_owned());
    }

    /// A message will never be sent.
    pub fn unsent(&mut self) {
        self.outstanding -= 1;
        self.counts.unsent += 1;
    }

    /// Something that should not be.
    pub fn error(&mut self, why: impl FnOnce() -> String) {
        self.counts.errors += 1;
        self.first_error.get_or_insert_with(why);
    }

    /// A listener got a message. `seq` is none where the server doesn't number.
    pub fn delivered(
        &mut self,
        link: &mut Link,
        room: RoomNumber,
        seq: Option<u64>,
        content: &[u8],
    ) {
        self.news_at = self.now;
        let (Some(tally), Some(stamp)) = (link.tally(room), Stamp::read(content)) else {
            self.counts.strays += 1;
            return;
        };
        tally.hear(seq.unwrap_or(tally.last_seq + 1), stamp.index);
        self.counts.delivered += 1;
        self.windowed.delivered += u64::from(self.in_window());
        if self.window.contains(&stamp.intended) {
            record(&mut self.latencies.delivery, self.now, stamp.intended);
        }
    }

    /// A page of history has come, with so many messages as they should be, and so many that should have been
    /// there besides.
    pub fn read_page(&mut self, right: u64, missing: u64) {
        self.counts.delivered += right;
        self.counts.missing += missing;
        if self.in_window() {
            self.windowed.delivered += right;
        }
    }

    /// All listeners have a message.
    pub fn complete(&mut self, intended: Micros) {
        if self.window.contains(&intended) {
            record(&mut self.latencies.completion, self.now, intended);
        }
    }

    /// A connection that was lost has caught up.
    pub fn rejoined(&mut self, link: &Link) {
        record(&mut self.latencies.rejoin, self.now, link.opening_since);
    }

    /// Everything that was sent is answered, and everything accepted is with all listeners.
    pub fn is_complete(&self) -> bool {
        let come = self.counts.delivered + self.counts.missing;
        self.outstanding == 0 && come >= self.counts.expected
    }

    fn answered(&mut self, link: &mut Link, index: Option<u64>) -> Option<Message> {
        self.news_at = self.now;
        let message = link.answered(index);
        match message {
            Some(_) => self.outstanding -= 1,
            None => self.error(|| "the server has answered what was not asked".to_owned()),
        }
        message
    }

    fn in_window(&self) -> bool {
        self.window.contains(&self.now)
    }
}

fn record(histogram: &mut Histogram<u64>, now: Micros, since: Micros) {
    histogram.saturating_record(now.saturating_sub(since));
}
