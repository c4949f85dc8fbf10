//! Who waits for an answer.

use rookery_schema::{PartitionId, ShardId};

use crate::ids::ConnId;

/// Who waits for an answer, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub shard: ShardId,
    pub waiting: Waiting,
}

/// Who waits for an answer, on the shard that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A connection; the ticket is its own number of the request.
    Connection { conn: ConnId, ticket: u64 },
    /// A home that gathers a user's list of chats.
    Inbox { gather: u64 },
    /// A home that marks what a user has read.
    Mark { question: u64 },
    /// A home that tells a user's devices of a mark which was set some time ago.
    Telling { news: u64 },
    /// A home that resumes a WebSocket.
    Resume { page: u64 },
    /// A home whose WebSockets follow the members of a chat.
    Following { question: u64 },
    /// The owner of the name of a deleted user, who has them leave a chat.
    Erasing {
        partition: PartitionId,
        question: u64,
    },
}
