//! A reader who stops reading costs a bounded amount of memory, then their connection; nobody else notices.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a run says what it measured")]

mod support;

use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use support::api::Api;
use support::http::{Http, Request, ResponseReader};
use support::machine::{allow_files, kernel_bytes};
use support::server::SHARDS;
use support::ws::{self, End, Ws};
use support::{Options, PATIENCE, Server, any_user, eventually, start_trusting};

const SLOW_READERS: usize = 8;
/// Nearly the largest message, so that little is needed to fill what is bounded in bytes.
const CONTENT_BYTES: usize = 4000;
const BURST: usize = 50;
/// In each phase: far more than the kernel holds for a reader.
const BURSTS: usize = 400;
/// What the phase with slow readers may take beyond the one without. A reader is slow after some seconds, in
/// which the whole phase may pass, and its bytes are kept once for all readers of a shard; the rest is for
/// references and what was to be framed. Kept once for each reader, they would be eight times a phase.
const EXTRA_BYTES_MAX: u64 = ((SHARDS + 1) * BURSTS * BURST * CONTENT_BYTES) as u64;
/// Kernel memory for what a slow reader does not read; the smaller, the sooner the server notices.
const RECEIVE_BUFFER_BYTES: usize = 4096;

#[test]
fn who_stops_reading_is_closed_and_nobody_else_notices() {
    let (_dir, server) = start_trusting();
    let slow: Vec<String> = (0..SLOW_READERS).map(|_| any_user()).collect();
    let reader = any_user();
    let mut alice = Api::trusted(server.addr, &any_user());
    let mut members: Vec<&str> = slow.iter().map(String::as_str).collect();
    members.push(&reader);
    let chat = alice.create_chat("room", &members);

    let fast_only = flood(&server, &mut alice, &chat, &reader, 2);
    let mut stuck: Vec<Ws> = slow
        .iter()
        .map(|user| stuck_reader(&server, user))
        .collect();
    let first = (BURSTS * BURST + 2) as u64;
    let with_slow = flood(&server, &mut alice, &chat, &reader, first);

    let closed = eventually("every slow reader is closed", || {
        let closed = server
            .metrics()
            .sum_with("rookery_connections_closed_total", "code", "4008");
        (closed >= SLOW_READERS as f64).then_some(closed as usize)
    });
    assert_eq!(closed, SLOW_READERS, "and nobody else");
    eprintln!("resident: {fast_only} bytes without slow readers, {with_slow} with them");
    assert!(
        with_slow < fast_only + EXTRA_BYTES_MAX,
        "{with_slow} bytes with slow readers, {fast_only} without"
    );
    for ws in &mut stuck {
        assert_prefix(ws, first);
    }
}

#[test]
fn who_does_not_read_replies_is_not_read_until_they_do() {
    const PAGES: usize = 150;
    const MESSAGES: usize = 200;
    /// Were all replies made, they would be 60 MB.
    const PAGES_BYTES_MAX: u64 = 24 * 1024 * 1024;
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let content = "x".repeat(CONTENT_BYTES);
    alice.say_all(&chat, &vec![content; MESSAGES]);
    let before = server.resident_bytes();

    // Each page begins elsewhere, so that their order can be seen.
    let first = |n: usize| (MESSAGES - n % 100) as u64;
    let requests: Vec<u8> = (0..PAGES)
        .flat_map(|n| {
            let path = format!("/chats/{chat}/messages?limit=100&before={}", first(n) + 1);
            Request::get(&path).headers(&alice.identity).encode()
        })
        .collect();
    let asked = || server.metrics().sum("rookery_http_requests_total");
    let mut seen = asked();
    let begin = seen;
    let mut http = stuck_http(&server);
    http.write(&requests).unwrap();
    // Each look is a request, too: when nothing else is, the server has stopped.
    eventually("it reads no more", || {
        std::thread::sleep(Duration::from_millis(300));
        let looked = asked();
        let others = looked - std::mem::replace(&mut seen, looked);
        (others <= 1.0).then_some(())
    });
    let begun = seen - begin;
    assert!(begun < PAGES as f64 / 2.0, "{begun} requests were begun");
    let used = server.resident_bytes().saturating_sub(before);
    assert!(
        used < PAGES_BYTES_MAX,
        "{used} bytes for pages that nobody reads"
    );
    server.assert_lives();
    for n in 0..PAGES {
        let page = http.receive().unwrap().expect(200);
        assert_eq!(page[0]["seq"], first(n), "page {n}");
    }
    http.assert_lives();
}

#[test]
fn who_reads_replies_slowly_but_steadily_gets_all_of_them() {
    const MESSAGES: usize = 100;
    /// Well beyond the time in which some has to be taken.
    const SLOWLY: Duration = Duration::from_secs(25);
    let (_dir, server) = start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    alice.say_all(&chat, &vec!["x".repeat(CONTENT_BYTES); MESSAGES]);
    let path = format!("/chats/{chat}/messages?limit={MESSAGES}");
    let page = Request::get(&path).headers(&alice.identity);
    let last = page.clone().header("connection", "close");
    let mut stream = stuck_stream(&server);
    let requests = [page.encode(), last.encode()].concat();
    stream.write_all(&requests).unwrap();
    let mut replies = ResponseReader::new(Trickle {
        stream,
        until: Instant::now() + SLOWLY,
    });
    for _ in 0..2 {
        let page = replies.next(false).unwrap().expect(200);
        assert_eq!(page.as_array().unwrap().len(), MESSAGES);
    }
}

