//! Writes batches: one attempt each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rookery_schema::cql::{
    EVENT_TIMESTAMP, REDACTED_TIMESTAMP, SCHEMA_VERSION, bucket, ended_session_bucket, name_bucket,
};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::names::key_of;
use rookery_schema::row::{
    AmendmentRow, BlockRow, DeletedChatRow, ErasedRow, EventRow, Head, MarkRow, MemberRow,
    PurgeRow, PurgeStep, RewriteRow, RoleRow, SessionRow, UserRow,
};
use rookery_schema::{Offset, PartitionId, SessionId, Timestamp};
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::{Batch as CqlBatch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlTimestamp, MaybeUnset};

use super::Connection;
use super::users::DELETED;
use crate::store::scylla::event::{bigint, event_value, int};
use crate::store::scylla::failure::DriverError;
use crate::store::scylla::plan::{Batch, NewEvent, Removal};

/// Seconds until a session's end is forgotten, at most. Servers refuse times to live that end in a
/// distant year; rows without one merely stay.
const TTL_SECONDS_MAX: u64 = 5 * 366 * 24 * 3600;
/// Events of one batch that are looked at at a time before they are redacted.
const REDACTIONS_IN_FLIGHT_MAX: usize = 32;

impl Connection {
    pub(crate) async fn reached(
        &self,
        partition: PartitionId,
        behind: Offset,
    ) -> Result<(), DriverError> {
        let behind = bigint(behind.0);
        let values = (int(partition), behind, behind);
        self.one(&self.statements.set_reached, values).await
    }

    /// Has the keyspace carry at least this format. It is raised to that of this version at once, so that
    /// lanes that raise it at the same time agree.
    pub(crate) async fn raise_format(&self, needed: u32) -> Result<(), DriverError> {
        if needed <= self.format() {
            return Ok(());
        }
        let version = SCHEMA_VERSION.to_string();
        self.one(&self.statements.set_schema_version, (version,))
            .await?;
        self.set_format(SCHEMA_VERSION);
        Ok(())
    }

