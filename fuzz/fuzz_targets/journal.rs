//! Journals of the embedded store's database: what a crash or a bad disk makes of them, and any bytes.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rookery_io::store::embedded::journal::{Age, Verdict, examine};

const MARK: &[u8; 16] = b"known to nobody!";

#[derive(Arbitrary, Debug)]
enum Journal {
    Written {
        batches: Vec<Vec<Item>>,
        /// What comes behind was never written.
        cut: u16,
        /// Bytes behind, given to the file before.
        room: u16,
    },
    Foreign(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Item {
    Insert(Vec<u8>, Vec<u8>),
    Clear,
}

fuzz_target!(|journal: Journal| {
    match journal {
        Journal::Written { batches, cut, room } => check_written(&batches, cut, room),
        Journal::Foreign(bytes) => check_any(&bytes),
    }
});

/// What is found torn is whole once it was cut off there, and only the newest journal may be torn.
fn check_any(bytes: &[u8]) {
    let newest = examine(bytes, MARK, Age::Newest);
    match newest {
        Verdict::Clean => {}
        Verdict::Torn(at) => {
            assert_eq!(examine(&bytes[..at], MARK, Age::Newest), Verdict::Clean);
        }
        Verdict::Corrupt(at) => assert!(at < bytes.len()),
    }
    let sealed = examine(bytes, MARK, Age::Sealed);
    assert!(!matches!(sealed, Verdict::Torn(_)));
    assert_eq!(sealed == Verdict::Clean, newest == Verdict::Clean);
    let longer = [bytes, &[0; 100]].concat();
    if newest == Verdict::Clean {
        assert_eq!(examine(&longer, MARK, Age::Newest), Verdict::Clean);
    }
}

fn check_written(batches: &[Vec<Item>], cut: u16, room: u16) {
    let (mut journal, mut ends) = (Vec::new(), vec![0]);
    for (seqno, items) in (1..).zip(batches) {
        put_batch(&mut journal, seqno, items);
        ends.push(journal.len());
    }
    let cut = usize::from(cut).min(journal.len());
    let len = journal.len() + usize::from(room);
    journal.truncate(cut);
    journal.resize(len, 0);
    let whole = ends.iter().rev().find(|end| **end <= cut).copied();
    let whole = whole.unwrap_or_default();
    let is_clean = journal[whole..].iter().all(|byte| *byte == 0);
    let expected = if is_clean {
        Verdict::Clean
    } else {
        Verdict::Torn(whole)
    };
    assert_eq!(examine(&journal, MARK, Age::Newest), expected);
    check_any(&journal);
}

/// Writes a batch as the database does; see the module that reads it.
fn put_batch(out: &mut Vec<u8>, seqno: u64, items: &[Item]) {
    let mut body = Vec::new();
    for item in items {
        match item {
            Item::Insert(key, value) => put_insert(&mut body, key, value),
            Item::Clear => {
                body.push(4);
                body.extend_from_slice(&1u64.to_le_bytes());
            }
        }
    }
    put_insert(&mut body, b"mark", MARK);
    out.push(1);
    out.extend_from_slice(&(items.len() as u32 + 1).to_le_bytes());
    out.extend_from_slice(&seqno.to_le_bytes());
    out.extend_from_slice(&body);
    out.push(3);
    out.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&body).to_le_bytes());
    out.extend_from_slice(b"FJL\x03");
}

fn put_insert(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(&[2, 0, 0]);
    out.extend_from_slice(&1u64.to_le_bytes());
    out.extend_from_slice(&(key.len() as u16).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}
