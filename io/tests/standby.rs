//! What clients are told before a server is ready, and while it ends: who connects is answered.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::http::{Http, Request, Response};
use support::server::READY_WITHIN;
use support::{Api, Options, any_user, eventually};

/// Port 1 of the loopback: nothing listens there, and it refuses at once.
const NOBODY: &str = "127.0.0.1:1";
/// Clients that do not come to the end of a request: more than are served at a time.
const SILENT: usize = 200;
/// Open files that leave some for clients, and for fewer than would be served at a time.
const FEW_FILES: u64 = 128 + 64 + 2 * (32 + 64) + 320 + 50;
/// How long after a signal to stop nobody may hear any more that the server is ready.
const AT_ONCE: Duration = Duration::from_millis(500);

/// One request on a connection of its own; `None` where nobody listens.
fn try_get(addr: SocketAddr, path: &str) -> Option<io::Result<Response>> {
    let mut http = Http::connect(addr).ok()?;
    Some(http.call(&Request::get(path)))
}

#[track_caller]
fn get(addr: SocketAddr, path: &str) -> Response {
    let reply = eventually("it listens", || try_get(addr, path));
    reply.unwrap()
}

/// Asserts a refusal for now, and gives its text for people.
#[track_caller]
fn refused(reply: &Response) -> String {
    reply.expect_problem(503, "unavailable");
    reply.retry_after();
    assert_eq!(reply.header("connection"), Some("close"));
    reply.json()["detail"].as_str().unwrap().to_owned()
}

/// A server that never becomes ready, since it has no broker.
fn waiting(dir: &Path) -> Options {
    Options::embedded(dir)
        .flag("--log", "redpanda")
        .flag("--brokers", NOBODY)
        .shards(2)
}

#[track_caller]
fn assert_says(addr: SocketAddr, what: &str) {
    eventually(what, || {
        refused(&get(addr, "/readyz")).contains(what).then_some(())
    });
}

#[test]
fn a_start_that_waits_is_alive_and_says_what_it_waits_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = waiting(dir.path()).spawn();
    assert_says(
        server.addr,
        "is starting: it waits for the log's brokers at 127.0.0.1:1 (",
    );
    assert_eq!(get(server.addr, "/livez").status, 200);
    for path in ["/chats", "/metrics"] {
        assert_eq!(refused(&get(server.addr, path)), "the server is starting");
    }
    let posted = Http::connect(server.addr)
        .unwrap()
        .call(&Request::new("POST", "/users").form("a=b"));
    assert_eq!(refused(&posted.unwrap()), "the server is starting");
    // It has no keys to read again yet, and goes on.
    server.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(get(server.addr, "/livez").status, 200);
    let began = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{began:?}");
}

#[test]
fn a_start_that_waits_for_its_store_says_so_at_the_operators_address_alone() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::embedded(dir.path())
        .flag("--store", "scylla")
        .flag("--scylla", NOBODY)
        .with_admin()
        .spawn();
    let admin = server.admin;
    assert_says(
        admin,
        "is starting: it waits for the store at 127.0.0.1:1 (",
    );
    assert_eq!(get(admin, "/livez").status, 200);
    let public = refused(&get(server.addr, "/readyz"));
    assert_eq!(public, "the server is starting");
}

#[track_caller]
fn assert_answered_at_once(addr: SocketAddr, path: &str) -> Response {
    let began = Instant::now();
    let reply = get(addr, path);
    assert!(began.elapsed() < Duration::from_secs(2), "{began:?}");
    reply
}

#[test]
fn clients_that_send_nothing_keep_nobody_else_from_being_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = waiting(dir.path()).spawn();
    get(server.addr, "/livez");
    let begun = Begun::new(server.addr, &Request::get("/chats"), 10);
    let silent: Vec<_> = (0..SILENT)
        .map(|_| TcpStream::connect(server.addr).unwrap())
        .collect();
    assert_eq!(assert_answered_at_once(server.addr, "/livez").status, 200);
    refused(&assert_answered_at_once(server.addr, "/chats"));
    // Who has begun to ask keeps their place.
    let mut begun = begun;
    begun.send_rest();
    refused(&begun.reply());
    drop(silent);
}

#[test]
fn clients_that_come_to_no_end_keep_nobody_else_from_being_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = waiting(dir.path()).spawn();
    get(server.addr, "/livez");
    let request = Request::get("/chats");
    let mut slow: Vec<_> = (0..SILENT)
        .map(|_| Begun::new(server.addr, &request, 10))
        .collect();
    assert_eq!(assert_answered_at_once(server.addr, "/livez").status, 200);
    // Who makes room is answered, though their request is not there.
    refused(&slow.remove(0).reply());
}

