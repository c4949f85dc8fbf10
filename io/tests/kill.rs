//! `kill -9` at random moments, with the number of shards changing from start to start: every
//! acknowledged message is there exactly once, in one order that all readers agree on, and so are members.
//!
//! `ROOKERY_KILLS` sets how many kills, `ROOKERY_KILL_SEED` repeats a run's choices.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a run says what it did")]

#[path = "kill/clubs.rs"]
mod clubs;
mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clubs::Clubs;
use serde_json::{Value, json};
use support::api::{Api, Posted, posted};
use support::http::Http;
use support::rng::Rng;
use support::ws::{self, End, Ws};
use support::{Options, any_user};

const USERS: usize = 50;
const CHATS: usize = 20;
const MEMBERS_PER_CHAT: usize = 8;
const KILLS_DEFAULT: usize = 20;
/// How many shards the starts take turns with.
const SHARDS: [usize; 3] = [4, 2, 3];
const POSTERS: u64 = 4;
const LISTENERS: u64 = 6;
/// Requests that a poster has in flight at once.
const PIPELINE: usize = 8;
/// How many members read each history in the end.
const READERS_PER_CHAT: usize = 3;
/// Every so many starts are killed before they are ready.
const UNREADY_EVERY: usize = 4;
/// What a poster waits between bursts, so that there is not more to read in the end than needed.
const BREATH: Duration = Duration::from_millis(2);
/// How long a run may take for each kill; then it hangs.
const PATIENCE_PER_KILL: Duration = Duration::from_secs(10);

/// A chat with those who may post and read.
struct Room {
    chat_id: String,
    members: Vec<String>,
}

/// One message that a sender wants to be there, and retries until it is acknowledged.
struct Wanted {
    room: usize,
    sender: String,
    client_id: String,
}

impl Wanted {
    /// The content repeats the id, so that history shows any mix-up.
    fn content(&self) -> String {
        format!("{} says {}", self.sender, self.client_id)
    }
}

/// What was acknowledged: client id to message, with its room and sender.
type Ledger = HashMap<String, (Wanted, Posted)>;

/// What one connection heard of one chat: runs of (seq, message id).
type Heard = (usize, Vec<(u64, String)>);

struct World {
    rooms: Vec<Room>,
    users: Vec<String>,
    addr: Mutex<SocketAddr>,
    deadline: Instant,
    /// Senders begin nothing new.
    finishing: AtomicBool,
    /// Listeners stop.
    over: AtomicBool,
    ledger: Mutex<Ledger>,
    heard: Mutex<Vec<Heard>>,
}

impl World {
    fn addr(&self) -> SocketAddr {
        *self.addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether senders may begin something new.
    fn goes_on(&self) -> bool {
        assert!(
            Instant::now() < self.deadline,
            "something is never acknowledged"
        );
        !self.finishing.load(Ordering::Relaxed)
    }

    fn acknowledge(&self, wanted: Wanted, ack: Posted) {
        let id = wanted.client_id.clone();
        let before = self.ledger.lock().unwrap().insert(id, (wanted, ack));
        assert!(before.is_none(), "a sender's ids are unique");
    }

    fn draw(&self, rng: &mut Rng, poster: &str, number: usize) -> Wanted {
        let room = rng.below(self.rooms.len());
        Wanted {
            room,
            sender: rng.pick(&self.rooms[room].members).clone(),
            client_id: format!("{poster}-{number}"),
        }
    }
}

#[test]
fn no_kill_loses_repeats_or_reorders_what_was_acknowledged() {
    let kills = std::env::var("ROOKERY_KILLS").map_or(KILLS_DEFAULT, |text| text.parse().unwrap());
    let mut rng = Rng::from_env("ROOKERY_KILL_SEED");
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).flag("--partitions", 6);

    let mut server = options.clone().shards(SHARDS[0]).start();
    let deadline = Instant::now() + PATIENCE_PER_KILL * (kills as u32 + 3);
    let world = build_world(server.addr, deadline, &mut rng);
    let mut clubs = Clubs::found(server.addr);
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for poster in 0..POSTERS {
            let (world, seed) = (&world, rng.next());
            senders.push(scope.spawn(move || post_over_http(world, poster, Rng::new(seed))));
        }
        let (world, seed) = (&world, rng.next());
        senders.push(scope.spawn(move || send_over_websocket(world, Rng::new(seed))));
        let (clubs, seed) = (&mut clubs, rng.next());
        senders.push(scope.spawn(move || clubs.change(world, Rng::new(seed))));
        for listener in 0..LISTENERS {
            scope.spawn(move || listen(world, &world.users[listener as usize * 7]));
        }
        let finish = EndOnDrop(world);
        for kill in 1..=kills {
            thread::sleep(Duration::from_millis(rng.next() % 500));
            server.kill();
            let options = options.clone().shards(SHARDS[kill % SHARDS.len()]);
            if kill % UNREADY_EVERY == 0 {
                let mut unready = options.spawn();
                thread::sleep(Duration::from_millis(rng.next() % 300));
                unready.kill();
            }
            server = options.start();
            *world.addr.lock().unwrap() = server.addr;
        }
        world.finishing.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        drop(finish);
    });
    verify(&world, server.addr, kills);
    let changes = clubs.verify(server.addr);
    eprintln!("{changes} members added or removed");
    assert!(changes > kills, "the run had changes");
}

