//! How a server ends, and what it makes of what an end left behind.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rookery_testing::seeds;
use rookery_testing::ws::text_frame;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::api::{Api, posted};
use support::http::Http;
use support::ws::{End, Ws, upgrade};
use support::{Options, PATIENCE, any_user, eventually};

/// How many bytes of a message are looked for in files: long enough to be there by no accident.
const MARKER_BYTES: usize = 32;

#[test]
fn a_drain_keeps_every_promise_and_exits_with_success() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let mut server = options.start();
    let users: Vec<String> = (0..4).map(|_| any_user()).collect();
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let chat = Api::trusted(server.addr, &users[0]).create_chat("room", &members);
    let mut devices: Vec<Ws> = users
        .iter()
        .map(|user| Ws::trusted(server.addr, user))
        .collect();

    let under_way = AtomicUsize::new(0);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let posters: Vec<_> = users
            .iter()
            .map(|user| scope.spawn(|| post_until_the_end(&server.addr, user, &chat, &under_way)))
            .collect();
        eventually("messages flow", || {
            (under_way.load(Ordering::Relaxed) > 50).then_some(())
        });
        server.terminate();
        posters
            .into_iter()
            .flat_map(|poster| poster.join().unwrap())
            .collect()
    });
    for device in &mut devices {
        let end = device.end();
        assert_eq!(end, End::Closed(1012));
    }
    assert_eq!(server.wait().code(), Some(0));

    let server = options.start();
    let history = Api::trusted(server.addr, &users[0]).history(&chat);
    let mut found: Vec<&str> = history.iter().map(id_of).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), history.len(), "none is there twice");
    for id in acknowledged {
        assert!(found.binary_search(&id.as_str()).is_ok(), "{id} is lost");
    }
}

/// The ids of what was acknowledged on a socket until the server closed it for its restart.
fn acknowledged_until_restart(device: &mut Ws) -> Vec<Value> {
    let mut acknowledged = Vec::new();
    loop {
        match device.poll(PATIENCE) {
            Ok(text) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                if event["type"] == "ack" {
                    acknowledged.push(event["message_id"].clone());
                }
            }
            Err(end) => {
                assert_eq!(end, End::Closed(1012));
                return acknowledged;
            }
        }
    }
}

/// The ids of a chat's messages, oldest first, after a restart.
fn ids_after_restart(options: &Options, user: &str, chat: &str) -> Vec<Value> {
    let server = options.start();
    let mut found = Api::trusted(server.addr, user).history(chat);
    found.reverse();
    found.iter().map(|it| it["message_id"].clone()).collect()
}

/// While the server stands still, the kernel takes for it what clients send.
#[test]
fn a_drain_answers_what_was_sent_on_sockets() {
    const SENDS: usize = 400;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let mut server = options.start();
    let user = any_user();
    let chat = Api::trusted(server.addr, &user).create_chat("room", &[]);
    let send = |n: usize| json!({"type": "send", "chat_id": chat, "content": n.to_string()});
    let mut device = Ws::trusted(server.addr, &user);
    server.signal(Signal::STOP);
    device.send_all((0..SENDS).map(send)).unwrap();
    server.terminate();
    server.signal(Signal::CONT);
    let acknowledged = acknowledged_until_restart(&mut device);
    assert_eq!(acknowledged.len(), SENDS);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(ids_after_restart(&options, &user, &chat), acknowledged);
}

