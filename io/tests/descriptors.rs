//! Clients that take all descriptors they can get take none from log, store and operators.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use support::api::Api;
use support::http::{Http, Request};
use support::prometheus::Metrics;
use support::server::Server;
use support::{Options, any_user};

/// What a shell usually allows, and more than that.
const SOFT: u64 = 256;
const HARD: u64 = 1024;
/// More than may be connected then.
const CROWD: usize = 1100;
const ADMIN_CONNECTIONS_MAX: usize = 64;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
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

/// What an operator is told.
fn metrics(server: &Server) -> Metrics {
    let mut operator = Http::connect(server.admin).unwrap();
    let reply = operator.call(&Request::get("/metrics")).unwrap();
    assert_eq!(reply.status, 200, "an operator gets in");
    Metrics::parse(&reply.text())
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
    let metrics = metrics(&server);
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

/// Each network has as many connections as one may, and together they have all.
#[test]
fn strangers_that_hold_all_connections_without_asking_for_anything_keep_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::embedded(dir.path())
        .with_admin()
        .open_files(SOFT, HARD)
        .shards(2)
        .start();
    // Some say nothing, and others begin what they never end.
    let crowd: Vec<Socket> = (0..CROWD)
        .map(|n| {
            let stranger = connect_from([127, 0, 1, (n % 5) as u8], server.addr);
            if n % 2 == 0 {
                stranger.send(b"GET /me HTTP/1.1\r\nhost: ").unwrap();
            }
            stranger
        })
        .collect();
    let operators: Vec<Socket> = (0..2 * ADMIN_CONNECTIONS_MAX)
        .map(|_| connect_from([127, 0, 0, 1], server.admin))
        .collect();
    for n in 0..10 {
        let honest = connect_from([127, 0, 2, n], server.addr);
        assert_eq!(status_of(honest, "/me"), 401, "honest user {n}");
        let probe = connect_from([127, 0, 0, 1], server.admin);
        assert_eq!(status_of(probe, "/livez"), 200, "probe {n}");
    }
    let metrics = metrics(&server);
    assert!(metrics.sum("rookery_connections_displaced_total") > 0.0);
    assert_eq!(metrics.sum("rookery_bugs_total"), 0.0);
    drop((crowd, operators));
}

/// A socket that comes from somewhere. Whoever is not accepted waits in the kernel.
fn connect_from(address: [u8; 4], to: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::from((address, 0));
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// What a client is answered who says nothing before and nothing more.
fn status_of(mut client: Socket, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut line = [0; 12];
    client.read_exact(&mut line).unwrap();
    str::from_utf8(&line[9..]).unwrap().parse().unwrap()
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
