//! The keyspaces of what users have for themselves: sessions, profiles, settings.

use std::collections::{BTreeMap, HashSet};

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::row::{ProfileRow, Row, SessionRow, UserSettingsRow};
use rookery_schema::{SessionId, Timestamp, UserId};

use super::error::ReadError;

/// Names of the keyspaces.
pub(super) const SESSIONS: &str = "sessions_by_user";
pub(super) const PROFILES: &str = "profiles";
pub(super) const USER_SETTINGS: &str = "user_settings";

/// In the place of a profile, or of settings, of a user who was deleted: what comes late changes nothing.
const GONE: &[u8] = &[];

const ID_BYTES: usize = 16;
/// A user, an expiry and a session.
const KEY_BYTES: usize = 2 * ID_BYTES + 8;

/// See the module.
pub(super) struct Own {
    pub(super) sessions: Keyspace,
    pub(super) profiles: Keyspace,
    pub(super) settings: Keyspace,
}

/// Sessions that a batch adds to lists, and those that it takes out of them.
type Listed = BTreeMap<[u8; KEY_BYTES], Option<Vec<u8>>>;

impl Own {
    /// Adds all rows of users' own to a batch, in order: what takes sessions away looks at those that come with it, too.
    pub(super) fn put<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<(), ReadError> {
        let mut listed = Listed::new();
        let mut gone = HashSet::new();
        for row in rows {
            match row {
                Row::Session(row) => {
                    let key = key(row.user_id, row.expires_at, row.session_id);
                    listed.insert(key, Some(row.value()));
                }
                Row::NoSession {
                    user_id,
                    session_id,
                    expires_at,
                } => drop(listed.insert(key(*user_id, *expires_at, *session_id), None)),
                Row::NoSessions { user_id, until } => {
                    self.list_none(&mut listed, *user_id, *until)?;
                }
                Row::Profile(row) if !gone.contains(&row.user_id) => {
                    put_unless_gone(batch, &self.profiles, row.user_id, row.value())?;
                }
                Row::UserSettings(row) if !gone.contains(&row.user_id) => {
                    put_unless_gone(batch, &self.settings, row.user_id, row.value())?;
                }
                Row::OwnGone { user_id } => {
                    gone.insert(*user_id);
                    for keyspace in [&self.profiles, &self.settings] {
                        batch.insert(keyspace, user_id.as_bytes(), GONE);
                    }
                }
                Row::Event(_)
                | Row::Redacted(_)
                | Row::Amendment(_)
                | Row::Chat(_)
                | Row::Member(_)
                | Row::NotMember { .. }
                | Row::Role(_)
                | Row::Mark(_)
                | Row::Settings(_)
                | Row::ChatDeleted(_)
                | Row::Purged(_)
                | Row::Erasure(_)
                | Row::Erased(_)
                | Row::Rewritten(_)
                | Row::Block(_)
                | Row::User(_)
                | Row::Profile(_)
                | Row::UserSettings(_)
                | Row::EndedSession { .. }
                | Row::Reached { .. } => {}
            }
        }
        for (key, value) in listed {
            match value {
                Some(value) => batch.insert(&self.sessions, key, value),
                None => batch.remove(&self.sessions, key),
            }
        }
        Ok(())
    }

    fn list_none(
        &self,
        listed: &mut Listed,
        user_id: UserId,
        until: Timestamp,
    ) -> Result<(), ReadError> {
        let first = key(
            user_id,
            Timestamp::default(),
            SessionId::from_bytes([0; 16]),
        );
        let last = key(user_id, until, SessionId::from_bytes([u8::MAX; 16]));
        let coming = listed.range_mut(first..=last);
        coming.for_each(|(_, value)| *value = None);
        for entry in self.sessions.range(first..=last) {
            let (key, _) = entry.into_inner()?;
            let key = key.as_ref().try_into();
            listed.insert(key.map_err(|_| ReadError::Malformed(SESSIONS))?, None);
        }
        Ok(())
    }

    /// See [`Read::SessionsOfUser`](rookery_engine::port::Read::SessionsOfUser).
    pub(super) fn sessions_of(
        &self,
        user_id: UserId,
        limit: usize,
    ) -> Result<Vec<SessionRow>, ReadError> {
        let latest = self.sessions.prefix(user_id.as_bytes()).rev().take(limit);
        let sessions = latest.map(|entry| {
            let (key, value) = entry.into_inner()?;
            session(user_id, &key, &value).ok_or(ReadError::Malformed(SESSIONS))
        });
        sessions.collect()
    }

    pub(super) fn profiles_of(&self, user_ids: &[UserId]) -> Result<Vec<ProfileRow>, ReadError> {
        let profiles = user_ids.iter().map(|user_id| {
            let value = self.profiles.get(user_id.as_bytes())?;
            let row = value
                .filter(|value| **value != *GONE)
                .map(|value| ProfileRow::stored(*user_id, &value));
            row.map(|row| row.ok_or(ReadError::Malformed(PROFILES)))
                .transpose()
        });
        profiles.filter_map(Result::transpose).collect()
    }

    pub(super) fn settings_of(
        &self,
        user_id: UserId,
    ) -> Result<Option<UserSettingsRow>, ReadError> {
        let value = self.settings.get(user_id.as_bytes())?;
        let row = value
            .filter(|value| **value != *GONE)
            .map(|value| UserSettingsRow::stored(user_id, &value));
        row.map(|row| row.ok_or(ReadError::Malformed(USER_SETTINGS)))
            .transpose()
    }

    /// Takes the sessions that have expired out of the lists of all users.
    pub(super) fn remove_expired(
        &self,
        batch: &mut OwnedWriteBatch,
        now: Timestamp,
    ) -> Result<bool, ReadError> {
        let mut any = false;
        for entry in self.sessions.iter() {
            let key = entry.key()?;
            let (_, expires_at, _) = parts(&key).ok_or(ReadError::Malformed(SESSIONS))?;
            if expires_at < now {
                batch.remove(&self.sessions, key);
                any = true;
            }
        }
        Ok(any)
    }
}

/// Adds what a user has for themselves to a batch, unless it went for good.
fn put_unless_gone(
    batch: &mut OwnedWriteBatch,
    keyspace: &Keyspace,
    user_id: UserId,
    value: Vec<u8>,
) -> Result<(), ReadError> {
    let stored = keyspace.get(user_id.as_bytes())?;
    if stored.is_none_or(|stored| *stored != *GONE) {
        batch.insert(keyspace, user_id.as_bytes(), value);
    }
    Ok(())
}

fn key(user_id: UserId, expires_at: Timestamp, session_id: SessionId) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..ID_BYTES].copy_from_slice(user_id.as_bytes());
    key[ID_BYTES..ID_BYTES + 8].copy_from_slice(&expires_at.millis().to_be_bytes());
    key[ID_BYTES + 8..].copy_from_slice(session_id.as_bytes());
    key
}

fn parts(key: &[u8]) -> Option<(UserId, Timestamp, SessionId)> {
    let (user_id, rest) = key.split_first_chunk::<ID_BYTES>()?;
    let (expires_at, session_id) = rest.split_first_chunk::<8>()?;
    Some((
        UserId::from_bytes(*user_id),
        Timestamp::recorded(u64::from_be_bytes(*expires_at))?,
        SessionId::from_bytes(session_id.try_into().ok()?),
    ))
}

fn session(user_id: UserId, key: &[u8], value: &[u8]) -> Option<SessionRow> {
    let (_, expires_at, session_id) = parts(key)?;
    SessionRow::stored(user_id, expires_at, session_id, value)
}
