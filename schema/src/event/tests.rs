use super::*;
use crate::ids::{ChatId, MessageId, UserId};
use crate::limits::MEMBERS_SHOWN_MAX;
use crate::record::{Change, MemberList, Members, Target};
use crate::roles::{History, Role};
use crate::time::Timestamp;
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
