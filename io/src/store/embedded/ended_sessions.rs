//! The keyspace of sessions that were ended.

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::{SessionId, Timestamp};

use super::codec;
use super::error::ReadError;

/// Name of the keyspace.
pub(super) const ENDED_SESSIONS: &str = "ended_sessions";

/// See the module.
pub(super) struct EndedSessions {
    pub(super) keyspace: Keyspace,
}

impl EndedSessions {
    pub(super) fn put(
        &self,
        batch: &mut OwnedWriteBatch,
        session_id: SessionId,
        expires_at: Timestamp,
    ) {
        let expiry = expires_at.millis().to_le_bytes();
        batch.insert(&self.keyspace, session_id.as_bytes(), expiry);
    }

    pub(super) fn all(&self) -> Result<Vec<(SessionId, Timestamp)>, ReadError> {
        let entries = self.keyspace.iter().map(|entry| {
            let (key, value) = entry.into_inner()?;
            codec::ended_session(&key, &value).ok_or(ReadError::Malformed(ENDED_SESSIONS))
        });
        entries.collect()
    }

    /// Removes those that have expired by themselves; the latest expiry among them.
    pub(super) fn remove_expired(
        &self,
        batch: &mut OwnedWriteBatch,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ReadError> {
        let mut expired = self.all()?;
        expired.retain(|(_, expires_at)| *expires_at < now);
        for (session_id, _) in &expired {
            batch.remove(&self.keyspace, session_id.as_bytes());
        }
        Ok(expired.into_iter().map(|(_, expires_at)| expires_at).max())
    }
}
