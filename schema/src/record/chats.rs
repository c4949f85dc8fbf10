//! What becomes of chats and their members.

use bytes::BufMut;

use crate::ids::{ChatId, UserId};
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
