//! Shard 0 of two. The test plays everything else.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::time::Duration;

use bytes::BytesMut;
use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::effect::{ConnEffect, Effects, HandedOff};
use rookery_engine::ids::ConnId;
use rookery_engine::ids::Session;
use rookery_engine::input::{Entrance, Input, Now};
use rookery_engine::mesh::{Asker, Command, EventBatch, Outcome, ShardMessage, SubscriptionAnswer};
use rookery_engine::port::{Found, LogEvent, Opened, Read, StoreEvent, StoreRequest};
use rookery_engine::shard::Shard;
use rookery_engine::stats::Stats;
use rookery_schema::{
    ChatId, PartitionId, Placement, Route, Routing, Seq, ShardId, Timestamp, UserId,
};

const HERE: ShardId = ShardId(0);
pub(crate) const OTHER: ShardId = ShardId(1);
const START_MILLIS: u64 = 1_700_000_000_000;

/// Whether the other shard serves a partition.
fn is_elsewhere(partition: PartitionId) -> bool {
    routing().route(partition) == Route::Here(OTHER)
}

fn routing() -> Routing {
    Routing::new(Placement::new(2).unwrap(), 2).unwrap()
}

pub(crate) const LAG_LIMIT: Duration = Duration::from_secs(1000);
pub(crate) const SLOW_READER: Duration = Duration::from_secs(5);

pub(crate) struct Host {
    shard: Shard,
    micros: u64,
    /// What this shard asked the other one, oldest first.
    pub(crate) asked: VecDeque<(Asker, Command)>,
    /// The newest thing that was asked for each connection, but for sending.
    told: BTreeMap<u32, &'static str>,
    connections: u32,
    /// A user whose home is here.
    pub(crate) user: UserId,
    /// Their only chat, which the other shard owns.
    pub(crate) chat: ChatId,
    /// The seq of the event that the other shard sends next.
    next_seq: Seq,
}

impl Host {
    pub(crate) fn in_trust() -> Self {
        Self::new(AuthMode::Trust)
    }

    /// A shard that is ready.
    pub(crate) fn new(auth: AuthMode) -> Self {
        let routing = routing();
        let config = ShardConfig {
            id: HERE,
            routing: routing.clone(),
            auth,
            token_secret: vec![1; 32],
            ticket_secret: vec![2; 32],
            entropy: [3; 32],
            lag_limit: LAG_LIMIT,
            slow_reader: SLOW_READER,
            user_rate: 0,
            login_rate: 0,
            appends_in_flight_max: 1,
        };
        let users = (0..).map(|n| UserId::from_bytes([n; 16]));
        let chats = (0..).map(|n| ChatId::from_bytes([n; 16]));
        let mut host = Self {
            shard: Shard::new(config),
            micros: 0,
            asked: VecDeque::new(),
            told: BTreeMap::new(),
            connections: 0,
            user: users
                .into_iter()
                .find(|it| routing.home(*it) == HERE)
                .unwrap(),
            chat: chats
                .into_iter()
                .find(|it| is_elsewhere(routing.placement().of_chat(*it)))
                .unwrap(),
            next_seq: Seq(1),
        };
        let partition = PartitionId(0);
        let opened = Opened::default();
        host.step(Input::Log(LogEvent::Opened { partition, opened }));
        host.step(Input::Log(LogEvent::CaughtUp { partition }));
        host.step(Input::Tick);
        host.tell(ShardMessage::Ready { from: OTHER });
        assert!(host.shard.is_ready());
        host
    }

    /// A user whose partition the other shard owns.
    pub(crate) fn foreign_user() -> UserId {
        let users = (0..).map(|n| UserId::from_bytes([n; 16]));
        let is_foreign = |user: &UserId| is_elsewhere(routing().placement().of_user(*user));
        users.into_iter().find(is_foreign).unwrap()
    }

