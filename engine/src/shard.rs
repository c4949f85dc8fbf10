//! One shard: all state of one core, changed only by its steps.

use std::collections::VecDeque;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rookery_schema::{PartitionId, Route, Routing, ShardId};

use crate::addresses::Addresses;
use crate::api::{Api, Routes};
use crate::auth::gate::Gate;
use crate::config::ShardConfig;
use crate::connection::{Census, Connections};
use crate::context::Context;
use crate::edge::effect::{Effects, HandedOff, Notice, Turn};
use crate::edge::input::{Input, Now};
use crate::edge::port::{Found, Part, PasswordOutcome, Read, StoreEvent, StoreFault, Token};
use crate::hashing::Hashing;
use crate::held_bytes::HeldBytes;
use crate::home::Home;
use crate::http::HttpDate;
use crate::ids::{Caller, ConnId};
use crate::leases::Leases;
use crate::mesh::command::Waiting;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Ended, Outcome, ShardMessage, UserCommand};
use crate::outbox::Outbox;
use crate::owner::Owner;
use crate::pages::Pages;
use crate::readiness::Readiness;
use crate::scrape::Scrapes;
use crate::security::SecurityLog;
use crate::stats::Stats;
use crate::ws::CloseCode;

/// One shard.
pub struct Shard {
    config: ShardConfig,
    routing: Routing,
    readiness: Readiness,
    stats: Stats,
    random: ChaCha12Rng,
    hashing: Hashing,
    pages: Pages,
    leases: Leases,
    security: SecurityLog,
    held: HeldBytes,
    date: HttpDate,
    local: VecDeque<ShardMessage>,
    /// More waits for other shards than may: changes are refused.
    mesh_full: bool,
    /// There is room on the disk for small changes alone.
    disk_full: bool,
    /// When this shard stood still last, in microseconds.
    resumed_micros: u64,
    routes: Routes,
    gate: Gate,
    connections: Connections,
    owner: Owner,
    home: Home,
    addresses: Addresses,
    scrapes: Scrapes,
}

/// The parts of a shard that a step may change, borrowed apart from its [`Context`].
struct Parts<'a> {
    routes: &'a Routes,
    gate: &'a mut Gate,
    connections: &'a mut Connections,
    owner: &'a mut Owner,
    home: &'a mut Home,
    addresses: &'a mut Addresses,
    scrapes: &'a mut Scrapes,
    mesh_full: bool,
}

impl Shard {
    /// A shard that owns nothing yet; its partitions open with `LogEvent::Opened`.
    pub fn new(config: ShardConfig) -> Self {
        Self {
            routing: config.routing.clone(),
            readiness: Readiness::new(config.routing.shards()),
            stats: Stats::default(),
            random: ChaCha12Rng::from_seed(config.entropy),
            hashing: Hashing::default(),
            pages: Pages::default(),
            leases: Leases::default(),
            security: SecurityLog::default(),
            held: HeldBytes::default(),
            date: HttpDate::new(0),
            local: VecDeque::new(),
            mesh_full: false,
            disk_full: false,
            resumed_micros: 0,
            routes: Routes::new(),
            gate: Gate::new(&config),
            connections: Connections::default(),
            owner: Owner::default(),
            home: Home::default(),
            addresses: Addresses::default(),
            scrapes: Scrapes::default(),
            config,
        }
    }

    /// Applies one input.
    pub fn step(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        match input {
            Input::MeshFull(full) => self.mesh_full = full,
            Input::DiskFull(full) => self.disk_full = full,
            Input::Resumed => self.resumed_micros = now.micros,
            Input::Routed { partition, route } => self.reroute(partition, route, now, effects),
            Input::Accepted { .. }
            | Input::Arrived { .. }
            | Input::Received { .. }
            | Input::GoOn { .. }
            | Input::Finished { .. }
            | Input::Gone { .. }
            | Input::Mesh { .. }
            | Input::Log(_)
            | Input::Store(_)
            | Input::Password { .. }
            | Input::Rendered { .. }
            | Input::TokenKeys(_)
            | Input::Tick
            | Input::Drain => self.with_parts(now, effects, |parts, cx| {
                parts.take(input, cx);
                parts.take_local(cx);
            }),
        }
    }

