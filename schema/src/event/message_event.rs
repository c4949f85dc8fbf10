//! A message's event, and what else is made of it: what history shows, and what its sender is told.

use bytes::BufMut;

use crate::event::json::{ID_BYTES, put_id, put_json_text, put_number, put_time};
use crate::ids::{ChatId, MessageId, Seq};
use crate::record::MessagePosted;
use crate::time::Timestamp;

/// How a message's event begins; what follows is also how history shows the message.
pub(crate) const MESSAGE_PREFIX: &[u8] = br#"{"type":"message","#;

/// Bytes of a message's event without its content and client id, rounded up.
const MESSAGE_OVERHEAD_BYTES: usize = 320;

pub(super) fn encode_message_event(message: &MessagePosted<'_>, seq: Seq, out: &mut Vec<u8>) {
    out.reserve(MESSAGE_OVERHEAD_BYTES + message.content.len());
    out.put_slice(MESSAGE_PREFIX);
    put_message_fields(message, seq, out);
    out.put_u8(b'}');
}

/// Appends what a message's event and its entry in history have in common, without braces.
pub(crate) fn put_message_fields(message: &MessagePosted<'_>, seq: Seq, out: &mut Vec<u8>) {
    put_id(out, br#""chat_id":""#, message.chat_id.as_bytes());
    out.put_slice(br#"","seq":"#);
    put_number(out, seq.0);
    put_id(out, br#","message_id":""#, message.message_id.as_bytes());
    put_id(out, br#"","sender_id":""#, message.sender_id.as_bytes());
    out.put_slice(br#"","content":"#);
    put_json_text(out, message.content);
    put_time(out, br#","created_at":""#, message.at);
    if let Some(client_id) = message.client_id {
        out.put_slice(br#","client_id":"#);
        put_json_text(out, client_id);
    }
}

/// The id of the message that an event with this seq says, at its place; `None` for another event.
pub fn message_id_of(event: &[u8], seq: Seq) -> Option<MessageId> {
    const BEFORE_SEQ: usize = MESSAGE_PREFIX.len() + br#""chat_id":"","seq":"#.len() + ID_BYTES;
    let digits = seq.0.checked_ilog10().unwrap_or(0) as usize + 1;
    let id = event
        .strip_prefix(MESSAGE_PREFIX)
        .and_then(|_| event.get(BEFORE_SEQ + digits..))?
        .strip_prefix(br#","message_id":""#)?
        .get(..ID_BYTES)?;
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// Appends a message as history shows it, from the bytes of its event; false, with nothing appended,
/// where those are another event's.
pub fn put_history_message(out: &mut Vec<u8>, event: &[u8]) -> bool {
    let Some(fields) = event.strip_prefix(MESSAGE_PREFIX) else {
        return false;
    };
    out.put_u8(b'{');
    out.put_slice(fields);
    true
}

/// Appends the acknowledgement of a posted message, the body of the reply to its sender.
pub fn put_receipt(out: &mut Vec<u8>, message: MessageId, chat: ChatId, created_at: Timestamp) {
    put_id(out, br#"{"message_id":""#, message.as_bytes());
    put_id(out, br#"","chat_id":""#, chat.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, created_at);
    out.put_u8(b'}');
}
