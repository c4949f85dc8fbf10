//! Records that can't be understood, such as a newer version's: kept in a topic of their own, one after
//! the other, each until a broker has it. One that the brokers won't have there stays where it is, in the log, and
//! a line says where: the others must not wait for it for ever.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rookery_engine::port::LogEvent;
use rookery_schema::{Offset, PartitionId};

use super::producer::{NotTaken, Producer};
use crate::throttle::Throttle;

/// How long after a failure the next try is made.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// For how long a topic may be gone, or closed to us, before what should go there is left in the log.
const REFUSED_PATIENCE: Duration = Duration::from_secs(20);

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
    /// Since when the oldest has been refused.
    refused_since: Option<Instant>,
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
    pub(super) fn hand_over(
        &mut self,
        producer: &Producer,
        now: Instant,
        events: &mut Vec<LogEvent>,
    ) {
        let Some(burial) = self.queue.front() else {
            return;
        };
        match self.state {
            State::HandedOver => return,
            State::Failed { retry_at } if now < retry_at => return,
            State::Waiting | State::Failed { .. } => {}
        }
        match producer.bury(&burial.record, burial.headers()) {
            Ok(()) => self.state = State::HandedOver,
            Err(NotTaken::Full) => self.state = State::Waiting,
            Err(NotTaken::Refused(error)) => self.failed(&error, now, events),
        }
    }

    /// Takes what became of the oldest.
    pub(super) fn reported(
        &mut self,
        outcome: Result<(), KafkaError>,
        now: Instant,
        events: &mut Vec<LogEvent>,
    ) {
        match outcome {
            Ok(()) => self.settle(events),
            Err(error) => self.failed(&error, now, events),
        }
    }

    /// Is done with the oldest.
    fn settle(&mut self, events: &mut Vec<LogEvent>) {
        if let Some(Burial { partition, .. }) = self.queue.pop_front() {
            events.push(LogEvent::Buried { partition });
        }
        self.state = State::Waiting;
        self.refused_since = None;
    }

    /// No report will come for what was handed over.
    pub(super) fn give_up(&mut self) {
        self.state = State::Waiting;
    }

    fn failed(&mut self, error: &KafkaError, now: Instant, events: &mut Vec<LogEvent>) {
        let patience = patience_with(error);
        let since = *self.refused_since.get_or_insert(now);
        if patience.is_some_and(|patience| now.duration_since(since) >= patience) {
            if let Some(Burial {
                partition, offset, ..
            }) = self.queue.front()
            {
                tracing::error!(%partition, %offset, %error,
                    "a record that can't be understood was not taken by the topic for such records; it stays in \
                     the log at this offset for as long as the log keeps it");
            }
            return self.settle(events);
        }
        if patience.is_none() {
            self.refused_since = None;
        }
        if let Some(held_back) = self.throttle.pass(now) {
            tracing::warn!(%error, held_back, waiting = self.queue.len(),
                "a record that can't be understood is not set aside yet, will be tried again");
        }
        self.state = State::Failed {
            retry_at: now + RETRY_PAUSE,
        };
    }

    /// Whether there is something to hand over or to hear of.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.queue.is_empty()
    }
}

/// How long to go on where the brokers say no; for as long as it takes where they say nothing.
fn patience_with(error: &KafkaError) -> Option<Duration> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::InvalidMessageSize
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::PolicyViolation => Some(Duration::ZERO),
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownPartition => Some(REFUSED_PATIENCE),
        _ => None,
    }
}
