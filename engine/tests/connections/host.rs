//! Shard 0 of two. The test plays everything else.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::effect::{ConnEffect, Effects, Notice};
use rookery_engine::ids::{ConnId, Session};
use rookery_engine::input::{Entrance, Input, Now};
use rookery_engine::mesh::{
    Asker, Command, EventBatch, Outcome, ShardMessage, SubscriptionAnswer, UserCommand,
};
use rookery_engine::port::{
    EndedSessions, Found, LogEvent, LogRequest, Opened, Read, StoreEvent, StoreRequest, Token,
};
use rookery_engine::security::Act;
use rookery_engine::stats::Stats;
use rookery_schema::batch::RecordBatch;
use rookery_schema::{ChatId, Offset, PartitionId, Route, Seq, ShardId, Timestamp, UserId};
use rookery_testing::host::{self, first_id};

const HERE: ShardId = ShardId(0);
pub(crate) const OTHER: ShardId = ShardId(1);

/// Whether the other shard serves a partition.
fn is_elsewhere(partition: PartitionId) -> bool {
    host::routing(2, 2).route(partition) == Route::Here(OTHER)
}

pub(crate) const LAG_LIMIT: Duration = Duration::from_secs(1000);
pub(crate) const SLOW_READER: Duration = Duration::from_secs(5);

pub(crate) struct Host {
    host: host::Host,
    /// What this shard asked the other one, oldest first.
    pub(crate) asked: VecDeque<(Asker, Command)>,
    /// Reads that the test has to answer.
    pub(crate) reads: VecDeque<(Token, Read)>,
    /// What this shard has to append to its partition.
    appends: Vec<RecordBatch>,
    log_end: Offset,
    /// What the security log was told, but for where it came from.
    pub(crate) audited: Vec<(Act, &'static str, Option<UserId>)>,
    /// The newest thing that was asked for each connection, but for sending.
    told: BTreeMap<u32, &'static str>,
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
        Self::with(auth, |_| {})
    }

    /// The same, with other settings.
    pub(crate) fn with(auth: AuthMode, change: impl FnOnce(&mut ShardConfig)) -> Self {
        let routing = host::routing(2, 2);
        let mut config = ShardConfig {
            auth,
            lag_limit: LAG_LIMIT,
            slow_reader: SLOW_READER,
            ..host::config(HERE, routing.clone())
        };
        change(&mut config);
        let mut host = Self {
            host: host::Host::new(config),
            asked: VecDeque::new(),
            reads: VecDeque::new(),
            appends: Vec::new(),
            log_end: Offset(0),
            audited: Vec::new(),
            told: BTreeMap::new(),
            user: first_id(UserId::from_bytes, |it| routing.home(it) == HERE),
            chat: first_id(ChatId::from_bytes, |it| {
                is_elsewhere(routing.placement().of_chat(it))
            }),
            next_seq: Seq(1),
        };
        let partition = PartitionId(0);
        let opened = Opened::default();
        host.step(Input::Log(LogEvent::Opened { partition, opened }));
        host.step(Input::Log(LogEvent::CaughtUp { partition }));
        host.step(Input::Tick);
        host.tell(ShardMessage::Ready {
            from: OTHER,
            stamp: Timestamp::default(),
        });
        assert!(host.host.shard.is_ready());
        host
    }

    /// A user whose partition the other shard owns.
    pub(crate) fn foreign_user() -> UserId {
        let placement = host::routing(2, 2).placement();
        first_id(UserId::from_bytes, |it| is_elsewhere(placement.of_user(it)))
    }

    /// A username whose owner is the other shard.
    pub(crate) fn foreign_username() -> String {
        let placement = host::routing(2, 2).placement();
        let is_foreign = |name: &String| is_elsewhere(placement.of_name(name));
        (0..).map(|n| format!("user{n}")).find(is_foreign).unwrap()
    }

    pub(crate) fn step(&mut self, input: Input<'_>) {
        let effects = self.host.round(input);
        self.take(effects);
    }

