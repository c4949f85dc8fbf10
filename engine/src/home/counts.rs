//! How many chats users are in, as their homes have read it lately: so it is not read for each request that names them.

use rookery_schema::{ChatId, UserId};

use crate::config::ShardConfig;
use crate::limits::Limit;
use crate::map::{Map, entry_within};

/// Users whose counts are kept; beyond it, some are read again.
const USERS_MAX: usize = 1 << 16;
/// Microseconds for which a count is good. A chat that was left since counts until then.
const GOOD_MICROS: u64 = 60_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Counts(Map<UserId, Count>);

/// Never less than there are, while it is good.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    chats: usize,
    /// Those among them that the user made.
    made: usize,
    good_until_micros: u64,
}

impl Counts {
    /// Whether it is known how many chats a user is in.
    pub(super) fn is_good(&self, user_id: UserId, now_micros: u64) -> bool {
        let count = self.0.get(&user_id);
        count.is_some_and(|it| now_micros < it.good_until_micros)
    }

    /// A user is in these chats, each of which is named once.
    pub(super) fn set(&mut self, user_id: UserId, chats: &[ChatId], now_micros: u64) {
        let made = chats.iter().filter(|it| it.is_made_by(user_id));
        *entry_within(&mut self.0, user_id, USERS_MAX) = Count {
            chats: chats.len(),
            made: made.count(),
            good_until_micros: now_micros + GOOD_MICROS,
        };
    }

    /// Counts one more chat of a user. Nobody can keep them from making chats by adding them to others: one of their own
    /// counts as a membership, and is refused only where they have made too many, if that is limited.
    ///
    /// # Errors
    /// The limit that they would pass.
    pub(super) fn add(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        config: &ShardConfig,
    ) -> Result<(), Limit> {
        let count = self.0.entry(user_id).or_default();
        let more = count.with(user_id, chat_id);
        more.check(user_id, chat_id, config)?;
        *count = more;
        Ok(())
    }

    /// Whether a user who joins a chat that is counted already passes no limit.
    ///
    /// # Errors
    /// The limit that they pass.
    pub(super) fn check(
        &self,
        user_id: UserId,
        chat_id: ChatId,
        config: &ShardConfig,
    ) -> Result<(), Limit> {
        let count = self.0.get(&user_id).copied().unwrap_or_default();
        count.check(user_id, chat_id, config)
    }

    /// It is not known any more how many chats a user is in.
    pub(super) fn forget(&mut self, user_id: UserId) {
        self.0.remove(&user_id);
    }

    /// A user does not become a member of a chat that was counted.
    pub(super) fn take_back(&mut self, user_id: UserId, chat_id: ChatId) {
        if let Some(count) = self.0.get_mut(&user_id) {
            count.chats = count.chats.saturating_sub(1);
            let is_theirs = usize::from(chat_id.is_made_by(user_id));
            count.made = count.made.saturating_sub(is_theirs);
        }
    }
}

impl Count {
    fn with(self, user_id: UserId, chat_id: ChatId) -> Self {
        Self {
            chats: self.chats + 1,
            made: self.made + usize::from(chat_id.is_made_by(user_id)),
            ..self
        }
    }

    /// Whether these are no more than a user may have who joins this one of them.
    fn check(self, user_id: UserId, chat_id: ChatId, config: &ShardConfig) -> Result<(), Limit> {
        let is_theirs = chat_id.is_made_by(user_id);
        let (number, number_max, limit) = match is_theirs && config.chats_per_user > 0 {
            true => (self.made, config.chats_per_user, Limit::ChatsPerUser),
            false => (
                self.chats,
                config.memberships_per_user,
                Limit::MembershipsPerUser,
            ),
        };
        if number_max > 0 && number > number_max {
            return Err(limit);
        }
        Ok(())
    }
}
