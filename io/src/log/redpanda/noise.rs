//! What the client library says, of which an operator gets one line in a while.

use std::fmt::Display;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::noise::Throttle;

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
