//! What members see: a record after it was applied and numbered, as compact JSON.
//!
//! An event is encoded once, by the owner of its chat. History shows the same bytes without `type`.

use bytes::BufMut;

use crate::ids::{ChatId, MessageId, Seq, UserId};
use crate::limits::MEMBERS_SHOWN_MAX;
use crate::record::{
    Change, ChatChanged, ChatCreated, ChatDeleted, MembershipChange, MessageAmended, MessagePosted,
    Record, RoleSet, SenderErased,
};
use crate::roles::{History, Role, Settings};
use crate::time::Timestamp;

/// Everything that takes a `seq` in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Message(MessagePosted<'a>),
    MessageAmended(&'a MessageAmended<'a>),
    ChatCreated(ChatCreated<'a>),
    MemberAdded(MembershipChange),
    MemberRemoved(MembershipChange),
    RoleSet(RoleSet),
    ChatChanged(ChatChanged<'a>),
    ChatDeleted(ChatDeleted),
    SenderErased(SenderErased),
}

/// What an event is, to whoever reads a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// History pages over it, and unread counts count it.
    Message,
    /// It is in no history: only those who follow the chat see it.
    Other,
}

/// How a message's event begins; what follows is also how history shows the message.
pub(crate) const MESSAGE_PREFIX: &[u8] = br#"{"type":"message","#;

/// Bytes of an id in JSON, without quotes.
const ID_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

/// Bytes of a text that are looked at together: most have nothing to escape.
const PLAIN_CHUNK_BYTES: usize = 64;

/// Bytes of a message's event without its content and client id, rounded up.
const MESSAGE_OVERHEAD_BYTES: usize = 320;

impl<'a> Event<'a> {
    /// The event that members see of a record; `None` for one that is not about a chat.
    pub const fn of(record: &'a Record<'a>) -> Option<Self> {
        match *record {
            Record::MessagePosted(message) => Some(Self::Message(message)),
            Record::MessageAmended(ref amended) => Some(Self::MessageAmended(amended)),
            Record::ChatCreated(created) => Some(Self::ChatCreated(created)),
            Record::MemberAdded(change) => Some(Self::MemberAdded(change)),
            Record::MemberRemoved(change) => Some(Self::MemberRemoved(change)),
            Record::RoleSet(set) => Some(Self::RoleSet(set)),
            Record::ChatChanged(changed) => Some(Self::ChatChanged(changed)),
            Record::ChatDeleted(deleted) => Some(Self::ChatDeleted(deleted)),
            Record::SenderErased(erased) => Some(Self::SenderErased(erased)),
            Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::BlockSet(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => None,
        }
    }

    /// Appends the event as one JSON object without a line break.
    pub fn encode(&self, seq: Seq, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => encode_message_event(message, seq, out),
            Self::MessageAmended(amended) => encode_amendment(amended, seq, out),
            Self::ChatCreated(created) => encode_chat_created(created, seq, out),
            Self::MemberAdded(change) => encode_membership("member_added", change, seq, out),
            Self::MemberRemoved(change) => encode_membership("member_removed", change, seq, out),
            Self::RoleSet(set) => encode_role(set, seq, out),
            Self::ChatChanged(changed) => encode_chat_changed(changed, seq, out),
            Self::ChatDeleted(deleted) => encode_chat_deleted(deleted, seq, out),
            Self::SenderErased(erased) => encode_sender_erased(erased, seq, out),
        }
    }

    /// What it is to whoever reads the chat.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Message(_) => EventKind::Message,
            Self::MessageAmended(_)
            | Self::ChatCreated(_)
            | Self::MemberAdded(_)
            | Self::MemberRemoved(_)
            | Self::RoleSet(_)
            | Self::ChatChanged(_)
            | Self::ChatDeleted(_)
            | Self::SenderErased(_) => EventKind::Other,
        }
    }
}

