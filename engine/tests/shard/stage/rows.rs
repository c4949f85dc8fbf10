//! What is in records and rows.

use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::event::EventKind;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{EventRow, Row};
use rookery_schema::{MessageId, Seq, Timestamp};

/// One record as a batch.
pub(crate) fn batch_of(records: &[Record<'_>]) -> RecordBatch {
    let mut batch = RecordBatchBuilder::default();
    records.iter().for_each(|record| batch.push(record));
    batch.take()
}

/// The messages among rows, oldest first.
pub(crate) fn messages(rows: &[Row]) -> Vec<(Seq, EventRow)> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Event(row) if row.kind == EventKind::Message => Some((row.head.seq, row.clone())),
            _ => None,
        })
        .collect()
}

/// The message ids among rows, oldest first.
pub(crate) fn message_ids(rows: &[Row]) -> Vec<MessageId> {
    each_message(rows, |message| message.message_id)
}

/// When the messages among rows were posted, as history shows it, oldest first.
pub(crate) fn times(rows: &[Row]) -> Vec<Timestamp> {
    each_message(rows, |message| message.at)
}

fn each_message<T>(rows: &[Row], what: impl Fn(&MessagePosted<'_>) -> T) -> Vec<T> {
    let of_row = |(_, row): &(Seq, EventRow)| match Record::decode(&row.record) {
        Ok(Record::MessagePosted(message)) => what(&message),
        other => panic!("{other:?}"),
    };
    messages(rows).iter().map(of_row).collect()
}
