//! What changes messages that were posted.

use bytes::BufMut;

use crate::ids::{ChatId, MessageId, Seq, UserId};
use crate::time::Timestamp;
use crate::wire::{Reader, non_empty, put_text};

/// A message was edited, deleted, or reacted to. It tells all that whoever applies it must know of the message, which
/// may not be in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageAmended<'a> {
    pub chat_id: ChatId,
    /// Who asked for it.
    pub by: UserId,
    pub at: Timestamp,
    pub target: Target<'a>,
    pub change: Change<'a>,
}

/// The message that is amended, as it was posted but for its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub seq: Seq,
    /// How many messages there were up to it.
    pub messages: u64,
    pub message_id: MessageId,
    pub sender_id: UserId,
    pub at: Timestamp,
    pub client_id: Option<&'a str>,
}

/// What changes about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    Edited {
        /// The edit that counted before.
        supersedes: Option<Edit>,
        /// Empty once another edit, or a deletion, has followed.
        content: &'a str,
    },
    Deleted {
        /// The edit that counted before.
        supersedes: Option<Edit>,
    },
    Reaction {
        emoji: &'a str,
        /// It was added, or else taken back.
        added: bool,
    },
}

impl Change<'_> {
    /// Of an edit that lost its content.
    pub const NO_CONTENT: Self = Self::Edited {
        supersedes: None,
        content: "",
    };
}

/// An earlier edit, which loses its content to what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    pub seq: Seq,
    /// How many messages there were up to it.
    pub messages: u64,
    pub at: Timestamp,
    pub by: UserId,
}

/// Which of the changes a record holds; its kind tells.
#[derive(Clone, Copy)]
pub(super) enum Which {
    Edited,
    Deleted,
    Reaction,
}

impl<'a> MessageAmended<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.by.as_bytes());
        out.put_u64_le(self.at.millis());
        self.target.put(out);
        match self.change {
            Change::Edited {
                supersedes,
                content,
            } => {
                put_superseded(supersedes, out);
                out.put_slice(content.as_bytes());
            }
            Change::Deleted { supersedes } => put_superseded(supersedes, out),
            Change::Reaction { emoji, added } => {
                out.put_u8(u8::from(added));
                out.put_slice(emoji.as_bytes());
            }
        }
    }

    pub(super) fn decode(which: Which, mut reader: Reader<'a>) -> Option<Self> {
        Some(Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            by: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            target: Target::read(&mut reader)?,
            change: match which {
                Which::Edited => Change::Edited {
                    supersedes: superseded(&mut reader)?,
                    content: std::str::from_utf8(reader.rest()).ok()?,
                },
                Which::Deleted => {
                    let supersedes = superseded(&mut reader)?;
                    reader
                        .is_empty()
                        .then_some(Change::Deleted { supersedes })?
                }
                Which::Reaction => Change::Reaction {
                    added: reader.flag()?,
                    emoji: std::str::from_utf8(reader.rest()).ok()?,
                },
            },
        })
    }
}

impl<'a> Target<'a> {
    fn put(&self, out: &mut impl BufMut) {
        out.put_u64_le(self.seq.0);
        out.put_u64_le(self.messages);
        out.put_slice(self.message_id.as_bytes());
        out.put_slice(self.sender_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_text(out, self.client_id.unwrap_or_default());
    }

    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            seq: Seq(reader.u64()?),
            messages: reader.u64()?,
            message_id: MessageId::from_bytes(reader.id()?),
            sender_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            client_id: non_empty(reader.text()?),
        })
    }
}

fn put_superseded(edit: Option<Edit>, out: &mut impl BufMut) {
    out.put_u8(u8::from(edit.is_some()));
    if let Some(edit) = edit {
        out.put_u64_le(edit.seq.0);
        out.put_u64_le(edit.messages);
        out.put_u64_le(edit.at.millis());
        out.put_slice(edit.by.as_bytes());
    }
}

fn superseded(reader: &mut Reader<'_>) -> Option<Option<Edit>> {
    if !reader.flag()? {
        return Some(None);
    }
    Some(Some(Edit {
        seq: Seq(reader.u64()?),
        messages: reader.u64()?,
        at: reader.time()?,
        by: UserId::from_bytes(reader.id()?),
    }))
}
