//! A stand-in for the engine that speaks lines, and a server that runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rookery_engine::config::{AuthMode, RegistrationMode, ShardConfig};
use rookery_engine::effect::{ConnEffect, Effects, HandedOff, Turn};
use rookery_engine::held_bytes::HeldBytes;
use rookery_engine::ids::ConnId;
use rookery_engine::input::{Input, Now};
use rookery_engine::limits::Proxies;
use rookery_engine::mesh::{EventBatch, ShardMessage};
use rookery_engine::outbox::{Outbox, WEBSOCKET_OUTBOX_BYTES_MAX};
use rookery_engine::port::{LogEvent, LogRequest};
use rookery_engine::stats::Stats;
use rookery_io::backend::{OpenError, Opened, Opening};
use rookery_io::lane;
use rookery_io::mailbox::Mailbox;
use rookery_io::net::admission::PerAddress;
use rookery_io::runtime::{Backend, Engine};
use rookery_io::server::{self, Server, ServerConfig};
use rookery_io::startup::Startup;
use rookery_schema::{ChatId, PartitionId, Seq, ShardId, Timestamp, UserId};

/// How long a test waits for something that should happen soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of one chunk of a flood.
pub(crate) const FLOOD_CHUNK: usize = 64 * 1024;
/// Chunks that a shard which is told to sends to another whenever the log answers.
const HEAPED_CHUNKS: usize = 16;
/// As long as a test holds it, shards that are told to wait for it do nothing.
pub(crate) static NAP: Mutex<()> = Mutex::new(());

pub(crate) struct Toy {
    id: ShardId,
    shards: usize,
    connections: HashMap<ConnId, Line>,
    appending: VecDeque<ConnId>,
    asking: VecDeque<ConnId>,
    /// Who told this shard to heap up messages for which other shard.
    heaping: Option<(ConnId, usize)>,
    chunk: Bytes,
    /// Who told it to tell everybody, and for how many of them that still waited at the end of each round since.
    telling: Option<ConnId>,
    told: Vec<(bool, usize)>,
    /// Who asked to be woken for, and after how many microseconds; then when that was, and when it is due.
    to_wake: Option<(ConnId, u64)>,
    waking: Option<(ConnId, u64, u64)>,
    gone: u64,
    drained: bool,
    sabotaged: bool,
    stats: Stats,
}

struct Line {
    outbox: Outbox,
    input: BytesMut,
    leaving: bool,
}

impl Line {
    fn new() -> Self {
        Self {
            outbox: Outbox::new(WEBSOCKET_OUTBOX_BYTES_MAX, HeldBytes::default()),
            input: BytesMut::new(),
            leaving: false,
        }
    }
}

impl Toy {
    pub(crate) fn new(config: ShardConfig) -> Self {
        Self {
            id: config.id,
            shards: usize::from(config.routing.shards()),
            connections: HashMap::new(),
            appending: VecDeque::new(),
            asking: VecDeque::new(),
            heaping: None,
            telling: None,
            told: Vec::new(),
            to_wake: None,
            waking: None,
            chunk: vec![b'x'; FLOOD_CHUNK].into(),
            gone: 0,
            drained: false,
            sabotaged: false,
            stats: Stats::default(),
        }
    }

    fn say(&mut self, conn: ConnId, text: &str, effects: &mut Effects) {
        self.say_by(ConnEffect::Flush, conn, text, effects);
    }

    fn say_by(&mut self, flush: ConnEffect, conn: ConnId, text: &str, effects: &mut Effects) {
        if let Some(line) = self.connections.get_mut(&conn) {
            line.outbox.write(0, |out| {
                out.extend_from_slice(text.as_bytes());
                out.push(b'\n');
            });
            effects.connections.push((conn, flush));
        }
    }

    fn obey_all(&mut self, conn: ConnId, bytes: &[u8], effects: &mut Effects) {
        let Some(line) = self.connections.get_mut(&conn) else {
            return;
        };
        line.input.extend_from_slice(bytes);
        while let Some(line) = self.connections.get_mut(&conn).filter(|line| !line.leaving) {
            let Some(end) = line.input.iter().position(|&byte| byte == b'\n') else {
                return;
            };
            let order = line.input.split_to(end + 1);
            let order = std::str::from_utf8(&order[..end]).unwrap().to_owned();
            self.obey(conn, &order, effects);
        }
    }

