//! The keyspaces of users of whom nothing is left that they said in a chat: who they are, and of whom there is more to
//! overwrite.

use std::ops::Bound;

use fjall::{Guard, Keyspace, OwnedWriteBatch};
use rookery_engine::port::ErasedSender;
use rookery_schema::row::{ErasedRow, RewriteRow};
use rookery_schema::{ChatId, PartitionId, Seq, UserId};

use super::error::ReadError;

/// Names of the keyspaces.
pub(super) const SENDERS: &str = "erased_senders";
pub(super) const REWRITES: &str = "rewrites";

const ID_BYTES: usize = 16;
const PARTITION_BYTES: usize = 4;
const SEQ_BYTES: usize = 8;

/// See the module.
pub(super) struct Erased {
    /// By chat and user.
    pub(super) senders: Keyspace,
    /// By log partition, chat and user.
    pub(super) rewrites: Keyspace,
}

impl Erased {
    pub(super) fn put(&self, batch: &mut OwnedWriteBatch, row: &ErasedRow) {
        let key = [&row.chat_id.as_bytes()[..], row.user_id.as_bytes()].concat();
        batch.insert(&self.senders, key, row.value());
        self.rewrite(batch, &row.rewriting());
    }

    pub(super) fn rewrite(&self, batch: &mut OwnedWriteBatch, row: &RewriteRow) {
        let key = [
            &row.partition.0.to_be_bytes()[..],
            row.chat_id.as_bytes(),
            row.user_id.as_bytes(),
        ];
        let value = [row.seq.0.to_le_bytes(), row.through.0.to_le_bytes()];
        match row.is_done {
            true => batch.remove(&self.rewrites, key.concat()),
            false => batch.insert(&self.rewrites, key.concat(), value.concat()),
        }
    }

    /// Nothing is left to overwrite in a chat.
    pub(super) fn forget(
        &self,
        batch: &mut OwnedWriteBatch,
        partition: PartitionId,
        chat_id: ChatId,
    ) -> Result<(), ReadError> {
        let of_chat = [&partition.0.to_be_bytes()[..], chat_id.as_bytes()].concat();
        for entry in self.rewrites.prefix(of_chat) {
            batch.remove(&self.rewrites, entry.key()?);
        }
        Ok(())
    }

    /// Those of a chat.
    pub(super) fn of(&self, chat_id: ChatId) -> Result<Vec<ErasedSender>, ReadError> {
        let entries = self.senders.prefix(chat_id.as_bytes());
        let sender = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            sender(&key, &value).ok_or(ReadError::Malformed(SENDERS))
        };
        entries.map(sender).collect()
    }

    /// Those of a partition of whom there is more to overwrite, in chats behind one in the order of their ids.
    pub(super) fn rewrites(
        &self,
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<RewriteRow>, ReadError> {
        let in_partition = partition.0.to_be_bytes();
        let last_of = |chat_id: ChatId| {
            let last = UserId::from_bytes([u8::MAX; ID_BYTES]);
            [&in_partition[..], chat_id.as_bytes(), last.as_bytes()].concat()
        };
        let start = match after {
            Some(chat_id) => Bound::Excluded(last_of(chat_id)),
            None => Bound::Included(in_partition.to_vec()),
        };
        let end = Bound::Included(last_of(ChatId::from_bytes([u8::MAX; ID_BYTES])));
        let entries = self.rewrites.range((start, end)).take(limit);
        let row = |entry: Guard| {
            let (key, value) = entry.into_inner()?;
            rewrite(partition, &key, &value).ok_or(ReadError::Malformed(REWRITES))
        };
        entries.map(row).collect()
    }
}

fn sender(key: &[u8], value: &[u8]) -> Option<ErasedSender> {
    let user_id = key.get(ID_BYTES..)?.try_into().ok()?;
    let (seq, at) = ErasedRow::stored(value)?;
    Some(ErasedSender {
        user_id: UserId::from_bytes(user_id),
        seq,
        at,
    })
}

fn rewrite(partition: PartitionId, key: &[u8], value: &[u8]) -> Option<RewriteRow> {
    let ids = key.get(PARTITION_BYTES..)?;
    let (chat_id, user_id) = ids.split_at_checked(ID_BYTES)?;
    let (seq, through) = value.split_at_checked(SEQ_BYTES)?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes).map(Seq);
    Some(RewriteRow {
        partition,
        chat_id: ChatId::from_bytes(chat_id.try_into().ok()?),
        user_id: UserId::from_bytes(user_id.try_into().ok()?),
        seq: number(seq)?,
        through: number(through)?,
        is_done: false,
    })
}
