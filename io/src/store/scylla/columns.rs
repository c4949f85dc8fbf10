//! An event as the columns of its row: a message's record is not stored a second time, but made again
//! from them, exactly as it was.

use bytes::Bytes;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{EventRow, Head};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Seq, Timestamp, UserId};
use uuid::Uuid;

/// Values of the column `kind`.
mod kind {
    pub(super) const MESSAGE: i8 = 1;
    pub(super) const OTHER: i8 = 2;
}

/// What every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadColumns {
    pub(super) seq: i64,
    pub(super) kind: i8,
    pub(super) n: i64,
    pub(super) log_partition: i32,
    pub(super) log_offset: i64,
}

/// What a message has besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessageColumns<'a> {
    pub(super) message_id: Uuid,
    pub(super) sender_id: Uuid,
    pub(super) client_id: Option<&'a str>,
    /// Milliseconds.
    pub(super) created_at: i64,
    pub(super) content: &'a str,
}

/// An event's row, but for its key's chat and bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventColumns<'a> {
    pub(super) head: HeadColumns,
    pub(super) body: Body<'a>,
}

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    Message(MessageColumns<'a>),
    /// As the log has it; also a message that its columns would not give again.
    Record(&'a [u8]),
}

/// A number as CQL has it: none of ours gets beyond.
pub(super) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that [`bigint`] made.
pub(super) fn from_bigint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A partition's number as CQL has it.
pub(super) fn int(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// A number that [`int`] made.
pub(super) fn partition(number: i32) -> PartitionId {
    PartitionId(u32::try_from(number).unwrap_or_default())
}

pub(super) fn event_columns(row: &EventRow) -> EventColumns<'_> {
    let kind = if row.is_message {
        kind::MESSAGE
    } else {
        kind::OTHER
    };
    let head = HeadColumns {
        seq: bigint(row.head.seq.0),
        kind,
        n: bigint(row.head.messages),
        log_partition: int(row.head.partition),
        log_offset: bigint(row.head.offset.0),
    };
    let message = message_columns(row).filter(|columns| {
        // A record of another layout, or with what is cut off when it is read, must stay what it is.
        row.is_message && record_of(row.chat_id, columns) == row.record
    });
    let body = message.map_or(Body::Record(&row.record), Body::Message);
    EventColumns { head, body }
}

fn message_columns(row: &EventRow) -> Option<MessageColumns<'_>> {
    let Ok(Record::MessagePosted(message)) = Record::decode(&row.record) else {
        return None;
    };
    Some(MessageColumns {
        message_id: message.message_id.0,
        sender_id: message.sender_id.0,
        client_id: message.client_id,
        created_at: bigint(message.at.millis()),
        content: message.content,
    })
}

fn record_of(chat_id: ChatId, columns: &MessageColumns<'_>) -> Bytes {
    let record = Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId(columns.message_id),
        sender_id: UserId(columns.sender_id),
        at: Timestamp::from_millis(from_bigint(columns.created_at)),
        client_id: columns.client_id,
        content: columns.content,
    });
    let mut bytes = Vec::with_capacity(RECORD_BYTES_GUESS + columns.content.len());
    record.encode(&mut bytes);
    bytes.into()
}

/// Bytes of a message's record besides its content, mostly.
const RECORD_BYTES_GUESS: usize = 128;

pub(super) fn event_row(chat_id: ChatId, columns: &EventColumns<'_>) -> EventRow {
    let head = columns.head;
    let record = match &columns.body {
        Body::Message(message) => record_of(chat_id, message),
        Body::Record(record) => Bytes::copy_from_slice(record),
    };
    EventRow {
        chat_id,
        head: Head {
            seq: Seq(from_bigint(head.seq)),
            messages: from_bigint(head.n),
            partition: partition(head.log_partition),
            offset: Offset(from_bigint(head.log_offset)),
        },
        record,
        is_message: head.kind == kind::MESSAGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn row(head: (u32, u32, u16, u32), record: Vec<u8>, is_message: bool) -> EventRow {
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
            is_message,
        }
    }

    proptest! {
        #[test]
        fn a_message_is_made_again_from_its_columns(
            head: (u32, u32, u16, u32),
            (message, sender, at) in (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u64>()),
            client_id in proptest::option::of("[^\u{0}]{1,32}"),
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
            let row = row(head, bytes, true);
            let columns = event_columns(&row);
            prop_assert!(matches!(columns.body, Body::Message(_)));
            prop_assert_eq!(event_row(row.chat_id, &columns), row);
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
            let row = row(head, record, is_message);
            prop_assert_eq!(event_row(row.chat_id, &event_columns(&row)), row);
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
        let row = row((1, 1, 1, 1), bytes, true);
        assert_eq!(event_row(row.chat_id, &event_columns(&row)), row);
    }
}