    fn obey(&mut self, conn: ConnId, order: &str, effects: &mut Effects) {
        let (verb, argument) = order.split_once(' ').unwrap_or((order, ""));
        let number = || argument.parse::<usize>().unwrap();
        match verb {
            "panic" => panic!("on purpose"),
            "sabotage" => self.sabotaged = true,
            "append" => {
                self.appending.push_back(conn);
                effects.log.push(LogRequest::Commit {
                    partition: PartitionId(0),
                    offset: rookery_schema::Offset(0),
                });
            }
            "ask" => {
                self.asking.push_back(conn);
                effects.mesh[number()].push(ShardMessage::StatsWanted {
                    from: self.id,
                    ticket: 0,
                });
            }
            "nap" => effects.mesh[number()].push(ShardMessage::Ready {
                from: self.id,
                stamp: Timestamp::default(),
            }),
            "heap" => self.heaping = Some((conn, number())),
            "flood" => {
                let line = self.connections.get_mut(&conn).unwrap();
                (0..number()).for_each(|_| line.outbox.share(self.chunk.clone(), 0));
                effects.connections.push((conn, ConnEffect::Flush));
            }
            "close" => {
                self.say(conn, "bye", effects);
                self.connections.get_mut(&conn).unwrap().leaving = true;
                effects.connections.push((conn, ConnEffect::Close));
            }
            "tell" => {
                let all: Vec<ConnId> = self.connections.keys().copied().collect();
                for other in all.into_iter().filter(|it| *it != conn) {
                    self.say_by(ConnEffect::FlushInTurn, other, argument, effects);
                }
                self.say(conn, "told", effects);
                self.telling = Some(conn);
            }
            "wake" => self.to_wake = Some((conn, number() as u64)),
            "told" => self.say(conn, &format!("{:?}", self.told), effects),
            "abort" => effects.connections.push((conn, ConnEffect::Abort)),
            "move" => self.hand_off(conn, ShardId(number() as u16), effects),
            "where" => self.say(conn, &self.id.0.to_string(), effects),
            "count" => {
                let counts = [self.connections.len() as u64, self.gone, self.stats.panics];
                self.say(conn, &format!("{counts:?}"), effects);
            }
            _ => self.say(conn, order, effects),
        }
    }

    fn heap(&self, to: usize, effects: &mut Effects) {
        effects.mesh[to].extend((0..HEAPED_CHUNKS).map(|_| {
            ShardMessage::Events(EventBatch {
                chat_id: ChatId::from_bytes([0; 16]),
                from: self.id,
                first: Seq(1),
                lines: self.chunk.clone(),
                count: 1,
                accepted_at: Timestamp::from_millis(0),
                applied_micros: 0,
                leaver: None,
            })
        }));
    }

    fn hand_off(&mut self, conn: ConnId, to: ShardId, effects: &mut Effects) {
        self.say(conn, "moving", effects);
        let line = self.connections.get_mut(&conn).unwrap();
        line.leaving = true;
        let socket = Box::new(HandedOff {
            user_id: UserId::from_bytes([0; 16]),
            session: None,
            batch_protocol: false,
            will_resume: false,
            unread: std::mem::take(&mut line.input),
        });
        effects
            .connections
            .push((conn, ConnEffect::HandOff { to, socket }));
    }
}

impl Engine for Toy {
    fn step(&mut self, _now: Now, input: Input<'_>, effects: &mut Effects) {
        effects.mesh.resize_with(self.shards, Vec::new);
        match input {
            Input::Accepted { conn, .. } => {
                self.connections.insert(conn, Line::new());
            }
            Input::Arrived { conn, socket } => {
                self.connections.insert(conn, Line::new());
                self.say(conn, &format!("arrived at {}", self.id), effects);
                self.obey_all(conn, &socket.unread, effects);
            }
            Input::Received { conn, bytes, .. } => self.obey_all(conn, bytes, effects),
            Input::Finished { conn } => {
                self.connections.get_mut(&conn).unwrap().leaving = true;
                effects.connections.push((conn, ConnEffect::Close));
            }
            Input::Gone { conn } => {
                assert!(self.connections.remove(&conn).is_some(), "gone twice");
                self.gone += 1;
            }
            Input::Mesh { from, messages } => {
                for message in messages {
                    match message {
                        ShardMessage::StatsWanted { ticket, .. } => {
                            let stats = Box::default();
                            effects.mesh[from.index()].push(ShardMessage::Stats {
                                from: self.id,
                                ticket,
                                stats,
                            });
                        }
                        ShardMessage::Ready { .. } => drop(NAP.lock()),
                        ShardMessage::Events(_) => {}
                        _ => {
                            let conn = self.asking.pop_front().unwrap();
                            self.say(conn, &format!("answer from {from}"), effects);
                        }
                    }
                }
            }
            Input::MeshFull(full) => {
                let (conn, _) = self.heaping.unwrap();
                self.say(conn, &format!("full: {full}"), effects);
            }
            Input::Log(_) => {
                if let Some((_, to)) = self.heaping {
                    self.heap(to, effects);
                }
                let conn = self.appending.pop_front().unwrap();
                self.say(conn, "appended", effects);
            }
            Input::Drain => self.drained = true,
            _ => {}
        }
    }