    pub(crate) async fn write(&self, batch: &Batch<'_>) -> Result<(), DriverError> {
        let to = &self.statements;
        match batch {
            Batch::Chat(row) => {
                let created_at = timestamp(row.created_at);
                // As of an event: one that comes late does not bring back a chat that was deleted.
                let values = (row.chat_id.0, &*row.name, created_at, EVENT_TIMESTAMP);
                self.one(&to.add_chat, values).await
            }
            Batch::Added(rows) => self.many(&to.add_member, rows, added).await,
            Batch::Removed(rows) => self.many(&to.mark_removed, rows, removed).await,
            Batch::Forgotten(rows) => self.many(&to.forget_member, rows, forgotten).await,
            Batch::Former(rows) => self.many(&to.add_former_member, rows, former).await,
            Batch::Roles(rows) => self.many(&to.set_role, rows, |row| role(row)).await,
            Batch::Settings(row) => {
                let values = (row.chat_id.0, row.value(), bigint(row.seq.0));
                self.one(&to.set_settings, values).await
            }
            Batch::ChatOfUser(row) => {
                let values = (row.user_id.0, row.chat_id.0, bigint(row.added_seq.0));
                self.one(&to.add_chat_of_user, values).await
            }
            Batch::NotChatOfUser(gone) => {
                let former = (gone.user_id.0, gone.chat_id.0, EVENT_TIMESTAMP);
                self.one(&to.add_former_chat, former).await?;
                let values = (bigint(gone.seq.0), gone.user_id.0, gone.chat_id.0);
                self.one(&to.remove_chat_of_user, values).await?;
                self.one(&to.remove_mark, values).await
            }
            Batch::Events(rows) => self.many(&to.add_event, rows, |row| event(row)).await,
            Batch::Redactions(rows) => self.redact(rows).await,
            Batch::Amendments(rows) => {
                self.many(&to.add_amendment, rows, |row| amendment(row))
                    .await
            }
            Batch::ChatDeleted(row) => {
                let values = (row.chat_id.0, row.value());
                self.one(&to.add_deleted_chat, values).await
            }
            Batch::ChatGone(row) => self.chat_gone(row).await,
            Batch::Purge(row) => self.purge(row).await,
            Batch::Block(row) => self.block(row).await,
            Batch::Marks(rows) => self.many(&to.add_mark, rows, |row| mark(row)).await,
            Batch::User(row) => self.one(&to.add_user, user(row)).await,
            Batch::UserName(row) => {
                let values = (name_bucket(row.name()), row.name(), row.user_id.0);
                self.one(&to.add_user_name, values).await
            }
            Batch::NameByKey(row) => {
                let key = &*key_of(row.name());
                let values = (name_bucket(key), key, row.name(), row.user_id.0);
                self.one(&to.add_name_by_key, values).await
            }
            Batch::EndedSessions(rows) => {
                let now = now();
                let values = |row: &(SessionId, Timestamp)| ended_session(*row, now);
                self.many(&to.add_ended_session, rows, values).await
            }
            Batch::Session(row) => self.one(&to.add_session, session(row, now())).await,
            Batch::NoSession(user_id, expires_at, session_id) => {
                let values = (user_id.0, timestamp(*expires_at), session_id.0);
                self.one(&to.remove_session, values).await
            }
            Batch::NoSessions(user_id, until) => {
                let values = (user_id.0, timestamp(*until));
                self.one(&to.remove_sessions, values).await
            }
            Batch::Profile(row) => {
                let values = (row.user_id.0, row.value(), bigint(row.offset.0));
                self.one(&to.set_profile, values).await
            }
            Batch::UserSettings(row) => {
                let values = (row.user_id.0, row.value(), bigint(row.offset.0));
                self.one(&to.set_user_settings, values).await
            }
            // As of now: whatever is written late bears an earlier time.
            Batch::OwnGone(user_id) => {
                self.one(&to.remove_profile, (user_id.0,)).await?;
                self.one(&to.remove_user_settings, (user_id.0,)).await
            }
            Batch::Erased(row) => self.erased(row).await,
            Batch::Rewritten(row) => self.rewritten(row).await,
            Batch::Erasure(row) => {
                let key = (int(row.partition), row.user_id.0);
                match row.is_done {
                    true => self.one(&to.remove_erasure, key).await,
                    false => {
                        let values = (key.0, key.1, timestamp(row.deleted_at));
                        self.one(&to.add_erasure, values).await
                    }
                }
            }
        }
    }

    /// A chat is known to be deleted: it goes, and what else there is is to follow.
    async fn chat_gone(&self, row: &DeletedChatRow) -> Result<(), DriverError> {
        let to = &self.statements;
        let (seq, partition) = (bigint(row.head.seq.0), int(row.head.partition));
        let purge = (partition, row.chat_id.0, seq, seq);
        self.one(&to.add_purge, purge).await?;
        self.one(&to.remove_chat, (row.chat_id.0,)).await
    }

    /// Removes a part of a deleted chat, as of now: whatever is written late of it bears an earlier time.
    async fn purge(&self, row: &PurgeRow) -> Result<(), DriverError> {
        let (to, chat_id) = (&self.statements, row.chat_id.0);
        match row.step {
            PurgeStep::Events { bucket } => {
                self.one(&to.remove_events, (chat_id, bucket)).await?;
                self.one(&to.remove_amendments, (chat_id, bucket)).await
            }
            PurgeStep::Rest => {
                self.one(&to.remove_settings, (chat_id,)).await?;
                self.one(&to.remove_roles, (chat_id,)).await?;
                self.one(&to.remove_erased_senders, (chat_id,)).await?;
                let rewrites = (int(row.partition), chat_id);
                self.one(&to.remove_rewrites, rewrites).await?;
                let purge = (bigint(row.seq.0), int(row.partition), chat_id);
                self.one(&to.remove_purge, purge).await
            }
        }
    }

    async fn erased(&self, row: &ErasedRow) -> Result<(), DriverError> {
        let at = (timestamp(row.at), EVENT_TIMESTAMP);
        let values = (row.chat_id.0, row.user_id.0, bigint(row.seq.0), at.0, at.1);
        self.one(&self.statements.add_erased_sender, values).await?;
        self.rewritten(&row.rewriting()).await
    }

