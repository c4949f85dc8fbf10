//! A store that can open no file.

use std::time::Duration;

use rookery_engine::port::{Read, StoreEvent, StoreRequest};
use rookery_schema::Seq;
use rookery_testing::dice::Dice;

use super::few_descriptors::{in_own_process, without_descriptors};
use super::support::{CHAT, message, message_of, open, seqs, start};

/// Together more than all memtables, so that some are flushed and their tables merged.
const MESSAGES: u64 = 200;
const MESSAGE_BYTES: usize = 400_000;

#[test]
fn without_descriptors_writes_wait_and_nothing_is_lost() {
    in_own_process(
        "descriptors::without_descriptors_writes_wait_and_nothing_is_lost",
        writes_wait,
    );
}

/// Letters that no compression makes much of.
fn content(seq: u64) -> String {
    let mut dice = Dice::new(seq);
    let letter = |_| char::from(b'0' + dice.below(64) as u8);
    (0..MESSAGE_BYTES).map(letter).collect()
}

fn writes_wait() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let mut shard = start(&store, 0);
    shard.write(vec![message(1, 100)]);
    let (waiting, answered) = without_descriptors(|| {
        let submit = |seq| {
            let rows = vec![message_of(seq, &content(seq))];
            shard.submit(|token| StoreRequest::Write { token, rows })
        };
        let waiting = Vec::from_iter((2..=MESSAGES).map(submit));
        let answers = std::iter::from_fn(|| shard.next_within(Duration::from_secs(2)));
        let answered = answers.count();
        (waiting, answered)
    });
    assert!(answered < waiting.len(), "no file was to be opened");
    for wanted in &waiting[answered..] {
        match shard.next() {
            StoreEvent::Written { token, .. } => assert_eq!(token, *wanted),
            other => panic!("not what was asked: {other:?}"),
        }
    }
    shard.stop();
    drop(store);
    let mut shard = start(&open(root.path()).unwrap(), 0);
    let mut found = Vec::new();
    while found.len() < MESSAGES as usize {
        let after = Seq(found.len() as u64);
        let page = Read::MessagesAfter {
            chat_id: CHAT,
            after,
            limit: 20,
        };
        let page = seqs(&shard.read(&page));
        assert!(!page.is_empty(), "behind {after:?}");
        found.extend(page);
    }
    assert_eq!(found, Vec::from_iter(1..=MESSAGES));
    shard.stop();
}
