//! The keyspaces of chats that were deleted: that they were, and of which there is more to remove; and of users who were
//! deleted and are still in chats.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Bound;

use fjall::{Guard, Keyspace, OwnedWriteBatch};
use rookery_schema::cql::first_of_bucket;
use rookery_schema::row::{DeletedChatRow, ErasureRow, PurgeRow, Row};
use rookery_schema::{ChatId, PartitionId, Seq, Timestamp, UserId};

use super::error::ReadError;
use super::run;

/// Names of the keyspaces.
pub(super) const DELETED: &str = "deleted_chats";
pub(super) const PURGES: &str = "purges";
pub(super) const ERASURES: &str = "erasures";

const PARTITION_BYTES: usize = 4;
const ID_BYTES: usize = 16;

/// See the module.
pub(super) struct Deletions {
    pub(super) deleted: Keyspace,
    /// By log partition and chat.
    pub(super) purges: Keyspace,
    /// By log partition and user.
    pub(super) erasures: Keyspace,
}

impl Deletions {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, row: &DeletedChatRow) {
        batch.insert(&self.deleted, row.chat_id.as_bytes(), row.value());
        let key = key(row.head.partition, row.chat_id);
        batch.insert(&self.purges, key, row.head.seq.0.to_le_bytes());
    }

    /// Nothing is left of a chat.
    pub(super) fn purged(&self, batch: &mut OwnedWriteBatch, row: &PurgeRow) {
        batch.remove(&self.purges, key(row.partition, row.chat_id));
    }

    pub(super) fn put_erasure(&self, batch: &mut OwnedWriteBatch, row: &ErasureRow) {
        let key = [
            &row.partition.0.to_be_bytes()[..],
            &row.user_id.as_bytes()[..],
        ];
        let deleted_at = row.deleted_at.millis().to_le_bytes();
        match row.is_done {
            true => batch.remove(&self.erasures, key.concat()),
            false => batch.insert(&self.erasures, key.concat(), deleted_at),
        }
    }

    /// Deleted users of a partition who are still in chats.
    pub(super) fn erasures(
        &self,
        partition: PartitionId,
        limit: usize,
    ) -> Result<Vec<(UserId, Timestamp)>, ReadError> {
        let entries = self.erasures.prefix(partition.0.to_be_bytes()).take(limit);
        let user = |key: &[u8], value: &[u8]| {
            let user_id = key.get(PARTITION_BYTES..)?.try_into().ok()?;
            let deleted_at = u64::from_le_bytes(value.try_into().ok()?);
            Some((
                UserId::from_bytes(user_id),
                Timestamp::recorded(deleted_at)?,
            ))
        };
        let user = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            user(&key, &value).ok_or(ReadError::Malformed(ERASURES))
        };
        entries.map(user).collect()
    }

    /// Rows without those that overwrite something in a chat that is deleted: what they were made from was read before, and would
    /// come back.
    pub(super) fn without_late<'a>(
        &self,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<Vec<&'a Row>, ReadError> {
        let mut known: HashMap<ChatId, bool> = HashMap::new();
        let mut kept = Vec::new();
        for row in rows {
            let overwritten = match row {
                Row::Redacted(row) => Some(row.chat_id),
                Row::Amendment(row) => Some(row.chat_id),
                Row::Rewritten(row) => Some(row.chat_id),
                Row::ChatDeleted(row) => {
                    known.insert(row.chat_id, true);
                    None
                }
                Row::Event(_)
                | Row::Chat(_)
                | Row::Member(_)
                | Row::NotMember { .. }
                | Row::Role(_)
                | Row::Settings(_)
                | Row::Purged(_)
                | Row::Block(_)
                | Row::Mark(_)
                | Row::User(_)
                | Row::EndedSession { .. }
                | Row::Session(_)
                | Row::NoSession { .. }
                | Row::NoSessions { .. }
                | Row::OwnGone { .. }
                | Row::Erasure(_)
                | Row::Erased(_)
                | Row::Profile(_)
                | Row::UserSettings(_)
                | Row::Reached { .. } => None,
            };
            let is_late = match overwritten {
                Some(chat_id) => match known.entry(chat_id) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(unknown) => {
                        *unknown.insert(self.deleted.contains_key(chat_id.as_bytes())?)
                    }
                },
                None => false,
            };
            if !is_late {
                kept.push(row);
            }
        }
        Ok(kept)
    }

    pub(super) fn get(&self, chat_id: ChatId) -> Result<Option<DeletedChatRow>, ReadError> {
        let value = self.deleted.get(chat_id.as_bytes())?;
        let row = |value: &[u8]| DeletedChatRow::stored(chat_id, value);
        let row = value.map(|value| row(&value).ok_or(ReadError::Malformed(DELETED)));
        row.transpose()
    }

    /// Chats of a partition of which there is more to remove, behind one in the order of their ids.
    pub(super) fn purges(
        &self,
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<(ChatId, Seq)>, ReadError> {
        let start = match after {
            Some(chat_id) => Bound::Excluded(key(partition, chat_id)),
            None => Bound::Included(key(partition, ChatId::from_bytes([0; ID_BYTES]))),
        };
        let end = Bound::Included(key(partition, ChatId::from_bytes([u8::MAX; ID_BYTES])));
        let entries = self.purges.range((start, end)).take(limit);
        let purge = |key: &[u8], value: &[u8]| {
            let chat_id = key.get(PARTITION_BYTES..)?.try_into().ok()?;
            let seq = u64::from_le_bytes(value.try_into().ok()?);
            Some((ChatId::from_bytes(chat_id), Seq(seq)))
        };
        let purge = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            purge(&key, &value).ok_or(ReadError::Malformed(PURGES))
        };
        entries.map(purge).collect()
    }
}

/// Removes what lies in a bucket of a chat's events, where keys begin with the chat and a seq.
pub(super) fn remove_bucket(
    batch: &mut OwnedWriteBatch,
    keyspace: &Keyspace,
    chat_id: ChatId,
    bucket: i32,
) -> Result<(), ReadError> {
    let key = |bucket| run::key_from(chat_id, first_of_bucket(bucket));
    for entry in keyspace.range(key(bucket)..key(bucket + 1)) {
        batch.remove(keyspace, entry.key()?);
    }
    Ok(())
}

/// Removes what has keys that begin with a chat.
pub(super) fn remove_all(
    batch: &mut OwnedWriteBatch,
    keyspace: &Keyspace,
    chat_id: ChatId,
) -> Result<(), ReadError> {
    for entry in keyspace.prefix(chat_id.as_bytes()) {
        batch.remove(keyspace, entry.key()?);
    }
    Ok(())
}

fn key(partition: PartitionId, chat_id: ChatId) -> Vec<u8> {
    [&partition.0.to_be_bytes()[..], chat_id.as_bytes()].concat()
}
