//! An event as the value of its row: a message's record is not stored a second time, but made again from
//! its fields, exactly as it was.

use bytes::Bytes;
use rookery_schema::event::EventKind;
use rookery_schema::limits::CLIENT_ID_BYTES_MAX;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Seq, Timestamp, UserId};
use scylla::value::CqlTimestamp;
use scylla::{DeserializeValue, SerializeValue};
use uuid::Uuid;

/// Values of the field `kind`.
mod kind {
    pub(super) const MESSAGE: i8 = 1;
    pub(super) const OTHER: i8 = 2;
}

/// Bytes of a message's record besides its content, mostly.
const RECORD_BYTES_GUESS: usize = 128;

/// The fields of the type `event`; the chat and the seq are its key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SerializeValue, DeserializeValue)]
pub struct EventValue<'a> {
    kind: i8,
    n: i64,
    log_partition: i32,
    log_offset: i64,
    message_id: Option<Uuid>,
    sender_id: Option<Uuid>,
    client_id: Option<&'a str>,
    created_at: Option<CqlTimestamp>,
    content: Option<&'a str>,
    /// Of whatever is not a message, or would not come out of its fields again as it was.
    record: Option<&'a [u8]>,
}

/// A number as CQL has it: none of ours gets beyond.
pub(super) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that [`bigint`] made; `None` for another.
pub(super) fn from_bigint(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

/// A time as it is stored; `None` for one that no version writes.
pub(super) fn time(at: CqlTimestamp) -> Option<Timestamp> {
    Timestamp::recorded(from_bigint(at.0)?)
}

/// A partition's number as CQL has it.
pub(super) fn int(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// A number that [`int`] made; `None` for another.
pub(super) fn partition(number: i32) -> Option<PartitionId> {
    u32::try_from(number).ok().map(PartitionId)
}

impl EventValue<'_> {
    /// The same event as that of another head; its seq is not in the value.
    #[must_use]
    pub(super) fn at(self, head: Head) -> Self {
        Self {
            n: bigint(head.messages),
            log_partition: int(head.partition),
            log_offset: bigint(head.offset.0),
            ..self
        }
    }

    /// How far its chat has come with it; `None` where no version writes such numbers.
    pub(super) fn head(&self, seq: Seq) -> Option<Head> {
        Some(Head {
            seq,
            messages: from_bigint(self.n)?,
            partition: partition(self.log_partition)?,
            offset: Offset(from_bigint(self.log_offset)?),
        })
    }
}

/// What is stored of an event.
pub fn event_value(row: &EventRow) -> EventValue<'_> {
    let bare = EventValue {
        kind: match row.kind {
            EventKind::Message => kind::MESSAGE,
            EventKind::Other => kind::OTHER,
        },
        n: bigint(row.head.messages),
        log_partition: int(row.head.partition),
        log_offset: bigint(row.head.offset.0),
        message_id: None,
        sender_id: None,
        client_id: None,
        created_at: None,
        content: None,
        record: None,
    };
    let of_fields = Some(&row.record)
        .filter(|_| row.kind == EventKind::Message)
        .and_then(|record| with_fields(bare, record))
        .filter(|value| record_of(row.chat_id, value).as_ref() == Some(&row.record));
    of_fields.unwrap_or(EventValue {
        record: Some(&row.record),
        ..bare
    })
}

fn with_fields<'a>(bare: EventValue<'a>, record: &'a [u8]) -> Option<EventValue<'a>> {
    let Ok(Record::MessagePosted(message)) = Record::decode(record) else {
        return None;
    };
    Some(EventValue {
        message_id: Some(message.message_id.0),
        sender_id: Some(message.sender_id.0),
        client_id: message.client_id,
        created_at: Some(CqlTimestamp(bigint(message.at.millis()))),
        content: Some(message.content),
        ..bare
    })
}

fn record_of(chat_id: ChatId, value: &EventValue<'_>) -> Option<Bytes> {
    if let Some(record) = value.record {
        return Some(Bytes::copy_from_slice(record));
    }
    let content = value.content?;
    let client_id = value.client_id;
    if client_id.is_some_and(|id| id.len() > CLIENT_ID_BYTES_MAX) {
        return None;
    }
    let record = Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId(value.message_id?),
        sender_id: UserId(value.sender_id?),
        at: time(value.created_at?)?,
        client_id,
        content,
    });
    let mut bytes = Vec::with_capacity(RECORD_BYTES_GUESS + content.len());
    record.encode(&mut bytes);
    Some(bytes.into())
}