/// Some come before the drain, some amid it; who comes behind it is told so in place of a WebSocket.
#[test]
fn a_drain_answers_what_was_sent_behind_a_handshake() {
    const CLIENTS: usize = 60;
    const SENDS: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let mut server = options.start();
    let user = any_user();
    let chat = Api::trusted(server.addr, &user).create_chat("room", &[]);
    let send = json!({"type": "send", "chat_id": chat, "content": "early"}).to_string();
    let handshake = upgrade(&format!("/ws/connect/{user}"))
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .encode();
    let sends = text_frame(&send).repeat(SENDS);
    let both = [handshake, sends].concat();
    let mut clients: Vec<Http> = (0..CLIENTS).map(|_| server.http()).collect();
    let (early, late) = clients.split_at_mut(CLIENTS / 2);
    for http in early {
        http.write(&both).unwrap();
    }
    server.terminate();
    for http in late {
        http.send(&both);
    }
    let mut acknowledged = 0;
    for mut http in clients {
        match http.receive().unwrap().status {
            101 => {
                let mut device = Ws::switched(http);
                device.expect_ready(&user);
                assert_eq!(acknowledged_until_restart(&mut device).len(), SENDS);
                acknowledged += SENDS;
            }
            status => assert_eq!(status, 503),
        }
    }
    assert!(acknowledged > 0);
    assert_eq!(server.wait().code(), Some(0));
    let found = ids_after_restart(&options, &user, &chat);
    assert_eq!(found.len(), acknowledged);
}

#[test]
fn a_drain_answers_what_was_pipelined() {
    const CLIENTS: usize = 20;
    const BEHIND: usize = 30;
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let mut server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);
    let post = alice.message(&chat, "hello", None);
    let post = post.headers(&alice.identity).encode();
    let mut clients: Vec<Http> = (0..CLIENTS).map(|_| server.http()).collect();
    for client in &mut clients {
        client.write(&post).unwrap();
    }
    server.signal(Signal::STOP);
    for client in &mut clients {
        client.write(&post.repeat(BEHIND)).unwrap();
    }
    server.terminate();
    server.signal(Signal::CONT);
    let mut acknowledged = Vec::new();
    for mut client in clients {
        for left in (0..=BEHIND).rev() {
            let reply = client.receive().unwrap();
            assert_eq!(reply.status, 200, "{left} left");
            // The last was not, where it was answered before the server knew of the signal.
            let is_told_of_end = reply.header("connection") == Some("close");
            assert!(!is_told_of_end || left == 0, "{left} left");
            acknowledged.push(posted(&reply).message_id);
        }
        client.assert_closed();
    }
    assert_eq!(server.wait().code(), Some(0));
    let found = ids_after_restart(&options, &alice.user_id, &chat);
    assert_eq!(found.len(), acknowledged.len());
}

fn id_of(message: &Value) -> &str {
    message["message_id"].as_str().unwrap()
}

/// Posts until the server refuses or closes; gives what was acknowledged.
fn post_until_the_end(
    addr: &std::net::SocketAddr,
    user: &str,
    chat: &str,
    under_way: &AtomicUsize,
) -> Vec<String> {
    let mut api = Api::trusted(*addr, user);
    let mut acknowledged = Vec::new();
    while let Ok(reply) = api.try_call(api.message(chat, "hello", None)) {
        if reply.status == 503 {
            break;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        acknowledged.push(posted(&reply).message_id);
        under_way.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

#[test]
fn an_idle_server_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Options::new(dir.path()).shards(2).start();
    let mut idle: Http = server.http();
    let began = std::time::Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    idle.assert_closed();
}

/// Signals that say nothing about an end, and a working directory that is gone, harm no server.
#[test]
fn a_server_outlives_its_terminal_and_its_working_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (cwd, data) = (dir.path().join("cwd"), dir.path().join("data"));
    std::fs::create_dir(&cwd).unwrap();
    let mut server = Options::trusting(Path::new("../data"))
        .working_dir(&cwd)
        .shards(2)
        .start();
    let mut alice = Api::trusted(server.addr, &any_user());
    std::fs::remove_dir(&cwd).unwrap();
    server.signal(Signal::HUP);
    server.signal(Signal::XFSZ);
    eventually("the token keys are read again", || {
        let log = server.log();
        log.contains("took up the token keys").then_some(())
    });
    let chat = alice.create_chat("room", &[]);
    alice.say(&chat, "still here");
    assert!(data.exists());
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn one_directory_serves_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).shards(2);
    let server = options.start();
    let mut alice = Api::trusted(server.addr, &any_user());
    let chat = alice.create_chat("room", &[]);

    let mut second = options.spawn();
    let status = second.wait_ready().unwrap_err();
    assert!(!status.success());
    let log = second.log();
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains(&*dir.path().to_string_lossy()), "{log}");
    assert!(!log.contains("panicked"), "{log}");

    alice.say(&chat, "still here");
    assert_eq!(alice.history(&chat).len(), 1);
}