fn encode_message_event(message: &MessagePosted<'_>, seq: Seq, out: &mut Vec<u8>) {
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

fn encode_amendment(amended: &MessageAmended<'_>, seq: Seq, out: &mut Vec<u8>) {
    let kind = match amended.change {
        Change::Edited { .. } => "message_edited",
        Change::Deleted { .. } => "message_deleted",
        Change::Reaction { added: true, .. } => "reaction_added",
        Change::Reaction { added: false, .. } => "reaction_removed",
    };
    put_event_start(out, kind, amended.chat_id, seq);
    put_id(
        out,
        br#","message_id":""#,
        amended.target.message_id.as_bytes(),
    );
    out.put_u8(b'"');
    let (who, when): (&[u8], &[u8]) = match amended.change {
        Change::Edited { content, .. } => {
            out.put_slice(br#","content":"#);
            put_json_text(out, content);
            if content.is_empty() {
                out.put_slice(br#","superseded":true"#);
            }
            (br#","by":""#, br#","edited_at":""#)
        }
        Change::Deleted { .. } => (br#","by":""#, br#","deleted_at":""#),
        Change::Reaction { emoji, .. } => {
            out.put_slice(br#","emoji":"#);
            put_json_text(out, emoji);
            (br#","user_id":""#, br#","created_at":""#)
        }
    };
    put_id(out, who, amended.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, when, amended.at);
    out.put_u8(b'}');
}

fn encode_chat_created(created: &ChatCreated<'_>, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_created", created.chat_id, seq);
    out.put_slice(br#","name":"#);
    put_json_text(out, created.name);
    put_direct(out, created.is_direct());
    put_members(out, created.members.len(), created.members.iter());
    put_time(out, br#","created_at":""#, created.at);
    out.put_u8(b'}');
}

fn encode_membership(kind: &str, change: &MembershipChange, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, kind, change.chat_id, seq);
    put_id(out, br#","user_id":""#, change.user_id.as_bytes());
    put_id(out, br#"","by":""#, change.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, change.at);
    out.put_u8(b'}');
}

fn encode_role(set: &RoleSet, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "role_changed", set.chat_id, seq);
    put_id(out, br#","user_id":""#, set.user_id.as_bytes());
    out.put_slice(br#"","role":""#);
    out.put_slice(set.role.name().as_bytes());
    put_id(out, br#"","by":""#, set.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, set.at);
    out.put_u8(b'}');
}

fn encode_chat_changed(changed: &ChatChanged<'_>, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_changed", changed.chat_id, seq);
    for (field, text) in [
        (&br#","name":"#[..], changed.name),
        (br#","description":"#, changed.description),
    ] {
        if let Some(text) = text {
            out.put_slice(field);
            put_json_text(out, text);
        }
    }
    if let Some(members_may_add) = changed.members_may_add {
        put_members_may_add(out, members_may_add);
    }
    if let Some(history) = changed.history {
        put_history(out, history);
    }
    put_id(out, br#","by":""#, changed.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","created_at":""#, changed.at);
    out.put_u8(b'}');
}

fn encode_chat_deleted(deleted: &ChatDeleted, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "chat_deleted", deleted.chat_id, seq);
    put_id(out, br#","by":""#, deleted.by.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","deleted_at":""#, deleted.at);
    out.put_u8(b'}');
}

fn encode_sender_erased(erased: &SenderErased, seq: Seq, out: &mut Vec<u8>) {
    put_event_start(out, "messages_erased", erased.chat_id, seq);
    put_id(out, br#","user_id":""#, erased.user_id.as_bytes());
    out.put_u8(b'"');
    put_time(out, br#","deleted_at":""#, erased.at);
    out.put_u8(b'}');
}

fn put_members_may_add(out: &mut Vec<u8>, members_may_add: bool) {
    out.put_slice(br#","members_may_add":"#);
    out.put_slice(if members_may_add { b"true" } else { b"false" });
}

fn put_history(out: &mut Vec<u8>, history: History) {
    out.put_slice(br#","history":""#);
    out.put_slice(history.name().as_bytes());
    out.put_u8(b'"');
}

fn put_event_start(out: &mut Vec<u8>, kind: &str, chat: ChatId, seq: Seq) {
    out.put_slice(br#"{"type":""#);
    out.put_slice(kind.as_bytes());
    put_id(out, br#"","chat_id":""#, chat.as_bytes());
    out.put_slice(br#"","seq":"#);
    put_number(out, seq.0);
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

/// Appends the field of a chat that says that it is a direct chat, where it is one.
pub fn put_direct(out: &mut Vec<u8>, is_direct: bool) {
    if is_direct {
        out.put_slice(br#","direct":true"#);
    }
}

/// Appends the fields of a chat that tell of its members: the first of them, and how many there are.
pub fn put_members(out: &mut Vec<u8>, count: usize, members: impl Iterator<Item = UserId>) {
    out.put_slice(br#","members":"#);
    put_user_ids(out, members.take(MEMBERS_SHOWN_MAX));
    out.put_slice(br#","member_count":"#);
    put_number(out, count as u64);
}

/// Appends the fields of a chat that tell who of those members who are shown has another role than that of a member.
pub fn put_roles(out: &mut Vec<u8>, roles: impl Iterator<Item = (UserId, Role)>) {
    out.put_slice(br#","roles":{"#);
    for (index, (user_id, role)) in roles.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_user_id(out, user_id);
        out.put_slice(br#":""#);
        out.put_slice(role.name().as_bytes());
        out.put_u8(b'"');
    }
    out.put_u8(b'}');
}

/// Appends the fields of a chat that admins may change, but for its name.
pub fn put_settings(out: &mut Vec<u8>, settings: &Settings) {
    out.put_slice(br#","description":"#);
    put_json_text(out, &settings.description);
    put_members_may_add(out, settings.members_may_add);
    put_history(out, settings.history);
}

/// Appends a JSON array of user ids.
pub fn put_user_ids(out: &mut Vec<u8>, ids: impl Iterator<Item = UserId>) {
    out.put_u8(b'[');
    for (index, id) in ids.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_user_id(out, id);
    }
    out.put_u8(b']');
}

/// Appends a user id as a JSON string.
pub fn put_user_id(out: &mut Vec<u8>, id: UserId) {
    put_id(out, b"\"", id.as_bytes());
    out.put_u8(b'"');
}

/// Appends a text as a JSON string, escaped.
pub fn put_json_text(out: &mut Vec<u8>, text: &str) {
    out.put_u8(b'"');
    for chunk in text.as_bytes().chunks(PLAIN_CHUNK_BYTES) {
        // Without an early exit, the compiler tests many bytes at once.
        let escapes = chunk
            .iter()
            .fold(false, |any, byte| any | needs_escape(*byte));
        if escapes {
            put_escaped(out, chunk);
        } else {
            out.put_slice(chunk);
        }
    }
    out.put_u8(b'"');
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn put_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if needs_escape(byte) {
            put_escape(out, byte);
        } else {
            out.put_u8(byte);
        }
    }
}

/// The escapes of RFC 8259, section 7, for the bytes that need one.
fn put_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.put_slice(br#"\""#),
        b'\\' => out.put_slice(br"\\"),
        b'\n' => out.put_slice(br"\n"),
        b'\r' => out.put_slice(br"\r"),
        b'\t' => out.put_slice(br"\t"),
        control => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.put_slice(br"\u00");
            out.put_u8(HEX[usize::from(control >> 4)]);
            out.put_u8(HEX[usize::from(control & 15)]);
        }
    }
}

/// Appends a decimal number.
pub fn put_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.put_slice(&digits[start..]);
}

pub(crate) fn put_id(out: &mut Vec<u8>, before: &[u8], id: &[u8; 16]) {
    out.put_slice(before);
    let mut text = [0; ID_BYTES];
    uuid::Uuid::from_bytes_ref(id)
        .hyphenated()
        .encode_lower(&mut text);
    out.put_slice(&text);
}

/// Appends what comes before it, and a time with the quote behind it.
pub fn put_time(out: &mut Vec<u8>, before: &[u8], time: Timestamp) {
    out.put_slice(before);
    out.put_slice(&time.rfc3339());
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{MemberList, Members, Target};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    fn message<'a>(content: &'a str, client_id: Option<&'a str>) -> MessagePosted<'a> {
        MessagePosted {
            chat_id: ChatId(Uuid::from_u128(1)),
            message_id: MessageId(Uuid::from_u128(2)),
            sender_id: UserId(Uuid::from_u128(3)),
            at: Timestamp::from_millis(1_700_000_000_123),
            client_id,
            content,
        }
    }

    fn parsed(event: Event<'_>, seq: u64) -> Value {
        let mut out = Vec::new();
        event.encode(Seq(seq), &mut out);
        assert!(out.starts_with(br#"{"type":"#), "type comes first");
        serde_json::from_slice(&out).expect("valid JSON")
    }

    proptest! {
        #[test]
        fn any_content_survives_as_json(content in "\\PC{0,200}|[\u{0}-\u{7f}]{0,200}") {
            let value = parsed(Event::Message(message(&content, Some(&content))), u64::MAX);
            prop_assert_eq!(value["content"].as_str(), Some(content.as_str()));
            prop_assert_eq!(value["client_id"].as_str(), Some(content.as_str()));
            prop_assert_eq!(value["seq"].as_u64(), Some(u64::MAX));
        }

        #[test]
        fn numbers_are_decimal(value: u64) {
            let mut out = Vec::new();
            put_number(&mut out, value);
            prop_assert_eq!(out, value.to_string().into_bytes());
        }
    }

    #[test]
    fn a_message_has_the_contracts_fields() {
        let expected = json!({
            "type": "message",
            "chat_id": "00000000-0000-0000-0000-000000000001",
            "seq": 7,
            "message_id": "00000000-0000-0000-0000-000000000002",
            "sender_id": "00000000-0000-0000-0000-000000000003",
            "content": "hi",
            "created_at": "2023-11-14T22:13:20.123Z",
        });
        assert_eq!(parsed(Event::Message(message("hi", None)), 7), expected);
    }

    #[test]
    fn history_shows_the_event_without_its_type() {
        let mut event = Vec::new();
        Event::Message(message("hi", None)).encode(Seq(7), &mut event);
        let mut shown = Vec::new();
        assert!(put_history_message(&mut shown, &event));
        let mut expected: Value = serde_json::from_slice(&event).expect("valid JSON");
        expected.as_object_mut().expect("object").remove("type");
        assert_eq!(
            serde_json::from_slice::<Value>(&shown).expect("valid JSON"),
            expected
        );
        assert!(!put_history_message(
            &mut shown,
            br#"{"type":"member_added"}"#
        ));
    }

    proptest! {
        #[test]
        fn the_id_of_a_message_is_at_its_place(seq: u64, id: [u8; 16], content in "\\PC{0,20}") {
            let message = MessagePosted {
                message_id: MessageId::from_bytes(id),
                ..message(&content, None)
            };
            let mut event = Vec::new();
            Event::Message(message).encode(Seq(seq), &mut event);
            prop_assert_eq!(message_id_of(&event, Seq(seq)), Some(message.message_id));
            let mut other = Vec::new();
            Event::MessageAmended(&amended(Change::Deleted { supersedes: None }))
                .encode(Seq(seq), &mut other);
            prop_assert_eq!(message_id_of(&other, Seq(seq)), None);
        }
    }

    fn amended(change: Change<'_>) -> MessageAmended<'_> {
        MessageAmended {
            chat_id: ChatId(Uuid::from_u128(1)),
            by: UserId(Uuid::from_u128(3)),
            at: Timestamp::from_millis(1_700_000_000_123),
            target: Target {
                seq: Seq(7),
                messages: 5,
                message_id: MessageId(Uuid::from_u128(2)),
                sender_id: UserId(Uuid::from_u128(4)),
                at: Timestamp::from_millis(0),
                client_id: None,
            },
            change,
        }
    }

    fn shown_amendment(change: Change<'_>) -> Value {
        let mut value = parsed(Event::MessageAmended(&amended(change)), 9);
        let fields = value.as_object_mut().expect("an object");
        let common = [
            ("chat_id", json!("00000000-0000-0000-0000-000000000001")),
            ("seq", json!(9)),
            ("message_id", json!("00000000-0000-0000-0000-000000000002")),
        ];
        for (name, expected) in common {
            assert_eq!(fields.remove(name), Some(expected), "{name}");
        }
        value
    }

    #[test]
    fn an_amendment_says_what_it_changes_and_not_what_was_said() {
        let (by, at) = (
            "00000000-0000-0000-0000-000000000003",
            "2023-11-14T22:13:20.123Z",
        );
        let edited = |content| Change::Edited {
            supersedes: None,
            content,
        };
        assert_eq!(
            shown_amendment(edited("a \"new\" one")),
            json!({"type": "message_edited", "content": "a \"new\" one", "edited_at": at, "by": by})
        );
        assert_eq!(
            shown_amendment(edited("")),
            json!({
                "type": "message_edited", "content": "", "superseded": true, "edited_at": at, "by": by
            })
        );
        assert_eq!(
            shown_amendment(Change::Deleted { supersedes: None }),
            json!({"type": "message_deleted", "deleted_at": at, "by": by})
        );
        for (added, kind) in [(true, "reaction_added"), (false, "reaction_removed")] {
            assert_eq!(
                shown_amendment(Change::Reaction {
                    emoji: "👍\"",
                    added
                }),
                json!({"type": kind, "emoji": "👍\"", "created_at": at, "user_id": by})
            );
        }
    }

    #[test]
    fn of_many_members_the_first_are_named_and_all_are_counted() {
        let members: Members = (0..100_000).map(|n| UserId(Uuid::from_u128(n))).collect();
        let created = ChatCreated {
            chat_id: ChatId(Uuid::from_u128(1)),
            at: Timestamp::from_millis(0),
            creator_id: None,
            name: "crowd",
            members: members.as_list(),
        };
        let value = parsed(Event::ChatCreated(created), 1);
        assert_eq!(value["member_count"], 100_000);
        let named = value["members"].as_array().expect("a list");
        assert_eq!(named.len(), MEMBERS_SHOWN_MAX);
        for (n, id) in (0..).zip(named) {
            assert_eq!(id, &Uuid::from_u128(n).to_string());
        }
    }

    #[test]
    fn other_events_are_valid_json() {
        let ids = [UserId(Uuid::from_u128(5)), UserId(Uuid::from_u128(6))];
        let bytes: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
        let created = ChatCreated {
            chat_id: ChatId(Uuid::from_u128(1)),
            at: Timestamp::from_millis(0),
            creator_id: None,
            name: "a \"room\"",
            members: MemberList::new(&bytes).expect("whole ids"),
        };
        let value = parsed(Event::ChatCreated(created), 1);
        assert_eq!(value["name"], "a \"room\"");
        assert_eq!(value["members"][1], ids[1].to_string());
        assert_eq!(value["member_count"], 2);
        let change = MembershipChange {
            chat_id: ChatId(Uuid::from_u128(1)),
            user_id: ids[0],
            by: ids[1],
            at: Timestamp::from_millis(0),
        };
        assert_eq!(
            parsed(Event::MemberAdded(change), 2)["type"],
            "member_added"
        );
        assert_eq!(
            parsed(Event::MemberRemoved(change), 3)["user_id"],
            ids[0].to_string()
        );
    }

    #[test]
    fn changes_of_roles_and_settings_say_what_is_new_and_who_asked() {
        let (chat_id, by) = (ChatId(Uuid::from_u128(1)), UserId(Uuid::from_u128(6)));
        let at = Timestamp::from_millis(0);
        let set = RoleSet {
            chat_id,
            user_id: UserId(Uuid::from_u128(5)),
            role: Role::Admin,
            by,
            at,
        };
        let common = json!({
            "chat_id": chat_id, "seq": 2, "by": by, "created_at": "1970-01-01T00:00:00.000Z"
        });
        let with = |others: Value| {
            let mut all = common.clone();
            let fields = all.as_object_mut().expect("an object");
            fields.extend(others.as_object().expect("an object").clone());
            all
        };
        let expected = json!({"type": "role_changed", "user_id": set.user_id, "role": "admin"});
        assert_eq!(parsed(Event::RoleSet(set), 2), with(expected));

        let nothing = ChatChanged {
            chat_id,
            by,
            at,
            name: None,
            description: None,
            members_may_add: None,
            history: None,
        };
        let expected = json!({"type": "chat_changed"});
        assert_eq!(parsed(Event::ChatChanged(nothing), 2), with(expected));
        let all = ChatChanged {
            name: Some("a \"room\""),
            description: Some(""),
            members_may_add: Some(false),
            history: Some(History::Joined),
            ..nothing
        };
        let expected = json!({
            "type": "chat_changed", "name": "a \"room\"", "description": "",
            "members_may_add": false, "history": "joined"
        });
        assert_eq!(parsed(Event::ChatChanged(all), 2), with(expected));
    }
}
