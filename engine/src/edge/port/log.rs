//! What a shard asks of its log, and what it is told.

use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::{Offset, PartitionId};

/// The log of the partitions that one shard owns.
pub trait Log {
    /// Takes a request, or gives it back where the lane's ring is full.
    ///
    /// # Errors
    /// The request itself, to be submitted again later.
    fn submit(&mut self, request: LogRequest) -> Result<(), LogRequest>;
}

/// What a shard asks of its log.
#[derive(Debug)]
pub enum LogRequest {
    /// Append these records, in this order and behind all that was submitted before. Answered by one
    /// [`LogEvent::Appended`] for each request, in order.
    Append {
        partition: PartitionId,
        batch: RecordBatch,
        /// They are small changes: the log takes them also where it has no room for others, as long as there is any.
        is_small: bool,
    },
    /// Everything below `offset` is in the store for good, so the next start may replay from there.
    Commit {
        partition: PartitionId,
        offset: Offset,
    },
    /// Keep a dead letter where an operator finds it, for longer than the log keeps the record. If that fails for
    /// good, it is logged and left in the log. Answered by one [`LogEvent::DeadLettered`] for each request, in
    /// order.
    DeadLetter {
        partition: PartitionId,
        offset: Offset,
        record: Bytes,
        /// Why it can't be understood.
        reason: String,
    },
    /// Deliver no records that are already in the log until [`LogRequest::Resume`].
    Pause { partition: PartitionId },
    /// Deliver again.
    Resume { partition: PartitionId },
}

/// What a log tells its shard.
#[derive(Debug)]
pub enum LogEvent {
    /// The first event of a partition. One that was on another shard before was closed there, and its writes are in
    /// the store, see
    /// [`StoreRequest::Write`](crate::edge::port::StoreRequest::Write).
    Opened {
        partition: PartitionId,
        opened: Opened,
    },
    /// The outcome of the oldest unanswered append of the partition: the offset behind its last record,
    /// or why there is none. Its records may have been delivered before, or will be later.
    Appended {
        partition: PartitionId,
        outcome: Result<Offset, AppendFault>,
    },
    /// Durable records, in log order and none twice. A log may use offsets of its own between two events: they
    /// are passed over. An empty batch says that there are no others below its base.
    Records {
        partition: PartitionId,
        base: Offset,
        batch: RecordBatch,
    },
    /// The partition's oldest unanswered [`LogRequest::DeadLetter`] is done.
    DeadLettered { partition: PartitionId },
    /// Everything that was in the log when it was opened has been delivered.
    CaughtUp { partition: PartitionId },
    /// The last event of a partition: what was asked for and not answered never will be. Appends that were under way
    /// may land in the log nevertheless, between those of the next owner.
    Closed { partition: PartitionId },
}

/// What a log has of a partition when it opens it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Records will be delivered from here.
    pub start: Offset,
    /// Those below are in the store already.
    pub committed: Offset,
    /// Those from here on are still to be appended.
    pub end: Offset,
}

/// Why records could not be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendFault {
    /// Nothing was written; the log takes no records for now.
    #[error("the log takes no records for now; see the server's log for the cause")]
    Unavailable,
    /// They may or may not have been written; a retry with the same client id is safe.
    #[error("the log did not confirm the records in time")]
    Unknown,
}
