//! What an event says that was sent, read back from its JSON.

use std::borrow::Cow;

use bytes::Bytes;
use rookery_schema::event::Event;
use rookery_schema::message::Message;
use rookery_schema::record::{Change, MessageAmended, MessagePosted, Target};
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

/// How an edit's event begins.
const EDIT_PREFIX: &[u8] = br#"{"type":"message_edited","#;

#[derive(Deserialize)]
struct SaidEdit<'a> {
    chat_id: ChatId,
    seq: Seq,
    message_id: MessageId,
    by: UserId,
    edited_at: &'a str,
}

/// The author of the message whose edit an event is, and the event without what they said; `None` where it is none.
pub(super) fn edit_of(event: &[u8]) -> Option<(UserId, Bytes)> {
    event.strip_prefix(EDIT_PREFIX)?;
    let edit: SaidEdit<'_> = serde_json::from_slice(event).ok()?;
    let amended = MessageAmended {
        chat_id: edit.chat_id,
        // Nobody edits what others have said.
        by: edit.by,
        at: Timestamp::from_rfc3339(edit.edited_at)?,
        target: Target {
            seq: Seq(0),
            messages: 0,
            message_id: edit.message_id,
            sender_id: edit.by,
            at: Timestamp::default(),
            client_id: None,
        },
        change: Change::NO_CONTENT,
    };
    let mut json = Vec::new();
    Event::MessageAmended(&amended).encode(edit.seq, &mut json);
    json.shrink_to_fit();
    Some((edit.by, json.into()))
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
    fn an_edit_is_read_back_without_its_content() {
        let (message_id, by) = (MessageId::from_bytes([2; 16]), UserId::from_bytes([3; 16]));
        let edit = |content| MessageAmended {
            chat_id: ChatId::from_bytes([1; 16]),
            by,
            at: Timestamp::from_millis(1234),
            target: Target {
                seq: Seq(4),
                messages: 3,
                message_id,
                sender_id: by,
                at: Timestamp::from_millis(1),
                client_id: Some("c"),
            },
            change: Change::Edited {
                supersedes: None,
                content,
            },
        };
        let json = |content| {
            let mut json = Vec::new();
            Event::MessageAmended(&edit(content)).encode(Seq(9), &mut json);
            json
        };
        let found = edit_of(&json("said \"anew\""));
        assert_eq!(found, Some((by, json("").into())));
        assert_eq!(edit_of(br#"{"type":"message_deleted","seq":1}"#), None);
    }

    #[test]
    fn other_events_are_none() {
        assert_eq!(message_of(br#"{"type":"member_added","seq":1}"#, 1), None);
    }
}
