//! The keyspace of what users have read, by user and chat.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::row::{Mark, Row};
use rookery_schema::{ChatId, UserId};

use super::codec;
use super::error::ReadError;

/// Name of the keyspace.
pub(super) const MARKS: &str = "marks";

/// See the module.
pub(super) struct Marks {
    keyspace: Keyspace,
    /// Held from the look at what is stored until that is overwritten: the lanes of several shards write marks of one
    /// user.
    writing: Mutex<()>,
}

/// Marks of a batch are compared with what is stored as long as this lives.
pub(super) struct Marking<'a> {
    _writing: Option<MutexGuard<'a, ()>>,
}

impl Marks {
    pub(super) const fn new(keyspace: Keyspace) -> Self {
        let writing = Mutex::new(());
        Self { keyspace, writing }
    }

    /// Adds the marks among rows to a batch, but for those that are not further than what is stored. The batch is to be
    /// committed before what this returns is dropped.
    pub(super) fn put<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<Marking<'_>, ReadError> {
        let mut furthest: BTreeMap<codec::PairKey, Mark> = BTreeMap::new();
        for row in rows {
            let Row::Mark(row) = row else { continue };
            let kept = furthest.entry(key(row.user_id, row.chat_id)).or_default();
            *kept = row.mark.max(*kept);
        }
        let is_any = !furthest.is_empty();
        let writing = is_any.then(|| self.writing.lock().unwrap_or_else(PoisonError::into_inner));
        for (key, mark) in furthest {
            if self.stored(key)?.is_none_or(|stored| stored < mark) {
                batch.insert(&self.keyspace, key, codec::mark_value(mark));
            }
        }
        Ok(Marking { _writing: writing })
    }

    fn stored(&self, key: codec::PairKey) -> Result<Option<Mark>, ReadError> {
        let value = self.keyspace.get(key)?;
        let mark = value.map(|value| codec::mark(&value).ok_or(ReadError::Malformed(MARKS)));
        mark.transpose()
    }

    pub(super) fn of_chat(
        &self,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Result<Vec<(ChatId, Mark)>, ReadError> {
        let mark = self.stored(key(user_id, chat_id))?;
        Ok(mark.into_iter().map(|mark| (chat_id, mark)).collect())
    }

    pub(super) fn of_user(&self, user_id: UserId) -> Result<Vec<(ChatId, Mark)>, ReadError> {
        let entries = self.keyspace.prefix(user_id.as_bytes()).map(|entry| {
            let (key, value) = entry.into_inner()?;
            let chat_id = codec::found_in_pair(&key).map(ChatId::from_bytes);
            let found = chat_id.zip(codec::mark(&value));
            found.ok_or(ReadError::Malformed(MARKS))
        });
        entries.collect()
    }
}

fn key(user_id: UserId, chat_id: ChatId) -> codec::PairKey {
    codec::pair_key(user_id.as_bytes(), chat_id.as_bytes())
}
