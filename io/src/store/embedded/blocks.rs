//! The keyspace of whom each user has blocked.

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_engine::port::Block;
use rookery_schema::UserId;
use rookery_schema::row::BlockRow;

use super::codec;
use super::error::ReadError;

/// Name of the keyspace.
pub(super) const BLOCKS: &str = "blocks_by_user";

/// See the module.
pub(super) struct Blocks {
    pub(super) keyspace: Keyspace,
}

impl Blocks {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, row: &BlockRow) {
        let key = codec::pair_key(row.user_id.as_bytes(), row.blocked_id.as_bytes());
        match row.is_blocked {
            true => batch.insert(&self.keyspace, key, row.at.millis().to_le_bytes()),
            false => batch.remove(&self.keyspace, key),
        }
    }

    /// Whom a user has blocked.
    pub(super) fn of(&self, user_id: UserId, limit: usize) -> Result<Vec<Block>, ReadError> {
        let entries = self.keyspace.prefix(user_id.as_bytes()).take(limit);
        let block = |(key, value): (fjall::UserKey, fjall::UserValue)| {
            let user_id = codec::found_in_pair(&key).map(UserId::from_bytes)?;
            let created_at = codec::at(&value)?;
            Some(Block {
                user_id,
                created_at,
            })
        };
        entries
            .map(|entry| block(entry.into_inner()?).ok_or(ReadError::Malformed(BLOCKS)))
            .collect()
    }

    /// Those of two users who have blocked the other.
    pub(super) fn between(&self, two: [UserId; 2]) -> Result<Vec<UserId>, ReadError> {
        let [one, other] = two;
        let mut blockers = Vec::new();
        for (by, blocked) in [(one, other), (other, one)] {
            let key = codec::pair_key(by.as_bytes(), blocked.as_bytes());
            if self.keyspace.contains_key(key)? {
                blockers.push(by);
            }
        }
        Ok(blockers)
    }
}
