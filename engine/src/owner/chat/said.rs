//! What an event says that was sent, read back from its JSON.

use std::borrow::Cow;

use rookery_schema::message::Message;
use rookery_schema::record::MessagePosted;
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};
use serde::Deserialize;

#[derive(Deserialize)]
struct Said<'a> {
    chat_id: ChatId,
    seq: Seq,
    message_id: MessageId,
    sender_id: UserId,
    #[serde(borrow)]
    content: Cow<'a, str>,
    created_at: &'a str,
    #[serde(borrow, default)]
    client_id: Option<Cow<'a, str>>,
}

/// The message that an event is, of which there were so many up to it; `None` where it is not one as it was posted.
pub(super) fn message_of(event: &[u8], messages: u64) -> Option<Message> {
    let said: Said<'_> = serde_json::from_slice(event).ok()?;
    let posted = MessagePosted {
        chat_id: said.chat_id,
        message_id: said.message_id,
        sender_id: said.sender_id,
        at: Timestamp::from_rfc3339(said.created_at)?,
        client_id: said.client_id.as_deref(),
        content: &said.content,
    };
    Some(Message::said(&posted, said.seq, messages))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rookery_schema::event::Event;

    use super::*;

    proptest! {
        #[test]
        fn a_message_is_read_back_as_it_was_posted(
            (chat, message, sender) in any::<([u8; 16], [u8; 16], [u8; 16])>(),
            (at, seq, messages) in any::<(u64, u64, u64)>(),
            content in "\\PC{0,200}|[\u{0}-\u{7f}]{0,200}",
            client_id in proptest::option::of("\\PC{1,64}|[\u{0}-\u{7f}]{1,64}"),
        ) {
            let posted = MessagePosted {
                chat_id: ChatId::from_bytes(chat),
                message_id: MessageId::from_bytes(message),
                sender_id: UserId::from_bytes(sender),
                at: Timestamp::from_millis(at),
                client_id: client_id.as_deref(),
                content: &content,
            };
            let mut event = Vec::new();
            Event::Message(posted).encode(Seq(seq), &mut event);
            let expected = Message::said(&posted, Seq(seq), messages);
            prop_assert_eq!(message_of(&event, messages), Some(expected));
        }
    }

    #[test]
    fn other_events_are_none() {
        assert_eq!(message_of(br#"{"type":"member_added","seq":1}"#, 1), None);
    }
}
