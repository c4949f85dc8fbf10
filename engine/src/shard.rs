//! One shard: all state of one core, changed only by its steps.

mod messages;
mod ports;

use std::collections::VecDeque;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rookery_schema::{PartitionId, Route, Routing};

use crate::addresses::Addresses;
use crate::api::Api;
use crate::auth::gate::Gate;
use crate::config::ShardConfig;
use crate::connection::Connections;
use crate::context::Context;
use crate::edge::effect::{Effects, HandedOff, Notice, Turn};
use crate::edge::input::{Input, Now};
use crate::edge::port::{Part, PasswordOutcome, Read, Token};
use crate::hashing::Hashing;
use crate::held_bytes::HeldBytes;
use crate::home::Home;
use crate::http::HttpDate;
use crate::ids::{Caller, ConnId};
use crate::leases::Leases;
use crate::mesh::{ShardMessage, Whisper};
use crate::outbox::Outbox;
use crate::owner::Owner;
use crate::pages::Pages;
use crate::readiness::Readiness;
use crate::scrape::Scrapes;
use crate::security::SecurityLog;
use crate::stamps::Stamps;
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
    stamps: Stamps,
    security: SecurityLog,
    held: HeldBytes,
    date: HttpDate,
    local: VecDeque<ShardMessage>,
    local_whispers: VecDeque<Whisper>,
    /// More waits for other shards than may: changes are refused.
    mesh_full: bool,
    /// There is room on the disk for small changes alone.
    disk_full: bool,
    /// When this shard stood still last, in microseconds.
    resumed_micros: u64,
    gate: Gate,
    connections: Connections,
    owner: Owner,
    home: Home,
    addresses: Addresses,
    scrapes: Scrapes,
}

/// The parts of a shard that a step may change, borrowed apart from its [`Context`].
struct Parts<'a> {
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
            stamps: Stamps::default(),
            security: SecurityLog::default(),
            held: HeldBytes::default(),
            date: HttpDate::new(0),
            local: VecDeque::new(),
            local_whispers: VecDeque::new(),
            mesh_full: false,
            disk_full: false,
            resumed_micros: 0,
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
            | Input::Whispers(_)
            | Input::Log(_)
            | Input::Store(_)
            | Input::Password { .. }
            | Input::Rendered { .. }
            | Input::TokenKeys(_)
            | Input::Tick
            | Input::Drain
            | Input::Retire { .. } => self.with_parts(now, effects, |parts, cx| {
                parts.take(input, cx);
                parts.take_local(cx);
            }),
        }
    }

    /// Ends a round of steps: looks at connections that are due, lets users who come and go, lists and large chats go on,
    /// hands over what was gathered for log, store and other shards, and closes the slowest connections where too much
    /// is held for them.
    pub fn flush(&mut self, now: Now, effects: &mut Effects) {
        self.with_parts(now, effects, |parts, cx| {
            let api = Api::new(parts.gate);
            parts.connections.look_at_due(api, cx);
            parts.take_local(cx);
            parts.home.go_on(parts.connections, cx);
            parts.take_local(cx);
            parts.owner.go_on_with_chats(cx);
            parts.take_local(cx);
            let has_more = parts.home.has_more(cx) || parts.connections.has_due();
            cx.effects.another_round |= has_more;
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
        effects.whispers.resize_with(shards, Vec::new);
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
            stamps: &mut self.stamps,
            security: &mut self.security,
            local: &mut self.local,
            local_whispers: &mut self.local_whispers,
            held: &self.held,
            date: &self.date,
            disk_full: self.disk_full,
            resumed_micros: self.resumed_micros,
            input_waited_micros: 0,
        };
        let mut parts = Parts {
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

    /// Whether nothing is under way on a connection but what its client may still send or take: it can be closed, and
    /// nobody is left without the answer to a request.
    pub fn awaits_client(&self, conn: ConnId) -> bool {
        self.connections.awaits_client(conn)
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
        let is_idle = self.owner.is_drained() && self.home.is_drained();
        self.readiness.is_draining() && is_idle && self.connections.is_empty()
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
                let api = Api::new(self.gate);
                self.connections.received(conn, bytes, api, cx);
            }
            Input::GoOn { conn } => {
                let api = Api::new(self.gate);
                self.connections.go_on(conn, api, cx);
            }
            Input::Finished { conn } => self.connections.finished(conn, cx),
            Input::Gone { conn } => {
                if let Some(user_id) = self.connections.remove(conn, cx) {
                    self.home.disconnect(user_id, conn, cx);
                }
            }
            Input::Mesh { messages, .. } => {
                for message in messages {
                    self.message(message, cx);
                }
            }
            Input::Whispers(whispers) => {
                for whisper in whispers {
                    self.whisper(whisper, cx);
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
            Input::Retire { conn, unread } => self.connections.retire(conn, unread, cx),
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
            } else if let Some(whisper) = cx.local_whispers.pop_front() {
                self.whisper(whisper, cx);
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
        if !self.gate.is_current(&caller, cx.now.latest_wall) {
            // The login was ended while the socket was on its way.
            let code = CloseCode::NotAuthenticated;
            self.connections.close(conn, code, "logged out", cx);
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
        self.home.tick(self.connections, cx);
        self.addresses.tick(cx);
        cx.tick_leases();
        cx.tick_pages();
        self.gate.tick(cx.now.latest_wall);
        self.scrapes.tick(cx);
        self.connections.tick(cx);
    }
}

// A bug is a panic in debug builds alone.
#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::context::sample::config;

    #[test]
    #[should_panic(expected = "a bug: an input came to the parts that is for the shard")]
    fn what_is_for_the_shard_does_not_come_to_its_parts() {
        let (mut shard, mut effects) = (Shard::new(config()), Effects::default());
        shard.with_parts(Now::default(), &mut effects, |parts, cx| {
            parts.take(Input::MeshFull(true), cx);
        });
    }
}