    /// A username whose owner is the other shard.
    pub(crate) fn foreign_username() -> String {
        let is_foreign = |name: &String| is_elsewhere(routing().placement().of_name(name));
        (0..).map(|n| format!("user{n}")).find(is_foreign).unwrap()
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_millis(START_MILLIS + self.micros / 1000);
        Now {
            micros: self.micros,
            wall,
        }
    }

    pub(crate) fn step(&mut self, input: Input<'_>) {
        let mut effects = Effects::default();
        self.shard.step(self.now(), input, &mut effects);
        self.shard.flush(self.now(), &mut effects);
        self.take(effects);
    }

    /// Ends a round in which nothing came.
    pub(crate) fn flush(&mut self) {
        let mut effects = Effects::default();
        self.shard.flush(self.now(), &mut effects);
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        for (conn, effect) in effects.connections {
            let told = match effect {
                ConnEffect::Flush => continue,
                ConnEffect::Resume => "resume",
                ConnEffect::Close => "close",
                ConnEffect::Abort => "abort",
                ConnEffect::HandOff { .. } => "hand off",
            };
            self.told.insert(conn.slot, told);
        }
        for message in effects.mesh.into_iter().flatten() {
            match message {
                ShardMessage::Ask { asker, command } => self.asked.push_back((asker, command)),
                ShardMessage::Subscribe(wanted) => {
                    let answer = SubscriptionAnswer::Accepted;
                    self.tell(ShardMessage::Subscribed { wanted, answer });
                }
                _ => {}
            }
        }
        for request in effects.store {
            if let StoreRequest::Read { token, read } = request {
                let outcome = Ok(match read {
                    Read::EndedSessions => Found::EndedSessions(Vec::new()),
                    Read::ChatsOfUser(_) => Found::Chats(vec![self.chat]),
                    other => panic!("{other:?} is not expected here"),
                });
                self.step(Input::Store(StoreEvent::Read { token, outcome }));
            }
        }
    }

    /// The shard's numbers.
    pub(crate) fn stats(&mut self) -> &Stats {
        self.shard.stats_mut()
    }

    /// The other shard says something.
    pub(crate) fn tell(&mut self, message: ShardMessage) {
        let messages = vec![message];
        self.step(Input::Mesh {
            from: OTHER,
            messages,
        });
    }

