//! Clients that ask without end and never read, from many addresses and without a login: they cost a bounded amount of
//! memory, and nobody else waits for them for long.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a run says what it measured")]

mod support;

use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use support::api::Api;
use support::machine::{allow_files, queued_bytes};
use support::{Options, Server, any_user};

const ATTACKERS: usize = 1500;
const ADDRESSES: usize = 50;
/// Longer than a client may take nothing of what waits, so that most are cut off, and come back.
const ATTACK: Duration = Duration::from_secs(20);
/// Of the server, for each of them.
const RESIDENT_BYTES_MAX: u64 = ATTACKERS as u64 * (48 << 10);
/// Of the kernel, for the server's end of each.
const KERNEL_BYTES_MAX: u64 = ATTACKERS as u64 * (80 << 10);
/// Kernel memory of theirs: it is on this machine too.
const THEIR_BYTES: usize = 16 << 10;
/// Posts between two looks at the memory.
const LOOK_EVERY: usize = 10;
/// In a debug build, beside 1,500 others on a busy machine.
const POST_TIME_MAX: Duration = Duration::from_secs(5);

#[test]
fn who_asks_without_end_and_never_reads_costs_little_and_holds_nobody_up() {
    allow_files(ATTACKERS as u64 + 200);
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .shards(2)
        .open_files(4096, 4096)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "before");
    let before = server.resident_bytes();
    let (mut most, mut slowest, mut posts) = ((0, 0), Duration::ZERO, 0);
    thread::scope(|scope| {
        let (addr, end) = (server.addr, Instant::now() + ATTACK);
        scope.spawn(move || attack(addr, end));
        while Instant::now() < end {
            let asked = Instant::now();
            alice.say(&chat, "still here");
            slowest = slowest.max(asked.elapsed());
            posts += 1;
            if posts % LOOK_EVERY == 0 {
                most.0 = most.0.max(server.resident_bytes().saturating_sub(before));
                most.1 = most.1.max(queued_bytes(server.addr));
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    eprintln!(
        "at most {} bytes of the server and {} of the kernel; the slowest of {posts} posts took {slowest:?}",
        most.0, most.1
    );
    let cut = cut_off(&server);
    assert!(cut >= ATTACKERS as f64 / 2.0, "{cut} were cut off");
    assert!(most.0 < RESIDENT_BYTES_MAX, "{} bytes", most.0);
    assert!(most.1 < KERNEL_BYTES_MAX, "{} bytes of the kernel", most.1);
    assert!(slowest < POST_TIME_MAX, "{slowest:?}");
}

fn cut_off(server: &Server) -> f64 {
    server.metrics().sum("rookery_connections_cut_total")
}

/// Keeps all attackers connected, and sending, until then.
fn attack(server: SocketAddr, end: Instant) {
    let train = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let mut attackers: Vec<Option<(TcpStream, usize)>> = (0..ATTACKERS).map(|_| None).collect();
    while Instant::now() < end {
        for (n, attacker) in attackers.iter_mut().enumerate() {
            if attacker.is_none() {
                *attacker = connect(n, server).map(|stream| (stream, 0));
            }
            if let Some((stream, sent)) = attacker
                && !send(stream, sent, &train)
            {
                *attacker = None;
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// From one of the addresses, which are strangers.
fn connect(n: usize, server: SocketAddr) -> Option<TcpStream> {
    let address = Ipv4Addr::new(127, 0, 0, 2 + (n % ADDRESSES) as u8);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(THEIR_BYTES).unwrap();
    socket.set_send_buffer_size(THEIR_BYTES).unwrap();
    socket
        .bind(&SocketAddr::from((IpAddr::V4(address), 0)).into())
        .unwrap();
    socket.connect(&server.into()).ok()?;
    socket.set_nonblocking(true).unwrap();
    Some(socket.into())
}

/// Sends what the server takes; false where it has ended the connection.
fn send(stream: &mut TcpStream, sent: &mut usize, train: &[u8]) -> bool {
    loop {
        match stream.write(&train[*sent..]) {
            Ok(taken) => *sent = (*sent + taken) % train.len(),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
