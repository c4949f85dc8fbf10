//! A store that is there and does not answer, or is gone for a while.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rookery_engine::port::{StoreEvent, StoreRequest};
use rookery_io::store::scylla::{Settings, probe};

use super::support::{NEWEST, Shard, keyspace, message, reached, seqs, start};

/// Between two looks at whether the door is open.
const POLL: Duration = Duration::from_millis(5);

/// What lies between the store and its clients.
struct Door {
    address: SocketAddr,
    state: Arc<AtomicU8>,
}

const OPEN: u8 = 0;
/// Connections stay, bytes wait.
const SHUT: u8 = 1;
/// Connections end, and so do new ones.
const GONE: u8 = 2;

impl Door {
    fn to(node: &str) -> Self {
        let node = node.to_socket_addrs().unwrap().next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(AtomicU8::new(OPEN));
        let door = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if door.load(Ordering::Relaxed) == GONE {
                    continue;
                }
                let (client, server) = (client.unwrap(), TcpStream::connect(node).unwrap());
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let door = Arc::clone(&door);
                    thread::spawn(move || carry(from, to, &door));
                }
            }
        });
        Self { address, state }
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    let mut bytes = [0; 1 << 16];
    from.set_read_timeout(Some(POLL)).unwrap();
    while state.load(Ordering::Relaxed) != GONE {
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        while state.load(Ordering::Relaxed) == SHUT {
            thread::sleep(POLL);
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    // An end that is gone already needs no telling.
    let _ = to.shutdown(Shutdown::Both);
}

fn is_read_refused(shard: &mut Shard) -> bool {
    let read = shard.submit(|token| StoreRequest::Read {
        token,
        read: NEWEST,
    });
    match shard.next() {
        StoreEvent::Read { token, outcome } => {
            assert_eq!(token, read);
            outcome.is_err()
        }
        other => panic!("not what was asked: {other:?}"),
    }
}

#[test]
fn a_frozen_store_refuses_reads_in_time_and_gets_all_writes_later() {
    let Some(mut keyspace) = keyspace("frozen") else {
        return;
    };
    let door = Door::to(&keyspace.node);
    keyspace.settings.nodes = vec![door.address.to_string()];
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    door.set(SHUT);
    let writes: Vec<_> = (2..40)
        .map(|seq| shard.submit_write(vec![message(seq, 10), reached(0, seq)]))
        .collect();
    let sync = shard.submit(|token| StoreRequest::Sync { token });
    let asked = Instant::now();
    assert!(is_read_refused(&mut shard));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(3), "refused after {took:?}");
    // Longer than an attempt to write may take.
    thread::sleep(Duration::from_secs(3));
    door.set(OPEN);
    let mut answered = Vec::new();
    loop {
        match shard.next() {
            StoreEvent::Written { token, .. } => answered.push(token),
            StoreEvent::Synced { token } => break assert_eq!(token, sync),
            other => panic!("not what was asked: {other:?}"),
        }
    }
    assert_eq!(answered, writes);
    assert_eq!(seqs(&shard.read(&NEWEST)), [39]);
    shard.stop();
}

#[test]
fn a_lane_does_not_outlive_its_shard_for_long_when_the_store_is_frozen() {
    let Some(mut keyspace) = keyspace("frozen_end") else {
        return;
    };
    let door = Door::to(&keyspace.node);
    keyspace.settings.nodes = vec![door.address.to_string()];
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    door.set(SHUT);
    shard.submit_write(vec![message(2, 1)]);
    let since = Instant::now();
    shard.stop();
    let took = since.elapsed();
    assert!(took < Duration::from_secs(10), "it ended after {took:?}");
    door.set(OPEN);
}

/// The driver alone would look for it every ten seconds by then.
#[test]
fn a_store_that_was_gone_is_used_again_at_once() {
    let Some(mut keyspace) = keyspace("gone") else {
        return;
    };
    let door = Door::to(&keyspace.node);
    keyspace.settings.nodes = vec![door.address.to_string()];
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![message(1, 1)]);
    door.set(GONE);
    thread::sleep(Duration::from_millis(100));
    assert!(is_read_refused(&mut shard));
    let written = shard.submit_write(vec![message(2, 1)]);
    thread::sleep(Duration::from_secs(7));
    door.set(OPEN);
    let since = Instant::now();
    match shard.next() {
        StoreEvent::Written { token, .. } => assert_eq!(token, written),
        other => panic!("not what was asked: {other:?}"),
    }
    let took = since.elapsed();
    assert!(took < Duration::from_secs(3), "after {took:?}");
    assert_eq!(seqs(&shard.read(&NEWEST)), [2]);
    shard.stop();
}

#[test]
fn a_store_that_does_not_answer_is_told_from_one_that_does() {
    let Some(keyspace) = keyspace("probe") else {
        return;
    };
    let patience = Duration::from_millis(1500);
    let answer = probe(&keyspace.settings, patience).unwrap();
    assert!(!answer.release.is_empty() && !answer.datacenter.is_empty());
    let door = Door::to(&keyspace.node);
    door.set(SHUT);
    let settings = Settings {
        nodes: vec![door.address.to_string()],
        ..keyspace.settings.clone()
    };
    let text = probe(&settings, patience).unwrap_err().to_string();
    assert!(text.contains("correct --scylla"), "{text}");
}