    /// Ends a round in which nothing came.
    pub(crate) fn flush(&mut self) {
        self.host.flush();
        let effects = self.host.take();
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        for (conn, effect) in effects.connections {
            let told = match effect {
                ConnEffect::Flush | ConnEffect::FlushInTurn => continue,
                ConnEffect::Resume => "resume",
                ConnEffect::Close => "close",
                ConnEffect::Abort => "abort",
                ConnEffect::HandOff { .. } => "hand off",
            };
            self.told.insert(conn.slot, told);
        }
        for notice in effects.notices {
            if let Notice::Security(event) = notice {
                self.audited.push((event.act, event.outcome, event.user_id));
            }
        }
        for message in effects.mesh.into_iter().flatten() {
            match message {
                ShardMessage::Ask { asker, command } => self.asked.push_back((asker, command)),
                ShardMessage::Subscribe(wanted) => {
                    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
                    self.tell(ShardMessage::Subscribed { wanted, answer });
                }
                _ => {}
            }
        }
        for request in effects.log {
            if let LogRequest::Append { batch, .. } = request {
                self.appends.push(batch);
            }
        }
        for request in effects.store {
            if let StoreRequest::Read { token, read } = request {
                match read {
                    Read::EndedSessions => {
                        self.found(token, Found::EndedSessions(EndedSessions::default()))
                    }
                    Read::SessionsOfUser { .. } => self.found(token, Found::Sessions(Vec::new())),
                    Read::Purges { .. } => self.found(token, Found::Purges(Vec::new())),
                    Read::Erasures { .. } => self.found(token, Found::Erasures(Vec::new())),
                    Read::Rewrites { .. } => self.found(token, Found::Rewrites(Vec::new())),
                    Read::ChatsOfUser(_) => self.found(token, Found::Chats(vec![self.chat])),
                    Read::MarksOfUser(_) => self.found(token, Found::Marks(Vec::new())),
                    other => self.reads.push_back((token, other)),
                }
            }
        }
    }

    /// The store has found something.
    pub(crate) fn found(&mut self, token: Token, found: Found) {
        let outcome = Ok(found);
        self.step(Input::Store(StoreEvent::Read { token, outcome }));
    }

    /// The shard's numbers.
    pub(crate) fn stats(&mut self) -> &Stats {
        self.host.shard.stats_mut()
    }

