//! What users have for themselves: sessions, a profile, settings.

use std::net::IpAddr;

use bytes::{Buf as _, BufMut as _};

use crate::ids::{Offset, SessionId, UserId};
use crate::record::own::{address, octets};
use crate::time::Timestamp;

/// See [`Row::Session`](super::Row::Session).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Of the client; of an IPv6 address, that of its network.
    pub address: IpAddr,
    /// What people call the client.
    pub name: String,
}

/// See [`Row::Profile`](super::Row::Profile). Of two rows of one user the one with the higher offset stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRow {
    pub user_id: UserId,
    /// Of the record that changed it last.
    pub offset: Offset,
    pub changed_at: Timestamp,
    pub display_name: Option<String>,
}

/// See [`Row::UserSettings`](super::Row::UserSettings). Of two rows of one user the one with the higher offset stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSettingsRow {
    pub user_id: UserId,
    /// Of the record that changed them last.
    pub offset: Offset,
    /// A JSON object.
    pub settings: String,
}

impl SessionRow {
    /// All that its user, its expiry and its id don't tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(24 + self.name.len());
        value.put_u64_le(self.created_at.millis());
        value.put_slice(&octets(self.address));
        value.put_slice(self.name.as_bytes());
        value
    }

    /// The session that was stored; `None` where no version writes such a value.
    pub fn stored(
        user_id: UserId,
        expires_at: Timestamp,
        session_id: SessionId,
        mut value: &[u8],
    ) -> Option<Self> {
        let created_at = Timestamp::recorded(value.try_get_u64_le().ok()?)?;
        let (address_octets, name) = value.split_first_chunk::<16>()?;
        Some(Self {
            user_id,
            session_id,
            created_at,
            expires_at,
            address: address(*address_octets),
            name: text(name)?,
        })
    }
}

impl ProfileRow {
    /// All that its user does not tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let name = self.display_name.as_deref().unwrap_or_default();
        let mut value = Vec::with_capacity(16 + name.len());
        value.put_u64_le(self.offset.0);
        value.put_u64_le(self.changed_at.millis());
        value.put_slice(name.as_bytes());
        value
    }

    /// The profile that was stored of a user; `None` where no version writes such a value.
    pub fn stored(user_id: UserId, mut value: &[u8]) -> Option<Self> {
        let offset = Offset(value.try_get_u64_le().ok()?);
        let changed_at = Timestamp::recorded(value.try_get_u64_le().ok()?)?;
        let name = text(value)?;
        Some(Self {
            user_id,
            offset,
            changed_at,
            display_name: (!name.is_empty()).then_some(name),
        })
    }
}

impl UserSettingsRow {
    /// All that their user does not tell, as bytes to store.
    pub fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(8 + self.settings.len());
        value.put_u64_le(self.offset.0);
        value.put_slice(self.settings.as_bytes());
        value
    }

    /// The settings that were stored of a user; `None` where no version writes such a value.
    pub fn stored(user_id: UserId, mut value: &[u8]) -> Option<Self> {
        Some(Self {
            user_id,
            offset: Offset(value.try_get_u64_le().ok()?),
            settings: text(value)?,
        })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USER: UserId = UserId::from_bytes([1; 16]);
    const SESSION: SessionId = SessionId::from_bytes([2; 16]);

    proptest! {
        #[test]
        fn rows_round_trip(
            (offset, at, expires_at) in any::<(u64, u64, u64)>(),
            any_address: IpAddr,
            name in ".{0,64}",
        ) {
            let [created_at, expires_at] = [at, expires_at].map(Timestamp::from_millis);
            let session = SessionRow {
                user_id: USER,
                session_id: SESSION,
                created_at,
                expires_at,
                address: any_address.to_canonical(),
                name: name.clone(),
            };
            let stored = SessionRow::stored(USER, expires_at, SESSION, &session.value());
            prop_assert_eq!(stored, Some(session));
            let profile = ProfileRow {
                user_id: USER,
                offset: Offset(offset),
                changed_at: created_at,
                display_name: Some(name.clone()).filter(|name| !name.is_empty()),
            };
            prop_assert_eq!(ProfileRow::stored(USER, &profile.value()), Some(profile));
            let settings = UserSettingsRow { user_id: USER, offset: Offset(offset), settings: name };
            prop_assert_eq!(UserSettingsRow::stored(USER, &settings.value()), Some(settings));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(value: Vec<u8>) {
            let _ = SessionRow::stored(USER, Timestamp::default(), SESSION, &value);
            let _ = UserSettingsRow::stored(USER, &value);
            if let Some(row) = ProfileRow::stored(USER, &value) {
                prop_assert_eq!(row.value(), value);
            }
        }
    }
}
