//! What becomes of chats and their members.

use bytes::BufMut;
use xxhash_rust::xxh3::xxh3_64;

use crate::ids::{ChatId, UserId};
use crate::roles::{History, Role, Settings};
use crate::time::Timestamp;
use crate::wire::{Reader, put_text};

/// A chat came to be, with its first members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatCreated<'a> {
    pub chat_id: ChatId,
    pub at: Timestamp,
    /// Absent where nobody called, as trust mode allows.
    pub creator_id: Option<UserId>,
    pub name: &'a str,
    pub members: MemberList<'a>,
}

/// A user became a member, or is one no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipChange {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The member who asked for it.
    pub by: UserId,
    pub at: Timestamp,
}

/// A member has another role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleSet {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub role: Role,
    /// The member who asked for it, or whose leaving asks for it.
    pub by: UserId,
    pub at: Timestamp,
}

/// A chat has other settings: those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatChanged<'a> {
    pub chat_id: ChatId,
    /// The member who asked for it.
    pub by: UserId,
    pub at: Timestamp,
    pub name: Option<&'a str>,
    pub description: Option<&'a str>,
    pub members_may_add: Option<bool>,
    pub history: Option<History>,
}

/// A chat is gone for all, with everything that was said in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatDeleted {
    pub chat_id: ChatId,
    /// The member who asked for it.
    pub by: UserId,
    pub at: Timestamp,
}

/// All that a user said in a chat is gone, since their account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderErased {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub at: Timestamp,
}

/// One of the two of a direct chat blocks the other, or does so no more. The chat comes to be by it where it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSet {
    pub chat_id: ChatId,
    /// Who blocks.
    pub by: UserId,
    pub blocked_id: UserId,
    pub is_blocked: bool,
    pub at: Timestamp,
}

/// User ids in order, 16 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberList<'a>(&'a [u8]);

impl<'a> MemberList<'a> {
    /// The list in these bytes; `None` where they are no multiple of 16.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len().is_multiple_of(16) {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len() / 16
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = UserId> + use<'a> {
        self.0
            .as_chunks()
            .0
            .iter()
            .map(|bytes| UserId::from_bytes(*bytes))
    }
}

/// User ids in order, of which a [`MemberList`] can be borrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<[u8; 16]>);

impl Members {
    /// The list as records have it.
    pub fn as_list(&self) -> MemberList<'_> {
        MemberList(self.0.as_flattened())
    }
}

impl FromIterator<UserId> for Members {
    fn from_iter<I: IntoIterator<Item = UserId>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| *id.as_bytes()).collect())
    }
}

impl<'a> ChatCreated<'a> {
    /// Whether it is the direct chat of its two members.
    pub fn is_direct(&self) -> bool {
        self.chat_id.is_direct_of(self.members.iter())
    }

    /// Tells what was asked for from something else that is asked for by the same key.
    pub fn content_digest(&self) -> u64 {
        let length = (self.name.len() as u64).to_le_bytes();
        xxh3_64(&[&length, self.name.as_bytes(), self.members.0].concat())
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_optional_id(out, self.creator_id);
        put_text(out, self.name);
        out.put_slice(self.members.0);
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        Some(Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            at: reader.time()?,
            creator_id: optional_id(&mut reader)?,
            name: reader.text()?,
            members: MemberList::new(reader.rest())?,
        })
    }
}

impl MembershipChange {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.user_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let change = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
        };
        reader.is_empty().then_some(change)
    }
}

impl RoleSet {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.user_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
        out.put_u8(self.role.as_byte());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let set = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            role: Role::of_byte(reader.u8()?)?,
        };
        reader.is_empty().then_some(set)
    }
}

impl SenderErased {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.user_id.as_bytes());
        out.put_u64_le(self.at.millis());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let erased = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            user_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
        };
        reader.is_empty().then_some(erased)
    }
}

impl ChatDeleted {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let deleted = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
        };
        reader.is_empty().then_some(deleted)
    }
}

impl BlockSet {
    /// The members of the direct chat that it is about, in their order.
    pub fn members(&self) -> Members {
        let (one, other) = (self.by, self.blocked_id);
        [one.min(other), one.max(other)].into_iter().collect()
    }

    /// The creation of that chat by it, where it is not there.
    pub fn creation<'a>(&self, members: &'a Members) -> ChatCreated<'a> {
        ChatCreated {
            chat_id: self.chat_id,
            at: self.at,
            creator_id: Some(self.by),
            name: "",
            members: members.as_list(),
        }
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_slice(self.blocked_id.as_bytes());
        out.put_u8(u8::from(self.is_blocked));
        out.put_u64_le(self.at.millis());
    }

    pub(super) fn decode(mut reader: Reader<'_>) -> Option<Self> {
        let set = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            blocked_id: UserId::from_bytes(reader.id()?),
            is_blocked: reader.flag()?,
            at: reader.time()?,
        };
        reader.is_empty().then_some(set)
    }
}

/// Stands for a setting that stays as it is.
const UNCHANGED: u8 = u8::MAX;

impl<'a> ChatChanged<'a> {
    /// Changes the settings that it says.
    pub fn apply(&self, settings: &mut Settings) {
        if let Some(name) = self.name {
            settings.name = name.into();
        }
        if let Some(description) = self.description {
            settings.description = description.into();
        }
        settings.members_may_add = self.members_may_add.unwrap_or(settings.members_may_add);
        settings.history = self.history.unwrap_or(settings.history);
    }

    /// Whether nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.description.is_none()
            && self.members_may_add.is_none()
            && self.history.is_none()
    }

    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
        out.put_u8(self.members_may_add.map_or(UNCHANGED, u8::from));
        out.put_u8(self.history.map_or(UNCHANGED, History::as_byte));
        for text in [self.name, self.description] {
            out.put_u8(u8::from(text.is_some()));
            put_text(out, text.unwrap_or_default());
        }
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        let changed = Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            members_may_add: match reader.u8()? {
                UNCHANGED => None,
                0 => Some(false),
                1 => Some(true),
                _ => return None,
            },
            history: match reader.u8()? {
                UNCHANGED => None,
                byte => Some(History::of_byte(byte)?),
            },
            name: optional_text(&mut reader)?,
            description: optional_text(&mut reader)?,
        };
        reader.is_empty().then_some(changed)
    }
}

fn optional_text<'a>(reader: &mut Reader<'a>) -> Option<Option<&'a str>> {
    match (reader.flag()?, reader.text()?) {
        (true, text) => Some(Some(text)),
        (false, "") => Some(None),
        (false, _) => None,
    }
}

fn put_optional_id(out: &mut impl BufMut, id: Option<UserId>) {
    out.put_u8(u8::from(id.is_some()));
    if let Some(id) = id {
        out.put_slice(id.as_bytes());
    }
}

fn optional_id(reader: &mut Reader<'_>) -> Option<Option<UserId>> {
    match reader.flag()? {
        false => Some(None),
        true => Some(Some(UserId::from_bytes(reader.id()?))),
    }
}
