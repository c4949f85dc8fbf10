//! How often users have said lately that they type.

use rookery_schema::{ChatId, UserId};

use crate::limits::{Buckets, Rate};

/// Seconds in which it is told once that a user types in a chat.
const SECONDS_EACH: u64 = 3;
/// Chats in which a user may type in a second.
const CHATS_PER_SECOND_MAX: u64 = 10;
/// Users, and pairs of a user and a chat, that are remembered for having typed lately.
const REMEMBERED_MAX: usize = 1 << 16;
/// See the module.
#[derive(Debug)]
pub(super) struct TypingRates {
    in_chats: Buckets<(UserId, ChatId)>,
    users: Buckets<UserId>,
}

impl Default for TypingRates {
    fn default() -> Self {
        Self {
            in_chats: Buckets::new(REMEMBERED_MAX),
            users: Buckets::new(REMEMBERED_MAX),
        }
    }
}

impl TypingRates {
    /// Whether it is to be told that a user types.
    ///
    /// # Errors
    /// The seconds until it may be, where they type in too many chats.
    pub(super) fn admit(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        now_micros: u64,
    ) -> Result<bool, u32> {
        let each = Rate::new(1, SECONDS_EACH, 1);
        let in_chat = self.in_chats.spend((user_id, chat_id), 1, each, now_micros);
        if in_chat.is_err() {
            return Ok(false);
        }
        let rate = Rate::new(CHATS_PER_SECOND_MAX, 1, CHATS_PER_SECOND_MAX);
        self.users.spend(user_id, 1, rate, now_micros)?;
        Ok(true)
    }

    pub(super) fn tick(&mut self, now_micros: u64) {
        self.in_chats.tick(now_micros);
        self.users.tick(now_micros);
    }
}
