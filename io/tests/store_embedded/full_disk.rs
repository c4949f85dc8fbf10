//! Rows that the disk has no room for.

use std::time::Duration;

use rookery_engine::port::{Read, StoreEvent, StoreRequest};
use rookery_schema::{ChatId, Seq};

use super::disk::{SmallDisk, with_small_disk};
use super::support::{NEWEST, message, open, open_with, seqs, start};

#[test]
fn on_a_full_disk_writes_wait_and_reads_go_on() {
    with_small_disk(96, |disk| {
        writes_wait_and_reads_go_on(disk, 512 << 20, 8 << 20)
    });
}

/// Without a reserve, the database itself fails in the middle of writing.
#[test]
fn on_a_full_disk_without_a_reserve_they_do_so_too() {
    with_small_disk(96, |disk| writes_wait_and_reads_go_on(disk, 0, 60_000));
}

fn writes_wait_and_reads_go_on(disk: &SmallDisk, reserve_bytes: u64, leave_bytes: u64) {
    let root = disk.path().join("data");
    let store = open_with(&root, reserve_bytes).unwrap();
    let (mut writer, mut reader) = (start(&store, 0), start(&store, 1));
    writer.write(vec![message(1, 100)]);
    disk.fill(leave_bytes);
    let mut waiting = Vec::new();
    for seq in 2..40 {
        let rows = vec![message(seq, 5000)];
        waiting.push(writer.submit(|token| StoreRequest::Write {
            token,
            rows: rows.clone(),
        }));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!seqs(&reader.read(&NEWEST)).is_empty());
    let answered = std::iter::from_fn(|| writer.next_within(Duration::from_millis(10)));
    let answered = answered.count();
    assert!(answered < waiting.len(), "the disk was not full");
    disk.free();
    for wanted in &waiting[answered..] {
        match writer.next() {
            StoreEvent::Written { token, .. } => assert_eq!(token, *wanted),
            other => panic!("not what was asked: {other:?}"),
        }
    }
    reader.write(vec![message(40, 1)]);
    assert_eq!(seqs(&writer.read(&NEWEST)), [40]);
    writer.stop();
    reader.stop();
    drop(store);
    let mut shard = start(&open(&root).unwrap(), 0);
    let chat_id = ChatId::from_bytes([9; 16]);
    let all = Read::MessagesAfter {
        chat_id,
        after: Seq(0),
        limit: 100,
    };
    assert_eq!(seqs(&shard.read(&all)), Vec::from_iter(1..=40));
    shard.stop();
}
