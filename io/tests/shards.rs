//! What a client notices of the threads, rings and sockets under the engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod toy;

use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rookery_io::server;
use rookery_io::startup::Startup;
use toy::{Client, FLOOD_CHUNK, PATIENCE, ToyServer};

/// Descriptors and threads are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed leaves nothing behind that matters to the next.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn lines_come_back_in_order_however_they_are_cut() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut client = Client::connect(server.address);
    for piece in ["he", "llo\nwor", "ld\n", "a\nb\n"] {
        client.write(piece);
        thread::sleep(Duration::from_millis(2));
    }
    for expected in ["hello", "world", "a", "b"] {
        assert_eq!(client.line().unwrap(), expected);
    }
}

#[test]
fn a_peer_that_only_stops_sending_still_gets_what_was_answered() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut client = Client::connect(server.address);
    client.write("last words\n");
    client.reader.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.line().unwrap(), "last words");
    assert_eq!(client.line(), None);
}

#[test]
fn every_connection_is_gone_once_however_it_ended() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    for order in ["", "close\n", "abort\n", "panic\n", "half a line"] {
        let mut client = Client::connect(server.address);
        client.write(order);
        if !order.is_empty() && order.ends_with('\n') {
            let mut rest = Vec::new();
            let _ = client.reader.read_to_end(&mut rest);
        }
    }
    let mut observer = Client::connect(server.address);
    until(
        "one is left, five are gone, one of them with a panic",
        || observer.ask("count") == "[1, 5, 1]",
    );
}

#[test]
fn a_panic_ends_one_connection_and_no_other() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let (mut victim, mut bystander) = (
        Client::connect(server.address),
        Client::connect(server.address),
    );
    assert_eq!(victim.ask("hello"), "hello");
    assert_eq!(bystander.ask("hello"), "hello");
    victim.write("panic\n");
    assert_eq!(victim.line(), None);
    assert_eq!(bystander.ask("still here"), "still here");
}

#[test]
fn a_crowd_is_told_in_turn_and_others_before_it() {
    const CROWD: usize = 150;
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let connect = || Client::connect(server.address);
    let mut crowd: Vec<Client> = (0..CROWD).map(|_| connect()).collect();
    for client in &mut crowd {
        assert_eq!(client.ask("hello"), "hello");
    }
    let mut teller = connect();
    assert_eq!(teller.ask("tell news"), "told");
    for client in &mut crowd {
        assert_eq!(client.line().unwrap(), "news");
    }
    let rounds = "[(true, 151), (false, 86), (false, 22)]";
    assert_eq!(teller.ask("told"), rounds);
}

/// Far sooner than it would tick, which it does every 100 ms: the best of several times, as this machine may be busy.
#[test]
fn a_shard_wakes_when_its_engine_wants_to() {
    const WAIT_MICROS: u64 = 3_000;
    const SOON_MICROS: u64 = 30_000;
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut client = Client::connect(server.address);
    let waits = (0..20).map(|_| {
        client
            .ask(&format!("wake {WAIT_MICROS}"))
            .parse::<u64>()
            .unwrap()
    });
    let shortest = waits.min().unwrap();
    assert!(
        (WAIT_MICROS..SOON_MICROS).contains(&shortest),
        "{shortest} µs"
    );
}

#[test]
fn the_last_words_arrive_even_if_the_peer_goes_on_sending() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    for _ in 0..20 {
        let mut client = Client::connect(server.address);
        client.write("close\n");
        client.write(&"more\n".repeat(10_000));
        assert_eq!(client.line().unwrap(), "bye");
        assert_eq!(client.line(), None, "and the end is no reset");
    }
}

#[test]
fn a_closed_connection_does_not_linger_for_ever() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut client = Client::connect(server.address);
    assert_eq!(client.ask("close"), "bye");
    let mut observer = Client::connect(server.address);
    until("the server lets go", || {
        observer.ask("count") == "[1, 1, 0]"
    });
    drop(client);
}

#[test]
fn a_reader_that_stops_reading_blocks_nobody_and_loses_nothing() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let chunks = 400;
    let (mut slow, mut other) = (
        Client::connect(server.address),
        Client::connect(server.address),
    );
    slow.write(&format!("flood {chunks}\nend\n"));
    thread::sleep(Duration::from_millis(50));
    let begin = Instant::now();
    for _ in 0..100 {
        assert_eq!(other.ask("hello"), "hello");
    }
    assert!(begin.elapsed() < Duration::from_secs(2));
    let mut received = vec![0; chunks * FLOOD_CHUNK];
    slow.reader.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|&byte| byte == b'x'));
    assert_eq!(slow.line().unwrap(), "end");
}

