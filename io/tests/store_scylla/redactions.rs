//! Events that were redacted: what they said is in no row any more.

use rookery_schema::row::Row;

use super::store_redactions::{Case, SECRET, assert_redacted, cases};
use super::support::{Keyspace, keyspace, start};

#[test]
fn a_redaction_stands_whenever_and_however_often_it_and_its_original_were_written() {
    let Some(keyspace) = keyspace("redacted") else {
        return;
    };
    let cases = cases();
    for life in 0..2 {
        let mut shard = start(&keyspace.open(), life);
        for case in &cases {
            case.writes
                .iter()
                .for_each(|rows| shard.write(rows.clone()));
            assert_redacted(&mut shard, case);
        }
        shard.stop();
        assert_eq!(rows_with(&keyspace, SECRET), 0);
    }
    assert!(rows_with(&keyspace, "hello") > 0);
}

/// Its rows have the time of the server's clock as their timestamps.
#[test]
fn what_an_earlier_version_wrote_is_redacted_too() {
    let Some(keyspace) = keyspace("redacted_later") else {
        return;
    };
    let Case {
        chat_id, writes, ..
    } = &cases()[0];
    let mut shard = start(&keyspace.open(), 0);
    shard.write(writes[0].clone());
    let (days, secret) = (2, SECRET);
    let ahead = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() + days * 86_400_000_000;
    let value = |seq: u64, n: u64| {
        format!(
            "INSERT INTO KEYSPACE_NAME.messages (chat_id, bucket, seq, event) VALUES ({chat_id}, 0, {seq}, \
             {{kind: 1, n: {n}, log_partition: 3, log_offset: {}, message_id: {}, sender_id: {}, \
             created_at: {}, content: '{secret}'}}) USING TIMESTAMP {ahead}",
            seq + 10,
            uuid::Uuid::from_u128(seq.into()),
            uuid::Uuid::from_bytes([4; 16]),
            1_700_000_000_000 + seq,
        )
    };
    keyspace.run(&[&value(3, 2), &value(7, 5)]);
    assert!(rows_with(&keyspace, SECRET) > 0);
    shard.write(writes[1].clone());
    assert_redacted(&mut shard, &cases()[0]);
    // And stays it.
    let is_event = |row: &&Row| matches!(row, Row::Event(_));
    shard.write(writes[0].iter().filter(is_event).cloned().collect());
    assert_redacted(&mut shard, &cases()[0]);
    shard.stop();
    assert_eq!(rows_with(&keyspace, SECRET), 0);
}

/// How many events have a text, behind the store's back.
fn rows_with(keyspace: &Keyspace, text: &str) -> usize {
    let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let rows = keyspace.select("SELECT JSON event FROM KEYSPACE_NAME.messages");
    let has_text = |row: &&String| row.contains(text) || row.contains(&bytes);
    rows.iter().filter(has_text).count()
}