#[test]
fn a_taken_address_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    // The later flag would be a second one; so the harness's own is not used here.
    let log = dir.path().join("log");
    let status = support::server::rookery(&log)
        .args(["--listen", &addr, "--shards", "2", "--data-dir"])
        .arg(dir.path().join("data"))
        .status()
        .unwrap();
    assert!(!status.success());
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains(&addr), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// A stopped server's directory, with messages of random letters.
struct Remains {
    dir: tempfile::TempDir,
    user: String,
    chat: String,
    contents: Vec<String>,
}

impl Remains {
    fn of_a_kill(messages: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = options(dir.path()).start();
        let mut alice = Api::trusted(server.addr, &any_user());
        let chat = alice.create_chat("room", &[]);
        let mut rng = seeds::dice();
        let contents: Vec<String> = (0..messages).map(|_| rng.letters(1000)).collect();
        for content in &contents {
            alice.say(&chat, content);
        }
        eventually("everything is stored", || {
            (server.metrics().sum("consumer_lag") == 0.0).then_some(())
        });
        server.kill();
        Self {
            dir,
            user: alice.user_id,
            chat,
            contents,
        }
    }

    fn options(&self) -> Options {
        options(self.dir.path())
    }

    /// Where message number `index` is found: files and offsets in them.
    fn places(&self, index: usize) -> Vec<(PathBuf, u64)> {
        let marker = &self.contents[index].as_bytes()[500..500 + MARKER_BYTES];
        let mut places = Vec::new();
        for file in files_below(self.dir.path()) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(marker.len()).position(|w| w == marker);
            places.extend(found.map(|at| (file, at as u64)));
        }
        assert!(!places.is_empty(), "a durable message is in some file");
        places
    }

    /// The contents, oldest first, as the server shows them now.
    fn read(&self, api: &mut Api) -> Vec<String> {
        let mut history = api.history(&self.chat);
        history.reverse();
        for (index, message) in history.iter().enumerate() {
            assert_eq!(message["seq"], index + 2, "seqs are dense");
        }
        history
            .iter()
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn options(dir: &Path) -> Options {
    Options::embedded(dir).flag("--auth", "trust").shards(2)
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn a_corrupt_file_is_refused_by_name() {
    let remains = Remains::of_a_kill(60);
    let places = remains.places(20);
    for (path, at) in &places {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut bytes = [0; MARKER_BYTES];
        file.read_exact_at(&mut bytes, *at).unwrap();
        file.write_all_at(&bytes.map(|byte| !byte), *at).unwrap();
    }
    let mut server = remains.options().spawn();
    let status = server.wait_ready().unwrap_err();
    assert!(!status.success());
    let log = server.log();
    assert!(!log.contains("panicked"), "{log}");
    let named = places
        .iter()
        .any(|(path, _)| log.contains(&*path.file_name().unwrap().to_string_lossy()));
    assert!(named, "one of {places:?} in: {log}");
}

#[test]
fn a_torn_tail_is_cut_off_and_the_rest_is_kept() {
    let remains = Remains::of_a_kill(60);
    let last = remains.contents.len() - 1;
    for (path, at) in remains.places(last) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(at).unwrap();
    }
    let mut kept = remains.contents.clone();
    kept.truncate(last);
    for round in 0..2 {
        let mut server = remains.options().start();
        let mut api = Api::trusted(server.addr, &remains.user);
        assert_eq!(remains.read(&mut api), kept, "start {round}");
        let more = format!("after start {round}");
        api.say(&remains.chat, &more);
        kept.push(more);
        assert_eq!(remains.read(&mut api), kept);
        server.kill();
    }
}
