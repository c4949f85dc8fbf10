//! What becomes of users and their sessions.

use bytes::BufMut;

use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;
use crate::wire::{Reader, non_empty, put_text};

/// A name was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRegistered<'a> {
    pub user_id: UserId,
    pub at: Timestamp,
    /// As it is shown.
    pub username: &'a str,
    /// What the user is unique by, where that is not how they are shown; see [`crate::names`].
    pub key: Option<&'a str>,
    /// A PHC string; absent for a user of trust mode, who has no password.
    pub password_hash: Option<&'a str>,
}

/// A session was ended before its token expired, or with it all of its user that expire no later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnded {
    pub session_id: SessionId,
    pub user_id: UserId,
    /// When the session's token expires by itself, and this can be forgotten.
    pub expires_at: Timestamp,
}

/// A user's password was set, changed or taken away, and their sessions were ended. It follows the user's registration in its
/// partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordSet<'a> {
    pub user_id: UserId,
    /// Later than any change of the user before.
    pub at: Timestamp,
    /// All sessions of the user that expire by then are ended.
    pub sessions_until: Timestamp,
    /// What the user is unique by.
    pub username: &'a str,
    /// A PHC string; absent where the user can't log in any more.
    pub password_hash: Option<&'a str>,
    /// The session that is not ended, where the user has changed it themselves.
    pub kept: Option<SessionId>,
}

/// A user's account is gone, and with it all their sessions. It follows the user's registration in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDeleted<'a> {
    pub user_id: UserId,
    /// Later than any change of the user before.
    pub at: Timestamp,
    /// No session of the user expires later.
    pub sessions_until: Timestamp,
    /// What the user was unique by.
    pub name: &'a str,
}

impl<'a> UserRegistered<'a> {
    /// What the user is unique by.
    pub fn name(&self) -> &'a str {
        self.key.unwrap_or(self.username)
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_text(out, self.username);
        put_text(out, self.password_hash.unwrap_or_default());
        if let Some(key) = self.key {
            put_text(out, key);
        }
    }

    pub(super) fn decode(mut reader: Reader<'a>, by_key: bool) -> Option<Self> {
        let user = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            username: reader.text()?,
            password_hash: non_empty(reader.text()?),
            key: match by_key {
                true => Some(reader.text()?),
                false => None,
            },
        };
        reader.is_empty().then_some(user)
    }
}

impl SessionEnded {
    /// Whether earlier sessions of the user end with it.
    pub fn ends_earlier(&self) -> bool {
        self.session_id == SessionId::up_to_logout_of(self.user_id)
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.session_id.as_bytes());
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.expires_at.millis());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let ended = Self {
            session_id: SessionId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            expires_at: reader.time()?,
        };
        reader.is_empty().then_some(ended)
    }
}

impl<'a> UserDeleted<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
        out.put_u64_le(self.sessions_until.millis());
        put_text(out, self.name);
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let deleted = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            sessions_until: reader.time()?,
            name: reader.text()?,
        };
        reader.is_empty().then_some(deleted)
    }
}

impl<'a> PasswordSet<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
        out.put_u64_le(self.sessions_until.millis());
        put_text(out, self.username);
        put_text(out, self.password_hash.unwrap_or_default());
        if let Some(kept) = self.kept {
            out.put_slice(kept.as_bytes());
        }
    }

    pub(super) fn decode(mut reader: Reader<'a>, by_user: bool) -> Option<Self> {
        let set = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            sessions_until: reader.time()?,
            username: reader.text()?,
            password_hash: non_empty(reader.text()?),
            kept: match by_user {
                true => Some(SessionId::from_bytes(reader.id()?)),
                false => None,
            },
        };
        reader.is_empty().then_some(set)
    }
}
