//! Chats with events that are redacted, in whatever order rows are written, and what must be shown of them whichever
//! store has them.

use rookery_engine::port::{Found, Read, StoredEvent};
use rookery_schema::event::EventKind;
use rookery_schema::row::{ChatRow, EventRow, Head, Row};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, Timestamp};

use super::store_shard::{Shard, message_record};

/// What events said that were redacted.
pub(crate) const SECRET: &str = "what nobody is to see";

const HEAD: u64 = 7;
/// A message, an event of another kind, and the newest one.
const REDACTED: [u64; 3] = [3, 5, HEAD];

fn event(chat_id: ChatId, seq: u64, content: &str) -> EventRow {
    let is_message = !matches!(seq, 1 | 5);
    EventRow {
        chat_id,
        head: Head {
            seq: Seq(seq),
            messages: seq - 1 - u64::from(seq >= 5),
            partition: PartitionId(3),
            offset: Offset(seq + 10),
        },
        record: if is_message {
            message_record(chat_id, seq, content).into()
        } else {
            [b"\x02", content.as_bytes()].concat().into()
        },
        kind: if is_message {
            EventKind::Message
        } else {
            EventKind::Other
        },
    }
}

pub(crate) fn original(chat_id: ChatId, seq: u64) -> EventRow {
    let is_redacted = REDACTED.contains(&seq);
    event(chat_id, seq, if is_redacted { SECRET } else { "hello" })
}

/// As whoever asks for it writes it: it is told how many messages there are, and not the place in the log.
fn redacted(chat_id: ChatId, seq: u64) -> EventRow {
    let row = event(chat_id, seq, "");
    let head = Head {
        partition: PartitionId(0),
        offset: Offset(0),
        ..row.head
    };
    EventRow { head, ..row }
}

/// What is written of a chat, one write after the other.
pub(crate) struct Case {
    pub(crate) chat_id: ChatId,
    pub(crate) writes: Vec<Vec<Row>>,
    /// Whether originals were there when their redactions were written.
    has_places: bool,
}

/// Each order in which a redaction can meet its original.
pub(crate) fn cases() -> Vec<Case> {
    let orders: [&[&str]; 10] = [
        &["all", "redact"],
        &["all", "redact", "redact"],
        &["all", "redact", "some"],
        &["all", "redact", "all", "redact", "some"],
        &["all redact"],
        &["redact all"],
        &["some redact some", "all"],
        &["all", "some redact some"],
        &["all", "some redact", "all redact", "some"],
        &["redact", "all", "some"],
    ];
    let case = |(number, order): (usize, &&[&str])| {
        let chat_id = ChatId::from_bytes([number as u8 + 1; 16]);
        let parts = |write: &&str| {
            write
                .split(' ')
                .flat_map(|part| rows(chat_id, part))
                .collect()
        };
        Case {
            chat_id,
            writes: order.iter().map(parts).collect(),
            has_places: order[0] != "redact",
        }
    };
    orders.iter().enumerate().map(case).collect()
}

fn rows(chat_id: ChatId, part: &str) -> Vec<Row> {
    match part {
        "all" => {
            let events = (1..=HEAD).map(|seq| Row::Event(original(chat_id, seq)));
            [chat(chat_id)].into_iter().chain(events).collect()
        }
        // As runs of their own.
        "some" => REDACTED
            .map(|seq| Row::Event(original(chat_id, seq)))
            .into(),
        _ => REDACTED
            .map(|seq| Row::Redacted(redacted(chat_id, seq)))
            .into(),
    }
}

fn chat(chat_id: ChatId) -> Row {
    Row::Chat(ChatRow {
        chat_id,
        name: "a chat".to_owned(),
        created_at: Timestamp::from_millis(1_700_000_000_000),
    })
}

#[track_caller]
pub(crate) fn assert_redacted(shard: &mut Shard, case: &Case) {
    let chat_id = case.chat_id;
    let wanted = (1..=HEAD).map(|seq| match REDACTED.contains(&seq) {
        true => EventRow {
            head: original(chat_id, seq).head,
            ..redacted(chat_id, seq)
        },
        false => original(chat_id, seq),
    });
    let wanted: Vec<EventRow> = wanted.collect();
    let without_places = |mut row: EventRow| {
        (row.head.partition, row.head.offset) = Default::default();
        row
    };
    let found = events(shard, chat_id, 0, 100);
    let rows: Vec<_> = found.iter().map(|event| event.row.clone()).collect();
    if case.has_places {
        assert_eq!(rows, wanted);
    } else {
        let [rows, wanted] = [rows, wanted.clone()]
            .map(|rows| rows.into_iter().map(without_places).collect::<Vec<_>>());
        assert_eq!(rows, wanted);
    }
    let contents: Vec<_> = found
        .iter()
        .map(|event| event.message.as_ref().map(|it| it.content.as_str()))
        .collect();
    let hello = Some("hello");
    assert_eq!(
        contents,
        [None, hello, Some(""), hello, None, hello, Some("")]
    );
    for (after, limit) in [(2, 2), (6, 9), (HEAD, 9), (u64::MAX, 9), (0, 0)] {
        let page = found.iter().filter(|event| event.row.head.seq.0 > after);
        let page: Vec<_> = page.take(limit).cloned().collect();
        assert_eq!(
            events(shard, chat_id, after, limit),
            page,
            "{after} {limit}"
        );
    }
    let read = Read::Chat { chat_id, recent: 9 };
    let Found::Chat(Some(chat)) = shard.read(&read) else {
        panic!("not what was asked")
    };
    assert_eq!(
        (chat.head, chat.recent),
        (found[6].row.head, rows_of(&found))
    );
    let read = Read::MessagesBefore {
        chat_id,
        before: Seq(u64::MAX),
        limit: 9,
    };
    let Found::Messages(messages) = shard.read(&read) else {
        panic!("not what was asked")
    };
    let contents: Vec<_> = messages.iter().map(|it| it.content.as_str()).collect();
    assert_eq!(contents, ["", "hello", "hello", "", "hello"]);
}

fn rows_of(found: &[StoredEvent]) -> Vec<EventRow> {
    found.iter().map(|event| event.row.clone()).collect()
}

pub(crate) fn events(
    shard: &mut Shard,
    chat_id: ChatId,
    after: u64,
    limit: usize,
) -> Vec<StoredEvent> {
    let read = Read::EventsAfter {
        chat_id,
        after: Seq(after),
        limit,
    };
    match shard.read(&read) {
        Found::Events(events) => events,
        other => panic!("not what was asked: {other:?}"),
    }
}
