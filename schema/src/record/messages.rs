//! What members post.

use bytes::BufMut;

use crate::ids::{ChatId, MessageId, UserId};
use crate::time::Timestamp;
use crate::wire::{Reader, non_empty, put_text};

/// A member posted a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePosted<'a> {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    pub sender_id: UserId,
    pub at: Timestamp,
    pub client_id: Option<&'a str>,
    pub content: &'a str,
}

impl<'a> MessagePosted<'a> {
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.chat_id.as_bytes());
        out.put_slice(self.message_id.as_bytes());
        out.put_slice(self.sender_id.as_bytes());
        out.put_u64_le(self.at.millis());
        put_text(out, self.client_id.unwrap_or_default());
        out.put_slice(self.content.as_bytes());
    }

    pub(super) fn decode(mut reader: Reader<'a>) -> Option<Self> {
        Some(Self {
            chat_id: ChatId::from_bytes(reader.id()?),
            message_id: MessageId::from_bytes(reader.id()?),
            sender_id: UserId::from_bytes(reader.id()?),
            at: reader.time()?,
            client_id: non_empty(reader.text()?),
            content: std::str::from_utf8(reader.rest()).ok()?,
        })
    }
}
