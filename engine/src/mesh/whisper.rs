//! What shards tell each other that may get lost: it is in no log and no store, and nobody waits for it. What must be
//! known in the end is told again.
//!
//! Whispers have rings of their own, so that no message ever waits for one. Those from one shard to another arrive in the
//! order in which they were sent.

use rookery_schema::{ChatId, ShardId, Timestamp, UserId};

/// Users of one whisper at most.
pub const WHISPERED_USERS_MAX: usize = 64;

/// One whisper from shard to shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whisper {
    /// Home to owner: a connected user types in a chat.
    Types { chat_id: ChatId, user_id: UserId },
    /// Owner to home: a member of a chat types in it.
    Typing { chat_id: ChatId, user_id: UserId },
    /// Home to home: tell `from` how these users of yours are, now, and for a while whenever that changes.
    Watch { from: ShardId, users: Vec<UserId> },
    /// Home to home: how users are.
    Presence(Vec<Presence>),
}

/// Rings hold thousands.
const _: () = assert!(size_of::<Whisper>() <= 40);

impl Whisper {
    /// About how many bytes it takes in memory.
    pub const fn bytes(&self) -> usize {
        let list = match self {
            Self::Types { .. } | Self::Typing { .. } => 0,
            Self::Watch { users, .. } => users.len() * size_of::<UserId>(),
            Self::Presence(users) => users.len() * size_of::<Presence>(),
        };
        size_of::<Self>() + list
    }
}

/// How a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    pub user_id: UserId,
    pub state: PresenceState,
}

/// See [`Presence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceState {
    Online,
    Offline {
        /// When their last connection ended, where that is known.
        last_seen: Option<Timestamp>,
    },
}
