//! The lane of a shard's partitions: hands appends to the brokers, and what they have to say to the shard.

use std::time::{Duration, Instant};

use rookery_engine::port::{Log, LogEvent, LogRequest};
use rookery_schema::{Offset, PartitionId};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::appends::Verdict;
use super::claimed::Claimed;
use super::cluster::RedpandaLog;
use super::consumer::Consumer;
use super::dead_letters::{DeadLetter, DeadLetters};
use super::error::RedpandaError;
use super::partition::Partition;
use super::producer::{Producer, Report};
use crate::lane::{self, Lane, Requests};
use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::vital::Shutdown;

#[cfg(test)]
mod tests;

/// Requests that may wait for the lane.
const REQUESTS_MAX: usize = 256;
/// Events that may wait for the shard.
const EVENTS_MAX: usize = 1024;
/// How long the lane waits for records while there is something to be heard from the brokers.
const BUSY_WAIT: Duration = Duration::from_millis(1);
/// How long it waits for requests while there is not; behind that it looks for what it did not ask for.
const IDLE_WAIT: Duration = Duration::from_millis(100);
/// How long it goes on with what was begun when the shard has ended.
const FINISH_MAX: Duration = Duration::from_secs(3);

/// Starts the lane that serves the partitions of a shard, which were claimed. To be called from a thread that
/// may run on any CPU: the client library's own threads run where this one may.
///
/// # Errors
/// A [`RedpandaError`] where a client or a thread can't be made; nothing was started then.
pub fn open_lane(
    name: &str,
    cpu: Option<usize>,
    log: &RedpandaLog,
    claimed: &[Claimed],
    (mailbox, shutdown): (&Mailbox, &Shutdown),
) -> Result<(impl Log + Send + use<>, Receiver<LogEvent>, Lane), RedpandaError> {
    let (requests, ring) = lane::requests(REQUESTS_MAX);
    let (events, receiver) = mailbox.channel(EVENTS_MAX);
    let lane = LogLane::new(log, claimed, ring, events)?;
    let spawned = lane::spawn(name, cpu, shutdown, move || lane.run());
    Ok((requests, receiver, spawned.map_err(RedpandaError::Thread)?))
}

struct LogLane {
    partitions: Vec<Partition>,
    /// Records below the committed one that the next start reads again.
    window_records: u64,
    dead_letters: DeadLetters,
    producer: Producer,
    consumer: Consumer,
    ring: Requests<LogRequest>,
    events: Sender<LogEvent>,
    /// Where the client library's threads may run.
    allowed: CpuSet,
}

impl LogLane {
    fn new(
        log: &RedpandaLog,
        claimed: &[Claimed],
        ring: Requests<LogRequest>,
        events: Sender<LogEvent>,
    ) -> Result<Self, RedpandaError> {
        let consumer = Consumer::new(log.settings())?;
        let from: Vec<_> = claimed.iter().map(|it| (it.id, it.opened.start)).collect();
        consumer.read(&from)?;
        Ok(Self {
            partitions: claimed.iter().map(Partition::new).collect(),
            window_records: log.settings().window_records,
            dead_letters: DeadLetters::default(),
            producer: Producer::new(log.settings())?,
            consumer,
            ring,
            events,
            allowed: sched_getaffinity(None)
                .map_err(|error| RedpandaError::Thread(error.into()))?,
        })
    }

    fn run(mut self) -> Result<(), RedpandaError> {
        let mut events: Vec<_> = self.partitions.iter().map(Partition::first_event).collect();
        let (mut requests, mut reports) = (Vec::new(), Vec::new());
        let mut give_up_at = None;
        loop {
            // A shard that is gone needs no events: its ring is closed as well then.
            let _ = self.events.send_all(events.drain(..));
            let closed = self.ring.is_closed();
            if !closed && !self.is_outstanding() {
                self.ring.wait(IDLE_WAIT);
            }
            let now = Instant::now();
            if self.ring.drain_into(&mut requests, REQUESTS_MAX) == 0 && closed {
                let deadline = *give_up_at.get_or_insert(now + FINISH_MAX);
                if !self.is_unfinished() || deadline <= now {
                    break;
                }
            }
            for request in requests.drain(..) {
                self.take(request, now);
            }
            self.hand_over(now, &mut events)?;
            let wait = if self.is_outstanding() {
                BUSY_WAIT
            } else {
                Duration::ZERO
            };
            self.consumer
                .deliver(wait, &mut self.partitions, &mut events)?;
            self.settle(&mut reports, &mut events)?;
            self.consumer.keep_committing(Instant::now());
            self.replace_stuck_consumer()?;
        }
        self.consumer.finish();
        Ok(())
    }

