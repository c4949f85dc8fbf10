//! The identities on a shard: connections, logins, callers.

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