    /// Ends a round of steps: looks at connections that are due, lets lists of chats, departures and large chats go on,
    /// hands over what was gathered for log, store and other shards, and closes the slowest connections where too much
    /// is held for them.
    pub fn flush(&mut self, now: Now, effects: &mut Effects) {
        self.with_parts(now, effects, |parts, cx| {
            let api = Api::new(parts.routes, parts.gate);
            parts.connections.look_at_due(api, cx);
            parts.take_local(cx);
            parts.home.go_on(cx);
            parts.take_local(cx);
            cx.effects.another_round |= parts.home.has_more() || parts.connections.has_due();
            parts.owner.go_on_with_chats(cx);
            parts.take_local(cx);
            parts.owner.flush(cx);
            parts.connections.close_slowest(cx);
        });
    }

    fn reroute(&mut self, partition: PartitionId, route: Route, now: Now, effects: &mut Effects) {
        let before = self.routing.set(partition, route);
        if before != route {
            self.with_parts(now, effects, |parts, cx| {
                parts.home.rerouted(partition, parts.connections, cx);
                parts.take_local(cx);
            });
        }
    }

    fn with_parts(
        &mut self,
        now: Now,
        effects: &mut Effects,
        work: impl FnOnce(&mut Parts<'_>, &mut Context<'_>),
    ) {
        let shards = usize::from(self.routing.shards());
        effects.mesh.resize_with(shards, Vec::new);
        self.date.advance_to(now.wall.seconds());
        let mut cx = Context {
            now,
            config: &self.config,
            routing: &self.routing,
            readiness: &mut self.readiness,
            effects,
            stats: &mut self.stats,
            random: &mut self.random,
            hashing: &mut self.hashing,
            pages: &mut self.pages,
            leases: &mut self.leases,
            security: &mut self.security,
            local: &mut self.local,
            held: &self.held,
            date: &self.date,
            disk_full: self.disk_full,
            resumed_micros: self.resumed_micros,
            input_waited_micros: 0,
        };
        let mut parts = Parts {
            routes: &self.routes,
            gate: &mut self.gate,
            connections: &mut self.connections,
            owner: &mut self.owner,
            home: &mut self.home,
            addresses: &mut self.addresses,
            scrapes: &mut self.scrapes,
            mesh_full: self.mesh_full,
        };
        work(&mut parts, &mut cx);
    }

    /// What a connection does now that it has its turn. If its socket is not to be read, `ConnEffect::Resume` says when
    /// it may be. Ask again when a full outbox was emptied.
    pub fn turn(&mut self, conn: ConnId) -> Turn {
        self.connections.turn(conn)
    }

    /// What waits to be sent on a connection.
    pub fn outbox(&mut self, conn: ConnId) -> Option<&mut Outbox> {
        self.connections.outbox(conn)
    }

    /// Whether all shards have replayed their partitions, so that this one serves requests.
    pub fn is_ready(&self) -> bool {
        self.readiness.serves()
    }

    /// After [`Input::Drain`]: whether everything that was begun is done and stored.
    pub fn is_drained(&self) -> bool {
        self.readiness.is_draining() && self.owner.is_drained() && self.connections.is_empty()
    }

