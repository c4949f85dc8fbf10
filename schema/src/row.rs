//! The rows of the store. Which tables and keys they become is up to each store.

mod amendment;
mod chat;
mod deletion;
mod own;
mod place;

use bytes::Bytes;

use crate::event::EventKind;
use crate::ids::{ChatId, Offset, PartitionId, Seq, SessionId, UserId};
use crate::limits::NAME_KEPT_MILLIS;
pub use crate::row::amendment::{Amendment, AmendmentRow};
pub use crate::row::chat::{BlockRow, ChatRow, MemberRow, RoleRow, SettingsRow};
pub use crate::row::deletion::{
    DeletedChatRow, ErasedRow, ErasureRow, PurgeRow, PurgeStep, RewriteRow,
};
pub use crate::row::own::{ProfileRow, SessionRow, UserSettingsRow};
pub use crate::row::place::{Head, Mark};
use crate::time::Timestamp;

/// One idempotent upsert (or removal): writing it twice leaves what writing it once does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A numbered event, to be found by chat and seq; messages apart from all others.
    Event(EventRow),
    /// The event of this chat and seq says from now on what this record says; what it said is overwritten. Whichever of
    /// the two rows is written last, this one stands. Of two of one event either may. Where the event is stored, its
    /// place in the log stays what it was.
    Redacted(EventRow),
    /// Changes how a message is shown, to be found by chat and by the message's seq.
    Amendment(AmendmentRow),
    /// A chat, without its members.
    Chat(ChatRow),
    /// A user is a member of a chat: to be found from either side.
    Member(MemberRow),
    /// A user is no longer a member of a chat, since the event with this seq, nor have they a mark in it up to there. That this
    /// one was the last is remembered, also when they become a member again.
    NotMember {
        chat_id: ChatId,
        user_id: UserId,
        /// Of the event that had made them one. Of a deleted chat, nothing is shown from there on: the same as the next.
        added_seq: Seq,
        removed_seq: Seq,
    },
    /// A user has this role in a chat. They may be no member, and then have it until they are one again.
    Role(RoleRow),
    /// A chat has these settings.
    Settings(SettingsRow),
    /// A chat was deleted: there is nothing else of it from now on, and [`Row::Purged`] is to come.
    ChatDeleted(DeletedChatRow),
    /// A part of what the store has of a chat that was deleted is gone.
    Purged(PurgeRow),
    /// A user has blocked another one, or does so no more: to be found by the one who did.
    Block(BlockRow),
    /// Up to where a user has read a chat, to be found by user. Of two of one user and chat that with the higher seq stands,
    /// whichever was written last.
    Mark(MarkRow),
    /// A user, to be found by id and by name.
    User(UserRow),
    /// A session that was ended before its token expired.
    EndedSession {
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// A session of a user, for their list of them: the latest that expire are read first.
    Session(SessionRow),
    /// A session is not in its user's list any more, for good.
    NoSession {
        user_id: UserId,
        session_id: SessionId,
        expires_at: Timestamp,
    },
    /// No session of a user that expires by then is in their list any more, for good.
    NoSessions { user_id: UserId, until: Timestamp },
    /// What a user says of themselves.
    Profile(ProfileRow),
    /// What a user has set for themselves.
    UserSettings(UserSettingsRow),
    /// What a user said of themselves and had set for themselves is gone, for good.
    OwnGone { user_id: UserId },
    /// A user who was deleted is still in chats, or is not any more.
    Erasure(ErasureRow),
    /// All that a user said in a chat is gone: to be found with the chat, and [`Row::Rewritten`] is to come.
    Erased(ErasedRow),
    /// Up to some event, a chat has nothing in the store that such a user said.
    Rewritten(RewriteRow),
    /// Nothing to store but how far the store has come: rows of a log partition's records below this
    /// offset are in it, but for those whose chat or name is still being read.
    Reached {
        partition: PartitionId,
        behind: Offset,
    },
}

impl Row {
    /// Its place among rows of one group: by the seq that it comes with; the event itself last. A redaction comes with the
    /// `event` in front of it.
    pub const fn order(&self, event: Seq) -> (Seq, bool) {
        match self {
            Self::Event(row) => (row.head.seq, true),
            Self::Redacted(_) => (event, false),
            Self::Amendment(row) => (row.seq, false),
            Self::Member(row) => (row.added_seq, false),
            Self::NotMember { removed_seq, .. } => (*removed_seq, false),
            Self::Role(row) => (row.seq, false),
            Self::Settings(row) => (row.seq, false),
            Self::ChatDeleted(row) => (row.head.seq, true),
            Self::Purged(row) => (row.seq, true),
            Self::Erased(row) => (row.seq, false),
            Self::Rewritten(row) => (row.seq, true),
            // It is numbered by no event, and may be seen ahead of those in front of it.
            Self::Block(_)
            | Self::Chat(_)
            | Self::Mark(_)
            | Self::User(_)
            | Self::EndedSession { .. }
            | Self::Session(_)
            | Self::NoSession { .. }
            | Self::NoSessions { .. }
            | Self::OwnGone { .. }
            | Self::Erasure(_)
            | Self::Profile(_)
            | Self::UserSettings(_)
            | Self::Reached { .. } => (Seq(0), false),
        }
    }
}

/// See [`Row::Event`]. What is written for a chat and seq is always the same, but for [`Row::Redacted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub chat_id: ChatId,
    pub head: Head,
    /// The log record that the event was, whole.
    pub record: Bytes,
    pub kind: EventKind,
}

/// See [`Row::Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkRow {
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub mark: Mark,
}

/// See [`Row::User`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    pub user_id: UserId,
    /// As it is shown.
    pub username: String,
    /// What the user is unique by, where that is not how they are shown; see [`crate::names`].
    pub key: Option<String>,
    /// A PHC string; absent for a user of trust mode, and for one who was deleted.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Since they were updated last: there is no such user any more. The row stays, by which their name stays taken.
    pub is_deleted: bool,
}

impl UserRow {
    /// What the user is unique by.
    pub fn name(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.username)
    }

    /// Whether nobody else may have their name at a time.
    pub fn holds_name_at(&self, at: Timestamp) -> bool {
        !self.is_deleted || at.millis() < self.updated_at.millis() + NAME_KEPT_MILLIS
    }

    /// Whether they are who is meant by a name with their key, as far as that can be said of them alone: of users from
    /// before keys others may have it too.
    pub fn is_called(&self, typed: &str) -> bool {
        self.key.is_some() || self.username == typed
    }
}
