//! Each attack, as the server that is attacked sees it: here a small one that writes down what it hears.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rookery_bench::attack::catalog::Attack;
use rookery_bench::attack::counts::AttackCounts;
use rookery_bench::attack::foothold::Foothold;
use rookery_bench::attack::script::Force;
use rookery_bench::attack::swarm::Swarm;
use rookery_bench::world::User;

/// How long an attack may take to do what is expected of it.
const WITHIN: Duration = Duration::from_secs(20);
const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";

/// What was heard on one connection.
#[derive(Clone, Debug)]
struct Heard {
    from: IpAddr,
    bytes: Vec<u8>,
    reads: usize,
    ended: bool,
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// What a server says after each read, given all that it has heard on the connection.
type Answer = fn(&[u8], &mut TcpStream);

/// A server that writes down what it hears.
struct Recorder {
    addr: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Recorder {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let all = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let from = stream.peer_addr().unwrap().ip();
                let mut connections = all.lock().unwrap();
                let number = connections.len();
                connections.push(Heard {
                    from,
                    bytes: Vec::new(),
                    reads: 0,
                    ended: false,
                });
                drop(connections);
                let all = Arc::clone(&all);
                thread::spawn(move || listen(stream, number, &all, answer));
            }
        });
        Self { addr, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until what was heard is enough.
    fn wait(&self, enough: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        let began = Instant::now();
        loop {
            let heard = self.heard();
            if enough(&heard) {
                return heard;
            }
            assert!(began.elapsed() < WITHIN, "not in time: {heard:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn listen(mut stream: TcpStream, number: usize, all: &Mutex<Vec<Heard>>, answer: Answer) {
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap_or(0);
        let mut connections = all.lock().unwrap();
        let heard = &mut connections[number];
        if count == 0 {
            heard.ended = true;
            return;
        }
        heard.reads += 1;
        heard.bytes.extend_from_slice(&chunk[..count]);
        let bytes = heard.bytes.clone();
        drop(connections);
        answer(&bytes, &mut stream);
    }
}

fn silent(_: &[u8], _: &mut TcpStream) {}

fn refuse(_: &[u8], stream: &mut TcpStream) {
    // Who has left gets none.
    let _ = stream.write_all(REFUSAL);
}

/// A server under one attack.
struct Scene {
    server: Recorder,
    swarm: Swarm,
}

/// An attack of three connections from three addresses, with a turn every 20 ms.
fn attack(attack: Attack, answer: Answer, change: fn(&mut Force)) -> Scene {
    let server = Recorder::start(answer);
    let user = User {
        id: "0".to_owned(),
        name: "mallory".to_owned(),
        credential: "Cookie: session=0".to_owned(),
    };
    let foothold = Foothold {
        server: server.addr,
        run: "run".to_owned(),
        accounts: vec![user],
        history: "/chats/0/messages".to_owned(),
        victim: "alice".to_owned(),
    };
    let mut force = attack.force(&foothold, 0.0);
    force.connections = 3;
    force.habits.every = Duration::from_millis(20);
    force.habits.rests = Duration::from_millis(20);
    change(&mut force);
    let swarm = Swarm::start(server.addr, &[(attack, force)], 3);
    Scene { server, swarm }
}

impl Scene {
    /// Waits until what was heard is enough, and ends the attack.
    fn until(self, enough: impl Fn(&[Heard]) -> bool) -> (Vec<Heard>, AttackCounts) {
        let heard = self.server.wait(enough);
        let counts = self.swarm.stop().unwrap().remove(0).1;
        // It gives back all that it held.
        self.server.wait(|heard| heard.iter().all(|one| one.ended));
        assert_eq!(counts.not_opened, 0, "{counts:?}");
        (heard, counts)
    }
}

fn unchanged(_: &mut Force) {}

/// The values of a field in bodies.
fn values(heard: &[Heard], field: &str) -> Vec<String> {
    let mark = format!(r#""{field}":""#);
    let texts: Vec<String> = heard.iter().map(Heard::text).collect();
    texts
        .iter()
        .flat_map(|text| text.split(&mark).skip(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

fn distinct<T: Ord>(mut all: Vec<T>) -> usize {
    all.sort_unstable();
    all.dedup();
    all.len()
}

#[test]
fn slowloris_sends_heads_byte_by_byte_from_strange_addresses() {
    let scene = attack(Attack::Slowloris, silent, unchanged);
    let (heard, counts) =
        scene.until(|heard| heard.len() == 3 && heard.iter().all(|one| one.bytes.len() > 60));
    for one in &heard {
        let text = one.text();
        assert!(text.starts_with("GET / HTTP/1.1\r\nHost: "), "{text}");
        assert!(text.contains("\r\nX-Slow: 1\r\n"), "{text}");
        assert!(!text.contains("\r\n\r\n"), "the head has an end: {text}");
        assert!(one.reads > 20, "in large parts: {one:?}");
    }
    let mut from: Vec<String> = heard.iter().map(|one| one.from.to_string()).collect();
    from.sort_unstable();
    assert_eq!(from, ["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    assert_eq!((counts.opened, counts.open_max), (3, 3));
    assert!(counts.bytes_sent > 180, "{counts:?}");
}

#[test]
fn slow_bodies_come_byte_by_byte_and_are_not_complete() {
    let scene = attack(Attack::SlowBodies, silent, unchanged);
    let (heard, _) = scene.until(|heard| heard.iter().any(|one| one.reads > 10));
    let slow = heard.iter().find(|one| one.reads > 10).unwrap().text();
    let (head, body) = slow.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Content-Length: 60000"), "{head}");
    assert!((5..100).contains(&body.len()), "{body:?}");
}

#[test]
fn readers_pipeline_requests_and_read_no_reply() {
    /// More than any system keeps for who does not read.
    const REPLY_BYTES: usize = 32 * 1024 * 1024;
    fn say_much(_: &[u8], stream: &mut TcpStream) {
        stream
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        assert!(stream.write_all(&vec![b'x'; REPLY_BYTES]).is_err());
    }
    let scene = attack(Attack::Readers, say_much, unchanged);
    let (heard, counts) =
        scene.until(|heard| heard.len() == 3 && heard.iter().all(|one| one.reads >= 2));
    for path in ["/chats/0/messages", "/chats?limit=1000", "/me"] {
        let request = format!("GET {path} HTTP/1.1\r\n");
        let times = |one: &Heard| one.text().matches(&request).count();
        assert!(heard.iter().any(|one| times(one) >= 16), "{path}");
    }
    assert_eq!((counts.bytes_received, counts.closed_by_server), (0, 0));
}

#[test]
fn unknown_logins_are_of_another_name_each_and_wait_for_their_answers() {
    let scene = attack(Attack::UnknownLogins, refuse, unchanged);
    let (heard, counts) = scene.until(|heard| values(heard, "username").len() > 20);
    let names = values(&heard, "username");
    let all = names.len();
    assert!(heard[0].text().starts_with("POST /login HTTP/1.1\r\n"));
    assert_eq!(distinct(names), all);
    assert!(counts.replies[&429] >= all as u64 - 3, "{counts:?}");

    let unanswered = attack(Attack::UnknownLogins, silent, unchanged);
    thread::sleep(Duration::from_millis(1_500));
    let (heard, _) = unanswered.until(|heard| heard.len() == 3);
    assert_eq!(values(&heard, "username").len(), 3);
}

#[test]
fn wrong_passwords_are_guesses_at_one_user() {
    let scene = attack(Attack::WrongPasswords, refuse, unchanged);
    let (heard, _) = scene.until(|heard| values(heard, "password").len() > 20);
    let guesses = values(&heard, "password");
    assert!(
        values(&heard, "username")
            .iter()
            .all(|name| name == "alice")
    );
    assert_eq!(distinct(guesses.clone()), guesses.len());
}

#[test]
fn registrations_are_of_another_name_each() {
    let scene = attack(Attack::Registrations, refuse, unchanged);
    let (heard, _) = scene.until(|heard| values(heard, "username").len() > 20);
    let names = values(&heard, "username");
    let all = names.len();
    assert!(heard[0].text().starts_with("POST /users HTTP/1.1\r\n"));
    assert_eq!(distinct(names), all);
}

#[test]
fn pings_come_by_the_hundred_until_the_server_closes_and_then_again() {
    fn close_at_much(heard: &[u8], stream: &mut TcpStream) {
        let head = heard.windows(4).position(|end| end == b"\r\n\r\n");
        let frames = head.map_or(0, |at| heard.len() - at - 4);
        let said: &[u8] = match frames {
            0 => b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            1..10_000 => return,
            _ => b"\x88\x02\x03\xf0",
        };
        // Who has left gets none.
        let _ = stream.write_all(said);
        if frames >= 10_000 {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
    let scene = attack(Attack::Pings, close_at_much, unchanged);
    let (heard, counts) = scene.until(|heard| heard.len() > 6);
    let closed = heard.iter().find(|one| one.bytes.len() > 10_000).unwrap();
    let at = closed.text().find("\r\n\r\n").unwrap() + 4;
    assert!(closed.text().starts_with("GET /ws/connect/0 HTTP/1.1\r\n"));
    // A ping of 125 bytes, masked: 131 bytes in all.
    let pings = closed.bytes[at..].chunks_exact(131);
    assert!(pings.len() > 70);
    assert!(
        pings
            .clone()
            .all(|ping| ping.starts_with(&[0x89, 0x80 | 125]))
    );
    assert!(counts.close_codes[&1008] >= 3, "{counts:?}");
    assert!(counts.closed_by_server >= 3, "{counts:?}");
}

#[test]
fn churn_comes_and_goes_without_a_word() {
    let brief = |force: &mut Force| force.habits.stays = Duration::from_millis(50);
    let scene = attack(Attack::Churn, silent, brief);
    let (heard, counts) = scene.until(|heard| heard.iter().filter(|one| one.ended).count() > 10);
    assert!(heard.iter().all(|one| one.bytes.is_empty()));
    assert!(counts.opened > 10, "{counts:?}");
    assert!((1..=3).contains(&counts.open_max), "{counts:?}");
    assert_eq!(counts.closed_by_server, 0);
}

#[test]
fn garbage_is_of_many_kinds_and_no_whole_request_alone() {
    let brief = |force: &mut Force| force.habits.stays = Duration::from_millis(60);
    let scene = attack(Attack::Garbage, silent, brief);
    let (heard, _) = scene.until(|heard| heard.len() > 40);
    let spoken: Vec<_> = heard.iter().filter(|one| one.bytes.len() > 2_000).collect();
    let begins = spoken.iter().map(|one| one.bytes[..12].to_vec());
    assert!(distinct(begins.collect()) >= 7);
    for begin in [b"\x16\x03\x01".as_slice(), b"PRI * HTTP/2.0", b"GET /ws/"] {
        assert!(spoken.iter().any(|one| one.bytes.starts_with(begin)));
    }
}

#[test]
fn huge_heads_are_longer_than_any_server_takes() {
    let scene = attack(Attack::HugeHeads, silent, unchanged);
    let (heard, _) =
        scene.until(|heard| heard.len() == 3 && heard.iter().all(|one| one.bytes.len() > 65_000));
    let texts: Vec<String> = heard.iter().map(Heard::text).collect();
    for part in ["GET /xxx", "X-Long: xxx", "X-Many: 1\r\nX-Many: 1\r\n"] {
        assert!(texts.iter().any(|text| text.contains(part)), "{part}");
    }
}