    /// The statistics, for what only the caller can count.
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
                entrance,
            } => {
                cx.stats.connections_accepted += 1;
                self.connections.accept(conn, peer.ip(), entrance, cx);
            }
            Input::Arrived { conn, socket } => self.arrived(conn, socket, cx),
            Input::Received {
                conn,
                bytes,
                waited_micros,
            } => {
                cx.input_waited_micros = waited_micros;
                let api = Api::new(self.routes, self.gate);
                self.connections.received(conn, bytes, api, cx);
            }
            Input::GoOn { conn } => {
                let api = Api::new(self.routes, self.gate);
                self.connections.go_on(conn, api, cx);
            }
            Input::Finished { conn } => self.connections.finished(conn, cx),
            Input::Gone { conn } => {
                if let Some(user_id) = self.connections.remove(conn) {
                    self.home.disconnect(user_id, conn);
                }
            }
            Input::Mesh { messages, .. } => {
                for message in messages {
                    self.message(message, cx);
                }
            }
            Input::Log(event) => {
                self.owner.log_event(event, cx);
                self.announce_when_ready(cx);
            }
            Input::Store(event) => self.store_event(event, cx),
            Input::Password { token, outcome } => {
                cx.hashing.done(&mut cx.effects.passwords);
                self.password_done(token, outcome, cx);
            }
            Input::Rendered { ticket, body } => self.scrapes.rendered(ticket, body, cx),
            Input::TokenKeys(keys) => {
                self.gate.set_token_keys(keys);
                self.connections.forget_callers();
            }
            Input::Tick => self.tick(cx),
            Input::Drain => {
                cx.readiness.drain();
                self.connections.drain(cx);
            }
            Input::MeshFull(_) | Input::DiskFull(_) | Input::Resumed | Input::Routed { .. } => {
                cx.bug("an input came to the parts that is for the shard");
            }
        }
    }

    /// Handles the messages that this shard sent to itself, and passwords that there was no room for.
    fn take_local(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some(message) = cx.local.pop_front() {
                self.message(message, cx);
            } else if let Some(token) = cx.hashing.take_refused() {
                self.password_done(token, PasswordOutcome::Busy, cx);
            } else {
                return;
            }
        }
    }

    fn arrived(&mut self, conn: ConnId, socket: HandedOff, cx: &mut Context<'_>) {
        let caller = Caller {
            user_id: socket.user_id,
            session: socket.session,
        };
        self.connections.arrive(conn, socket, cx);
        self.home
            .connect(caller.user_id, conn, self.connections, cx);
        if cx.readiness.is_draining() {
            let code = CloseCode::Restart;
            self.connections.close(conn, code, "restarting", cx);
        } else if !self.gate.is_current(&caller, cx.now.latest_wall) {
            // The login was ended while the socket was on its way.
            let code = CloseCode::NotAuthenticated;
            self.connections.close(conn, code, "logged out", cx);
        }
    }

    fn message(&mut self, message: ShardMessage, cx: &mut Context<'_>) {
        match message {
            ShardMessage::Ask { asker, command } => self.command(asker, command, cx),
            ShardMessage::Answer { asker, outcome } => self.answered(asker, outcome, cx),
            ShardMessage::Events(batch) => self.home.events(&batch, self.connections, cx),
            ShardMessage::Subscribe(wanted) => self.owner.subscribe(wanted, cx),
            ShardMessage::Subscribed { wanted, answer } => {
                self.home.subscribed(wanted, answer, self.connections, cx);
            }
            ShardMessage::Unsubscribe { chat_id, users } => {
                self.owner.unsubscribe(chat_id, &users, cx);
            }
            ShardMessage::Joined {
                chat_id,
                from,
                users,
                under_earlier,
            } => self
                .home
                .joined(chat_id, from, &users, under_earlier, self.connections, cx),
            ShardMessage::JoinsStored { chat_id, users } => {
                self.home.joins_stored(chat_id, &users, cx);
            }
            ShardMessage::Admit(candidates) => self.home.admit(candidates, cx),
            ShardMessage::Admitted {
                partition,
                number,
                outcome,
            } => self.owner.admitted(partition, number, outcome, cx),
            ShardMessage::NotJoining { chat_id, users } => {
                self.home.not_joining(chat_id, &users);
            }
            ShardMessage::Spent { from, spending } => self.home.spent(from, spending, cx),
            ShardMessage::Leased { user_id, verdict } => cx.leases.leased(user_id, verdict),
            ShardMessage::SessionsEnded { ended, tell } => {
                match ended {
                    Ended::One(one) => self.gate.session_ended(one.session_id, one.expires_at),
                    Ended::AllOf { user_id, until } => self.gate.all_sessions_ended(user_id, until),
                }
                self.home.sessions_ended(ended, self.connections, cx);
                if let Some(ending) = tell {
                    cx.send(ending.shard, ShardMessage::SessionsVoid(ending));
                }
            }
            ShardMessage::SessionsVoid(ending) => self.owner.sessions_void(ending, cx),
            ShardMessage::Scrape { asker } => self.scrapes.begin(asker, cx),
            ShardMessage::StatsWanted { from, ticket } => self.send_stats(from, ticket, cx),
            ShardMessage::Stats {
                from,
                ticket,
                stats,
            } => self.scrapes.collect(from, ticket, stats, cx),
            ShardMessage::Ready { from } => {
                cx.readiness.shard_ready(from);
                if cx.readiness.serves() {
                    let from = cx.id();
                    cx.send_to_all(|| ShardMessage::Serving { from });
                }
            }
            ShardMessage::Serving { from } => cx.readiness.shard_serves(from),
        }
    }

    fn command(&mut self, asker: Asker, command: Command, cx: &mut Context<'_>) {
        if self.mesh_full && command.changes() {
            return cx.refuse(asker, Problem::MESH_FULL);
        }
        match command {
            Command::Chat(chat_id, command) => {
                self.owner.chat_command(asker, chat_id, command, cx);
            }
            Command::Name(username, command) => {
                self.owner.name_command(asker, &username, command, cx);
            }
            Command::User(_, UserCommand::SpendInvite(invited))
                if self.gate.is_spent(invited.invite) =>
            {
                cx.refuse(asker, Problem::INVITE_INVALID);
            }
            Command::User(user_id, command) => {
                self.owner.user_command(asker, user_id, command, cx);
            }
            Command::Home(user_id, command) => self.home.command(asker, user_id, command, cx),
            Command::Address(network, command) => {
                self.addresses.command(asker, network, command, cx);
            }
        }
    }

    fn answered(&mut self, asker: Asker, outcome: Outcome, cx: &mut Context<'_>) {
        match asker.waiting {
            Waiting::Inbox { gather } => self.home.inbox_answered(gather, outcome, cx),
            Waiting::Connection { conn, ticket } => {
                cx.page_answered(conn, ticket);
                let api = Api::new(self.routes, self.gate);
                self.connections.answered(conn, ticket, outcome, api, cx);
            }
        }
    }

    fn store_event(&mut self, event: StoreEvent, cx: &mut Context<'_>) {
        match event {
            StoreEvent::Written { token, micros } => {
                cx.stats.db.observe(micros);
                self.written(token, cx);
            }
            StoreEvent::Synced { .. } => self.owner.synced(cx),
            StoreEvent::Read { token, outcome } => self.store_read(token, outcome, cx),
        }
    }

    fn written(&mut self, token: Token, cx: &mut Context<'_>) {
        match token.part {
            Part::Partition(id) => self.owner.written(id, token.number, cx),
            // A home waits for none of its rows.
            Part::Home => {}
            Part::Owner | Part::Connection(_) | Part::Sessions => {
                cx.bug("a part of the shard wrote a row that writes none");
            }
        }
    }

    fn store_read(
        &mut self,
        token: Token,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let number = token.number;
        match token.part {
            Part::Partition(id) => self.owner.store_read(id, number, outcome, cx),
            Part::Home => self.home.store_read(number, outcome, self.connections, cx),
            Part::Connection(conn) => {
                let api = Api::new(self.routes, self.gate);
                self.connections.store_read(conn, number, outcome, api, cx);
            }
            Part::Sessions => self.ended_sessions_read(outcome, cx),
            Part::Owner => cx.bug("a part of the shard read the store that reads nothing"),
        }
    }

    fn password_done(&mut self, token: Token, outcome: PasswordOutcome, cx: &mut Context<'_>) {
        match token.part {
            Part::Partition(id) => self.owner.password_done(id, token.number, outcome, cx),
            Part::Owner | Part::Home | Part::Connection(_) | Part::Sessions => {
                cx.bug("a part of the shard asked about a password that asks about none");
            }
        }
    }

    fn ended_sessions_read(&mut self, outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) {
        let ended = match outcome {
            Ok(Found::EndedSessions(ended)) => Some(ended),
            Err(StoreFault) => None,
            Ok(Found::Chat(_) | Found::Messages(_) | Found::Chats(_) | Found::Users(_)) => {
                cx.bug("the store answered something else than ended sessions");
                None
            }
        };
        cx.readiness.end_sessions(ended.is_some());
        if let Some(ended) = ended {
            self.gate.sessions_ended(ended);
        }
        self.announce_when_ready(cx);
    }

    fn announce_when_ready(&self, cx: &mut Context<'_>) {
        if cx.readiness.is_announced() || !self.owner.is_ready(cx) {
            return;
        }
        if cx.readiness.announce() {
            let from = cx.id();
            cx.send_to_all(|| ShardMessage::Ready { from });
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if cx.readiness.begin_sessions() {
            let token = Token {
                part: Part::Sessions,
                number: 0,
            };
            cx.read(token, Read::EndedSessions);
        }
        if let Some((act, count)) = cx.security.take_left_out(cx.now.micros) {
            let notice = Notice::SecurityLeftOut { act, count };
            cx.effects.notices.push(notice);
        }
        self.announce_when_ready(cx);
        self.owner.tick(cx);
        self.home.tick(cx);
        self.addresses.tick(cx);
        cx.tick_leases();
        cx.tick_pages();
        self.gate.tick(cx.now.latest_wall);
        self.scrapes.tick(cx);
        self.connections.tick(cx);
    }

    fn send_stats(&self, from: ShardId, ticket: u64, cx: &mut Context<'_>) {
        self.owner.measure(cx);
        let Census {
            http,
            websockets,
            waiting_bytes,
        } = self.connections.census();
        cx.stats.http_connections = http;
        cx.stats.websocket_connections = websockets;
        cx.stats.outbox_bytes = waiting_bytes;
        cx.stats.outbox_distinct_bytes = cx.held.get();
        cx.stats.ended_sessions = self.gate.ended_sessions() as u64;
        let stats = Box::new(cx.stats.clone());
        let message = ShardMessage::Stats {
            from: cx.id(),
            ticket,
            stats,
        };
        cx.send(from, message);
    }
}

