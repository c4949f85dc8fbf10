//! The rows of the store. Which tables and keys they become is up to each store.

use bytes::Bytes;

use crate::ids::{ChatId, Offset, PartitionId, Seq, SessionId, UserId};
use crate::time::Timestamp;

/// One idempotent upsert (or removal): writing it twice leaves what writing it once does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A numbered event, to be found by chat and seq; messages apart from all others.
    Event(EventRow),
    /// A chat, without its members.
    Chat(ChatRow),
    /// A user is a member of a chat: to be found from either side.
    Member(MemberRow),
    /// A user is no longer a member of a chat, since the event with this seq.
    NotMember {
        chat_id: ChatId,
        user_id: UserId,
        removed_seq: Seq,
    },
    /// A user, to be found by id and by name.
    User(UserRow),
    /// A session that was ended before its token expired.
    EndedSession {
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// Nothing to store but how far the store has come: rows of a log partition's records below this
    /// offset are in it, but for those whose chat or name is still being read.
    Reached {
        partition: PartitionId,
        behind: Offset,
    },
}

/// See [`Row::Event`]. An event never changes: what is written for its chat and seq is always the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub chat_id: ChatId,
    pub head: Head,
    /// The log record that the event was, whole.
    pub record: Bytes,
    pub is_message: bool,
}

/// How far a chat has come: carried by every event's row, so that the newest one tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest event's number.
    pub seq: Seq,
    /// How many messages there were up to it.
    pub messages: u64,
    /// The log partition of its record.
    pub partition: PartitionId,
    /// The place of its record in that partition.
    pub offset: Offset,
}

/// See [`Row::Chat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRow {
    pub chat_id: ChatId,
    pub name: String,
    pub created_at: Timestamp,
}

/// See [`Row::Member`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Members are listed by the seq of the event that added them, then by this.
    pub position: u32,
    pub added_seq: Seq,
}

/// See [`Row::User`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub user_id: UserId,
    pub username: String,
    /// A PHC string; absent for a user of trust mode.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