/// Ends all threads, also where the test fails, so that it can report.
struct EndOnDrop<'a>(&'a World);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finishing.store(true, Ordering::Relaxed);
        self.0.over.store(true, Ordering::Relaxed);
    }
}

fn build_world(addr: SocketAddr, deadline: Instant, rng: &mut Rng) -> World {
    let users: Vec<String> = (0..USERS).map(|_| any_user()).collect();
    let rooms = (0..CHATS)
        .map(|n| {
            let mut members: Vec<String> = Vec::new();
            while members.len() < MEMBERS_PER_CHAT {
                let user = rng.pick(&users);
                if !members.contains(user) {
                    members.push(user.clone());
                }
            }
            let others: Vec<&str> = members[1..].iter().map(String::as_str).collect();
            let chat_id = Api::trusted(addr, &members[0]).create_chat(&n.to_string(), &others);
            Room { chat_id, members }
        })
        .collect();
    World {
        rooms,
        users,
        addr: Mutex::new(addr),
        deadline,
        finishing: AtomicBool::new(false),
        over: AtomicBool::new(false),
        ledger: Mutex::new(HashMap::new()),
        heard: Mutex::new(Vec::new()),
    }
}

/// Posts in pipelined bursts, over a new connection after each failure, until told to finish; then
/// until nothing is left unacknowledged.
fn post_over_http(world: &World, poster: u64, mut rng: Rng) {
    let mut number = 0;
    let mut open: Vec<Wanted> = Vec::new();
    while world.goes_on() || !open.is_empty() {
        let Ok(mut http) = Http::connect(world.addr()) else {
            if world.over.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        loop {
            while world.goes_on() && open.len() < PIPELINE {
                number += 1;
                open.push(world.draw(&mut rng, &format!("http{poster}"), number));
            }
            if open.is_empty() || !post_burst(world, &mut http, &mut open) {
                break;
            }
            thread::sleep(BREATH);
        }
    }
}

/// Posts all that is open, and takes out what was acknowledged; false where the connection is lost.
fn post_burst(world: &World, http: &mut Http, open: &mut Vec<Wanted>) -> bool {
    let mut bytes = Vec::new();
    for wanted in open.iter() {
        let chat = &world.rooms[wanted.room].chat_id;
        let body = json!({"content": wanted.content(), "client_id": wanted.client_id});
        let path = format!("/chats/{chat}/messages");
        let request = support::http::Request::new("POST", &path)
            .header("cookie", &format!("user_id={}", wanted.sender))
            .json(&body);
        bytes.extend(request.encode());
    }
    if http.write(&bytes).is_err() {
        return false;
    }
    let mut refused = Vec::new();
    while !open.is_empty() {
        let Ok(reply) = http.receive() else {
            open.append(&mut refused);
            return false;
        };
        let wanted = open.remove(0);
        match reply.status {
            200 => world.acknowledge(wanted, posted(&reply)),
            503 => refused.push(wanted),
            _ => panic!("{reply:?}"),
        }
    }
    open.append(&mut refused);
    true
}

/// Sends as one user, one message at a time.
fn send_over_websocket(world: &World, mut rng: Rng) {
    let sender = world.rooms[0].members[0].clone();
    let rooms: Vec<usize> = (0..CHATS)
        .filter(|&room| world.rooms[room].members.contains(&sender))
        .collect();
    let mut number = 0;
    let mut open: Option<Wanted> = None;
    while world.goes_on() || open.is_some() {
        let Some(mut ws) = connect(world, &sender) else {
            if world.over.load(Ordering::Relaxed) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        loop {
            if open.is_none() {
                if !world.goes_on() {
                    break;
                }
                number += 1;
                open = Some(Wanted {
                    room: *rng.pick(&rooms),
                    sender: sender.clone(),
                    client_id: format!("ws-{number}"),
                });
            }
            if !send_one(world, &mut ws, &mut open) {
                break;
            }
        }
    }
}

/// Sends what is open, and takes it when it was acknowledged; false where the connection is lost.
fn send_one(world: &World, ws: &mut Ws, open: &mut Option<Wanted>) -> bool {
    let Some(wanted) = open.as_ref() else {
        return true;
    };
    let chat = &world.rooms[wanted.room].chat_id;
    let send = json!({"type": "send", "chat_id": chat, "content": wanted.content(), "client_id": wanted.client_id});
    if ws.send(&send).is_err() {
        return false;
    }
    loop {
        let Ok(text) = ws.poll(support::PATIENCE) else {
            return false;
        };
        let heard: Value = serde_json::from_str(&text).unwrap();
        if heard["client_id"] != wanted.client_id.as_str() {
            continue;
        }
        match heard["type"].as_str() {
            Some("ack") => {
                let ack = Posted {
                    message_id: heard["message_id"].as_str().unwrap().to_owned(),
                    created_at: String::new(),
                };
                if let Some(wanted) = open.take() {
                    world.acknowledge(wanted, ack);
                }
                return true;
            }
            Some("error") => {
                assert_eq!(heard["code"], "unavailable", "{heard}");
                thread::sleep(Duration::from_millis(10));
                return true;
            }
            _ => {}
        }
    }
}

fn connect(world: &World, user: &str) -> Option<Ws> {
    // The port may be gone between the two steps; `Ws::connect` takes that for a failure.
    let http = Http::connect(world.addr()).ok()?;
    let mut ws = Ws::over(http, ws::upgrade(&format!("/ws/connect/{user}"))).ok()?;
    let ready = ws.poll(support::PATIENCE).ok()?;
    assert!(ready.starts_with(r#"{"type":"ready""#), "{ready}");
    Some(ws)
}

/// Listens on one connection after the other, and keeps what each heard.
fn listen(world: &World, user: &str) {
    let rooms: HashMap<&str, usize> = world
        .rooms
        .iter()
        .enumerate()
        .map(|(index, room)| (room.chat_id.as_str(), index))
        .collect();
    while !world.over.load(Ordering::Relaxed) {
        let Some(mut ws) = connect(world, user) else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let mut heard: BTreeMap<usize, Vec<(u64, String)>> = BTreeMap::new();
        loop {
            match ws.poll(Duration::from_millis(100)) {
                Ok(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(event["type"], "message", "{event}");
                    let room = rooms[event["chat_id"].as_str().unwrap()];
                    let id = event["message_id"].as_str().unwrap().to_owned();
                    let seq = event["seq"].as_u64().unwrap();
                    heard.entry(room).or_default().push((seq, id));
                }
                Err(End::Silence) if !world.over.load(Ordering::Relaxed) => {}
                Err(_) => break,
            }
        }
        world.heard.lock().unwrap().extend(heard);
    }
}

/// A room's messages in order of their seqs, from the first, which is 2: 1 is the room's creation.
struct History {
    messages: Vec<Value>,
}

impl History {
    fn read(addr: SocketAddr, room: &Room, reader: &str) -> Self {
        let mut messages = Api::trusted(addr, reader).history(&room.chat_id);
        messages.reverse();
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(message["seq"], index + 2, "seqs are dense: {message}");
        }
        Self { messages }
    }

    fn id_at(&self, seq: u64) -> Option<&str> {
        self.messages.get((seq as usize).checked_sub(2)?)?["message_id"].as_str()
    }
}

fn verify(world: &World, addr: SocketAddr, kills: usize) {
    let ledger = world.ledger.lock().unwrap();
    let histories: Vec<History> = world
        .rooms
        .iter()
        .map(|room| read_as_several(addr, room))
        .collect();
    let mut found = 0;
    for (index, history) in histories.iter().enumerate() {
        found += history.messages.len();
        verify_room(&world.rooms[index], index, history, &ledger);
    }
    assert_eq!(found, ledger.len(), "acknowledged and found");
    let heard = world.heard.lock().unwrap();
    let live: usize = heard.iter().map(|(_, run)| run.len()).sum();
    for (room, run) in heard.iter() {
        verify_run(&histories[*room], run);
    }
    eprintln!("{kills} kills, {found} messages acknowledged, {live} heard live");
    assert!(found > kills * CHATS && live > kills, "the run had work");
}

/// The history, which is the same for all.
fn read_as_several(addr: SocketAddr, room: &Room) -> History {
    let mut members = room.members.iter();
    let first = History::read(addr, room, members.next().unwrap());
    for reader in members.take(READERS_PER_CHAT - 1) {
        let same = History::read(addr, room, reader);
        assert!(same.messages == first.messages, "{} differs", room.chat_id);
    }
    first
}

/// Every message is one that was sent, as it was sent and as it was acknowledged, and none is there
/// twice. All senders retried until they had their acknowledgement, so there is none without one.
fn verify_room(room: &Room, index: usize, history: &History, ledger: &Ledger) {
    let mut ids = HashSet::new();
    for message in &history.messages {
        let client_id = message["client_id"].as_str().unwrap();
        let (wanted, ack) = &ledger[client_id];
        assert_eq!(wanted.room, index, "{message}");
        assert_eq!(message["chat_id"], room.chat_id.as_str());
        assert_eq!(message["sender_id"], wanted.sender.as_str());
        assert_eq!(message["content"], wanted.content());
        assert_eq!(
            message["message_id"],
            ack.message_id.as_str(),
            "{client_id}"
        );
        assert!(
            ack.created_at.is_empty() || message["created_at"] == ack.created_at.as_str(),
            "{message}"
        );
        assert!(ids.insert(client_id), "{client_id} is there twice");
    }
}

/// What a connection heard was a piece of the history without a gap.
fn verify_run(history: &History, run: &[(u64, String)]) {
    for pair in run.windows(2) {
        assert_eq!(pair[0].0 + 1, pair[1].0, "live seqs are dense");
    }
    for (seq, id) in run {
        assert_eq!(history.id_at(*seq), Some(id.as_str()), "seq {seq}, live");
    }
}