/// The row of an event; `None` where no version writes such fields.
pub fn event_row(chat_id: ChatId, seq: i64, value: &EventValue<'_>) -> Option<EventRow> {
    Some(EventRow {
        chat_id,
        head: value.head(Seq(from_bigint(seq)?))?,
        record: record_of(chat_id, value)?,
        kind: event_kind(value.kind)?,
    })
}

/// `None` for what no version writes.
const fn event_kind(value: i8) -> Option<EventKind> {
    match value {
        kind::MESSAGE => Some(EventKind::Message),
        kind::OTHER => Some(EventKind::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn row(head: (u32, u32, u16, u32), record: Vec<u8>, kind: EventKind) -> EventRow {
        let (seq, messages, partition, offset) = head;
        EventRow {
            chat_id: ChatId::from_bytes([3; 16]),
            head: Head {
                seq: Seq(seq.into()),
                messages: messages.into(),
                partition: PartitionId(partition.into()),
                offset: Offset(offset.into()),
            },
            record: record.into(),
            kind,
        }
    }

    fn again(row: &EventRow) -> Option<EventRow> {
        event_row(row.chat_id, bigint(row.head.seq.0), &event_value(row))
    }

    proptest! {
        #[test]
        fn a_message_is_made_again_from_its_fields(
            head: (u32, u32, u16, u32),
            (message, sender, at) in (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u64>()),
            client_id in proptest::option::of("[^\u{0}]{1,16}"),
            content in ".{0,200}",
        ) {
            let record = Record::MessagePosted(MessagePosted {
                chat_id: ChatId::from_bytes([3; 16]),
                message_id: MessageId::from_bytes(message),
                sender_id: UserId::from_bytes(sender),
                at: Timestamp::from_millis(at),
                client_id: client_id.as_deref(),
                content: &content,
            });
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            let row = row(head, bytes, EventKind::Message);
            prop_assert_eq!(event_value(&row).record, None);
            prop_assert_eq!(again(&row), Some(row));
        }

        #[test]
        fn whatever_else_is_kept_as_it_is(
            head: (u32, u32, u16, u32),
            record in vec(any::<u8>(), 0..150),
            (is_message, looks_like_one) in any::<(bool, bool)>(),
        ) {
            let mut record = record;
            if let (true, Some(first)) = (looks_like_one, record.first_mut()) {
                *first = 1;
            }
            let kind = if is_message { EventKind::Message } else { EventKind::Other };
            let row = row(head, record, kind);
            prop_assert_eq!(again(&row), Some(row));
        }
    }

    #[test]
    fn what_no_version_writes_is_refused() {
        let head = (1, 1, 1, 1);
        let chat_id = ChatId::from_bytes([3; 16]);
        let bare = row(head, Vec::new(), EventKind::Other);
        let whole = EventValue {
            kind: kind::MESSAGE,
            message_id: Some(Uuid::from_u128(1)),
            sender_id: Some(Uuid::from_u128(2)),
            created_at: Some(CqlTimestamp(5)),
            content: Some("hello"),
            record: None,
            ..event_value(&bare)
        };
        assert!(event_row(chat_id, 1, &whole).is_some());
        assert_eq!(event_row(chat_id, -1, &whole), None);
        let late = bigint(Timestamp::from_millis(u64::MAX).millis()) + 1;
        let long = "x".repeat(CLIENT_ID_BYTES_MAX + 1);
        for wrong in [
            EventValue { n: -1, ..whole },
            EventValue {
                log_partition: -1,
                ..whole
            },
            EventValue {
                log_offset: -1,
                ..whole
            },
            EventValue {
                created_at: Some(CqlTimestamp(-1)),
                ..whole
            },
            EventValue {
                created_at: Some(CqlTimestamp(late)),
                ..whole
            },
            EventValue {
                client_id: Some(&long),
                ..whole
            },
        ] {
            assert_eq!(event_row(chat_id, 1, &wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_message_of_another_chat_is_not_taken_apart() {
        let mut bytes = Vec::new();
        Record::MessagePosted(MessagePosted {
            chat_id: ChatId::from_bytes([9; 16]),
            message_id: MessageId::from_bytes([1; 16]),
            sender_id: UserId::from_bytes([1; 16]),
            at: Timestamp::from_millis(5),
            client_id: None,
            content: "hello",
        })
        .encode(&mut bytes);
        let row = row((1, 1, 1, 1), bytes, EventKind::Message);
        assert_eq!(again(&row), Some(row));
    }
}
