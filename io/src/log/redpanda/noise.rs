//! What the client library says, of which an operator gets one line in a while: during an outage it
//! repeats itself several times a second.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long nothing more is said after a line.
const QUIET: Duration = Duration::from_secs(5);

/// Lets one line pass in a while.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    since: u64,
}

impl Throttle {
    /// How many lines were held back since the last that passed; `None` where this is one of them.
    pub(super) fn pass(&self, now: Instant) -> Option<u64> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passed
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < QUIET)
        {
            passed.since += 1;
            return None;
        }
        passed.last = Some(now);
        Some(std::mem::take(&mut passed.since))
    }
}

/// The context of a client of which nothing but its complaints is of interest.
#[derive(Debug, Default)]
pub(super) struct Noise(Throttle);

impl Noise {
    pub(super) fn say(&self, message: impl Display) {
        if let Some(held_back) = self.0.pass(Instant::now()) {
            tracing::warn!(held_back, "the log's brokers: {message}");
        }
    }
}

impl ClientContext for Noise {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, message, "librdkafka");
            }
            _ => self.say(message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is told this way as well.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        tracing::debug!(%error, reason, "librdkafka");
        self.say(reason);
    }
}

impl ConsumerContext for Noise {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_in_a_while_and_says_how_many_did_not() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass(start), Some(0));
        assert_eq!(throttle.pass(start + QUIET / 2), None);
        assert_eq!(throttle.pass(start + QUIET / 2), None);
        assert_eq!(throttle.pass(start + QUIET), Some(2));
        assert_eq!(throttle.pass(start + QUIET * 2), Some(0));
    }
}