#[cfg(test)]
mod tests {
    use rookery_schema::row::Row;
    use rookery_schema::{SessionId, Timestamp};

    use super::*;
    use crate::context::sample::config;
    use crate::edge::port::StoreRequest;

    #[test]
    fn a_home_can_write_a_row_and_is_told_that_it_is_stored() {
        let (mut shard, mut effects) = (Shard::new(config()), Effects::default());
        let token = Token {
            part: Part::Home,
            number: 7,
        };
        let row = Row::EndedSession {
            session_id: SessionId::from_bytes([1; 16]),
            expires_at: Timestamp::from_millis(1),
        };
        let rows = vec![row];
        shard.with_parts(Now::default(), &mut effects, |_, cx| {
            cx.write(token, rows.clone())
        });
        let Some(StoreRequest::Write { token, rows: found }) = effects.store.pop() else {
            panic!("nothing is to be written");
        };
        assert_eq!(found, rows);
        let event = StoreEvent::Written { token, micros: 1 };
        shard.step(Now::default(), Input::Store(event), &mut effects);
        assert!(shard.stats_mut().bugs.is_empty());
        assert_eq!(shard.stats_mut().db.count(), 1);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a bug: an input came to the parts that is for the shard")]
    fn what_is_for_the_shard_does_not_come_to_its_parts() {
        let (mut shard, mut effects) = (Shard::new(config()), Effects::default());
        shard.with_parts(Now::default(), &mut effects, |parts, cx| {
            parts.take(Input::MeshFull(true), cx);
        });
    }
}
