//! One shard: all state of one core, changed only by its steps.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rookery_schema::{ShardId, Topology};

use crate::api::{Api, Reply};
use crate::auth::Caller;
use crate::connection::{Connections, Protocol};
use crate::context::{Context, PendingStore, Reader};
use crate::effect::Effects;
use crate::home::Home;
use crate::http::{HttpDate, Status};
use crate::input::{ConnId, Input, Now};
use crate::mesh::{Asker, Command, Outcome, ShardMessage, Waiting};
use crate::outbox::Outbox;
use crate::owner::Owner;
use crate::owner::accounts::user_json;
use crate::owner::commands::changes_something;
use crate::port::{Found, LogEvent, Read, StoreEvent, StoreFault};
use crate::problem::Problem;
use crate::scrape::Scrapes;
use crate::stats::Stats;
use crate::ws::CloseCode;

/// What a shard is told when it is made.
#[derive(Clone)]
pub struct ShardConfig {
    pub id: ShardId,
    pub topology: Topology,
    pub auth: AuthMode,
    /// Signs tokens; at least 32 bytes, the same at every start.
    pub token_secret: Vec<u8>,
    /// Signs tickets; at least 32 bytes, the same for all shards and new at every start.
    pub ticket_secret: Vec<u8>,
    /// Seeds this shard's random numbers; different for each shard and start, and not guessable.
    pub entropy: [u8; 32],
    /// Refuse new messages while the oldest one that is not stored is older.
    pub lag_limit: Duration,
    /// Messages a second and user; 0: no limit.
    pub user_rate: u32,
    /// Failed logins in five minutes per account and address; 0: no limit.
    pub login_rate: u32,
    /// Batches that a log lane may hold per partition before more are gathered here instead.
    pub appends_in_flight_max: usize,
}

/// How callers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// By signed tokens.
    Token,
    /// By what they say.
    Trust,
}

/// One shard.
pub struct Shard {
    config: ShardConfig,
    stats: Stats,
    random: ChaCha12Rng,
    date: HttpDate,
    local: VecDeque<ShardMessage>,
    pending: PendingStore,
    api: Api,
    connections: Connections,
    owner: Owner,
    home: Home,
    scrapes: Scrapes,
    startup: Startup,
    mesh_full: bool,
    draining: bool,
}

/// What must have happened before requests are served.
#[derive(Debug, Default)]
struct Startup {
    ended_sessions_asked: bool,
    ended_sessions_read: bool,
    announced: bool,
}

/// The parts of a shard that change together in a step, borrowed apart from each other.
struct Parts<'a> {
    api: &'a mut Api,
    connections: &'a mut Connections,
    owner: &'a mut Owner,
    home: &'a mut Home,
    scrapes: &'a mut Scrapes,
    startup: &'a mut Startup,
    mesh_full: &'a mut bool,
    draining: &'a mut bool,
}

impl Shard {
    /// A shard that owns nothing yet; its partitions open with `LogEvent::Opened`.
    pub fn new(config: ShardConfig) -> Self {
        Self {
            stats: Stats::default(),
            random: ChaCha12Rng::from_seed(config.entropy),
            date: HttpDate::new(0),
            local: VecDeque::new(),
            pending: PendingStore::default(),
            api: Api::new(&config),
            connections: Connections::default(),
            owner: Owner::default(),
            home: Home::default(),
            scrapes: Scrapes::default(),
            startup: Startup::default(),
            mesh_full: false,
            draining: false,
            config,
        }
    }

    /// Lets one thing happen.
    pub fn step(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        self.with_parts(now, effects, |parts, cx| {
            parts.take(input, cx);
            parts.take_local(cx);
        });
    }

    /// Ends a round of steps: goes on where output was taken, and hands over what was gathered for log,
    /// store and other shards.
    pub fn flush(&mut self, now: Now, effects: &mut Effects) {
        self.with_parts(now, effects, |parts, cx| {
            parts.connections.go_on_with_relieved(parts.api, cx);
            parts.take_local(cx);
            parts.owner.flush(cx);
        });
    }

