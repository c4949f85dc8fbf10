//! What becomes of commits, and of whatever else the consuming client has to say.

use std::fmt::Display;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use rdkafka::bindings::{
    rd_kafka_commit_queue, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer,
};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{IsError as _, KafkaError, KafkaResult};
use rdkafka::{ClientContext, TopicPartitionList};

use super::client_log::ClientLog;

/// The context of the consuming client.
#[derive(Default)]
pub(super) struct Commits {
    /// What became of the commit that was asked for. Only the lane's thread ever takes this lock.
    outcome: Mutex<Option<bool>>,
    log: ClientLog,
}

impl Commits {
    /// Whether the commit that was asked for succeeded, where that is known by now.
    pub(super) fn take_outcome(&self) -> Option<bool> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.take()
    }

    pub(super) fn failed(&self, error: &KafkaError) {
        self.warn(format_args!(
            "how far the store is could not be noted, will be tried again: {error}"
        ));
    }

    pub(super) fn warn(&self, message: impl Display) {
        self.log.warn(message);
    }
}

impl ClientContext for Commits {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.log.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(error, reason);
    }
}

impl ConsumerContext for Commits {
    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = &result {
            self.failed(error);
        }
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result.is_ok());
    }
}

/// Asks for a commit, whose outcome the client's context gets while the client is polled. The client's own
/// asynchronous commit never tells one (<https://github.com/fede1024/rust-rdkafka/issues/856>): it names
/// no queue for it.
pub(super) fn ask(client: &BaseConsumer<Commits>, offsets: &TopicPartitionList) -> KafkaResult<()> {
    let native = client.client().native_ptr();
    // SAFETY: the client lives until this returns, and with it all that its pointer names. The library
    // copies the offsets, and keeps a reference of its own on the queue; the one that was got here is
    // given back. Without a callback there is nothing that the opaque pointer is for.
    let code = unsafe {
        let queue = rd_kafka_queue_get_consumer(native);
        let code = rd_kafka_commit_queue(native, offsets.ptr(), queue, None, ptr::null_mut());
        rd_kafka_queue_destroy(queue);
        code
    };
    if code.is_error() {
        return Err(KafkaError::ConsumerCommit(code.into()));
    }
    Ok(())
}
