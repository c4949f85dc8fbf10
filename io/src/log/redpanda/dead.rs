//! Records that can't be understood, such as a newer version's: kept in a topic of their own, one after
//! the other, each until a broker has it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};
use rookery_engine::port::LogEvent;
use rookery_schema::{Offset, PartitionId};

use super::appends::Verdict;
use super::noise::Throttle;
use super::producer::{NotTaken, Producer};

/// How long after a failure the next try is made.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A record to be kept.
#[derive(Debug)]
pub(super) struct Burial {
    pub(super) partition: PartitionId,
    pub(super) offset: Offset,
    pub(super) record: Bytes,
    pub(super) reason: String,
}

impl Burial {
    fn headers(&self) -> OwnedHeaders {
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        OwnedHeaders::new()
            .insert(header("partition", &self.partition.to_string()))
            .insert(header("offset", &self.offset.to_string()))
            .insert(header("reason", &self.reason))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Burials {
    /// Oldest first.
    queue: VecDeque<Burial>,
    state: State,
    throttle: Throttle,
}

/// How the oldest stands.
#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    HandedOver,
    Failed {
        retry_at: Instant,
    },
}

impl Burials {
    pub(super) fn push(&mut self, burial: Burial) {
        self.queue.push_back(burial);
    }

    /// Hands over the oldest, where it is due.
    pub(super) fn hand_over(&mut self, producer: &Producer, now: Instant) {
        let Some(burial) = self.queue.front() else {
            return;
        };
        match self.state {
            State::HandedOver => return,
            State::Failed { retry_at } if now < retry_at => return,
            State::Waiting | State::Failed { .. } => {}
        }
        self.state = match producer.bury(&burial.record, burial.headers()) {
            Ok(()) => State::HandedOver,
            Err(NotTaken::Full) => State::Waiting,
            Err(NotTaken::Refused(error)) => {
                tracing::debug!(%error, "a dead record was not taken");
                self.failed(now)
            }
        };
    }

    /// Takes what became of the oldest.
    pub(super) fn reported(&mut self, verdict: Verdict, now: Instant, events: &mut Vec<LogEvent>) {
        self.state = match verdict {
            Verdict::Written(_) => {
                if let Some(Burial { partition, .. }) = self.queue.pop_front() {
                    events.push(LogEvent::Buried { partition });
                }
                State::Waiting
            }
            Verdict::Failed => self.failed(now),
        };
    }

    /// No report will come for what was handed over.
    pub(super) fn give_up(&mut self) {
        self.state = State::Waiting;
    }

    fn failed(&self, now: Instant) -> State {
        if let Some(held_back) = self.throttle.pass(now) {
            tracing::warn!(
                held_back,
                waiting = self.queue.len(),
                "a record that can't be understood is not set aside yet, will be tried again"
            );
        }
        State::Failed {
            retry_at: now + RETRY_PAUSE,
        }
    }

    /// Whether there is something to hand over or to hear of.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.queue.is_empty()
    }
}
