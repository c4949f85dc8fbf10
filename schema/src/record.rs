//! What is appended to the log: every durable change, of whatever kind, is one record.

mod accounts;
mod amendments;
mod chats;
mod messages;
pub(crate) mod own;
#[cfg(test)]
mod tests;

use bytes::BufMut;

use crate::ids::{ChatId, SessionId};
pub use crate::record::accounts::{PasswordSet, SessionEnded, UserDeleted, UserRegistered};
use crate::record::amendments::Which;
pub use crate::record::amendments::{Change, Edit, MessageAmended, Target};
pub use crate::record::chats::{
    BlockSet, ChatChanged, ChatCreated, ChatDeleted, MemberList, Members, MembershipChange,
    RoleSet, SenderErased,
};
pub use crate::record::messages::MessagePosted;
pub use crate::record::own::{ProfileChanged, SessionStarted, UserSettingsChanged};
use crate::time::Timestamp;
use crate::wire::Reader;

/// One durable change, borrowed from the bytes of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A member posted a message.
    MessagePosted(MessagePosted<'a>),
    /// A message was edited, deleted, or reacted to. Boxed: it is large and comes seldom, and records are moved often.
    MessageAmended(Box<MessageAmended<'a>>),
    /// A chat came to be, with its first members.
    ChatCreated(ChatCreated<'a>),
    /// A user became a member.
    MemberAdded(MembershipChange),
    /// A user is no longer a member.
    MemberRemoved(MembershipChange),
    /// A member has another role.
    RoleSet(RoleSet),
    /// A chat has other settings.
    ChatChanged(ChatChanged<'a>),
    /// A name was claimed.
    UserRegistered(UserRegistered<'a>),
    /// A session was ended before its token expired, or with it all of its user that expire no later.
    SessionEnded(SessionEnded),
    /// A user's password was set, changed or taken away, and their sessions were ended.
    PasswordSet(PasswordSet<'a>),
    /// A user logged in.
    SessionStarted(SessionStarted<'a>),
    /// A user goes by another name.
    ProfileChanged(ProfileChanged<'a>),
    /// A user has other settings.
    UserSettingsChanged(UserSettingsChanged<'a>),
    /// A chat is gone.
    ChatDeleted(ChatDeleted),
    /// A user blocks another one, or does so no more.
    BlockSet(BlockSet),
    /// A user's account is gone, and with it all their sessions.
    UserDeleted(UserDeleted<'a>),
    /// All that a user said in a chat is gone.
    SenderErased(SenderErased),
}

/// What the log is asked to carry is not a record of this version of Rookery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record is empty")]
    Empty,
    #[error("the record has kind {0}, which this version does not know; a newer one wrote it")]
    UnknownKind(u8),
    #[error("no version of Rookery wrote this record, which begins with byte {0}")]
    Foreign(u8),
    #[error("the record of kind {0} is cut short, too long or not valid")]
    Malformed(u8),
}

/// First byte of a record: its kind and layout. A changed layout takes a new number.
mod kind {
    pub(super) const MESSAGE_POSTED: u8 = 1;
    pub(super) const CHAT_CREATED: u8 = 2;
    pub(super) const MEMBER_ADDED: u8 = 3;
    pub(super) const MEMBER_REMOVED: u8 = 4;
    pub(super) const USER_REGISTERED: u8 = 5;
    pub(super) const SESSION_ENDED: u8 = 6;
    pub(super) const PASSWORD_SET: u8 = 7;
    pub(super) const MESSAGE_EDITED: u8 = 8;
    pub(super) const MESSAGE_DELETED: u8 = 9;
    pub(super) const REACTION_CHANGED: u8 = 10;
    /// As [`USER_REGISTERED`], by a key that is not the username.
    pub(super) const USER_REGISTERED_BY_KEY: u8 = 11;
    pub(super) const ROLE_SET: u8 = 12;
    pub(super) const CHAT_CHANGED: u8 = 13;
    /// As [`PASSWORD_SET`], by the user, one of whose sessions goes on.
    pub(super) const PASSWORD_CHANGED: u8 = 14;
    pub(super) const SESSION_STARTED: u8 = 15;
    pub(super) const PROFILE_CHANGED: u8 = 16;
    pub(super) const USER_SETTINGS_CHANGED: u8 = 17;
    pub(super) const CHAT_DELETED: u8 = 18;
    pub(super) const BLOCK_SET: u8 = 19;
    pub(super) const USER_DELETED: u8 = 20;
    pub(super) const SENDER_ERASED: u8 = 21;
}

/// The newest kind that this version knows.
pub(crate) const NEWEST_KIND: u8 = kind::SENDER_ERASED;
/// Kinds of all versions to come stay below. Text and JSON begin above: whoever else wrote them, it was no
/// newer version.
pub(crate) const KINDS_MAX: u8 = 32;

/// Whether no version of Rookery writes such a record, and none will.
pub const fn is_foreign(record: &[u8]) -> bool {
    matches!(record.first(), None | Some(0 | KINDS_MAX..))
}

impl<'a> Record<'a> {
    /// The chat that it is about, where it is about one.
    pub const fn chat_id(&self) -> Option<ChatId> {
        match self {
            Self::MessagePosted(message) => Some(message.chat_id),
            Self::MessageAmended(amended) => Some(amended.chat_id),
            Self::ChatCreated(created) => Some(created.chat_id),
            Self::MemberAdded(change) | Self::MemberRemoved(change) => Some(change.chat_id),
            Self::RoleSet(set) => Some(set.chat_id),
            Self::ChatChanged(changed) => Some(changed.chat_id),
            Self::ChatDeleted(deleted) => Some(deleted.chat_id),
            Self::BlockSet(set) => Some(set.chat_id),
            Self::SenderErased(erased) => Some(erased.chat_id),
            Self::UserRegistered(_)
            | Self::SessionEnded(_)
            | Self::PasswordSet(_)
            | Self::UserDeleted(_)
            | Self::SessionStarted(_)
            | Self::ProfileChanged(_)
            | Self::UserSettingsChanged(_) => None,
        }
    }

    /// When it happened; a session's end does not tell.
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::MessagePosted(message) => Some(message.at),
            Self::MessageAmended(amended) => Some(amended.at),
            Self::ChatCreated(created) => Some(created.at),
            Self::MemberAdded(change) | Self::MemberRemoved(change) => Some(change.at),
            Self::RoleSet(set) => Some(set.at),
            Self::ChatChanged(changed) => Some(changed.at),
            Self::UserRegistered(user) => Some(user.at),
            Self::SessionEnded(_) => None,
            Self::PasswordSet(set) => Some(set.at),
            Self::SessionStarted(started) => Some(started.at),
            Self::ProfileChanged(changed) => Some(changed.at),
            Self::UserSettingsChanged(changed) => Some(changed.at),
            Self::ChatDeleted(deleted) => Some(deleted.at),
            Self::BlockSet(set) => Some(set.at),
            Self::UserDeleted(deleted) => Some(deleted.at),
            Self::SenderErased(erased) => Some(erased.at),
        }
    }

    /// Appends this record's bytes.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(self.kind());
        match self {
            Self::MessagePosted(r) => r.put(out),
            Self::MessageAmended(r) => r.put(out),
            Self::ChatCreated(r) => r.put(out),
            Self::MemberAdded(r) | Self::MemberRemoved(r) => r.put(out),
            Self::RoleSet(r) => r.put(out),
            Self::ChatChanged(r) => r.put(out),
            Self::UserRegistered(r) => r.put(out),
            Self::SessionEnded(r) => r.put(out),
            Self::PasswordSet(r) => r.put(out),
            Self::SessionStarted(r) => r.put(out),
            Self::ProfileChanged(r) => r.put(out),
            Self::UserSettingsChanged(r) => r.put(out),
            Self::ChatDeleted(r) => r.put(out),
            Self::BlockSet(r) => r.put(out),
            Self::UserDeleted(r) => r.put(out),
            Self::SenderErased(r) => r.put(out),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::MessagePosted(_) => kind::MESSAGE_POSTED,
            Self::MessageAmended(r) => match r.change {
                Change::Edited { .. } => kind::MESSAGE_EDITED,
                Change::Deleted { .. } => kind::MESSAGE_DELETED,
                Change::Reaction { .. } => kind::REACTION_CHANGED,
            },
            Self::ChatCreated(_) => kind::CHAT_CREATED,
            Self::MemberAdded(_) => kind::MEMBER_ADDED,
            Self::MemberRemoved(_) => kind::MEMBER_REMOVED,
            Self::RoleSet(_) => kind::ROLE_SET,
            Self::ChatChanged(_) => kind::CHAT_CHANGED,
            Self::UserRegistered(r) => match r.key {
                None => kind::USER_REGISTERED,
                Some(_) => kind::USER_REGISTERED_BY_KEY,
            },
            Self::SessionEnded(_) => kind::SESSION_ENDED,
            Self::PasswordSet(r) => match r.kept {
                None => kind::PASSWORD_SET,
                Some(_) => kind::PASSWORD_CHANGED,
            },
            Self::SessionStarted(_) => kind::SESSION_STARTED,
            Self::ProfileChanged(_) => kind::PROFILE_CHANGED,
            Self::UserSettingsChanged(_) => kind::USER_SETTINGS_CHANGED,
            Self::ChatDeleted(_) => kind::CHAT_DELETED,
            Self::BlockSet(_) => kind::BLOCK_SET,
            Self::UserDeleted(_) => kind::USER_DELETED,
            Self::SenderErased(_) => kind::SENDER_ERASED,
        }
    }

    /// The record in these bytes, borrowing its texts from them.
    ///
    /// # Errors
    /// A [`RecordError`] where they are not exactly one record of a known kind.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8().ok_or(RecordError::Empty)?;
        let decoded = match kind {
            kind::MESSAGE_POSTED => MessagePosted::decode(reader).map(Self::MessagePosted),
            kind::CHAT_CREATED => ChatCreated::decode(reader).map(Self::ChatCreated),
            kind::MEMBER_ADDED => MembershipChange::decode(reader).map(Self::MemberAdded),
            kind::MEMBER_REMOVED => MembershipChange::decode(reader).map(Self::MemberRemoved),
            kind::USER_REGISTERED => {
                UserRegistered::decode(reader, false).map(Self::UserRegistered)
            }
            kind::USER_REGISTERED_BY_KEY => {
                UserRegistered::decode(reader, true).map(Self::UserRegistered)
            }
            kind::SESSION_ENDED => SessionEnded::decode(reader).map(Self::SessionEnded),
            kind::PASSWORD_SET => PasswordSet::decode(reader, false).map(Self::PasswordSet),
            kind::PASSWORD_CHANGED => PasswordSet::decode(reader, true).map(Self::PasswordSet),
            kind::MESSAGE_EDITED => Self::amended(Which::Edited, reader),
            kind::MESSAGE_DELETED => Self::amended(Which::Deleted, reader),
            kind::REACTION_CHANGED => Self::amended(Which::Reaction, reader),
            kind::ROLE_SET => RoleSet::decode(reader).map(Self::RoleSet),
            kind::CHAT_CHANGED => ChatChanged::decode(reader).map(Self::ChatChanged),
            kind::SESSION_STARTED => SessionStarted::decode(reader).map(Self::SessionStarted),
            kind::PROFILE_CHANGED => ProfileChanged::decode(reader).map(Self::ProfileChanged),
            kind::USER_SETTINGS_CHANGED => {
                UserSettingsChanged::decode(reader).map(Self::UserSettingsChanged)
            }
            kind::CHAT_DELETED => ChatDeleted::decode(reader).map(Self::ChatDeleted),
            kind::BLOCK_SET => BlockSet::decode(reader).map(Self::BlockSet),
            kind::USER_DELETED => UserDeleted::decode(reader).map(Self::UserDeleted),
            kind::SENDER_ERASED => SenderErased::decode(reader).map(Self::SenderErased),
            unknown @ 1..KINDS_MAX => return Err(RecordError::UnknownKind(unknown)),
            foreign => return Err(RecordError::Foreign(foreign)),
        };
        decoded.ok_or(RecordError::Malformed(kind))
    }

    fn amended(which: Which, reader: Reader<'a>) -> Option<Self> {
        let amended = MessageAmended::decode(which, reader)?;
        Some(Self::MessageAmended(Box::new(amended)))
    }
}

/// Whether a record's bytes are those of a [`SessionEnded`] that ends earlier sessions too.
pub(crate) const fn is_up_to_logout(record: &[u8]) -> bool {
    match record.first_chunk::<17>() {
        Some([kind::SESSION_ENDED, session_id @ ..]) => {
            SessionId::from_bytes(*session_id).is_up_to_logout()
        }
        Some(_) | None => false,
    }
}
