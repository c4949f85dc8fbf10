//! Log records, alone and in batches, and what a topic has besides: whatever is taken for one is written again as it
//! was, so that nothing of it was passed over.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::claims::{Claim, Stamp};
use rookery_schema::event::Event;
use rookery_schema::record::{Record, RecordError};
use rookery_schema::{Seq, format};

fuzz_target!(|bytes: &[u8]| {
    record(bytes);
    if let Ok(batch) = RecordBatch::from_bytes(Bytes::copy_from_slice(bytes)) {
        check_batch(batch);
    }
    if let Some(claim) = Claim::decode(bytes) {
        assert_eq!(claim.encode(), bytes);
    }
    if let Some(stamp) = Stamp::decode(bytes) {
        assert_eq!(stamp.encode(), bytes);
    }
});

fn record(bytes: &[u8]) {
    let is_unknown = matches!(Record::decode(bytes), Err(RecordError::UnknownKind(_)));
    assert_eq!(format::of_record(bytes) > format::NEWEST, is_unknown);
    let Ok(record) = Record::decode(bytes) else {
        return;
    };
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, bytes);
    if let Some(event) = Event::of(&record) {
        let mut json = Vec::new();
        event.encode(Seq(7), &mut json);
        let event: serde_json::Value = serde_json::from_slice(&json).expect("an event is JSON");
        assert_eq!(event["seq"], 7);
        assert!(!json.contains(&b'\n'), "an event is one line");
    }
}

fn check_batch(mut batch: RecordBatch) {
    let mut again = RecordBatchBuilder::default();
    for bytes in batch.slices() {
        record(bytes);
        again.push_encoded(bytes);
    }
    assert_eq!(again.take(), batch);
    let records: Vec<Bytes> = batch.iter().collect();
    assert_eq!(records.len(), batch.len() as usize);
    for first in records {
        assert_eq!(batch.first(), Some(&first[..]));
        batch.remove_first();
    }
    assert!(batch.is_empty() && batch.as_bytes().is_empty());
}
