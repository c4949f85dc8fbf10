//! How fast rows go in. Run it alone, optimised:
//! `cargo test --release -p rookery-io --test store_scylla -- --ignored --nocapture rates`

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rookery_engine::port::StoreEvent;
use rookery_schema::ChatId;

use super::support::{Keyspace, Shard, keyspace, message_in, reached, start};

const SHARDS: u16 = 2;
const ROWS: u64 = 300_000;
/// Rows of one request, as a shard writes them in one round under load.
const REQUEST_ROWS: u64 = 100;
/// Requests that a shard has under way.
const IN_FLIGHT: usize = 64;
const CONTENT_BYTES: usize = 100;

#[test]
#[ignore = "it measures, and is of no use unless alone and optimised"]
fn rates() {
    let Some(keyspace) = keyspace("rates") else {
        return;
    };
    for chats in [1, 20, 1000] {
        measure(&keyspace, chats);
    }
}

/// One shard's chats, written as fast as they are taken.
fn write_all(mut shard: Shard, number: u16, chats: u64) -> Vec<u64> {
    let chat =
        |n: u64| ChatId::from_bytes((u128::from(number) << 64 | u128::from(n)).to_be_bytes());
    let (mut waiting, mut micros) = (VecDeque::new(), Vec::new());
    let mut next = 0;
    while next < ROWS || !waiting.is_empty() {
        while next < ROWS && waiting.len() < IN_FLIGHT {
            let rows = (next..next + REQUEST_ROWS)
                .map(|n| message_in(chat(n % chats), n / chats + 1, CONTENT_BYTES))
                .chain([reached(number.into(), next)]);
            waiting.push_back(shard.submit_write(rows.collect()));
            next += REQUEST_ROWS;
        }
        match shard.next() {
            StoreEvent::Written {
                token,
                micros: took,
            } => {
                waiting.retain(|waits| *waits != token);
                micros.push(took);
            }
            other => panic!("not what was asked: {other:?}"),
        }
    }
    shard.stop();
    micros
}

#[allow(clippy::print_stdout, reason = "what it measures is what it is for")]
fn measure(keyspace: &Keyspace, chats: u64) {
    let store = keyspace.open();
    let since = Instant::now();
    let threads: Vec<_> = (0..SHARDS)
        .map(|number| {
            let store = store.clone();
            std::thread::spawn(move || write_all(start(&store, number), number, chats))
        })
        .collect();
    let mut micros: Vec<u64> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let took = since.elapsed();
    micros.sort_unstable();
    let at = |share: usize| Duration::from_micros(micros[(micros.len() - 1) * share / 100]);
    let rate = f64::from(SHARDS) * ROWS as f64 / took.as_secs_f64();
    println!(
        "{SHARDS} shards of {chats} chats: {rate:.0} rows/s, p50 {:?}, p99 {:?}",
        at(50),
        at(99)
    );
}
