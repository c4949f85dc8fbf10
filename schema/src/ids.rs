//! Identifiers, one newtype each, so that no two kinds can be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use uuid::fmt::Hyphenated;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::time::Timestamp;

/// The UUID of a text with hyphens (RFC 9562, section 4), in either case. [`Uuid`] itself accepts three more
/// spellings, which would give one thing several URLs.
///
/// # Errors
/// Where the text is anything else.
pub fn parse_uuid(text: &str) -> Result<Uuid, uuid::Error> {
    text.parse().map(Hyphenated::into_uuid)
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The 16 bytes of the UUID, in network order.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// A UUIDv7 (RFC 9562, section 5.7) of a time and 10 bytes of randomness.
            pub fn v7(at: Timestamp, random: &[u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(at.millis(), random).into_uuid())
            }

            /// When an id of [`Self::v7`] was made: it begins with that.
            pub fn minted_at(self) -> Timestamp {
                let [a, b, c, d, e, f, ..] = *self.as_bytes();
                Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_uuid(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Hyphenated::deserialize(deserializer).map(|id| Self(id.into_uuid()))
            }
        }
    };
}

uuid_id!(
    /// A user.
    UserId
);
uuid_id!(
    /// A chat; it also names the log partition that its records go to.
    ChatId
);
uuid_id!(
    /// A message: a UUIDv7 minted by the owner of its chat.
    MessageId
);
uuid_id!(
    /// One login of one user: what a token stands for, and what a logout ends.
    SessionId
);

impl ChatId {
    /// The id of a chat that a user makes: a [`Self::v7`] whose last 32 bits of randomness tell who made it.
    pub fn made_by(user_id: UserId, at: Timestamp, mut random: [u8; 10]) -> Self {
        random[RANDOM_BYTES..].copy_from_slice(&maker_tag(user_id));
        Self::v7(at, &random)
    }

    /// Whether a user made the chat. One id in 2^32 that nobody made, or somebody else did, is taken for theirs.
    pub fn is_made_by(self, user_id: UserId) -> bool {
        self.as_bytes().ends_with(&maker_tag(user_id))
    }

