//! Who calls: signed tokens, cookies and tickets.

use rookery_schema::{SessionId, Timestamp};

/// A login that a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub session_id: SessionId,
    /// When the token stops being valid.
    pub expires_at: Timestamp,
}
