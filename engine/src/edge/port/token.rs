//! Who asked a port.

use rookery_schema::PartitionId;

use crate::ids::ConnId;

/// Who asked, so that the answer comes back to them: a part of the shard, and that part's number for the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    pub part: Part,
    pub number: u64,
}

/// A part of a shard that asks store and password hashers for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// One partition that it owns.
    Partition(PartitionId),
    /// What removes the rest of its deleted chats from the store.
    Purging(PartitionId),
    /// What sees to it that deleted users leave their chats.
    Erasing(PartitionId),
    /// What has the store overwrite what they said.
    Rewriting(PartitionId),
    /// All partitions that it owns, together.
    Owner,
    /// The users who are connected here.
    Home,
    /// A connection that shows what is read.
    Connection(ConnId),
    /// The login sessions that were ended.
    Sessions,
}
