//! The identities on a shard: connections, logins, callers.

use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::{SessionId, Timestamp, UserId};

/// A connection of this shard. The generation tells two users of one slot apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId {
    pub slot: u32,
    pub generation: u32,
}

/// A login that a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub session_id: SessionId,
    /// When the token stops being valid.
    pub expires_at: Timestamp,
    /// When it was issued, where that tells more than its end: it is another issuer's, which may give it any length of life.
    pub issued_at: Option<Timestamp>,
}

impl Session {
    /// One that lives for as long as all that Rookery issues.
    pub const fn new(session_id: SessionId, expires_at: Timestamp) -> Self {
        Self {
            session_id,
            expires_at,
            issued_at: None,
        }
    }

    /// When one of Rookery's would expire that was issued then.
    pub(crate) fn usual_expiry(self) -> Timestamp {
        self.issued_at.map_or(self.expires_at, usual_expiry)
    }
}

/// When a token expires at the latest that says when it was issued.
pub(crate) fn usual_expiry(issued_at: Timestamp) -> Timestamp {
    Timestamp::from_millis(issued_at.millis().saturating_add(SESSION_MILLIS))
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user_id: UserId,
    /// Absent in trust mode.
    pub session: Option<Session>,
}

/// An invite that was presented: whoever has it may register, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invite {
    pub invite_id: SessionId,
    pub expires_at: Timestamp,
}

impl Invite {
    /// Whose owner spends it: a user who is none.
    pub(crate) fn owner(&self) -> UserId {
        UserId::from_bytes(*self.invite_id.as_bytes())
    }
}