    /// The metric of bytes that are held for all connections, shared ones counted once.
    pub(crate) fn held_bytes(&mut self) -> u64 {
        self.tell(ShardMessage::StatsWanted {
            from: OTHER,
            ticket: 0,
        });
        self.stats().outbox_distinct_bytes
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

    /// The other shard records a login, or this one does.
    pub(crate) fn record_login(&mut self) {
        let is_login = |(_, command): &mut (Asker, Command)| {
            matches!(command, Command::User(_, UserCommand::StartSession(_)))
        };
        if let Some((asker, _)) = self.asked.pop_front_if(is_login) {
            self.answer(asker, Outcome::Done);
        }
        let partition = PartitionId(0);
        for batch in std::mem::take(&mut self.appends) {
            let base = self.log_end;
            self.log_end = base.plus(u64::from(batch.len()));
            let outcome = Ok(self.log_end);
            self.step(Input::Log(LogEvent::Appended { partition, outcome }));
            self.step(Input::Log(LogEvent::Records {
                partition,
                base,
                batch,
            }));
        }
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
            accepted_at: self.host.clock.now().wall,
            applied_micros: self.host.clock.micros,
            leaver: None,
        }));
    }

    /// Time passes, which the shard is told.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.host.clock.pass(time.as_micros() as u64);
        self.step(Input::Tick);
    }

    /// The time of day.
    pub(crate) fn wall(&self) -> Timestamp {
        self.host.clock.now().wall
    }

    /// The time of day is set, which the shard is told.
    pub(crate) fn step_wall(&mut self, millis: i64) {
        self.host.clock.step_wall(millis);
        self.step(Input::Tick);
    }

    pub(crate) const fn now(&self) -> Now {
        self.host.clock.now()
    }

    /// Nothing runs for a while.
    pub(crate) fn stand_still(&mut self, time: Duration) {
        self.host.clock.pass(time.as_micros() as u64);
        self.step(Input::Resumed);
    }

    pub(crate) fn accept(&mut self) -> ConnId {
        let (conn, accepted) = self.host.accepted();
        self.step(accepted);
        conn
    }

    /// A connection from an address.
    pub(crate) fn accept_from(&mut self, peer: IpAddr) -> ConnId {
        self.accept_at(Entrance::Public { operations: true }, peer)
    }

    /// An operator's connection.
    pub(crate) fn accept_operator(&mut self) -> ConnId {
        self.accept_at(Entrance::Admin, [127, 0, 0, 1].into())
    }

    pub(crate) fn accept_at(&mut self, entrance: Entrance, peer: IpAddr) -> ConnId {
        let conn = self.host.next_conn();
        self.step(Input::Accepted {
            conn,
            peer: (peer, 9).into(),
            entrance,
        });
        conn
    }

    /// The client of a connection is gone.
    pub(crate) fn vanish(&mut self, conn: ConnId) {
        self.step(Input::Gone { conn });
    }

    /// A WebSocket of the user arrives here.
    pub(crate) fn arrive(&mut self, session: Option<Session>) -> ConnId {
        let (conn, arrived) = self.host.arrived(self.user, session);
        self.step(arrived);
        conn
    }

    /// A WebSocket of the user arrives here, with bytes that came behind its handshake.
    pub(crate) fn arrive_with(&mut self, unread: &[u8]) -> ConnId {
        let (conn, mut arrived) = self.host.arrived(self.user, None);
        if let Input::Arrived { socket, .. } = &mut arrived {
            socket.unread.extend_from_slice(unread);
        }
        self.step(arrived);
        conn
    }

    /// The process is to stop, and nothing more has come for these connections.
    pub(crate) fn drain(&mut self, connections: &[ConnId]) {
        self.step(Input::Drain);
        for conn in connections {
            self.retire(*conn, 0);
        }
    }

    /// Of what had come for a connection when the process was to stop, so many bytes are left.
    pub(crate) fn retire(&mut self, conn: ConnId, unread: usize) {
        self.step(Input::Retire { conn, unread });
    }

    /// A WebSocket that has been told that it is ready, and has read that.
    pub(crate) fn listen(&mut self) -> ConnId {
        let conn = self.arrive(None);
        let ready = self.read_all(conn);
        assert!(ready.windows(7).any(|it| it == b"\"ready\""));
        conn
    }

    /// Gives a connection its turn; whether the shard wants to read it.
    pub(crate) fn wants_input(&mut self, conn: ConnId) -> bool {
        let wants_input = self.host.wants_input(conn);
        self.flush();
        wants_input
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
        self.host.shard.outbox(conn).unwrap().len()
    }

    /// The peer reads so many bytes, or all that there are; the shard sees that with its next step.
    pub(crate) fn read(&mut self, conn: ConnId, at_most: usize) -> Vec<u8> {
        self.host.read(conn, at_most)
    }

    pub(crate) fn read_all(&mut self, conn: ConnId) -> Vec<u8> {
        self.read(conn, usize::MAX)
    }

    /// A request of the user.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let (user, length) = (self.user, body.len());
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nCookie: user_id={user}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// A request of the user to post a message.
    pub(crate) fn post(&self, content: &str) -> Vec<u8> {
        let path = format!("/chats/{}/messages", self.chat);
        self.request("POST", &path, &format!(r#"{{"content":"{content}"}}"#))
    }

    /// The user's request for a WebSocket.
    pub(crate) fn upgrade(&self) -> Vec<u8> {
        let user = self.user;
        format!(
            "GET /ws/connect/{user} HTTP/1.1\r\nHost: localhost\r\nCookie: user_id={user}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        .into_bytes()
    }

    /// A request of the user for a page of messages, of which no two are worked on at once.
    pub(crate) fn page(&self) -> Vec<u8> {
        self.request("GET", &format!("/chats/{}/messages", self.chat), "")
    }
}