    fn with_parts(
        &mut self,
        now: Now,
        effects: &mut Effects,
        work: impl FnOnce(&mut Parts<'_>, &mut Context<'_>),
    ) {
        effects
            .mesh
            .resize_with(usize::from(self.config.topology.shards()), Vec::new);
        self.date.advance_to(now.wall.seconds());
        let mut cx = Context {
            now,
            config: &self.config,
            effects,
            stats: &mut self.stats,
            random: &mut self.random,
            local: &mut self.local,
            pending: &mut self.pending,
            date: &self.date,
            input_waited_micros: 0,
        };
        let mut parts = Parts {
            api: &mut self.api,
            connections: &mut self.connections,
            owner: &mut self.owner,
            home: &mut self.home,
            scrapes: &mut self.scrapes,
            startup: &mut self.startup,
            mesh_full: &mut self.mesh_full,
            draining: &mut self.draining,
        };
        work(&mut parts, &mut cx);
    }

    /// Whether the connection's socket should be read; after a no, `ConnEffect::Resume` says yes. To be
    /// asked again when output that was full has been taken.
    pub fn wants_input(&mut self, conn: ConnId) -> bool {
        self.connections.wants_input(conn)
    }

    /// What waits to be sent on a connection.
    pub fn outbox(&mut self, conn: ConnId) -> Option<&mut Outbox> {
        self.connections
            .get_mut(conn)
            .map(|connection| &mut connection.outbox)
    }

    /// Whether all shards have replayed their partitions, so that this one serves requests.
    pub fn is_ready(&self) -> bool {
        self.api.all_ready()
    }

    /// After [`Input::Drain`]: whether everything that was begun is done and stored.
    pub fn is_drained(&self) -> bool {
        self.draining && self.owner.is_drained() && self.connections.iter().next().is_none()
    }

    /// The numbers, for those that only the caller can count.
    pub fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }
}

