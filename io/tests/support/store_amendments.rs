//! A chat whose messages are amended, and what must be shown of it whichever store has it.

use rookery_engine::port::{Found, Read};
use rookery_schema::event::EventKind;
use rookery_schema::message::Message;
use rookery_schema::row::{ChatRow, EventRow, Head, Row};
use rookery_schema::{Offset, PartitionId, Seq, Timestamp, UserId};
use serde_json::{Value, json};

use super::store_shard::{CHAT, Shard, amendment, message_record};

/// A chat with messages 1 to 5.
pub(crate) fn messages() -> Vec<Row> {
    let message = |seq: u64| {
        Row::Event(EventRow {
            chat_id: CHAT,
            head: Head {
                seq: Seq(seq),
                messages: seq,
                partition: PartitionId(3),
                offset: Offset(seq + 10),
            },
            record: message_record(CHAT, seq, &format!("message {seq}")).into(),
            kind: EventKind::Message,
        })
    };
    let chat = Row::Chat(ChatRow {
        chat_id: CHAT,
        name: "a chat".to_owned(),
        created_at: Timestamp::from_millis(1_700_000_000_000),
    });
    (1..=5).map(message).chain([chat]).collect()
}

/// Amendments of messages 2, 3 and 5, an older edit among them, in an order that depends on a seed, and again.
pub(crate) fn shuffled(seed: u64) -> Vec<Vec<Row>> {
    let all = [
        (2, 6),
        (2, 9),
        (3, 12),
        (3, 29),
        (3, 30),
        (5, 7),
        (5, 8),
        (5, 20),
        (5, 22),
    ];
    let row = |(target, seq): (u64, u64)| Row::Amendment(amendment(CHAT, target, seq));
    let mut rows: Vec<Row> = all.map(row).into();
    let first = (seed * 3) as usize % rows.len();
    rows.rotate_left(first);
    if !seed.is_multiple_of(2) {
        rows.reverse();
    }
    let (one, two) = rows.split_at(3);
    // Again, each on its own, the older behind the newer.
    let again = all.iter().rev().map(|pair| vec![row(*pair)]);
    [one.to_vec(), two.to_vec()]
        .into_iter()
        .chain(again)
        .collect()
}

#[track_caller]
pub(crate) fn assert_shown(shard: &mut Shard) {
    let down = page(
        shard,
        &Read::MessagesBefore {
            chat_id: CHAT,
            before: Seq(6),
            limit: 5,
        },
    );
    assert_eq!(
        contents(&down),
        ["message 5", "message 4", "", "edit 9", "message 1"]
    );
    let up = page(
        shard,
        &Read::MessagesAfter {
            chat_id: CHAT,
            after: Seq(1),
            limit: 3,
        },
    );
    assert_eq!(contents(&up), ["edit 9", "", "message 4"]);
    assert_eq!(up[0], down[3]);
    assert_eq!(up[0]["edited_at"], "2023-11-14T22:13:20.009Z");
    assert_eq!(
        (&up[1]["deleted"], &up[1]["edited_at"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(up[2].get("edited_at"), None);
    // The other one took theirs back.
    let user = |id: u8| UserId::from_bytes([id; 16]).to_string();
    let reactions = json!([
        {"emoji": "é", "users": [user(1)]},
        {"emoji": "👍", "users": [user(1)]},
    ]);
    assert_eq!(down[0]["reactions"], reactions);

    let read = Read::Chat {
        chat_id: CHAT,
        recent: 3,
    };
    let Found::Chat(Some(chat)) = shard.read(&read) else {
        panic!("not what was asked")
    };
    let said: Vec<_> = chat
        .recent
        .iter()
        .filter_map(|it| Message::of(it).unwrap())
        .collect();
    let said: Vec<_> = said.iter().map(|message| &*message.content).collect();
    assert_eq!(said, ["message 3", "message 4", "message 5"]);
    let stand: Vec<_> = chat.messages.iter().map(shown).collect();
    assert_eq!(stand, [up[1].clone(), down[1].clone(), down[0].clone()]);
    assert_eq!(
        chat.latest_message.as_ref().map(shown),
        Some(down[0].clone())
    );
}

fn page(shard: &mut Shard, read: &Read) -> Vec<Value> {
    let Found::Messages(messages) = shard.read(read) else {
        panic!("not what was asked")
    };
    messages.iter().map(shown).collect()
}

fn shown(message: &Message) -> Value {
    let mut out = Vec::new();
    message.encode(&mut out);
    serde_json::from_slice(&out).unwrap()
}

fn contents(page: &[Value]) -> Vec<&str> {
    page.iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}
