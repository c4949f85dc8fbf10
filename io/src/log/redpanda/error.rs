//! Why the redpanda log can't be used.

use std::io;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rookery_schema::{Offset, PartitionId};

use crate::vital::{EXIT_FAILURE, EXIT_UNAVAILABLE, EXIT_USAGE, Failure};

/// The redpanda log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RedpandaError {
    #[error("the client of the log's brokers can't be made: {0}")]
    Client(KafkaError),
    #[error("the log's brokers take connections, but don't answer ({0}): see their own logs")]
    NoAnswer(KafkaError),
    #[error("stopped while it waited for the log's brokers")]
    Interrupted,
    #[error(
        "the topic {topic} can't be made: {code}; make it with {partitions} partitions, or correct what \
         the brokers don't accept"
    )]
    Topic {
        topic: String,
        partitions: u32,
        code: RDKafkaErrorCode,
    },
    #[error(
        "the topic {topic} has {found} partitions and not {wanted}: leave --partitions out to go on with \
         {found}; where a chat belongs follows from their number, so it can't be changed"
    )]
    Partitions {
        topic: String,
        found: u32,
        wanted: u32,
    },
    #[error(
        "partition {partition} of topic {topic} ends at offset {end}, but the store, or the group's \
         commit, is up to {stored}: bring back the topic that belongs to the store, or begin with \
         another topic, another group and an empty store"
    )]
    BehindStore {
        topic: String,
        partition: PartitionId,
        end: Offset,
        stored: Offset,
    },
    #[error(
        "partition {partition} of topic {topic} begins at offset {start}, but the store has records only \
         up to {stored}: bring back the store that belongs to the topic"
    )]
    AheadOfStore {
        topic: String,
        partition: PartitionId,
        start: Offset,
        stored: Offset,
    },
    #[error(
        "partition {partition} of topic {topic} lacks the records from offset {committed} up to {start}, \
         which were removed before it was known that the store has them: raise the topic's retention.ms \
         above the longest outage; to go on without them, name another --group"
    )]
    Removed {
        topic: String,
        partition: PartitionId,
        start: Offset,
        committed: Offset,
    },
    #[error(
        "the log's brokers don't have the records any more that come next ({0}): they were removed before \
         they were read, or lost with a replica; a restart checks what is left"
    )]
    Lost(KafkaError),
    #[error(
        "partition {partition} of topic {topic} has a record of kind {kind} at offset {offset}, which Rookery {} \
         does not know: start the version that wrote it, or a newer one",
        env!("CARGO_PKG_VERSION")
    )]
    UnknownKind {
        topic: String,
        partition: PartitionId,
        offset: Offset,
        kind: u8,
    },
    #[error(
        "another server was started on topic {topic}, and has claimed partition {partition} at offset {offset}; \
         this one ends. A topic has one server: stop one of the two before it is started again"
    )]
    Claimed {
        topic: String,
        partition: PartitionId,
        offset: Offset,
    },
    #[error(
        "partition {partition} of topic {topic} lacks the claim of who wrote the record at offset {offset}: which \
         records before it count can't be told. Name the --group that was used before, or delete the records \
         below this offset (rpk topic trim-prefix, kafka-delete-records) once the store has them"
    )]
    Unclaimed {
        topic: String,
        partition: PartitionId,
        offset: Offset,
    },
    #[error("can't get random bytes: {0}")]
    Entropy(io::Error),
    #[error("can't start the thread of the log: {0}")]
    Thread(io::Error),
}

impl Failure for RedpandaError {
    /// Another one for a lost claim: a supervisor that restarts this server would have it claim the topic back.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Claimed { .. } => EXIT_UNAVAILABLE,
            Self::Partitions { .. } => EXIT_USAGE,
            _ => EXIT_FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_superseded_is_not_to_be_restarted() {
        let topic = || "t".to_owned();
        let (partition, offset) = (PartitionId(0), Offset(1));
        let claimed = RedpandaError::Claimed {
            topic: topic(),
            partition,
            offset,
        };
        assert_eq!(claimed.exit_code(), EXIT_UNAVAILABLE);
        let unclaimed = RedpandaError::Unclaimed {
            topic: topic(),
            partition,
            offset,
        };
        assert_eq!(unclaimed.exit_code(), EXIT_FAILURE);
    }
}