#[test]
fn silent_clients_make_room_where_descriptors_are_few() {
    let dir = tempfile::tempdir().unwrap();
    let server = waiting(dir.path()).open_files(FEW_FILES, FEW_FILES).spawn();
    get(server.addr, "/livez");
    let silent: Vec<_> = (0..SILENT)
        .map(|_| TcpStream::connect(server.addr).unwrap())
        .collect();
    assert_eq!(assert_answered_at_once(server.addr, "/livez").status, 200);
    drop(silent);
}

#[test]
fn silent_clients_of_the_public_address_do_not_keep_operators_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = waiting(dir.path()).with_admin().spawn();
    get(server.addr, "/livez");
    let silent: Vec<_> = (0..SILENT)
        .map(|_| TcpStream::connect(server.addr).unwrap())
        .collect();
    assert_eq!(assert_answered_at_once(server.admin, "/livez").status, 200);
    drop(silent);
}

/// What clients heard, each on a connection of its own, for as long as somebody listens: when they asked, and the
/// status. A connection without a reply fails the test.
fn ask_until_gone(addr: SocketAddr, asked: &AtomicUsize) -> Vec<(Instant, u16)> {
    let mut heard = Vec::new();
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        let began = Instant::now();
        match try_get(addr, "/readyz") {
            Some(reply) => {
                heard.push((began, reply.unwrap().status));
                asked.fetch_add(1, Ordering::Relaxed);
            }
            None if heard.is_empty() => {
                assert!(Instant::now() < deadline, "nobody listens");
                thread::sleep(Duration::from_millis(1));
            }
            None => return heard,
        }
    }
}

#[test]
fn from_the_first_moment_to_the_last_whoever_connects_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Options::trusting(dir.path()).shards(3).with_admin().spawn();
    let asked = &AtomicUsize::new(0);
    let (addr, admin) = (server.addr, server.admin);
    let (heard, stopped) = thread::scope(|scope| {
        let asking: Vec<_> = [addr, admin, addr, admin]
            .into_iter()
            .map(|addr| scope.spawn(move || ask_until_gone(addr, asked)))
            .collect();
        server.wait_ready().unwrap();
        let ready = asked.load(Ordering::Relaxed);
        eventually("many ask", || {
            (asked.load(Ordering::Relaxed) > ready + 200).then_some(())
        });
        server.terminate();
        let stopped = Instant::now();
        let heard = asking.into_iter().map(|it| it.join().unwrap());
        (heard.collect::<Vec<_>>(), stopped)
    });
    assert_eq!(server.wait().code(), Some(0));
    for (client, heard) in heard.into_iter().enumerate() {
        let is_operator = client % 2 == 1;
        for (at, status) in heard {
            let late = at > stopped + AT_ONCE;
            let expected: &[u16] = match (is_operator, late) {
                (true, false) => &[200, 503],
                // The public address has no health checks while the server serves.
                (false, false) => &[404, 503],
                (_, true) => &[503],
            };
            assert!(expected.contains(&status), "{client}: {status} at {at:?}");
        }
    }
}

/// A request whose first bytes are sent, and the rest is not.
struct Begun {
    http: Http,
    rest: Vec<u8>,
}

impl Begun {
    fn new(addr: SocketAddr, request: &Request, bytes: usize) -> Self {
        let mut http = Http::connect(addr).unwrap();
        let request = request.encode();
        let (first, rest) = request.split_at(bytes);
        http.write(first).unwrap();
        Self {
            http,
            rest: rest.to_vec(),
        }
    }

    fn send_rest(&mut self) {
        self.http.write(&std::mem::take(&mut self.rest)).unwrap();
    }

    fn reply(mut self) -> Response {
        let reply = self.http.receive().unwrap();
        self.http.assert_closed();
        reply
    }
}

/// A message to a chat, from a user of trust mode.
fn message(api: &Api, chat: &str, content: &str) -> Request {
    api.message(chat, content, None).headers(&api.identity)
}

