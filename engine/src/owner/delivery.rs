//! How far the log has delivered what it confirmed, and the reads that wait for the rest of it.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Offset};

use crate::edge::port::Opened;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand};

/// Reads that may wait for records to be applied.
const READS_WAITING_MAX: usize = 4096;
/// Microseconds that a read waits for them; a log that can't be read for longer must not keep what is
/// there from being shown.
const READ_WAIT_MAX_MICROS: u64 = 500_000;

/// A read of a chat that must see what was confirmed before it came.
#[derive(Debug)]
pub(crate) struct WaitingRead {
    pub(crate) asker: Asker,
    pub(crate) chat_id: ChatId,
    pub(crate) command: ChatCommand,
    /// It can be served when all records below are applied.
    confirmed: Offset,
    since_micros: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Where the log ended when it was opened.
    opened_end: Offset,
    /// The record that is applied next.
    next: Offset,
    /// Records below were confirmed to be in the log.
    confirmed: Offset,
    /// Where appends ended whose records are not all applied, and when they were confirmed, oldest first.
    /// New ones are refused before the first is [`ShardConfig::lag_limit`](crate::config::ShardConfig) old.
    confirmations: VecDeque<(Offset, u64)>,
    /// Oldest first.
    reads: VecDeque<WaitingRead>,
}

impl Delivery {
    pub(crate) const fn new(opened: Opened) -> Self {
        Self {
            opened_end: opened.end,
            next: opened.start,
            confirmed: opened.start,
            confirmations: VecDeque::new(),
            reads: VecDeque::new(),
        }
    }

    /// The record that is applied next.
    pub(crate) const fn next(&self) -> Offset {
        self.next
    }

    /// Records below `end` are confirmed to be in the log, whether or not they are applied; the last `count` of them
    /// are those that were appended. Whether all before were known.
    pub(crate) fn confirm(&mut self, end: Offset, count: u64, now_micros: u64) -> bool {
        let known = self.opened_end.max(self.confirmed).max(self.next);
        let follows = end.0 <= known.0 + count;
        self.confirmed = self.confirmed.max(end);
        if self.next < end {
            self.confirmations.push_back((end, now_micros));
        }
        follows
    }

    /// Records below are applied from here on.
    pub(crate) fn advance(&mut self, end: Offset) {
        self.next = end;
        while self.confirmations.pop_front_if(|it| it.0 <= end).is_some() {}
    }

    /// Whether something was confirmed that is not applied yet, so that a read would not see it.
    pub(crate) fn is_behind(&self) -> bool {
        self.next < self.confirmed
    }

    /// When the oldest append was confirmed that is not applied, in microseconds.
    pub(crate) fn oldest_micros(&self) -> Option<u64> {
        self.confirmations.front().map(|&(_, at)| at)
    }

    /// Records in the log, from `stored` on, that it has not delivered.
    pub(crate) fn undelivered(&self, stored: Offset) -> u64 {
        let end = self.opened_end.max(self.confirmed);
        end.0.saturating_sub(self.next.max(stored).0)
    }

    /// Lets a read wait until everything that is confirmed by now is applied.
    ///
    /// # Errors
    /// Where too many wait.
    pub(crate) fn wait(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        now_micros: u64,
    ) -> Result<(), Problem> {
        if self.reads.len() >= READS_WAITING_MAX {
            return Err(Problem::LAGGING);
        }
        self.reads.push_back(WaitingRead {
            asker,
            chat_id,
            command,
            confirmed: self.confirmed,
            since_micros: now_micros,
        });
        Ok(())
    }

    /// Takes the next read that need not wait, or has waited long enough.
    pub(crate) fn next_read(&mut self, now_micros: u64) -> Option<WaitingRead> {
        let next = self.next;
        self.reads.pop_front_if(|read| {
            read.confirmed <= next || read.since_micros + READ_WAIT_MAX_MICROS <= now_micros
        })
    }

    /// Takes whoever waits to read.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asker> + '_ {
        self.reads.drain(..).map(|read| read.asker)
    }
}
