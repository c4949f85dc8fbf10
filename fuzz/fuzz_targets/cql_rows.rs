//! Events as a CQL store returns them: whatever is taken for one is the same when it was stored again.

#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rookery_io::store::scylla::event::{EventValue, event_row, event_value};
use rookery_schema::ChatId;
use rookery_schema::message::Message;
use rookery_schema::record::Record;
use rookery_schema::row::EventRow;
use scylla::cluster::metadata::{ColumnType, NativeType};
use scylla::deserialize::FrameSlice;
use scylla::deserialize::value::DeserializeValue;
use scylla::frame::response::result::UserDefinedType;
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::CellWriter;

const CHAT: ChatId = ChatId::from_bytes([3; 16]);
/// Bytes of the length in front of a cell.
const LENGTH_BYTES: usize = 4;

// The first bytes are the event's seq.
fuzz_target!(|bytes: &[u8]| {
    let Some((seq, cell)) = bytes.split_first_chunk() else {
        return;
    };
    let (event_type, seq) = (event_type(), i64::from_be_bytes(*seq));
    let Some(row) = read(&event_type, seq, cell) else {
        return;
    };
    assert_eq!(row.head.seq.0, seq as u64);
    let mut stored = Vec::new();
    event_value(&row)
        .serialize(&event_type, CellWriter::new(&mut stored))
        .expect("what is read can be written");
    assert_eq!(
        read(&event_type, seq, &stored[LENGTH_BYTES..]),
        Some(row.clone())
    );
    if let Ok(Some(message)) = Message::of(&row) {
        assert!(Record::decode(&row.record).is_ok());
        let mut json = Vec::new();
        message.encode(&mut json);
        let shown: serde_json::Value = serde_json::from_slice(&json).expect("it is JSON");
        assert_eq!(shown["content"], message.content);
    }
});

fn read(event_type: &ColumnType<'static>, seq: i64, cell: &[u8]) -> Option<EventRow> {
    let cell = Bytes::copy_from_slice(cell);
    let value = EventValue::deserialize(event_type, Some(FrameSlice::new(&cell))).ok()?;
    event_row(CHAT, seq, &value)
}

/// The type of the migrations in `schema/src/cql.rs`.
fn event_type() -> ColumnType<'static> {
    let fields = [
        ("kind", NativeType::TinyInt),
        ("n", NativeType::BigInt),
        ("log_partition", NativeType::Int),
        ("log_offset", NativeType::BigInt),
        ("message_id", NativeType::Uuid),
        ("sender_id", NativeType::Uuid),
        ("client_id", NativeType::Text),
        ("created_at", NativeType::Timestamp),
        ("content", NativeType::Text),
        ("record", NativeType::Blob),
    ];
    let fields = fields.map(|(name, kind)| (name.into(), ColumnType::Native(kind)));
    let definition = UserDefinedType {
        name: "event".into(),
        keyspace: "rookery".into(),
        field_types: fields.into(),
    };
    ColumnType::UserDefinedType {
        frozen: true,
        definition: Arc::new(definition),
    }
}