#[test]
fn a_request_that_has_begun_is_served_and_the_server_is_seen_to_drain() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(3);
    let mut server = options.clone().with_admin().start();
    let admin = server.admin;
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let contents = ["one byte", "half a body", "a whole head"];
    let begun: Vec<_> = contents
        .iter()
        .enumerate()
        .map(|(index, content)| {
            let request = message(&alice, &chat, content);
            let length = request.encode().len();
            let bytes = [1, length - 10, length - content.len() - 20][index];
            Begun::new(server.addr, &request, bytes)
        })
        .collect();
    thread::sleep(Duration::from_millis(200));
    server.terminate();
    eventually("it drains", || {
        (get(admin, "/readyz").status == 503).then_some(())
    });
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_eq!(get(admin, "/livez").status, 200);
        let detail = refused(&get(admin, "/readyz"));
        assert_eq!(detail, "the server is shutting down");
        for path in ["/readyz", "/chats"] {
            let detail = refused(&get(server.addr, path));
            assert_eq!(detail, "the server is shutting down");
        }
        thread::sleep(Duration::from_millis(50));
    }
    for mut begun in begun {
        begun.send_rest();
        let reply = begun.reply();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    }
    assert_eq!(server.wait().code(), Some(0));
    let server = options.start();
    let history = Api::trusted(server.addr, &alice.user_id).history(&chat);
    let found: Vec<_> = history.iter().map(|it| it["content"].clone()).collect();
    for content in contents {
        assert!(found.iter().any(|it| *it == content), "{found:?}");
    }
}

/// While it stands still, the kernel takes connections and bytes for it.
#[test]
fn who_came_before_the_signal_is_served() {
    let (_dir, mut server) = support::start_trusting();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let mut idle: Vec<_> = (0..4).map(|_| server.http()).collect();
    for http in &mut idle {
        http.assert_lives();
    }
    server.signal(Signal::STOP);
    for http in &mut idle {
        let said = message(&alice, &chat, "from an idle connection");
        http.write(&said.encode()).unwrap();
    }
    let request = message(&alice, &chat, "from the backlog");
    let length = request.encode().len();
    let mut waiting: Vec<_> = (0..60)
        .map(|n| Begun::new(server.addr, &request, [length, 1, 0][n % 3]))
        .collect();
    server.terminate();
    server.signal(Signal::CONT);
    waiting.iter_mut().for_each(Begun::send_rest);
    for begun in waiting {
        assert_eq!(begun.reply().status, 200);
    }
    for mut http in idle {
        assert_eq!(http.receive().unwrap().status, 200);
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_and_a_request_on_its_way_is_still_answered() {
    let (_dir, mut server) = support::start_trusting();
    let (mut idle, mut late) = (server.http(), server.http());
    idle.assert_lives();
    late.assert_lives();
    server.terminate();
    eventually("it drains", || {
        (get(server.addr, "/readyz").status == 503).then_some(())
    });
    let reply = late.call(&Request::get("/readyz")).unwrap();
    assert_eq!(refused(&reply), "the server is shutting down");
    late.assert_closed();
    idle.assert_closed();
    assert_eq!(server.wait().code(), Some(0));
}

/// Keeps shards busy until told to stop.
fn post_all_the_time(addr: SocketAddr, user: &str, chat: &str, over: &AtomicBool) {
    let mut api = Api::trusted(addr, user);
    while !over.load(Ordering::Relaxed) {
        if api.try_call(api.message(chat, "load", None)).is_err() {
            return;
        }
    }
}

#[test]
fn under_load_it_is_not_ready_from_the_signal_on() {
    let (_dir, mut server) = support::start_trusting();
    let user = any_user();
    let chat = Api::trusted(server.addr, &user).create_chat("room", &[]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| post_all_the_time(server.addr, &user, &chat, &over));
        }
        let mut probes: Vec<_> = (0..8).map(|_| server.http()).collect();
        for probe in &mut probes {
            let reply = probe.call(&Request::get("/readyz")).unwrap();
            assert_eq!(reply.status, 200);
        }
        server.terminate();
        thread::sleep(AT_ONCE);
        for mut probe in probes {
            let reply = probe.call(&Request::get("/readyz")).unwrap();
            assert_eq!(refused(&reply), "the server is shutting down");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_start_that_is_given_up_leaves_nobody_without_a_reply() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = waiting(dir.path()).spawn();
    let asked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask_until_gone(server.addr, &asked));
        eventually("many ask", || {
            (asked.load(Ordering::Relaxed) > 100).then_some(())
        });
        server.terminate();
        for (_, status) in asking.join().unwrap() {
            assert_eq!(status, 503);
        }
    });
    assert!(server.wait().success());
}

#[test]
fn who_has_begun_to_ask_is_answered_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = waiting(dir.path()).spawn();
    get(server.addr, "/livez");
    let begun = Begun::new(server.addr, &Request::get("/chats"), 10);
    thread::sleep(Duration::from_millis(200));
    server.terminate();
    refused(&begun.reply());
    assert!(server.wait().success());
}
