//! How far the log has delivered what it confirmed, and the reads that wait for the rest of it.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Offset};

use crate::edge::port::Opened;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand};

/// Reads that may wait for records to be applied.
const READS_WAITING_MAX: usize = 4096;
/// Microseconds that a read waits for them. After that it shows what there is: a log that can't be read must not
/// stop reads.
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
    /// Of records from [`Self::next`] up to here, all were appended by this owner, or were there when it opened the log.
    known: Offset,
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
            known: opened.end,
            confirmations: VecDeque::new(),
            reads: VecDeque::new(),
        }
    }

    /// The record that is applied next.
    pub(crate) const fn next(&self) -> Offset {
        self.next
    }

    /// Records below `end` are confirmed to be in the log, whether or not they are applied; the last `count` of them
    /// are those that were appended. Whether all before them were known: one that was not may be an earlier owner's.
    pub(crate) fn confirm(&mut self, end: Offset, count: u64, now_micros: u64) -> bool {
        let known = self.known.max(self.next);
        let follows = end.0 <= known.0 + count;
        if follows {
            self.known = known.max(end);
        }
        self.confirmed = self.confirmed.max(end);
        if self.next < end {
            self.confirmations.push_back((end, now_micros));
        }
        follows
    }

    /// Records below are applied from here on. It never goes back: a log that repeats records must not have them
    /// waited for again.
    pub(crate) fn advance(&mut self, end: Offset) {
        self.next = self.next.max(end);
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

    /// Queues a read until everything that is confirmed by now is applied.
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
            return Err(Problem::READS_WAITING);
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

    /// Takes all waiting reads.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asker> + '_ {
        self.reads.drain(..).map(|read| read.asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Waiting;
    use rookery_schema::{ShardId, UserId};

    const CHAT: ChatId = ChatId::from_bytes([7; 16]);

    /// A log that holds records 10 to 14, of which the store has none.
    fn delivery() -> Delivery {
        Delivery::new(Opened {
            start: Offset(10),
            committed: Offset(10),
            end: Offset(15),
        })
    }

    fn asker(gather: u64) -> Asker {
        Asker {
            shard: ShardId(0),
            waiting: Waiting::Inbox { gather },
        }
    }

    fn wait(delivery: &mut Delivery, gather: u64, now_micros: u64) -> Result<(), Problem> {
        let caller = UserId::from_bytes([1; 16]);
        let command = ChatCommand::Show { caller };
        delivery.wait(asker(gather), CHAT, command, now_micros)
    }

    fn next_read(delivery: &mut Delivery, now_micros: u64) -> Option<Asker> {
        delivery.next_read(now_micros).map(|read| read.asker)
    }

    #[test]
    fn a_read_must_wait_for_what_was_confirmed_and_is_not_applied() {
        let mut delivery = delivery();
        assert!(!delivery.is_behind() && delivery.oldest_micros().is_none());
        delivery.confirm(Offset(12), 1, 5);
        delivery.confirm(Offset(14), 1, 6);
        assert_eq!(
            (delivery.is_behind(), delivery.oldest_micros()),
            (true, Some(5))
        );
        delivery.advance(Offset(12));
        assert_eq!(delivery.next(), Offset(12));
        assert_eq!(
            (delivery.is_behind(), delivery.oldest_micros()),
            (true, Some(6))
        );
        delivery.advance(Offset(14));
        assert_eq!(
            (delivery.is_behind(), delivery.oldest_micros()),
            (false, None)
        );
    }

    #[test]
    fn what_was_delivered_before_it_was_confirmed_is_waited_for_no_more() {
        let mut delivery = delivery();
        delivery.advance(Offset(14));
        delivery.confirm(Offset(14), 1, 5);
        assert_eq!(
            (delivery.is_behind(), delivery.oldest_micros()),
            (false, None)
        );
        delivery.confirm(Offset(15), 1, 6);
        delivery.confirm(Offset(12), 1, 7);
        assert!(delivery.is_behind(), "the end does not go back");
    }

    #[test]
    fn behind_a_record_that_is_not_known_none_is_until_it_is_applied() {
        let mut delivery = delivery();
        assert!(
            delivery.confirm(Offset(17), 2, 5),
            "right behind the others"
        );
        assert!(!delivery.confirm(Offset(19), 1, 6), "whose is record 17?");
        assert!(!delivery.confirm(Offset(20), 1, 7), "it is still not known");
        delivery.advance(Offset(17));
        assert!(!delivery.confirm(Offset(21), 1, 8));
        delivery.advance(Offset(21));
        assert!(delivery.confirm(Offset(22), 1, 9));
        assert!(delivery.confirm(Offset(23), 1, 10));
    }

    #[test]
    fn records_that_are_repeated_do_not_move_it_back() {
        let mut delivery = delivery();
        delivery.confirm(Offset(14), 4, 5);
        delivery.advance(Offset(14));
        delivery.advance(Offset(12));
        assert_eq!((delivery.next(), delivery.is_behind()), (Offset(14), false));
    }

    #[test]
    fn what_was_not_delivered_is_what_the_log_had_or_confirmed() {
        let mut delivery = delivery();
        assert_eq!(delivery.undelivered(Offset(0)), 5);
        assert_eq!(
            delivery.undelivered(Offset(13)),
            2,
            "the store has the others"
        );
        delivery.advance(Offset(14));
        assert_eq!(delivery.undelivered(Offset(13)), 1);
        delivery.confirm(Offset(20), 1, 5);
        assert_eq!(delivery.undelivered(Offset(13)), 6);
        delivery.advance(Offset(21));
        assert_eq!(delivery.undelivered(Offset(13)), 0);
    }

    #[test]
    fn reads_are_served_in_order_as_soon_as_what_they_must_see_is_applied() {
        let mut delivery = delivery();
        delivery.confirm(Offset(12), 1, 5);
        assert_eq!(wait(&mut delivery, 1, 5), Ok(()));
        delivery.confirm(Offset(14), 1, 6);
        assert_eq!(wait(&mut delivery, 2, 6), Ok(()));
        assert_eq!(next_read(&mut delivery, 6), None);
        delivery.advance(Offset(12));
        assert_eq!(next_read(&mut delivery, 6), Some(asker(1)));
        assert_eq!(next_read(&mut delivery, 6), None);
        delivery.advance(Offset(14));
        assert_eq!(next_read(&mut delivery, 6), Some(asker(2)));
    }

    #[test]
    fn a_read_is_served_after_its_time_whatever_the_log_does() {
        let mut delivery = delivery();
        delivery.confirm(Offset(12), 1, 5);
        assert_eq!(wait(&mut delivery, 1, 5), Ok(()));
        assert_eq!(next_read(&mut delivery, 4 + READ_WAIT_MAX_MICROS), None);
        assert_eq!(
            next_read(&mut delivery, 5 + READ_WAIT_MAX_MICROS),
            Some(asker(1))
        );
    }

    #[test]
    fn no_more_reads_wait_than_the_bound() {
        let mut delivery = delivery();
        delivery.confirm(Offset(12), 1, 5);
        for gather in 0..READS_WAITING_MAX as u64 {
            assert_eq!(wait(&mut delivery, gather, 5), Ok(()));
        }
        assert_eq!(wait(&mut delivery, 0, 5), Err(Problem::READS_WAITING));
        let all: Vec<Asker> = delivery.drain().collect();
        assert_eq!(all.len(), READS_WAITING_MAX);
        assert_eq!((all[0], all[1]), (asker(0), asker(1)));
        assert_eq!(wait(&mut delivery, 0, 5), Ok(()));
    }
}