impl Parts<'_> {
    fn take(&mut self, input: Input<'_>, cx: &mut Context<'_>) {
        match input {
            Input::Accepted {
                conn,
                peer,
                listener,
            } => {
                cx.stats.connections_accepted += 1;
                self.connections.accept(conn, peer.ip(), listener, cx.now);
            }
            Input::Arrived { conn, socket } => {
                let (user_id, session) = (socket.user_id, socket.session);
                self.connections.arrive(conn, socket, cx.now);
                self.home.connect(user_id, conn, self.connections, cx);
                if *self.draining {
                    self.connections
                        .close(conn, CloseCode::Restart, "restarting", cx);
                } else if !self
                    .api
                    .is_current(&Caller { user_id, session }, cx.now.wall)
                {
                    // The login was ended while the socket was on its way.
                    let reason = "logged out";
                    self.connections
                        .close(conn, CloseCode::NotAuthenticated, reason, cx);
                }
            }
            Input::Received {
                conn,
                bytes,
                waited_micros,
            } => {
                cx.input_waited_micros = waited_micros;
                self.received(conn, bytes, cx);
            }
            Input::Finished { conn } => self.connections.finished(conn, cx),
            Input::Gone { conn } => self.gone(conn, cx),
            Input::Mesh { messages, .. } => {
                for message in messages {
                    self.message(message, cx);
                }
            }
            Input::MeshFull(full) => *self.mesh_full = full,
            Input::Log(event) => self.log_event(event, cx),
            Input::Store(event) => self.store_event(event, cx),
            Input::Password { token, outcome } => self.owner.password_done(token, outcome, cx),
            Input::Rendered { ticket, body } => self.scrapes.rendered(ticket, body, cx),
            Input::Tick => self.tick(cx),
            Input::Drain => self.drain(cx),
        }
    }

    /// Takes what this shard has told itself.
    fn take_local(&mut self, cx: &mut Context<'_>) {
        while let Some(message) = cx.local.pop_front() {
            self.message(message, cx);
        }
    }

    fn received(&mut self, conn: ConnId, bytes: &[u8], cx: &mut Context<'_>) {
        match self
            .connections
            .get(conn)
            .map(|connection| &connection.protocol)
        {
            Some(Protocol::Http(_)) => self.connections.http_received(conn, bytes, self.api, cx),
            Some(Protocol::WebSocket(_)) => self.connections.websocket_received(conn, bytes, cx),
            None => {}
        }
    }

    fn gone(&mut self, conn: ConnId, cx: &mut Context<'_>) {
        let Some(connection) = self.connections.remove(conn) else {
            return;
        };
        if let Protocol::WebSocket(ws) = connection.protocol {
            self.home.disconnect(ws.user_id, conn, cx);
        }
    }

    fn message(&mut self, message: ShardMessage, cx: &mut Context<'_>) {
        match message {
            ShardMessage::Ask { asker, command } => self.command(asker, command, cx),
            ShardMessage::Answer { asker, outcome } => self.answered(asker, outcome, cx),
            ShardMessage::Events(batch) => self.home.events(&batch, self.connections, cx),
            ShardMessage::Subscribe(wanted) => self.owner.subscribe(wanted, cx),
            ShardMessage::Subscribed { wanted, accepted } => {
                self.home.subscribed(wanted, accepted, self.connections, cx);
            }
            ShardMessage::Unsubscribe { chat_id, users } => {
                self.owner.unsubscribe(chat_id, &users, cx);
            }
            ShardMessage::Joined { chat_id, users } => {
                self.home.joined(chat_id, &users, self.connections, cx);
            }
            ShardMessage::JoinsStored { chat_id, users } => {
                self.home.joins_stored(chat_id, &users, cx);
            }
            ShardMessage::SessionEnded(ended) => {
                self.api.session_ended(ended.session_id, ended.expires_at);
                self.home.session_ended(ended, self.connections, cx);
            }
            ShardMessage::Ready { from } => self.api.shard_ready(from, cx),
            ShardMessage::Serving { from } => self.api.shard_serves(from),
            ShardMessage::StatsWanted { from, ticket } => self.send_stats(from, ticket, cx),
            ShardMessage::Stats {
                from,
                ticket,
                stats,
            } => {
                self.scrapes.collect(from, ticket, stats, cx);
            }
        }
    }

    fn command(&mut self, asker: Asker, command: Command, cx: &mut Context<'_>) {
        match command {
            Command::ShowMetrics => self.scrapes.begin(asker, cx),
            Command::ListChats { .. } | Command::SpendTicket { .. } => {
                self.home.command(asker, command, cx);
            }
            command if *self.mesh_full && changes_something(&command) => {
                cx.answer(asker, Outcome::Refused(Problem::MESH_FULL));
            }
            Command::PostWithinRate(post) => self.home.post_within_rate(asker, post, cx),
            command => self.owner.command(asker, command, cx),
        }
    }

    fn answered(&mut self, asker: Asker, outcome: Outcome, cx: &mut Context<'_>) {
        match asker.waiting {
            Waiting::Inbox { gather } => self.home.inbox_answered(gather, outcome, cx),
            Waiting::Connection { conn, ticket } => {
                match self
                    .connections
                    .get(conn)
                    .map(|connection| &connection.protocol)
                {
                    Some(Protocol::Http(_)) => {
                        self.connections
                            .http_answered(conn, ticket, outcome, self.api, cx);
                    }
                    Some(Protocol::WebSocket(_)) => {
                        self.connections
                            .websocket_answered(conn, ticket, outcome, cx);
                    }
                    None => {}
                }
            }
        }
    }

    fn log_event(&mut self, event: LogEvent, cx: &mut Context<'_>) {
        match event {
            LogEvent::Opened { partition, opened } => {
                self.owner.partition_opened(partition, opened, cx);
            }
            LogEvent::Appended { partition, outcome } => {
                self.owner.appended(partition, outcome, cx);
            }
            LogEvent::Records {
                partition,
                base,
                batch,
            } => {
                self.owner.records(partition, base, &batch, cx);
            }
            LogEvent::Buried { partition } => self.owner.buried(partition, cx),
            LogEvent::CaughtUp { partition } => self.owner.partition_caught_up(partition),
        }
        self.announce_when_ready(cx);
    }

    fn store_event(&mut self, event: StoreEvent, cx: &mut Context<'_>) {
        match event {
            StoreEvent::Written { token, micros } => {
                cx.stats.db.observe(micros);
                if let Some(span) = cx.pending.take_write(token) {
                    self.owner.written(span, cx);
                }
            }
            StoreEvent::Synced { .. } => self.owner.synced(cx),
            StoreEvent::Read { token, outcome } => {
                if let Some(reader) = cx.pending.take_read(token) {
                    self.store_read(reader, outcome, cx);
                }
            }
        }
    }

    fn store_read(
        &mut self,
        reader: Reader,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match reader {
            Reader::Chat(chat_id) => self.owner.chat_read(chat_id, outcome, cx),
            Reader::Page(chat_id, key) => self.owner.page_read(chat_id, key, outcome, cx),
            Reader::Account(username) => self.owner.account_read(&username, outcome, cx),
            Reader::Subscriptions { user_id, stay } => {
                self.home
                    .subscriptions_read((user_id, stay), outcome, self.connections, cx);
            }
            Reader::Inbox { gather } => self.home.inbox_read(gather, outcome, cx),
            Reader::Users { conn, ticket, list } => {
                let reply = users_reply(outcome, list);
                self.connections
                    .http_replied(conn, ticket, reply, self.api, cx);
            }
            Reader::EndedSessions => self.ended_sessions_read(outcome, cx),
        }
    }

    fn ended_sessions_read(&mut self, outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) {
        let Ok(Found::EndedSessions(ended)) = outcome else {
            self.startup.ended_sessions_asked = false;
            return;
        };
        for (session_id, expires_at) in ended {
            self.api.session_ended(session_id, expires_at);
        }
        self.startup.ended_sessions_read = true;
        self.announce_when_ready(cx);
    }

    fn announce_when_ready(&mut self, cx: &mut Context<'_>) {
        let ready = self.startup.ended_sessions_read && self.owner.is_ready(cx.config);
        if ready && !self.startup.announced {
            self.startup.announced = true;
            let from = cx.id();
            cx.send_to_all(|| ShardMessage::Ready { from });
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if !self.startup.ended_sessions_asked {
            self.startup.ended_sessions_asked = true;
            cx.read(Read::EndedSessions, Reader::EndedSessions);
        }
        self.announce_when_ready(cx);
        self.owner.tick(cx);
        self.home.tick(cx);
        self.api.tick(cx);
        self.connections.tick(cx);
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        *self.draining = true;
        self.api.drain();
        self.owner.drain();
        let ids: Vec<(ConnId, bool)> = self
            .connections
            .iter()
            .map(|it| (it.id, matches!(it.protocol, Protocol::WebSocket(_))))
            .collect();
        for (conn, is_websocket) in ids {
            if is_websocket {
                self.connections
                    .close_when_answered(conn, CloseCode::Restart, "restarting", cx);
            } else {
                self.connections.drain_http(conn, cx);
            }
        }
    }

    fn send_stats(&mut self, from: ShardId, ticket: u64, cx: &mut Context<'_>) {
        self.owner.measure(cx);
        let (mut http, mut websockets, mut bytes) = (0, 0, 0);
        for connection in self.connections.iter() {
            match connection.protocol {
                Protocol::Http(_) => http += 1,
                Protocol::WebSocket(_) => websockets += 1,
            }
            bytes += connection.outbox.len() as u64;
        }
        cx.stats.http_connections = http;
        cx.stats.websocket_connections = websockets;
        cx.stats.outbox_bytes = bytes;
        cx.stats.ended_sessions = self.api.ended_sessions() as u64;
        let stats = Box::new(cx.stats.clone());
        let message = ShardMessage::Stats {
            from: cx.id(),
            ticket,
            stats,
        };
        cx.send(from, message);
    }
}

/// The reply to a read of users.
fn users_reply(outcome: Result<Found, StoreFault>, list: bool) -> Reply {
    let Ok(Found::Users(users)) = outcome else {
        return Reply::problem(&Problem::STORE_UNAVAILABLE);
    };
    if list {
        let users: Vec<Vec<u8>> = users.iter().map(user_json).collect();
        return Reply::json(
            Status::Ok,
            [b"[".as_slice(), &users.join(&b','), b"]"].concat(),
        );
    }
    match users.first() {
        Some(user) => Reply::json(Status::Ok, user_json(user)),
        None => Reply::problem(&Problem::NO_SUCH_USER),
    }
}