    /// The other shard answers what it was asked.
    pub(crate) fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.tell(ShardMessage::Answer { asker, outcome });
    }

    /// The other shard sends events of the chat: one frame for each line.
    pub(crate) fn events(&mut self, lines: Vec<u8>) {
        let count = lines.iter().filter(|byte| **byte == b'\n').count() as u32;
        let first = self.next_seq;
        self.next_seq = Seq(first.0 + u64::from(count));
        self.tell(ShardMessage::Events(EventBatch {
            chat_id: self.chat,
            from: OTHER,
            first,
            lines: lines.into(),
            count,
            accepted_at: self.now().wall,
            applied_micros: self.micros,
            leaver: None,
        }));
    }

    /// Time passes, which the shard is told.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.micros += time.as_micros() as u64;
        self.step(Input::Tick);
    }

    fn new_connection(&mut self) -> ConnId {
        self.connections += 1;
        ConnId {
            slot: self.connections,
            generation: 1,
        }
    }

    pub(crate) fn accept(&mut self) -> ConnId {
        let conn = self.new_connection();
        let peer = ([127, 0, 0, 1], 1).into();
        let entrance = Entrance::Public { operations: true };
        self.step(Input::Accepted {
            conn,
            peer,
            entrance,
        });
        conn
    }

    /// A WebSocket of the user arrives here.
    pub(crate) fn arrive(&mut self, session: Option<Session>) -> ConnId {
        let conn = self.new_connection();
        let socket = HandedOff {
            user_id: self.user,
            session,
            batch_protocol: false,
            unread: BytesMut::new(),
        };
        self.step(Input::Arrived { conn, socket });
        conn
    }

    /// A WebSocket that has been told that it is ready, and has read that.
    pub(crate) fn listen(&mut self) -> ConnId {
        let conn = self.arrive(None);
        let ready = self.read_all(conn);
        assert!(ready.windows(7).any(|it| it == b"\"ready\""));
        conn
    }

    pub(crate) fn wants_input(&mut self, conn: ConnId) -> bool {
        self.shard.wants_input(conn)
    }

    /// Sends bytes, which the shard must want.
    #[track_caller]
    pub(crate) fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.send_late(conn, bytes, Duration::ZERO);
    }

    /// Sends bytes that the shard did not read for so long.
    #[track_caller]
    pub(crate) fn send_late(&mut self, conn: ConnId, bytes: &[u8], waited: Duration) {
        assert!(self.wants_input(conn));
        self.step(Input::Received {
            conn,
            bytes,
            waited_micros: waited.as_micros() as u64,
        });
    }

    /// Whether the shard has asked for the connection to be closed.
    pub(crate) fn is_closed(&self, conn: ConnId) -> bool {
        matches!(self.told.get(&conn.slot), Some(&"close" | &"abort"))
    }

    /// Whether the shard has given up on the connection, whatever waits to be sent.
    pub(crate) fn is_aborted(&self, conn: ConnId) -> bool {
        self.told.get(&conn.slot) == Some(&"abort")
    }

    /// Whether the shard has accepted the connection as a WebSocket.
    pub(crate) fn is_handed_off(&self, conn: ConnId) -> bool {
        self.told.get(&conn.slot) == Some(&"hand off")
    }

    /// Whether the shard has said that the connection may be read again.
    pub(crate) fn is_resumed(&self, conn: ConnId) -> bool {
        self.told.get(&conn.slot) == Some(&"resume")
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting_bytes(&mut self, conn: ConnId) -> usize {
        self.shard.outbox(conn).unwrap().len()
    }

    /// The peer reads so many bytes, or all that there are; the shard sees that with its next step.
    pub(crate) fn read(&mut self, conn: ConnId, at_most: usize) -> Vec<u8> {
        let outbox = self.shard.outbox(conn).unwrap();
        let mut read = Vec::new();
        while !outbox.is_empty() && read.len() < at_most {
            let mut slices = [IoSlice::new(&[])];
            outbox.slices(&mut slices);
            let taken = slices[0].len().min(at_most - read.len());
            read.extend_from_slice(&slices[0][..taken]);
            outbox.advance(taken, self.micros);
        }
        read
    }

    pub(crate) fn read_all(&mut self, conn: ConnId) -> Vec<u8> {
        self.read(conn, usize::MAX)
    }

    /// A request of the user.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let (user, length) = (self.user, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nCookie: user_id={user}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// A request of the user to post a message.
    pub(crate) fn post(&self, content: &str) -> Vec<u8> {
        let path = format!("/chats/{}/messages", self.chat);
        self.request("POST", &path, &format!(r#"{{"content":"{content}"}}"#))
    }

    /// A request of the user for a page of messages, of which no two are worked on at once.
    pub(crate) fn page(&self) -> Vec<u8> {
        self.request("GET", &format!("/chats/{}/messages", self.chat), "")
    }
}

/// The bodies of HTTP replies, all of them with status 200.
pub(crate) fn bodies(mut replies: &[u8]) -> Vec<String> {
    let mut bodies = Vec::new();
    while !replies.is_empty() {
        let end = replies.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        let head = std::str::from_utf8(&replies[..end]).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.unwrap().parse().unwrap();
        let (body, rest) = replies[end..].split_at(length);
        bodies.push(String::from_utf8(body.to_vec()).unwrap());
        replies = rest;
    }
    bodies
}

/// A masked text frame of at most 125 bytes, the mask being zero.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    assert!(text.len() < 126);
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}