    fn take(&mut self, request: LogRequest, now: Instant) {
        match request {
            LogRequest::Append {
                partition, batch, ..
            } => {
                if let Some(index) = self.index(partition) {
                    self.partitions[index].submit(batch, now);
                }
            }
            LogRequest::Commit { partition, offset } => self.commit(partition, offset),
            LogRequest::DeadLetter {
                partition,
                offset,
                record,
                reason,
            } => self.dead_letters.push(DeadLetter {
                partition,
                offset,
                record,
                reason,
            }),
            LogRequest::Pause { partition } => self.set_paused(partition, true),
            LogRequest::Resume { partition } => self.set_paused(partition, false),
        }
    }

    fn index(&self, id: PartitionId) -> Option<usize> {
        self.partitions.iter().position(|it| it.id() == id)
    }

    fn commit(&mut self, id: PartitionId, offset: Offset) {
        if let Some(index) = self.index(id) {
            let start = Offset(offset.0.saturating_sub(self.window_records));
            let mark = self.partitions[index].mark_at(start);
            self.consumer.commit(id, offset, mark);
        }
    }

    fn set_paused(&mut self, id: PartitionId, paused: bool) {
        if let Some(index) = self.index(id) {
            self.partitions[index].set_paused(paused);
            self.consumer.set_paused(id, paused);
        }
    }

    /// Gives the producer what it takes.
    fn hand_over(&mut self, now: Instant, events: &mut Vec<LogEvent>) -> Result<(), RedpandaError> {
        let mut refused = false;
        for partition in &mut self.partitions {
            match partition.hand_over(&self.producer, now) {
                Ok(was_refused) => refused |= was_refused,
                Err(_) => break,
            }
        }
        self.dead_letters.hand_over(&self.producer, now, events);
        if refused {
            self.replace_broken_producer(now)
        } else {
            Ok(())
        }
    }

    /// Takes what the brokers said of records, and answers the appends that are done.
    fn settle(
        &mut self,
        reports: &mut Vec<Report>,
        events: &mut Vec<LogEvent>,
    ) -> Result<(), RedpandaError> {
        self.producer.reports(reports);
        let now = Instant::now();
        let mut failed = false;
        for report in reports.drain(..) {
            match report {
                Report::Append {
                    partition,
                    number,
                    records,
                    verdict,
                } => {
                    failed |= verdict == Verdict::Failed;
                    if let Some(index) = self.index(partition) {
                        self.partitions[index].reported(number, records, verdict, now);
                    }
                }
                Report::DeadLetter(outcome) => {
                    failed |= outcome.is_err();
                    self.dead_letters.reported(outcome, now, events);
                }
            }
        }
        if failed {
            self.replace_broken_producer(now)?;
        }
        for partition in &mut self.partitions {
            partition.answer(now, events);
        }
        Ok(())
    }

    /// Where the producer lost track of what the brokers have, nothing goes through it any more.
    fn replace_broken_producer(&mut self, now: Instant) -> Result<(), RedpandaError> {
        let Some(reason) = self.producer.fatal() else {
            return Ok(());
        };
        tracing::warn!(reason, "the log's producer is broken and gets replaced");
        for partition in &mut self.partitions {
            partition.give_up(now);
        }
        self.dead_letters.give_up();
        self.unpinned(|lane| lane.producer.renew())
    }

    /// Where records are there that the consumer never gets, or commits that it never makes, another takes over.
    fn replace_stuck_consumer(&mut self) -> Result<(), RedpandaError> {
        let is_to_be_read = self.partitions.iter().any(Partition::is_to_be_read);
        if !self.consumer.is_stuck(is_to_be_read, Instant::now()) {
            return Ok(());
        }
        tracing::warn!("the log's consumer gets nothing any more and is replaced");
        let next = self.partitions.iter().map(|it| (it.id(), it.next()));
        let next: Vec<_> = next.collect();
        self.unpinned(|lane| lane.consumer.renew(&next))?;
        for partition in self.partitions.iter().filter(|it| it.is_paused()) {
            self.consumer.set_paused(partition.id(), true);
        }
        Ok(())
    }

    /// Makes a client: its threads may run where the thread that makes it may.
    fn unpinned(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<(), RedpandaError>,
    ) -> Result<(), RedpandaError> {
        let here = sched_getaffinity(None);
        let moved = here.and_then(|here| sched_setaffinity(None, &self.allowed).map(|()| here));
        make(self)?;
        if let Ok(here) = moved
            && let Err(error) = sched_setaffinity(None, &here)
        {
            tracing::warn!(%error, "the lane could not be pinned again");
        }
        Ok(())
    }

    /// Whether the brokers have something to say that the shard waits for.
    fn is_outstanding(&self) -> bool {
        self.is_unfinished() || self.partitions.iter().any(Partition::is_to_be_read)
    }

    /// Whether something was asked for that is not done.
    fn is_unfinished(&self) -> bool {
        self.dead_letters.is_outstanding() || self.partitions.iter().any(Partition::is_appending)
    }
}
