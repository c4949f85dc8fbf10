//! Log lines of the client library, throttled.

use std::fmt::Display;
use std::time::Instant;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::throttle::Throttle;

/// The context of a client that reports nothing but log lines.
#[derive(Debug, Default)]
pub(super) struct ClientLog(Throttle);

impl ClientLog {
    pub(super) fn warn(&self, message: impl Display) {
        if let Some(held_back) = self.0.pass(Instant::now()) {
            tracing::warn!(held_back, "the log's brokers: {message}");
        }
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, message, "librdkafka");
            }
            _ => self.warn(message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is told this way as well.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return;
        }
        tracing::debug!(%error, reason, "librdkafka");
        self.warn(reason);
    }
}

impl ConsumerContext for ClientLog {}