    fn flush(&mut self, now: Now, effects: &mut Effects) {
        assert!(!self.sabotaged, "on purpose");
        if let Some((conn, wait)) = self.to_wake.take() {
            self.waking = Some((conn, now.micros, now.micros + wait));
        }
        match self.waking {
            Some((conn, asked, at)) if at <= now.micros => {
                self.waking = None;
                self.say(conn, &(now.micros - asked).to_string(), effects);
            }
            Some((_, _, at)) => effects.wake_at_micros = Some(at),
            None => {}
        }
        if let Some(conn) = self.telling {
            let waits = |line: &Line| !line.outbox.is_empty();
            let all = self.connections.values().filter(|line| waits(line)).count();
            let teller = self.connections.get(&conn).is_some_and(waits);
            if all > 0 {
                self.told.push((teller, all));
            }
        }
    }

    fn awaits_client(&self, _: ConnId) -> bool {
        false
    }

    fn turn(&mut self, conn: ConnId) -> Turn {
        match self.connections.get(&conn) {
            Some(line) if !line.leaving => Turn::Read,
            Some(_) | None => Turn::Wait,
        }
    }

    fn outbox(&mut self, conn: ConnId) -> Option<&mut Outbox> {
        self.connections.get_mut(&conn).map(|line| &mut line.outbox)
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn is_drained(&self) -> bool {
        self.drained && self.appending.is_empty()
    }

    fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }
}

/// A server of toys, stopped at the end of the test.
pub(crate) struct ToyServer {
    server: Option<Server>,
    pub(crate) address: SocketAddr,
}

pub(crate) fn config(cpus: &[Option<usize>]) -> ServerConfig {
    ServerConfig {
        cpus: cpus.to_vec(),
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: None,
        open_files_max: 4096,
        backend_files_max: 0,
        auth: AuthMode::Trust,
        public_urls: Vec::new(),
        allowed_origins: Vec::new(),
        token_keys: rookery_testing::host::keys(1),
        lag_limit: Duration::from_secs(1),
        chat_bytes: 256 << 20,
        resume_events: 10_000,
        slow_reader: Duration::from_secs(5),
        user_rate: 0,
        user_bytes: 0,
        sockets_per_user: 0,
        chats_per_user: 0,
        memberships_per_user: 0,
        login_rate: 10,
        registration: RegistrationMode::Open,
        operator_token: None,
        connections_per_address: PerAddress::Max(0),
        proxies: Proxies::default(),
    }
}

impl ToyServer {
    pub(crate) fn start(cpus: &[Option<usize>]) -> Self {
        // What the server has to say belongs to the output of a test that fails.
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let server = server::start(&config(cpus), Toy::new, &Startup::default(), open).unwrap();
        let address = server.address();
        Self {
            server: Some(server),
            address,
        }
    }

    /// Stops the server; false where it was not drained in time, or had been stopped before.
    pub(crate) fn stop(&mut self, at_most: Duration) -> bool {
        self.server
            .take()
            .is_some_and(|server| server.stop(at_most))
    }
}

impl Drop for ToyServer {
    fn drop(&mut self) {
        self.stop(PATIENCE);
    }
}

/// A log that takes its time over each request and has room for few, and no store.
pub(crate) fn open(opening: &Opening<'_>) -> Result<Opened, OpenError> {
    let mut opened = Opened {
        routing: opening.routing(1)?,
        appends_in_flight_max: 1,
        append_pace_micros: 0,
        backends: Vec::new(),
        disk: None,
        lanes: Vec::new(),
    };
    for (shard, (mailbox, cpu)) in opening.mailboxes.iter().zip(opening.cpus).enumerate() {
        let (requests, mut ring) = lane::requests::<LogRequest>(2);
        let (events, log_events) = mailbox.channel(2);
        let body = move || {
            let mut batch = Vec::new();
            while ring.next_batch(&mut batch, 2) {
                std::thread::sleep(Duration::from_micros(200));
                let _ = events.send_all(batch.drain(..).map(|_| LogEvent::CaughtUp {
                    partition: PartitionId(0),
                }));
            }
            Ok::<(), Infallible>(())
        };
        opened.lanes.push(lane::spawn(
            &format!("log-{shard}"),
            *cpu,
            opening.shutdown,
            body,
        )?);
        opened.backends.push(Backend {
            log: Box::new(requests),
            log_events,
            store: Box::new(Mailbox::new().channel(1).0),
            store_events: mailbox.channel(1).1,
        });
    }
    Ok(opened)
}

/// A client that speaks lines.
pub(crate) struct Client {
    pub(crate) reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line, or nothing at the end.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.pop().map(|_| line)
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.write(&format!("{order}\n"));
        self.line().expect("an answer")
    }
}
