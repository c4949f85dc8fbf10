//! A world's users at work: whoever posts retries until it is acknowledged, and whoever listens keeps what they
//! heard.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::clubs::Clubs;
use super::support::PATIENCE;
use super::support::api::{Posted, posted};
use super::support::http::{Http, Request};
use super::support::ws::{self, End, Ws};
use super::world::{CHATS, Wanted, World};
use rookery_testing::dice::Dice;

const POSTERS: u64 = 4;
const LISTENERS: u64 = 6;
/// Requests that a poster has in flight at once.
const PIPELINE: usize = 8;
/// How long a sender waits after a refusal.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Runs `faults` while all users are at work, then lets them finish: until nothing is left unacknowledged.
pub(super) fn under_load(
    world: &World,
    clubs: &mut Clubs,
    rng: &mut Dice,
    faults: impl FnOnce(&mut Dice),
) {
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for poster in 0..POSTERS {
            let seed = rng.next();
            senders.push(scope.spawn(move || post_over_http(world, poster, Dice::new(seed))));
        }
        let seed = rng.next();
        senders.push(scope.spawn(move || send_over_websocket(world, Dice::new(seed))));
        let seed = rng.next();
        senders.push(scope.spawn(move || clubs.change(world, Dice::new(seed))));
        for listener in 0..LISTENERS {
            scope.spawn(move || listen(world, &world.users[listener as usize * 7]));
        }
        let finish = EndOnDrop(world);
        faults(rng);
        world.finishing.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        drop(finish);
    });
}

/// Ends all threads, also where the test fails, so that it can report.
struct EndOnDrop<'a>(&'a World);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finishing.store(true, Ordering::Relaxed);
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Posts in pipelined bursts, over a new connection after each failure, until told to finish; then
/// until nothing is left unacknowledged.
fn post_over_http(world: &World, poster: u64, mut rng: Dice) {
    let mut number = 0;
    let mut open: Vec<Wanted> = Vec::new();
    while world.goes_on() || !open.is_empty() {
        let Ok(mut http) = Http::connect(world.addr()) else {
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
            thread::sleep(world.breath);
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
        let request = Request::new("POST", &path)
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
    if !refused.is_empty() {
        thread::sleep(REFUSED_PAUSE);
        open.append(&mut refused);
    }
    true
}

/// Sends as one user, one message at a time.
fn send_over_websocket(world: &World, mut rng: Dice) {
    let sender = world.rooms[0].members[0].clone();
    let rooms: Vec<usize> = (0..CHATS)
        .filter(|&room| world.rooms[room].members.contains(&sender))
        .collect();
    let mut number = 0;
    let mut open: Option<Wanted> = None;
    while world.goes_on() || open.is_some() {
        let Some(mut ws) = connect(world, &sender) else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        loop {
            let goes_on = world.goes_on();
            if open.is_none() {
                if !goes_on {
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
            thread::sleep(world.breath);
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
        let Ok(text) = ws.poll(PATIENCE) else {
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
                thread::sleep(REFUSED_PAUSE);
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
    let ready = ws.poll(PATIENCE).ok()?;
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
