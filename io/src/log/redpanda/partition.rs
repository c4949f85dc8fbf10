//! One partition of a lane: what is appended to it, what is read from it, and who owns it.

use std::time::Instant;

use rookery_engine::port::{LogEvent, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::claims::{Epoch, Stamp};
use rookery_schema::{Offset, PartitionId};

use super::appends::{Appends, Verdict};
use super::claimed::Claimed;
use super::delivery::Delivery;
use super::error::RedpandaError;
use super::ownership::{Mark, Ownership, Reading};
use super::producer::{NotTaken, Producer};
use crate::throttle::Throttle;

/// See the module.
pub(super) struct Partition {
    id: PartitionId,
    opened: Opened,
    ownership: Ownership,
    appends: Appends,
    delivery: Delivery,
    /// What was last said of it.
    is_down: bool,
    void: Throttle,
}

impl Partition {
    pub(super) fn new(claimed: &Claimed) -> Self {
        Self {
            id: claimed.id,
            opened: claimed.opened,
            ownership: claimed.ownership(),
            appends: Appends::default(),
            delivery: Delivery::new(claimed.id, claimed.opened),
            is_down: false,
            void: Throttle::default(),
        }
    }

    pub(super) const fn id(&self) -> PartitionId {
        self.id
    }

    pub(super) const fn first_event(&self) -> LogEvent {
        LogEvent::Opened {
            partition: self.id,
            opened: self.opened,
        }
    }

    pub(super) fn submit(&mut self, batch: RecordBatch, now: Instant) {
        self.appends.submit(batch, now);
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.delivery.set_paused(paused);
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.delivery.is_paused()
    }

    /// The offset of the next message to be read.
    pub(super) const fn next(&self) -> Offset {
        self.delivery.next()
    }

    /// Gives the producer what it takes, once the partition is ours; whether a record was refused.
    ///
    /// # Errors
    /// Where it has no room: the rest goes on in order when it has.
    pub(super) fn hand_over(
        &mut self,
        producer: &Producer,
        now: Instant,
    ) -> Result<bool, NotTaken> {
        let mut refused = false;
        if !self.ownership.is_owned() {
            return Ok(refused);
        }
        while let Some((append, number, record)) = self.appends.next_record() {
            let stamp = self.ownership.stamp(number);
            match producer.append(self.id, append, stamp, record) {
                Ok(()) => self.appends.handed_over(),
                Err(NotTaken::Full) => return Err(NotTaken::Full),
                Err(NotTaken::Refused(error)) => {
                    tracing::warn!(%error, partition = %self.id, "records were not taken");
                    self.appends.not_taken(now);
                    refused = true;
                }
            }
        }
        Ok(refused)
    }

    /// Takes the next message of the log.
    ///
    /// # Errors
    /// Where it says that this process is not the owner any more, or can't know who is.
    pub(super) fn read(
        &mut self,
        topic: &str,
        (offset, message, stamp): (Offset, &[u8], Stamp),
        events: &mut Vec<LogEvent>,
    ) -> Result<(), RedpandaError> {
        if offset < self.delivery.next() {
            return Ok(());
        }
        let (topic, partition) = (|| topic.to_owned(), self.id);
        let mut own_record = None;
        match self.ownership.read(offset, message, stamp) {
            Reading::Record { own } => {
                own_record = own;
                self.delivery.record(offset, message, events);
            }
            Reading::Claim => self.delivery.skip(offset),
            Reading::Void { epoch } => {
                self.tell_void(offset, epoch);
                self.delivery.skip(offset);
            }
            Reading::Lost => {
                return Err(RedpandaError::Claimed {
                    topic: topic(),
                    partition,
                    offset,
                });
            }
            Reading::Unclaimed => {
                return Err(RedpandaError::Unclaimed {
                    topic: topic(),
                    partition,
                    offset,
                });
            }
        }
        self.appends.read(self.delivery.next(), own_record);
        Ok(())
    }

    fn tell_void(&self, offset: Offset, epoch: Epoch) {
        let Some(held_back) = self.void.pass(Instant::now()) else {
            return;
        };
        let partition = self.id;
        if epoch == Epoch::default() {
            tracing::error!(%partition, %offset, held_back,
                "a record does not count, since its writer made no claim: an older Rookery still writes to the \
                 topic, and what it acknowledges is lost; stop it");
        } else {
            tracing::warn!(%partition, %offset, held_back,
                "a record does not count: this server had claimed the partition before it arrived");
        }
    }

    /// Hands on what was read.
    pub(super) fn flush(&mut self, events: &mut Vec<LogEvent>) {
        self.delivery.flush(self.ownership.is_owned(), events);
    }

    /// Takes what the brokers said of records of one append.
    pub(super) fn reported(&mut self, append: u64, records: u32, verdict: Verdict, now: Instant) {
        self.appends.reported(append, records, verdict, now);
    }

    /// No report will come for anything that was handed over.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.appends.give_up(now);
    }

    /// Whether there is something to hand over, to hear of or to answer.
    pub(super) fn is_appending(&self) -> bool {
        self.appends.is_outstanding()
    }

    /// What goes with a commit, for a start that reads from here on.
    pub(super) fn mark_at(&mut self, start: Offset) -> Mark {
        self.ownership.mark_at(start)
    }

    /// Whether records are known to be there that are not delivered yet.
    pub(super) fn is_to_be_read(&self) -> bool {
        self.delivery.is_outstanding(self.appends.end())
    }

    pub(super) fn answer(&mut self, now: Instant, events: &mut Vec<LogEvent>) {
        let partition = self.id;
        while let Some(outcome) = self.appends.next_answer(now) {
            events.push(LogEvent::Appended { partition, outcome });
        }
        if self.is_down == self.appends.is_down() {
            return;
        }
        self.is_down = !self.is_down;
        if self.is_down {
            tracing::warn!(%partition, "the brokers did not confirm records in time; new ones are refused until they do");
        } else {
            tracing::info!(%partition, "the brokers confirm records again");
        }
    }
}
