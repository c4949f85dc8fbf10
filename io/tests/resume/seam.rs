//! The seam between missed and live events, under load and kills.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rookery_testing::dice::Dice;
use serde_json::{Value, json};

use super::support::api::Api;
use super::support::http::Http;
use super::support::ws::{self, End, Ws};
use super::support::{Options, any_user};

/// Crossings of each kind in a short run.
const SEAMS_DEFAULT: usize = 150;
const KILLS_DEFAULT: usize = 2;
/// Messages a second.
const RATE: u64 = 2000;
/// Clients that come and go.
const CLIENTS: u64 = 6;
/// Events that a client pretends to miss: more than memory keeps.
const LONG_GAP: u64 = 400;
/// Live events that a client waits for behind the seam.
const LIVE_EVENTS: usize = 3;
/// How long a client waits for an event while the server may be starting.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all threads share.
struct Run {
    /// Where the server is.
    addr: Mutex<SocketAddr>,
    user: String,
    chat: String,
    is_over: AtomicBool,
    /// Crossings from memory, and from the store.
    crossed: [AtomicUsize; 2],
    wanted: usize,
}

impl Run {
    fn addr(&self) -> MutexGuard<'_, SocketAddr> {
        self.addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A WebSocket, where the server is there.
    fn connect(&self, query: &str) -> Option<Ws> {
        let http = Http::connect(*self.addr()).ok()?;
        let path = format!("/ws/connect/{}{query}", self.user);
        Ws::over(http, ws::upgrade(&path)).ok()
    }

    fn is_crossed(&self) -> bool {
        let is_enough = |it: &AtomicUsize| it.load(Ordering::Relaxed) >= self.wanted;
        self.crossed.iter().all(is_enough)
    }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn no_event_is_missing_or_repeated_where_missed_ones_become_live_ones() {
    let (wanted, kills) = (
        number("ROOKERY_SEAMS", SEAMS_DEFAULT),
        number("ROOKERY_KILLS", KILLS_DEFAULT),
    );
    let dir = tempfile::tempdir().unwrap();
    let options = Options::trusting(dir.path()).flag("--lag-limit", 30);
    let mut server = options.start();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let contents: Vec<String> = (0..LONG_GAP).map(|n| n.to_string()).collect();
    for part in contents.chunks(100) {
        api.say_all(&chat, part);
    }
    let run = Run {
        addr: Mutex::new(server.addr),
        user: api.user_id,
        chat,
        is_over: AtomicBool::new(false),
        crossed: Default::default(),
        wanted,
    };
    thread::scope(|scope| {
        scope.spawn(|| post(&run));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn({
                    let run = &run;
                    move || come_and_go(run, client)
                })
            })
            .collect();
        let began = Instant::now();
        for kill in 1..=kills {
            // Spread over the crossings.
            let part = wanted * kill / (kills + 1);
            while run
                .crossed
                .iter()
                .all(|it| it.load(Ordering::Relaxed) < part)
            {
                thread::sleep(Duration::from_millis(5));
                assert!(began.elapsed() < PATIENCE * (kills as u32 + 2), "it hangs");
            }
            server.kill();
            server = options.start();
            *run.addr() = server.addr;
        }
        for client in clients {
            client.join().unwrap();
        }
        run.is_over.store(true, Ordering::Relaxed);
    });
    let crossed = run.crossed.each_ref().map(|it| it.load(Ordering::Relaxed));
    eprintln!(
        "crossed {} times from memory and {} times from the store, {kills} kills",
        crossed[0], crossed[1]
    );
}

/// Posts at the rate, as far as the server is there.
fn post(run: &Run) {
    let mut sent = 0;
    'server: while !run.is_over.load(Ordering::Relaxed) {
        let Some(mut ws) = run.connect("") else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let began = Instant::now();
        let before = sent;
        while !run.is_over.load(Ordering::Relaxed) {
            let due = before + began.elapsed().as_millis() as u64 * RATE / 1000;
            let batch = (sent..due.min(sent + 100)).map(
                |n| json!({"type": "send", "chat_id": run.chat, "content": format!("message {n}")}),
            );
            if ws.send_all(batch).is_err() {
                continue 'server;
            }
            sent = due.min(sent + 100).max(sent);
            loop {
                match ws.poll(Duration::from_millis(1)) {
                    Ok(_) => {}
                    Err(End::Silence) => break,
                    Err(_) => continue 'server,
                }
            }
        }
    }
}

/// A client that connects, resumes, listens for a moment and is gone, again and again.
fn come_and_go(run: &Run, client: u64) {
    let mut dice = Dice::new(client);
    // The newest event that it has.
    let mut has = LONG_GAP;
    while !run.is_crossed() {
        let is_long = dice.one_in(2);
        let after = if is_long {
            has.saturating_sub(LONG_GAP)
        } else {
            has
        };
        if let Some(reached) = cross(run, after) {
            has = reached;
            run.crossed[usize::from(is_long)].fetch_add(1, Ordering::Relaxed);
        } else {
            // The server was killed: what came is forgotten, and comes again.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Resumes behind an event, and checks all that comes; the last event that came, or `None` where the connection broke.
fn cross(run: &Run, after: u64) -> Option<u64> {
    let mut ws = run.connect("?resume=1")?;
    let resume = json!({"type": "resume", "chats": {&run.chat: after}});
    let mut last = after;
    let mut live = None;
    let deadline = Instant::now() + PATIENCE;
    while live.is_none_or(|live| live < LIVE_EVENTS) {
        assert!(Instant::now() < deadline, "nothing comes behind {last}");
        let text = match ws.poll(PATIENCE) {
            Ok(text) => text,
            Err(_) => return None,
        };
        let event: Value = serde_json::from_str(&text).unwrap();
        match event["type"].as_str().unwrap() {
            "ready" => ws.send(&resume).ok()?,
            "resumed" => {
                assert_eq!(
                    (&event["recovered"], &event["seq"]),
                    (&json!(true), &json!(last))
                );
                live = Some(0);
            }
            _ => {
                assert_eq!(event["seq"], last + 1, "{event}");
                last += 1;
                live = live.map(|live| live + 1);
            }
        }
    }
    Some(last)
}