    /// As of how far it is: of two rows that of the later step stays.
    async fn rewritten(&self, row: &RewriteRow) -> Result<(), DriverError> {
        let to = &self.statements;
        let key = (int(row.partition), row.chat_id.0, row.user_id.0);
        let (seq, through) = (bigint(row.seq.0), bigint(row.through.0));
        match row.is_done {
            // It is behind all steps.
            true => {
                let values = (bigint(row.seq.0 + 1), key.0, key.1, key.2);
                self.one(&to.remove_rewrite, values).await
            }
            false => {
                let place = bigint(row.through.0 + 1);
                let values = (key.0, key.1, key.2, seq, through, place);
                self.one(&to.add_rewrite, values).await
            }
        }
    }

    async fn block(&self, row: &BlockRow) -> Result<(), DriverError> {
        let (to, place) = (&self.statements, bigint(row.offset.0 + 1));
        let (by, blocked) = (row.user_id.0, row.blocked_id.0);
        match row.is_blocked {
            true => {
                let values = (by, blocked, timestamp(row.at), place);
                self.one(&to.add_block, values).await
            }
            false => self.one(&to.remove_block, (place, by, blocked)).await,
        }
    }

    /// Overwrites what events say, which keep their places in the log: one may still be the newest of its chat.
    async fn redact(&self, rows: &[&EventRow]) -> Result<(), DriverError> {
        let found = stream::iter(rows).map(|row| self.written_event(row.chat_id, row.head.seq));
        let found = found.buffered(REDACTIONS_IN_FLIGHT_MAX);
        let found: Vec<Option<(Head, i64)>> = found.try_collect().await?;
        let redactions: Vec<_> = rows.iter().zip(found).collect();
        self.many(&self.statements.add_event, &redactions, redaction)
            .await
    }

    async fn one(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<(), DriverError> {
        let answer = self.session.execute_unpaged(statement, values).await;
        answer.map(drop).map_err(DriverError::from)
    }

    /// Writes rows of one partition, all or none of them.
    async fn many<'a, R, V: SerializeRow>(
        &self,
        statement: &PreparedStatement,
        rows: &'a [R],
        values: impl Fn(&'a R) -> V,
    ) -> Result<(), DriverError> {
        let mut values: Vec<V> = rows.iter().map(values).collect();
        match values.len() {
            0 => Ok(()),
            1 => self.one(statement, values.remove(0)).await,
            count => {
                let statements = vec![statement.clone().into(); count];
                let mut batch = CqlBatch::new_with_statements(BatchType::Unlogged, statements);
                batch.set_is_idempotent(true);
                let answer = self.session.batch(&batch, values).await;
                answer.map(drop).map_err(DriverError::from)
            }
        }
    }
}

fn event<'a>(new: &NewEvent<'a>) -> impl SerializeRow + use<'a> {
    let (head, chat_id) = (new.row.head, new.row.chat_id);
    let (value, timestamp) = match new.redacted {
        None => (event_value(new.row), EVENT_TIMESTAMP),
        Some(redacted) => (event_value(redacted).at(head), REDACTED_TIMESTAMP),
    };
    let seq = head.seq;
    (chat_id.0, bucket(seq), bigint(seq.0), value, timestamp)
}

/// An event that was redacted, in the place of the one that was found, if any.
fn redaction<'a>(
    (row, found): &(&&'a EventRow, Option<(Head, i64)>),
) -> impl SerializeRow + use<'a> {
    let (head, timestamp) = match *found {
        None => (row.head, REDACTED_TIMESTAMP),
        Some((head, written)) => (head, REDACTED_TIMESTAMP.max(written.saturating_add(1))),
    };
    let (seq, value) = (head.seq, event_value(row).at(head));
    (row.chat_id.0, bucket(seq), bigint(seq.0), value, timestamp)
}

fn amendment(row: &AmendmentRow) -> impl SerializeRow + use<> {
    let (bucket, target, seq) = (bucket(row.target), bigint(row.target.0), bigint(row.seq.0));
    (row.chat_id.0, bucket, target, row.slot(), row.value(), seq)
}

fn mark(row: &MarkRow) -> impl SerializeRow + use<> {
    let (seq, messages) = (bigint(row.mark.seq.0), bigint(row.mark.messages));
    (row.user_id.0, row.chat_id.0, seq, messages, seq)
}