#[test]
fn a_socket_moves_with_its_unread_bytes_and_leaks_no_descriptor() {
    let _alone = alone();
    let server = ToyServer::start(&[None, None]);
    // A shard that has served somebody has what it needs for itself.
    for _ in 0..8 {
        assert_eq!(Client::connect(server.address).ask("hello"), "hello");
    }
    let before = open_descriptors();
    for round in 0..50 {
        let mut client = Client::connect(server.address);
        let here: u16 = client.ask("where").parse().unwrap();
        // Over to the other shard, from there to itself, and back.
        let there = 1 - here;
        client.write(&format!(
            "move {there}\nmove {there}\nwhere\nmove {here}\nwhere\n"
        ));
        for expected in [
            "moving".to_owned(),
            format!("arrived at {there}"),
            "moving".to_owned(),
            format!("arrived at {there}"),
            there.to_string(),
            "moving".to_owned(),
            format!("arrived at {here}"),
            here.to_string(),
        ] {
            assert_eq!(client.line().unwrap(), expected, "in round {round}");
        }
        assert_eq!(client.ask("on it goes"), "on it goes");
    }
    until("all descriptors are closed", || {
        open_descriptors() <= before
    });
}

#[test]
fn shards_answer_each_other() {
    let _alone = alone();
    let server = ToyServer::start(&[None, None, None]);
    let mut client = Client::connect(server.address);
    client.write(
        &(0..300)
            .map(|n| format!("ask {}\n", n % 3))
            .collect::<String>(),
    );
    let mut answers: Vec<_> = (0..300).map(|_| client.line().unwrap()).collect();
    answers.sort();
    answers.dedup();
    assert_eq!(answers, ["answer from 0", "answer from 1", "answer from 2"]);
}

#[test]
fn a_shard_is_told_when_too_much_waits_for_another() {
    let _alone = alone();
    let server = ToyServer::start(&[None, None]);
    let mut client = Client::connect(server.address);
    let there = 1 - client.ask("where").parse::<u16>().unwrap();
    let nap = toy::NAP.lock().unwrap();
    client.write(&format!("nap {there}\nheap {there}\n"));
    client.write(&"append\n".repeat(300));
    let mut told = || {
        let mut lines = std::iter::from_fn(|| client.line());
        lines.find(|line| line != "appended").unwrap()
    };
    assert_eq!(told(), "full: true");
    drop(nap);
    assert_eq!(told(), "full: false");
}

#[test]
fn a_lane_with_little_room_gets_everything_in_the_end() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut client = Client::connect(server.address);
    client.write(&"append\n".repeat(500));
    for _ in 0..500 {
        assert_eq!(client.line().unwrap(), "appended");
    }
}

#[test]
fn a_stop_waits_for_what_was_begun_and_ends_every_thread() {
    let _alone = alone();
    let mut server = ToyServer::start(&[None, None]);
    until("shards, lanes and hashers run", || server_threads() >= 6);
    let mut client = Client::connect(server.address);
    client.write(&"append\n".repeat(100));
    assert_eq!(client.line().unwrap(), "appended");
    assert!(server.stop(PATIENCE));
    for _ in 1..100 {
        assert_eq!(client.line().unwrap(), "appended");
    }
    assert_eq!(client.line(), None);
    assert!(std::net::TcpStream::connect(server.address).is_err());
    until("the threads are gone", || server_threads() == 0);
}

fn server_threads() -> usize {
    let kinds = ["shard-", "log-", "password-"];
    fs::read_dir("/proc/self/task")
        .unwrap()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .filter(|name| kinds.iter().any(|kind| name.starts_with(kind)))
        .count()
}

#[test]
fn shards_and_lanes_run_where_they_were_put_and_hashers_anywhere() {
    let _alone = alone();
    let cpus = core_affinity::get_core_ids().unwrap();
    let (first, last) = (cpus[0].id, cpus.last().unwrap().id);
    let everywhere = allowed_cpus("self").unwrap();
    let _server = ToyServer::start(&[Some(first), Some(last)]);
    for (thread, expected) in [
        ("shard-0", first.to_string()),
        ("shard-1", last.to_string()),
        ("log-0", first.to_string()),
        ("log-1", last.to_string()),
        ("password-0", everywhere),
    ] {
        until("the thread is where it should be", || {
            fs::read_dir("/proc/self/task")
                .unwrap()
                .flatten()
                .any(|task| {
                    let id = task.file_name();
                    let id = format!("self/task/{}", id.to_string_lossy());
                    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
                    name.trim() == thread && allowed_cpus(&id).as_ref() == Some(&expected)
                })
        });
    }
}

fn allowed_cpus(process: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

#[test]
fn an_address_in_use_is_refused_with_a_remedy() {
    let _alone = alone();
    let server = ToyServer::start(&[None]);
    let mut config = toy::config(&[None]);
    config.listen = server.address;
    let error = server::start(&config, toy::Toy::new, &Startup::default(), toy::open)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("in use: stop the program"),
        "{error}"
    );
}
