//! Which rows are written in order, and how many of them together.

use std::collections::HashSet;

use rookery_schema::cql::ended_session_bucket;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Offset, PartitionId, UserId};

use super::plan::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};

/// Rows of one group are written in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    Chat(ChatId),
    User(UserId),
    /// What a user has read.
    Marks(UserId),
    EndedSessions(i32),
}

/// Whose order a row has its place in; how far the store has come has none.
pub(super) fn group_of(row: &Row) -> Result<Group, (PartitionId, Offset)> {
    match row {
        Row::Event(row) | Row::Redacted(row) => Ok(Group::Chat(row.chat_id)),
        Row::Amendment(row) => Ok(Group::Chat(row.chat_id)),
        Row::Chat(row) => Ok(Group::Chat(row.chat_id)),
        Row::Member(row) => Ok(Group::Chat(row.chat_id)),
        Row::NotMember { chat_id, .. } => Ok(Group::Chat(*chat_id)),
        Row::Role(row) => Ok(Group::Chat(row.chat_id)),
        Row::Settings(row) => Ok(Group::Chat(row.chat_id)),
        Row::ChatDeleted(row) => Ok(Group::Chat(row.chat_id)),
        Row::Purged(row) => Ok(Group::Chat(row.chat_id)),
        Row::Block(row) => Ok(Group::Chat(row.chat_id)),
        Row::Erased(row) => Ok(Group::Chat(row.chat_id)),
        Row::Rewritten(row) => Ok(Group::Chat(row.chat_id)),
        Row::Mark(row) => Ok(Group::Marks(row.user_id)),
        Row::User(row) => Ok(Group::User(row.user_id)),
        Row::EndedSession { session_id, .. } => {
            Ok(Group::EndedSessions(ended_session_bucket(*session_id)))
        }
        Row::Session(row) => Ok(Group::User(row.user_id)),
        Row::NoSession { user_id, .. }
        | Row::NoSessions { user_id, .. }
        | Row::OwnGone { user_id } => Ok(Group::User(*user_id)),
        Row::Erasure(row) => Ok(Group::User(row.user_id)),
        Row::Profile(row) => Ok(Group::User(row.user_id)),
        Row::UserSettings(row) => Ok(Group::User(row.user_id)),
        Row::Reached { partition, behind } => Err((*partition, *behind)),
    }
}

/// How many of the oldest rows make up a job. What was not cut before an event is never cut, and no
/// user's membership, or role, changes twice: so whatever of a job is in, what it has of members goes at most one
/// change of each beyond the chat's newest event, see [`super::plan`].
pub(super) fn job_rows<'a>(rows: impl Iterator<Item = &'a Row>) -> usize {
    let (mut count, mut end, mut bytes) = (0, 0, 0);
    let mut changed = HashSet::new();
    for row in rows {
        let is_second_change = changed_member(row).is_some_and(|change| !changed.insert(change));
        let is_full = count >= BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX;
        if end > 0 && (is_second_change || is_full) {
            return end;
        }
        count += 1;
        if let Row::Event(event) = row {
            bytes += event.record.len();
        }
        if may_end_a_job(row) {
            end = count;
        }
    }
    if end == 0 { count } else { end }
}

/// Whether the rows behind it may be written by another job: a chat, its members and what an event redacts belong to the
/// event behind them.
const fn may_end_a_job(row: &Row) -> bool {
    match row {
        Row::Member(_)
        | Row::NotMember { .. }
        | Row::Role(_)
        | Row::Settings(_)
        | Row::Chat(_)
        | Row::Erased(_)
        | Row::Redacted(_) => false,
        Row::Event(_)
        | Row::ChatDeleted(_)
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
        | Row::Rewritten(_)
        | Row::Profile(_)
        | Row::UserSettings(_)
        | Row::Reached { .. }
        | Row::Amendment(_) => true,
    }
}

/// What a row changes about a member.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum MemberChange {
    Membership(UserId),
    Role(UserId),
}

const fn changed_member(row: &Row) -> Option<MemberChange> {
    match row {
        Row::Member(row) => Some(MemberChange::Membership(row.user_id)),
        Row::NotMember { user_id, .. } => Some(MemberChange::Membership(*user_id)),
        Row::Role(row) => Some(MemberChange::Role(row.user_id)),
        Row::Event(_)
        | Row::Redacted(_)
        | Row::Amendment(_)
        | Row::Settings(_)
        | Row::ChatDeleted(_)
        | Row::Purged(_)
        | Row::Block(_)
        | Row::Chat(_)
        | Row::Mark(_)
        | Row::User(_)
        | Row::EndedSession { .. }
        | Row::Session(_)
        | Row::NoSession { .. }
        | Row::NoSessions { .. }
        | Row::OwnGone { .. }
        | Row::Erasure(_)
        | Row::Erased(_)
        | Row::Rewritten(_)
        | Row::Profile(_)
        | Row::UserSettings(_)
        | Row::Reached { .. } => None,
    }
}