/// Reads 10,000 bytes a second until then, and as fast as it can from then on.
struct Trickle {
    stream: TcpStream,
    until: Instant,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return self.stream.read(buffer);
        }
        std::thread::sleep(Duration::from_millis(100));
        let most = buffer.len().min(1000);
        self.stream.read(&mut buffer[..most])
    }
}

#[test]
fn a_server_that_stood_still_closes_nobody_for_that() {
    const SLOW_SECONDS: u64 = 4;
    const MESSAGES: usize = 500;
    /// What waits for the server when it goes on, and is pushed to the reader at once.
    const LATE: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path())
        .flag("--slow-reader", SLOW_SECONDS)
        .start();
    let user = any_user();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&user]);
    let mut reader = stuck_reader(&server, &user);
    // More than the kernel holds, so that most of it waits in the server.
    alice.say_all(&chat, &vec!["x".repeat(CONTENT_BYTES); MESSAGES]);
    let mut late = Http::connect(server.addr).unwrap();
    late.assert_lives();
    let post = Request::new("POST", &format!("/chats/{chat}/messages"))
        .headers(&alice.identity)
        .json(&json!({"content": "late"}));
    server.signal(Signal::STOP);
    late.write(&post.encode().repeat(LATE)).unwrap();
    std::thread::sleep(Duration::from_secs(2 * SLOW_SECONDS));
    server.signal(Signal::CONT);
    // It may take some of them for later than it serves.
    let posted = (0..LATE).filter(|_| late.receive().unwrap().status == 200);
    let posted = posted.count();
    for seq in 2..2 + MESSAGES + posted {
        let text = reader.poll(PATIENCE).unwrap();
        assert!(text.contains(&format!("\"seq\":{seq},")), "{text:.200}");
    }
}

#[test]
fn a_thousand_who_never_read_cost_a_bounded_amount_of_memory() {
    const READERS: usize = 1000;
    const ROUNDS: usize = 80;
    /// Of the server, beyond what it takes without their backlog: the events once, and references to them.
    const RESIDENT_BYTES_MAX: u64 = 96 << 20;
    /// Of the kernel, for both ends of each connection. It would take 2.5 MiB or more for the server's end.
    const KERNEL_BYTES_MAX: u64 = READERS as u64 * (1280 << 10);
    allow_files(2 * READERS as u64 + 100);
    let dir = tempfile::tempdir().unwrap();
    // A burst for a thousand readers takes a server with assertions nearly the second that it may take by default.
    let server = Options::trusting(dir.path())
        .flag("--lag-limit", 60)
        .start();
    let user = any_user();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[&user]);
    let stuck: Vec<Ws> = (0..READERS).map(|_| stuck_reader(&server, &user)).collect();
    let burst = vec!["x".repeat(CONTENT_BYTES); BURST];
    let before = (server.resident_bytes(), kernel_bytes());
    let mut most = (0, 0);
    for _ in 0..ROUNDS {
        alice.say_all(&chat, &burst);
        let (resident, kernel) = (server.resident_bytes(), kernel_bytes());
        most.0 = most.0.max(resident.saturating_sub(before.0));
        most.1 = most.1.max(kernel.saturating_sub(before.1));
    }
    eventually("all are closed", || {
        let closed = server
            .metrics()
            .sum_with("rookery_connections_closed_total", "code", "4008");
        (closed >= READERS as f64).then_some(())
    });
    drop(stuck);
    eprintln!(
        "at most {} bytes of the server and {} of the kernel",
        most.0, most.1
    );
    assert!(
        most.0 < RESIDENT_BYTES_MAX,
        "{} bytes of the server",
        most.0
    );
    assert!(most.1 < KERNEL_BYTES_MAX, "{} bytes of the kernel", most.1);
    alice.say(&chat, "still here");
}

/// Posts a phase's messages while a reader takes all of them; gives the most memory that was used.
fn flood(server: &Server, alice: &mut Api, chat: &str, reader: &str, first: u64) -> u64 {
    let mut device = Ws::trusted(server.addr, reader);
    let content = "x".repeat(CONTENT_BYTES);
    let burst: Vec<String> = (0..BURST).map(|_| content.clone()).collect();
    let mut most = 0;
    std::thread::scope(|scope| {
        let listening = scope.spawn(move || {
            for seq in first..first + (BURSTS * BURST) as u64 {
                let text = device.poll(PATIENCE).unwrap();
                let needle = format!("\"seq\":{seq},");
                assert!(text.contains(&needle), "{needle} of {text:.200}");
            }
        });
        for _ in 0..BURSTS {
            alice.say_all(chat, &burst);
            most = most.max(server.resident_bytes());
        }
        listening.join().unwrap();
    });
    most
}

/// A connection for which the kernel keeps little.
fn stuck_stream(server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
    socket.connect(&server.addr.into()).unwrap();
    TcpStream::from(socket)
}

fn stuck_http(server: &Server) -> Http {
    Http::from_stream(stuck_stream(server)).unwrap()
}

/// A device that reads nothing more once it is ready: from then on, and no sooner, events come to it.
fn stuck_reader(server: &Server, user: &str) -> Ws {
    let upgrade = ws::upgrade(&format!("/ws/connect/{user}"));
    let mut ws = Ws::over(stuck_http(server), upgrade).ok().unwrap();
    ws.expect_ready(user);
    ws
}

/// What the kernel still held is what came first, without a gap; then the end, with its code where
/// there was room for it.
fn assert_prefix(ws: &mut Ws, first: u64) {
    let mut expected = first;
    loop {
        match ws.poll(Duration::from_secs(5)) {
            Ok(text) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(event["seq"], expected);
                expected += 1;
            }
            Err(End::Closed(4008) | End::Lost) => return,
            Err(end) => panic!("{end:?}"),
        }
    }
}
