//! What is left of a chat that was deleted, and what is not.

use bytes::{Buf as _, BufMut as _};

use crate::ids::{ChatId, Offset, PartitionId, Seq, UserId};
use crate::row::place::Head;
use crate::time::Timestamp;

/// See [`Row::ChatDeleted`](super::Row::ChatDeleted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeletedChatRow {
    pub chat_id: ChatId,
    /// Of the event that tells it, which is the chat's last.
    pub head: Head,
    /// Who asked for it.
    pub by: UserId,
    pub at: Timestamp,
}

impl DeletedChatRow {
    /// All that its chat does not tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(52);
        value.put_u64_le(self.head.seq.0);
        value.put_u64_le(self.head.messages);
        value.put_u32_le(self.head.partition.0);
        value.put_u64_le(self.head.offset.0);
        value.put_u64_le(self.at.millis());
        value.put_slice(self.by.as_bytes());
        value
    }

    /// What was stored of a chat that was deleted; `None` where no version writes such a value.
    pub fn stored(chat_id: ChatId, mut value: &[u8]) -> Option<Self> {
        let head = Head {
            seq: Seq(value.try_get_u64_le().ok()?),
            messages: value.try_get_u64_le().ok()?,
            partition: PartitionId(value.try_get_u32_le().ok()?),
            offset: Offset(value.try_get_u64_le().ok()?),
        };
        Some(Self {
            chat_id,
            head,
            at: Timestamp::recorded(value.try_get_u64_le().ok()?)?,
            by: UserId::from_bytes(value.try_into().ok()?),
        })
    }
}

/// See [`Row::Purged`](super::Row::Purged).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeRow {
    pub chat_id: ChatId,
    /// The log partition of the chat's records.
    pub partition: PartitionId,
    /// Of the event that tells that the chat was deleted.
    pub seq: Seq,
    pub step: PurgeStep,
}

/// See [`Row::Erasure`](super::Row::Erasure). Done is done: what was to be begun before and is written late changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasureRow {
    /// The log partition of the user's name, whose owner sees to it.
    pub partition: PartitionId,
    pub user_id: UserId,
    pub deleted_at: Timestamp,
    pub is_done: bool,
}

/// See [`Row::Erased`](super::Row::Erased). There is one for each user of a chat, and it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedRow {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The log partition of the chat's records.
    pub partition: PartitionId,
    /// Of the event that tells it.
    pub seq: Seq,
    pub at: Timestamp,
}

/// See [`Row::Rewritten`](super::Row::Rewritten). Done is done: what was written before and comes late changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewriteRow {
    /// The log partition of the chat's records, whose owner sees to it.
    pub partition: PartitionId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Of the event that tells that all is gone.
    pub seq: Seq,
    /// The last event that was looked at.
    pub through: Seq,
    pub is_done: bool,
}

impl ErasedRow {
    /// The rewriting that begins with it.
    pub const fn rewriting(&self) -> RewriteRow {
        RewriteRow {
            partition: self.partition,
            chat_id: self.chat_id,
            user_id: self.user_id,
            seq: self.seq,
            through: Seq(0),
            is_done: false,
        }
    }

    /// All that its chat and user don't tell, but for the partition, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(16);
        value.put_u64_le(self.seq.0);
        value.put_u64_le(self.at.millis());
        value
    }

    /// What was stored of a user in a chat: the event that tells that all they said is gone, and when; `None` where no version
    /// writes such a value.
    pub fn stored(mut value: &[u8]) -> Option<(Seq, Timestamp)> {
        let seq = Seq(value.try_get_u64_le().ok()?);
        let at = Timestamp::recorded(value.try_get_u64_le().ok()?)?;
        value.is_empty().then_some((seq, at))
    }
}

/// What of a deleted chat is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurgeStep {
    /// The events of one [bucket](crate::cql::bucket), and what amends them.
    Events { bucket: i32 },
    /// All else but the members, who are removed one by one: nothing of it is to be done any more.
    Rest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn deleted_chats_round_trip(
            (chat, by, at) in any::<([u8; 16], [u8; 16], u64)>(),
            (seq, messages, partition, offset) in any::<(u64, u64, u32, u64)>(),
        ) {
            let row = DeletedChatRow {
                chat_id: ChatId::from_bytes(chat),
                head: Head {
                    seq: Seq(seq),
                    messages,
                    partition: PartitionId(partition),
                    offset: Offset(offset),
                },
                by: UserId::from_bytes(by),
                at: Timestamp::from_millis(at),
            };
            prop_assert_eq!(DeletedChatRow::stored(row.chat_id, &row.value()), Some(row));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(value: Vec<u8>) {
            if let Some(row) = DeletedChatRow::stored(ChatId::from_bytes([0; 16]), &value) {
                prop_assert_eq!(row.value(), value);
            }
        }
    }
}
