//! Chats and users that were deleted, and who has blocked whom.

use rookery_engine::port::{Block, ErasedSender, StoredMember, direct_pair};
use rookery_schema::row::{DeletedChatRow, RewriteRow};
use rookery_schema::{ChatId, PartitionId, Seq, Timestamp, UserId, format};
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::Connection;
use super::read::limit_of;
use crate::store::scylla::event::{from_bigint, int, time};
use crate::store::scylla::failure::{DriverError, written};

impl Connection {
    /// What was stored of a chat that was deleted; looked for where nothing else is found of one.
    pub(super) async fn deleted_chat(
        &self,
        chat_id: ChatId,
    ) -> Result<Option<DeletedChatRow>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(None);
        }
        let rows = self.select::<(Vec<u8>,)>(&self.statements.deleted_chat, (chat_id.0,));
        let deleted = |(value,): (Vec<u8>,)| {
            let row = DeletedChatRow::stored(chat_id, &value);
            written(row, format_args!("the deletion of chat {chat_id}"))
        };
        rows.await?.into_iter().next().map(deleted).transpose()
    }

    /// Members of a chat behind one, in the order of the server.
    pub(super) async fn members_after(
        &self,
        chat_id: ChatId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, DriverError> {
        let (to, rows) = (&self.statements, limit_of(limit));
        let members = match after {
            None => {
                self.select::<(Uuid,)>(&to.members_from, (chat_id.0, rows))
                    .await?
            }
            Some(after) => {
                self.select::<(Uuid,)>(&to.members_behind, (chat_id.0, after.0, rows))
                    .await?
            }
        };
        let members = members.into_iter().take(limit);
        Ok(members.map(|(id,)| UserId(id)).collect())
    }

    /// Chats of a log partition of which there is more to remove.
    pub(super) async fn purges(
        &self,
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<(ChatId, Seq)>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let (to, of, limit_rows) = (&self.statements, int(partition), limit_of(limit));
        let rows = match after {
            None => {
                self.select::<(Uuid, i64)>(&to.purges, (of, limit_rows))
                    .await?
            }
            Some(after) => {
                self.select::<(Uuid, i64)>(&to.purges_behind, (of, after.0, limit_rows))
                    .await?
            }
        };
        let purge = |(chat_id, seq)| {
            let seq = from_bigint(seq).map(Seq);
            let seq = written(seq, format_args!("the deletion of chat {chat_id}"))?;
            Ok((ChatId(chat_id), seq))
        };
        rows.into_iter().take(limit).map(purge).collect()
    }

    /// Deleted users of a partition who are still in chats.
    pub(super) async fn erasures(
        &self,
        partition: PartitionId,
        limit: usize,
    ) -> Result<Vec<(UserId, Timestamp)>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let values = (int(partition), limit_of(limit));
        let rows = self.select::<(Uuid, CqlTimestamp)>(&self.statements.erasures, values);
        let user = |(user_id, deleted_at)| {
            let deleted_at = written(
                time(deleted_at),
                format_args!("the deletion of user {user_id}"),
            )?;
            Ok((UserId(user_id), deleted_at))
        };
        rows.await?.into_iter().map(user).collect()
    }

    /// Chats that a user was removed from, behind one in the order of the server.
    pub(super) async fn former_chats(
        &self,
        user_id: UserId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<ChatId>, DriverError> {
        let (to, rows) = (&self.statements, limit_of(limit));
        let chats = match after {
            None => {
                let values = (user_id.0, rows);
                self.select::<(Uuid,)>(&to.former_chats, values).await?
            }
            Some(after) => {
                let values = (user_id.0, after.0, rows);
                let statement = &to.former_chats_behind;
                self.select::<(Uuid,)>(statement, values).await?
            }
        };
        let chats = chats.into_iter().take(limit);
        Ok(chats.map(|(id,)| ChatId(id)).collect())
    }

    /// Users of whom nothing is left that they said in a chat.
    pub(super) async fn erased_senders(
        &self,
        chat_id: ChatId,
    ) -> Result<Vec<ErasedSender>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let statement = &self.statements.erased_senders;
        let rows = self.select::<(Uuid, i64, CqlTimestamp)>(statement, (chat_id.0,));
        let sender = |(user_id, seq, at)| {
            let seq = from_bigint(seq).map(Seq);
            let what = format_args!("user {user_id}, who is erased in chat {chat_id}");
            let (seq, at) = written(seq.zip(time(at)), what)?;
            Ok(ErasedSender {
                user_id: UserId(user_id),
                seq,
                at,
            })
        };
        rows.await?.into_iter().map(sender).collect()
    }

    /// Those of a log partition of whom there is more to overwrite, in chats behind one in the order of the server.
    pub(super) async fn rewrites(
        &self,
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<RewriteRow>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let (to, of, limit_rows) = (&self.statements, int(partition), limit_of(limit));
        let rows = match after {
            None => {
                self.select::<(Uuid, Uuid, i64, i64)>(&to.rewrites, (of, limit_rows))
                    .await?
            }
            Some(after) => {
                let values = (of, after.0, limit_rows);
                self.select::<(Uuid, Uuid, i64, i64)>(&to.rewrites_behind, values)
                    .await?
            }
        };
        let row = |(chat_id, user_id, seq, through)| {
            let seq = from_bigint(seq).map(Seq);
            let through = from_bigint(through).map(Seq);
            let what = format_args!("how far user {user_id} is erased in chat {chat_id}");
            let (seq, through) = written(seq.zip(through), what)?;
            Ok(RewriteRow {
                partition,
                chat_id: ChatId(chat_id),
                user_id: UserId(user_id),
                seq,
                through,
                is_done: false,
            })
        };
        rows.into_iter().take(limit).map(row).collect()
    }

    /// Whom a user has blocked.
    pub(super) async fn blocks(
        &self,
        user_id: UserId,
        limit: usize,
    ) -> Result<Vec<Block>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(Vec::new());
        }
        let values = (user_id.0, limit_of(limit));
        let rows = self.select::<(Uuid, CqlTimestamp)>(&self.statements.blocks, values);
        let block = |(blocked, at)| {
            let created_at = written(time(at), format_args!("a block of user {user_id}"))?;
            Ok(Block {
                user_id: UserId(blocked),
                created_at,
            })
        };
        rows.await?.into_iter().take(limit).map(block).collect()
    }

    /// Of a direct chat, who of the two has blocked the other.
    pub(super) async fn blockers(
        &self,
        chat_id: ChatId,
        members: &[StoredMember],
    ) -> Result<Vec<UserId>, DriverError> {
        let mut blockers = Vec::new();
        if self.format() >= format::CONVERSATIONS
            && let Some([one, other]) = direct_pair(chat_id, members)
        {
            for (by, blocked) in [(one, other), (other, one)] {
                let values = (by.0, blocked.0);
                let rows = self.select::<(CqlTimestamp,)>(&self.statements.block, values);
                if !rows.await?.is_empty() {
                    blockers.push(by);
                }
            }
        }
        Ok(blockers)
    }
}
