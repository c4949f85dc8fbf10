//! What a shard asks of the store, as queries.

use std::ops::ControlFlow;

use futures_util::future::try_join_all;
use rookery_engine::port::{EndedSessions, Found, Membership, Read, StoredMember, StoredRoles};
use rookery_schema::cql::ENDED_SESSION_BUCKETS;
use rookery_schema::roles::Settings;
use rookery_schema::row::{ChatRow, Mark, RoleRow, SettingsRow};
use rookery_schema::{ChatId, Seq, SessionId, UserId, format};
use scylla::deserialize::row::DeserializeRow;
use scylla::response::PagingState;
use scylla::response::query_result::QueryRowsResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;
use uuid::Uuid;

use super::Connection;
use crate::store::scylla::event::{from_bigint, time};
use crate::store::scylla::failure::{DriverError, written};
use crate::store::scylla::plan::is_member;

impl Connection {
    pub(crate) async fn read(&self, read: &Read) -> Result<Found, DriverError> {
        match read {
            Read::Chat { chat_id, recent } => {
                let chat = self.stored_chat(*chat_id, *recent).await?;
                Ok(Found::Chat(chat.map(Box::new)))
            }
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let messages = self.messages_before(*chat_id, *before, *limit);
                messages.await.map(Found::Messages)
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let messages = self.messages_after(*chat_id, *after, *limit);
                messages.await.map(Found::Messages)
            }
            Read::EventsAfter {
                chat_id,
                after,
                limit,
            } => {
                let events = self.events_after(*chat_id, *after, *limit);
                events.await.map(Found::Events)
            }
            Read::Membership { chat_id, user_id } => {
                let membership = self.membership(*chat_id, *user_id);
                membership.await.map(Found::Membership)
            }
            Read::MembersAfter {
                chat_id,
                after,
                limit,
            } => {
                let members = self.members_after(*chat_id, *after, *limit);
                members.await.map(Found::Members)
            }
            Read::Erasures { partition, limit } => {
                let users = self.erasures(*partition, *limit);
                users.await.map(Found::Erasures)
            }
            Read::Rewrites {
                partition,
                after,
                limit,
            } => {
                let senders = self.rewrites(*partition, *after, *limit);
                senders.await.map(Found::Rewrites)
            }
            Read::Purges {
                partition,
                after,
                limit,
            } => {
                let purges = self.purges(*partition, *after, *limit);
                purges.await.map(Found::Purges)
            }
            Read::Blocks { user_id, limit } => {
                self.blocks(*user_id, *limit).await.map(Found::Blocks)
            }
            Read::ChatsOfUser(user_id) => self.chats_of(*user_id).await.map(Found::Chats),
            Read::FormerChats {
                user_id,
                after,
                limit,
            } => {
                let chats = self.former_chats(*user_id, *after, *limit);
                chats.await.map(Found::Chats)
            }
            Read::Mark { user_id, chat_id } => {
                let key = (user_id.0, chat_id.0);
                let marks = self.marks(&self.statements.mark, key, *user_id);
                marks.await.map(Found::Marks)
            }
            Read::MarksOfUser(user_id) => {
                let key = (user_id.0,);
                let marks = self.marks(&self.statements.marks_of_user, key, *user_id);
                marks.await.map(Found::Marks)
            }
            Read::User(user_id) => {
                let user = self.user(*user_id).await?;
                Ok(Found::Users(Vec::from_iter(user)))
            }
            Read::Users(user_ids) => self.users(user_ids).await.map(Found::Users),
            Read::UsersOfKey(key) => self.users_of_key(key).await.map(Found::Users),
            Read::UsersByPrefix {
                prefix,
                after,
                limit,
            } => {
                let users = self.users_by_prefix(prefix, after.as_deref(), *limit);
                users.await.map(Found::Users)
            }
            Read::EndedSessions => self.ended_sessions().await.map(Found::EndedSessions),
            Read::SessionsOfUser { user_id, limit } => {
                let sessions = self.sessions_of(*user_id, *limit);
                sessions.await.map(Found::Sessions)
            }
            Read::Profiles(user_ids) => self.profiles(user_ids).await.map(Found::Profiles),
            Read::UserSettings(user_id) => {
                let settings = self.user_settings(*user_id);
                settings.await.map(Found::UserSettings)
            }
        }
    }

    pub(super) async fn chat_row(&self, chat_id: ChatId) -> Result<Option<ChatRow>, DriverError> {
        let rows = self.select::<(String, CqlTimestamp)>(&self.statements.chat, (chat_id.0,));
        let chat = |(name, created_at)| {
            Ok(ChatRow {
                chat_id,
                name,
                created_at: written(time(created_at), format_args!("chat {chat_id}"))?,
            })
        };
        rows.await?.into_iter().next().map(chat).transpose()
    }

    /// The settings of a chat, where they were ever changed.
    pub(super) async fn settings(&self, chat_id: ChatId) -> Result<Option<Settings>, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(None);
        }
        let rows = self.select::<(Vec<u8>,)>(&self.statements.settings, (chat_id.0,));
        let settings = |(value,): (Vec<u8>,)| {
            let row = SettingsRow::stored(chat_id, &value);
            let row = written(row, format_args!("the settings of chat {chat_id}"))?;
            Ok(row.settings)
        };
        rows.await?.into_iter().next().map(settings).transpose()
    }

    /// The roles that were set in a chat whose newest event is `head`.
    pub(super) async fn roles(
        &self,
        chat_id: ChatId,
        head: Seq,
    ) -> Result<StoredRoles, DriverError> {
        if self.format() < format::CONVERSATIONS {
            return Ok(StoredRoles::default());
        }
        let rows = self.select::<(Uuid, Vec<u8>)>(&self.statements.roles, (chat_id.0,));
        let role = |(user_id, value): (Uuid, Vec<u8>)| {
            let row = RoleRow::stored(chat_id, UserId(user_id), &value);
            written(
                row,
                format_args!("the role of user {user_id} in chat {chat_id}"),
            )
        };
        let rows: Result<Vec<_>, _> = rows.await?.into_iter().map(role).collect();
        Ok(StoredRoles::of(rows?, head))
    }

    /// The members of a chat whose newest event is `head`, in order.
    pub(super) async fn members(
        &self,
        chat_id: ChatId,
        head: Seq,
        roles: &StoredRoles,
    ) -> Result<Vec<StoredMember>, DriverError> {
        type Row = (Uuid, Option<i64>, Option<i32>, Option<i64>);
        let rows = self.select::<Row>(&self.statements.members, (chat_id.0,));
        let seq = |number: i64| {
            let seq = from_bigint(number).map(Seq);
            written(seq, format_args!("a member of chat {chat_id}"))
        };
        let mut members = Vec::new();
        for (user_id, added, position, removed) in rows.await? {
            let removed = removed.map(seq).transpose()?;
            let added = added.map(seq).transpose()?;
            if let Some(added_seq) = added.filter(|_| is_member(head, added, removed)) {
                members.push((added_seq, position, UserId(user_id)));
            }
        }
        members.sort_unstable();
        let member = |(added_seq, _, user_id)| StoredMember {
            user_id,
            added_seq,
            is_admin: roles.is_admin(user_id),
        };
        Ok(members.into_iter().map(member).collect())
    }

    /// As of the newest change, whether or not its event is stored. Who was removed is looked for last: when the row of
    /// a member goes, this one is there.
    async fn membership(
        &self,
        chat_id: ChatId,
        user_id: UserId,
    ) -> Result<Membership, DriverError> {
        let key = (chat_id.0, user_id.0);
        let what = format_args!("user {user_id} in chat {chat_id}");
        let seq = |number: Option<i64>| {
            let seq = number.map(|number| from_bigint(number).map(Seq));
            seq.map(|seq| written(seq, what)).transpose()
        };
        let rows = self.select::<(Option<i64>, Option<i64>)>(&self.statements.member, key);
        let (added, removed) = rows.await?.into_iter().next().unwrap_or_default();
        let (added, removed) = (seq(added)?, seq(removed)?);
        if let Some(added_seq) = added.filter(|_| is_member(Seq(u64::MAX), added, removed)) {
            return Ok(Membership::Member { added_seq });
        }
        let former = self.select::<(i64, i64)>(&self.statements.former_member, key);
        let former = former.await?.into_iter().next().unzip();
        let former = seq(former.1)?.zip(seq(former.0)?);
        Ok(match former.max(removed.zip(added)) {
            Some((removed_seq, added_seq)) => Membership::Removed {
                added_seq,
                removed_seq,
            },
            None => Membership::Never,
        })
    }

    async fn chats_of(&self, user_id: UserId) -> Result<Vec<ChatId>, DriverError> {
        let rows = self.select::<(Uuid,)>(&self.statements.chats_of_user, (user_id.0,));
        Ok(rows.await?.into_iter().map(|(id,)| ChatId(id)).collect())
    }

    async fn marks(
        &self,
        statement: &PreparedStatement,
        key: impl SerializeRow,
        user_id: UserId,
    ) -> Result<Vec<(ChatId, Mark)>, DriverError> {
        let rows = self.select::<(Uuid, i64, i64)>(statement, key);
        let mark = |(chat_id, seq, messages)| {
            let seq = from_bigint(seq).map(Seq);
            let mark = seq.zip(from_bigint(messages));
            let what = format_args!("what user {user_id} has read of chat {chat_id}");
            let (seq, messages) = written(mark, what)?;
            Ok((ChatId(chat_id), Mark { seq, messages }))
        };
        rows.await?.into_iter().map(mark).collect()
    }

    async fn ended_sessions(&self) -> Result<EndedSessions, DriverError> {
        let of_buckets = (0..i32::from(ENDED_SESSION_BUCKETS)).map(|bucket| {
            self.select::<(Uuid, CqlTimestamp)>(&self.statements.ended_sessions, (bucket,))
        });
        let found = try_join_all(of_buckets).await?.into_iter().flatten();
        let session = |(id, expires_at)| {
            let expires_at = written(time(expires_at), format_args!("the end of session {id}"))?;
            Ok::<_, DriverError>((SessionId(id), expires_at))
        };
        Ok(EndedSessions {
            sessions: found.map(session).collect::<Result<_, _>>()?,
            ..EndedSessions::default()
        })
    }

    /// All rows of an answer, page by page.
    pub(super) async fn select<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, DriverError>
    where
        R: for<'f> DeserializeRow<'f, 'f>,
    {
        let mut all = Vec::new();
        let take = |page: &QueryRowsResult| {
            for row in page.rows::<R>().map_err(DriverError::new)? {
                all.push(row.map_err(DriverError::new)?);
            }
            Ok(())
        };
        self.each_page(statement, values, take).await?;
        Ok(all)
    }

    pub(super) async fn each_page(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        mut take: impl FnMut(&QueryRowsResult) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let mut state = PagingState::start();
        loop {
            let page = self.session.execute_single_page(statement, &values, state);
            let (answer, next) = page.await.map_err(DriverError::from)?;
            take(&answer.into_rows_result().map_err(DriverError::new)?)?;
            match next.into_paging_control_flow() {
                ControlFlow::Continue(next) => state = next,
                ControlFlow::Break(()) => return Ok(()),
            }
        }
    }
}

/// A limit as CQL takes it, which knows no 0.
pub(super) fn limit_of(rows: usize) -> i32 {
    i32::try_from(rows.max(1)).unwrap_or(i32::MAX)
}
