//! What users do with their own account.

use std::net::{IpAddr, Ipv6Addr};

use bytes::BufMut;

use crate::ids::{SessionId, UserId};
use crate::time::Timestamp;
use crate::wire::{Reader, non_empty, put_text};

/// A user logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStarted<'a> {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub at: Timestamp,
    /// When its token expires by itself.
    pub expires_at: Timestamp,
    /// Of the client; of an IPv6 address, that of its network.
    pub address: IpAddr,
    /// What people call the client.
    pub name: &'a str,
}

/// A user goes by another name, or by none but their username.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileChanged<'a> {
    pub user_id: UserId,
    pub at: Timestamp,
    pub display_name: Option<&'a str>,
}

/// A user's settings are these from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSettingsChanged<'a> {
    pub user_id: UserId,
    pub at: Timestamp,
    /// A JSON object.
    pub settings: &'a str,
}

/// An address as 16 bytes.
pub(crate) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address of these bytes.
pub(crate) fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}

impl<'a> SessionStarted<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_slice(self.session_id.as_bytes());
        out.put_u64_le(self.at.millis());
        out.put_u64_le(self.expires_at.millis());
        out.put_slice(&octets(self.address));
        put_text(out, self.name);
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let started = Self {
            user_id: UserId::from_bytes(reader.id()?),
            session_id: SessionId::from_bytes(reader.id()?),
            at: reader.time()?,
            expires_at: reader.time()?,
            address: address(reader.id()?),
            name: reader.text()?,
        };
        reader.is_empty().then_some(started)
    }
}

impl<'a> ProfileChanged<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_text(out, self.display_name.unwrap_or_default());
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let changed = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            display_name: non_empty(reader.text()?),
        };
        reader.is_empty().then_some(changed)
    }
}

impl<'a> UserSettingsChanged<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_text(out, self.settings);
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let changed = Self {
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            settings: reader.text()?,
        };
        reader.is_empty().then_some(changed)
    }
}