fn added<'a>(row: &&'a MemberRow) -> impl SerializeRow + use<'a> {
    let seq = bigint(row.added_seq.0);
    let position = i32::try_from(row.position).unwrap_or(i32::MAX);
    (row.chat_id.0, row.user_id.0, seq, position, seq)
}

fn removed(gone: &Removal) -> impl SerializeRow + use<> {
    let seq = bigint(gone.seq.0);
    (seq, seq, gone.chat_id.0, gone.user_id.0)
}

fn former(gone: &Removal) -> impl SerializeRow + use<> {
    let (added, seq) = (bigint(gone.added_seq.0), bigint(gone.seq.0));
    (gone.chat_id.0, gone.user_id.0, added, seq, seq)
}

fn role(row: &RoleRow) -> impl SerializeRow + use<> {
    (row.chat_id.0, row.user_id.0, row.value(), bigint(row.seq.0))
}

fn forgotten(gone: &Removal) -> impl SerializeRow + use<> {
    (bigint(gone.seq.0), gone.chat_id.0, gone.user_id.0)
}

fn user(row: &UserRow) -> impl SerializeRow + '_ {
    // A null is a tombstone: it is written where it takes a password away, and not where there never was one.
    let hash = match row.password_hash.as_deref() {
        _ if row.is_deleted => MaybeUnset::Set(Some(DELETED)),
        None if row.updated_at == row.created_at => MaybeUnset::Unset,
        hash => MaybeUnset::Set(hash),
    };
    (
        row.user_id.0,
        &*row.username,
        hash,
        timestamp(row.created_at),
        timestamp(row.updated_at),
        // In microseconds, as the server would have it: of two contents of a row, the later one stays.
        bigint(row.updated_at.millis() * 1000),
    )
}

/// Of one that stands for many sessions of a user the later end stays, also where the row of an earlier one comes late: the
/// timestamp is that of a login which would expire then, and none that servers refuse as too far ahead.
fn ended_session(
    (session_id, expires_at): (SessionId, Timestamp),
    now: Timestamp,
) -> impl SerializeRow {
    let millis = expires_at.millis().saturating_sub(SESSION_MILLIS);
    (
        ended_session_bucket(session_id),
        session_id.0,
        timestamp(expires_at),
        bigint(millis.min(now.millis()) * 1000),
        ttl_seconds(expires_at, now),
    )
}

fn session(row: &SessionRow, now: Timestamp) -> impl SerializeRow + use<> {
    (
        row.user_id.0,
        timestamp(row.expires_at),
        row.session_id.0,
        row.value(),
        ttl_seconds(row.expires_at, now),
    )
}

/// For how long a row is of use; 0 where it is to stay. This clock may be ahead, so it is never less than a login lasts:
/// then the servers' clocks say how long that is.
fn ttl_seconds(expires_at: Timestamp, now: Timestamp) -> i32 {
    let left = expires_at.millis().saturating_sub(now.millis());
    let seconds = left.max(SESSION_MILLIS).div_ceil(1000);
    if seconds > TTL_SECONDS_MAX {
        return 0;
    }
    i32::try_from(seconds).unwrap_or(0)
}

fn timestamp(at: Timestamp) -> CqlTimestamp {
    CqlTimestamp(bigint(at.millis()))
}

fn now() -> Timestamp {
    let since_epoch: Duration = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_lives_as_long_as_a_login_may_or_stays_where_that_is_long() {
        let ttl = |left| {
            ttl_seconds(
                Timestamp::from_millis(5000 + left),
                Timestamp::from_millis(5000),
            )
        };
        let login = SESSION_MILLIS.div_ceil(1000) as i32;
        for less in [0, 1, SESSION_MILLIS] {
            assert_eq!(ttl(less), login);
        }
        assert_eq!(ttl(SESSION_MILLIS + 1), login + 1);
        let longest = TTL_SECONDS_MAX * 1000;
        assert_eq!(ttl(longest), i32::try_from(TTL_SECONDS_MAX).unwrap_or(0));
        assert_eq!(ttl(longest + 1), 0);
    }
}
