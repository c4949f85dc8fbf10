//! Clients that take all descriptors they can get take none from log, store and operators.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use support::api::Api;
use support::http::{Http, Request};
use support::prometheus::Metrics;
use support::{Options, any_user};

/// What a shell usually allows, and more than that.
const SOFT: u64 = 256;
const HARD: u64 = 1024;
/// More than may be connected then.
const CROWD: usize = 1100;
/// Enough to fill a segment of the log, and for the store to merge its tables.
const BURSTS: usize = 400;
const BURST: usize = 50;
const CONTENT_BYTES: usize = 4000;
/// What is set aside for two shards, two partitions and a store.
const OTHERS_MAX: usize = 128 + 2 * 32 + 2 * 6 + 320;

/// Descriptors of a process that are no connections.
fn open_files(process: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let targets = descriptors.filter_map(|it| fs::read_link(it.unwrap().path()).ok());
    let files = targets.filter(|target| !target.to_string_lossy().starts_with("socket:"));
    files.count()
}

#[test]
fn a_crowd_of_idle_clients_costs_nobody_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .with_admin()
        .open_files(SOFT, HARD)
        .shards(2)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);

    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| TcpStream::connect(server.addr).unwrap())
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let burst = vec!["x".repeat(CONTENT_BYTES); BURST];
    for _ in 0..BURSTS {
        alice.say_all(&chat, &burst);
    }
    let metrics = Http::connect(server.admin)
        .unwrap()
        .call(&Request::get("/metrics"));
    let metrics = metrics.unwrap();
    assert_eq!(metrics.status, 200, "an operator gets in");
    let metrics = Metrics::parse(&metrics.text());
    let connections_max = metrics.sum("rookery_connections_max");
    assert_eq!(connections_max as usize, HARD as usize - OTHERS_MAX - 64);
    let connected = metrics.sum("rookery_http_connections");
    assert!(connected >= connections_max, "{connected}");
    let others = open_files(server.id());
    assert!(others <= OTHERS_MAX, "{others} files besides connections");
    drop(crowd);
    let mut bob = Api::trusted(server.addr, &any_user());
    bob.create_chat("another", &[]);
    assert!(!server.log().contains("Too many open files"));
}

#[test]
fn too_few_descriptors_for_a_server_are_said_at_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Options::embedded(dir.path())
        .flag("--auth", "trust")
        .open_files(SOFT, SOFT)
        .shards(2)
        .spawn();
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    let log = server.log();
    assert!(log.contains("only 256 files may be open"), "{log}");
    assert!(log.contains("raise ulimit -n"), "{log}");
}

/// Each has files of its own, whether they are to be made or were made before.
#[test]
fn the_files_of_all_partitions_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::embedded(dir.path()).shards(1);
    drop(options.clone().flag("--partitions", 100).start());
    let mut server = options.open_files(SOFT, HARD).spawn();
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    let log = server.log();
    assert!(log.contains("only 1024 files may be open"), "{log}");
}