    /// The id of the chat that a user (or, in trust mode, nobody) makes by a key of theirs: a UUIDv8 that is the same
    /// whenever it is asked for, and tells who made it as [`Self::made_by`] does.
    pub fn by_key(creator_id: Option<UserId>, key: &str) -> Self {
        let creator = creator_id.as_ref().map_or(&[][..], |it| it.as_bytes());
        let is_known = [u8::from(creator_id.is_some())];
        let mut bytes = digest([b"chat by key", &is_known, creator, key.as_bytes()]);
        if let Some(creator_id) = creator_id {
            bytes[ID_BYTES - TAG_BYTES..].copy_from_slice(&maker_tag(creator_id));
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id of the direct chat of two users, whoever comes first: a UUIDv8.
    pub fn direct(one: UserId, other: UserId) -> Self {
        let (first, second) = (one.min(other), one.max(other));
        let bytes = digest([b"direct chat", &[], first.as_bytes(), second.as_bytes()]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Whether it is the id of the direct chat of these members.
    pub fn is_direct_of(self, mut members: impl Iterator<Item = UserId>) -> bool {
        self.0.get_version_num() == HASH_VERSION
            && match (members.next(), members.next(), members.next()) {
                (Some(one), Some(other), None) => self == Self::direct(one, other),
                _ => false,
            }
    }
}

/// The version of UUID that hashes are of.
const HASH_VERSION: usize = 8;
const ID_BYTES: usize = 16;

/// As many bytes of a hash as an id has. Nobody can make two chats of one id: so the hash is a cryptographic one.
fn digest(parts: [&[u8]; 4]) -> [u8; ID_BYTES] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let mut bytes = [0; ID_BYTES];
    bytes.copy_from_slice(&hash.finalize()[..ID_BYTES]);
    bytes
}

/// Random bytes of a chat's id in front of the tag of its maker; 42 of their bits are in the id.
const RANDOM_BYTES: usize = 6;
/// So that a tag tells nothing of where its user is placed.
const MAKER_SEED: u64 = u64::from_be_bytes(*b"chatmade");

/// Bytes of that tag.
const TAG_BYTES: usize = 4;

fn maker_tag(user_id: UserId) -> [u8; TAG_BYTES] {
    let [tag @ .., _, _, _, _] = xxh3_64_with_seed(user_id.as_bytes(), MAKER_SEED).to_be_bytes();
    tag
}

impl SessionId {
    /// The id of a new session, of random bytes.
    pub fn random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Stands for all sessions of a user, where their end is stored.
    pub const fn all_of(user_id: UserId) -> Self {
        Self(user_id.0)
    }

    /// Stands for a registered user's session that they ended and all that expire no later. It is another id than that
    /// of [`Self::all_of`], since another partition stores it.
    pub const fn up_to_logout_of(user_id: UserId) -> Self {
        Self(with_version(user_id.0, LOGOUT_VERSION))
    }

    /// The user of whom it may stand for many sessions. Of other ids none is taken for one, but for a few of versions
    /// that made ids of any form.
    pub fn as_many_of(self) -> Option<UserId> {
        let is_many = self.is_up_to_logout() || self.0.get_version_num() == USER_ID_VERSION;
        is_many.then_some(UserId(with_version(self.0, USER_ID_VERSION)))
    }

    /// Stands for this session where it is stored that it outlived a new password of its user.
    #[must_use]
    pub const fn kept(self) -> Self {
        Self(with_version(self.0, KEPT_VERSION))
    }

    /// Whether it may be one of [`Self::kept`].
    pub const fn is_kept(self) -> bool {
        self.0.get_version_num() == KEPT_VERSION
    }

    /// Whether it may be one of [`Self::up_to_logout_of`].
    pub const fn is_up_to_logout(self) -> bool {
        self.0.get_version_num() == LOGOUT_VERSION
    }
}

/// The version of UUID that a registered user's id is of.
const USER_ID_VERSION: usize = 7;
/// No UUID is of this version.
const LOGOUT_VERSION: usize = 15;
/// Nor of this one.
const KEPT_VERSION: usize = 14;

const fn with_version(id: Uuid, version: usize) -> Uuid {
    let mut bytes = *id.as_bytes();
    bytes[6] = bytes[6] & 0x0f | (version as u8) << 4;
    Uuid::from_bytes(bytes)
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_id!(
    /// A chat's dense event number: 1, 2, 3, …; 0 stands before the first.
    Seq(u64)
);
number_id!(
    /// A record's place in its log partition, from 0.
    Offset(u64)
);
number_id!(
    /// A slice of the log topic.
    PartitionId(u32)
);
number_id!(
    /// A pinned core of this process.
    ShardId(u16)
);

impl Seq {
    /// The number of the event after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The number of the event before this one; 0 where there is none.
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl Offset {
    /// The place `count` records further on.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl ShardId {
    /// For indexing per-shard tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PartitionId {
    /// For indexing per-partition tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_hashes_are_what_they_always_were() {
        let (ann, bob) = (UserId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        let direct = ChatId::direct(ann, bob);
        assert_eq!(direct.to_string(), "60d93d12-ad9d-86c8-82f9-efd4ed65f88c");
        assert_eq!(ChatId::direct(bob, ann), direct);
        let keyed = ChatId::by_key(Some(ann), "key");
        assert_eq!(keyed.to_string(), "a127afbf-0d87-8beb-ba95-ba0be19e4c91");
        assert!(keyed.is_made_by(ann) && !keyed.is_made_by(bob));
        for other in [
            ChatId::by_key(Some(bob), "key"),
            ChatId::by_key(Some(ann), "other"),
            ChatId::by_key(None, "key"),
        ] {
            assert_ne!(other, keyed);
        }
        for (id, members, is_direct) in [
            (direct, &[bob, ann][..], true),
            (direct, &[ann], false),
            (direct, &[ann, bob, ann], false),
            (keyed, &[ann, bob], false),
        ] {
            assert_eq!(id.0.get_version_num(), 8);
            assert_eq!(id.is_direct_of(members.iter().copied()), is_direct);
        }
    }

    /// A change here has users make more chats than they may: those that they have are not counted any more.
    #[test]
    fn the_tag_of_a_chat_s_maker_never_changes() {
        let user = UserId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
        let at = Timestamp::from_millis(0x0190_abcd_1234);
        let chat = ChatId::made_by(user, at, [0xff; 10]);
        assert_eq!(chat.to_string(), "0190abcd-1234-7fff-bfff-ffff79942460");
    }

    #[test]
    fn a_chat_s_id_tells_who_made_it() {
        let user = |n: u128| UserId(Uuid::from_u128(n));
        let at = Timestamp::from_millis(1_700_000_000_000);
        for n in 0..100 {
            let chat = ChatId::made_by(user(n), at, [7; 10]);
            let makers: Vec<u128> = (0..100).filter(|m| chat.is_made_by(user(*m))).collect();
            assert_eq!(makers, [n]);
            assert_eq!((chat.minted_at(), chat.0.get_version_num()), (at, 7));
            assert!(!ChatId::v7(at, &[n as u8; 10]).is_made_by(user(n)));
        }
    }

    #[test]
    fn an_id_has_one_spelling_in_two_cases() {
        let id = ChatId(Uuid::from_u128(0x0190_abcd_0000_7000_8000_0000_0000_00ef));
        let json = |text: &str| serde_json::from_str(&format!("\"{text}\"")).ok();
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        for text in [&text, &text.to_uppercase()] {
            assert_eq!(text.parse().ok(), Some(id), "{text}");
            assert_eq!(json(text), Some(id), "{text}");
        }
        let others = [
            format!("urn:uuid:{id}"),
            format!("{{{id}}}"),
            id.0.simple().to_string(),
            format!("{id}0"),
            format!(" {}", &text[1..]),
            text[1..].to_owned(),
            text.replace('e', "g"),
            text.replace('-', "0"),
            text.replace("ef", "\u{e9}"),
            String::new(),
        ];
        for text in others {
            assert_eq!(text.parse::<ChatId>().ok(), None, "{text}");
            assert_eq!(json(&text), None::<ChatId>, "{text}");
        }
    }
}
