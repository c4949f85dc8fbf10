//! Whether users may become members of a chat: what its owner asks their homes before anything is appended.

use rookery_schema::{ChatId, PartitionId, ShardId, UserId};

use crate::limits::Network;
use crate::mesh::problem::Problem;

/// Users whom the owner of a chat asks about at a time.
pub const CANDIDATES_MAX: usize = 64;

/// Names a request to add members to a chat: the chat's owner and partition, and the partition's own number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdmissionId {
    pub shard: ShardId,
    pub partition: PartitionId,
    pub number: u64,
}

/// Users of one home who are to become members of a chat.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidates {
    /// What waits for the answer.
    pub id: AdmissionId,
    pub chat_id: ChatId,
    /// From where they are added.
    pub network: Network,
    /// Who may be in as many chats as they like, if they are among these.
    pub spared: Option<UserId>,
    /// At most [`CANDIDATES_MAX`].
    pub user_ids: Vec<UserId>,
}

/// Why users can't become members.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAdmitted {
    pub problem: Problem,
    /// Whom it is about, where it is about some of them: at most [`CANDIDATES_MAX`].
    pub user_ids: Vec<UserId>,
}

impl From<Problem> for NotAdmitted {
    /// A problem that is about nobody.
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            user_ids: Vec::new(),
        }
    }
}
