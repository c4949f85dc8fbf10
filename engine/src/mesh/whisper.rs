//! What shards tell each other that may get lost: it is in no log and no store, and nobody waits for it. What must be
//! known in the end is told again.
//!
//! Whispers have rings of their own, so that no message ever waits for one. Those from one shard to another arrive in the
//! order in which they were sent.

use rookery_schema::{ChatId, UserId};

/// One whisper from shard to shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whisper {
    /// Home to owner: a connected user types in a chat.
    Types { chat_id: ChatId, user_id: UserId },
    /// Owner to home: a member of a chat types in it.
    Typing { chat_id: ChatId, user_id: UserId },
}

/// Rings hold thousands.
const _: () = assert!(size_of::<Whisper>() <= 40);

impl Whisper {
    /// About how many bytes it takes in memory.
    pub const fn bytes(&self) -> usize {
        match self {
            Self::Types { .. } | Self::Typing { .. } => size_of::<Self>(),
        }
    }
}
