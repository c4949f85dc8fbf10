//! Dead letters: records that no version wrote, or that are damaged. They go to a topic of their own, one
//! after the other, each until a broker has it. One that the brokers refuse stays in the log, and a line says
//! where: the others must not wait for it for ever.

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
/// How long the topic may be gone, or closed to us, before its letters are left in the log.
const REFUSED_PATIENCE: Duration = Duration::from_secs(20);

/// A record that can't be understood.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) partition: PartitionId,
    pub(super) offset: Offset,
    pub(super) record: Bytes,
    pub(super) reason: String,
}

impl DeadLetter {
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

/// The dead letters that the brokers don't have yet.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    /// Oldest first.
    queue: VecDeque<DeadLetter>,
    state: State,
    /// Since when the oldest has been refused.
    refused_since: Option<Instant>,
    throttle: Throttle,
}

/// What has happened to the oldest letter.
#[derive(Debug, Default)]
enum State {
    #[default]
    Waiting,
    HandedOver,
    Failed {
        retry_at: Instant,
    },
}

impl DeadLetters {
    pub(super) fn push(&mut self, letter: DeadLetter) {
        self.queue.push_back(letter);
    }

    /// Hands the oldest to the producer, if it is due.
    pub(super) fn hand_over(
        &mut self,
        producer: &Producer,
        now: Instant,
        events: &mut Vec<LogEvent>,
    ) {
        let Some(letter) = self.queue.front() else {
            return;
        };
        match self.state {
            State::HandedOver => return,
            State::Failed { retry_at } if now < retry_at => return,
            State::Waiting | State::Failed { .. } => {}
        }
        match producer.send_dead_letter(&letter.record, letter.headers()) {
            Ok(()) => self.state = State::HandedOver,
            Err(NotTaken::Full) => self.state = State::Waiting,
            Err(NotTaken::Refused(error)) => self.failed(&error, now, events),
        }
    }

    /// Takes in what became of the oldest.
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

    /// Finishes the oldest.
    fn settle(&mut self, events: &mut Vec<LogEvent>) {
        if let Some(DeadLetter { partition, .. }) = self.queue.pop_front() {
            events.push(LogEvent::DeadLettered { partition });
        }
        self.state = State::Waiting;
        self.refused_since = None;
    }

    /// No report will come for what was handed over; it will be sent again.
    pub(super) fn give_up(&mut self) {
        self.state = State::Waiting;
    }

    fn failed(&mut self, error: &KafkaError, now: Instant, events: &mut Vec<LogEvent>) {
        let patience = patience_with(error);
        let since = *self.refused_since.get_or_insert(now);
        if patience.is_some_and(|patience| now.duration_since(since) >= patience) {
            if let Some(DeadLetter {
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

    /// Whether any letter is waiting or under way.
    pub(super) fn is_outstanding(&self) -> bool {
        !self.queue.is_empty()
    }
}

/// How long to keep trying after this error; `None`: until the brokers answer.
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
