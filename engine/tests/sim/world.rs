//! Shards with everything around them, one event at a time.

use std::collections::VecDeque;
use std::time::Duration;

use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::effect::{ConnEffect, Effects};
use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::ShardMessage;
use rookery_engine::port::{PasswordCheck, PasswordJob, PasswordOutcome};
use rookery_schema::{PartitionId, Route, Routing, ShardId};
use rookery_testing::dice::Dice;
use rookery_testing::host::{self, Clock, EPOCH_MILLIS, Host};

use crate::log::SimLog;
use crate::moves::{Moves, Moving};
use crate::store::{Seen, SimStore};
use crate::wires::{Wire, WireId, Wires};

/// Microseconds that pass with each event.
const EVENT_MICROS: u64 = 50;
/// Microseconds of a second.
const SECOND: u64 = 1_000_000;
/// Seconds that a process may take to drain.
const DRAIN_SECONDS_MAX: usize = 60;
/// Events after which whatever was put off happens like all else.
const PUT_OFF_EVENTS_MAX: usize = 400;

/// What differs from world to world.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) partitions: u32,
    pub(crate) shards: u16,
    pub(crate) auth: AuthMode,
    pub(crate) lag_limit: Duration,
    pub(crate) seen: Seen,
}

/// Where something is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Messages from one shard to another.
    Mesh(usize, usize),
    /// What a shard asked the log for.
    LogLane(usize),
    /// What the log has to tell about a partition.
    LogNews(PartitionId),
    /// What a shard asked the store for.
    Store(usize),
    /// Bytes from a client.
    Bytes(WireId),
    /// Bytes for a client.
    Output(WireId),
    /// A WebSocket that is handed from shard to shard.
    HandOff(WireId),
    Moves,
    Hashers,
}

pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) settings: Settings,
    /// Microseconds since the world began.
    pub(crate) micros: u64,
    /// Who serves what, when nothing is being moved.
    routing: Routing,
    shards: Vec<Host>,
    /// What the shards' clocks showed when the world began.
    clocks: Vec<Clock>,
    mesh: Vec<Vec<VecDeque<ShardMessage>>>,
    pub(crate) log: SimLog,
    pub(crate) store: SimStore,
    hashers: Vec<(usize, PasswordJob)>,
    moves: Moves,
    wires: Wires,
    /// What happens later than all else, until so many events have been.
    put_off: Vec<(Source, usize)>,
    events: usize,
    /// Shards read later than they should, at times.
    pub(crate) reads_late: bool,
}

impl World {
    pub(crate) fn new(seed: u64, settings: Settings) -> Self {
        let mut world = Self {
            dice: Dice::new(seed),
            settings,
            micros: 0,
            routing: host::routing(settings.partitions, settings.shards),
            shards: Vec::new(),
            clocks: Vec::new(),
            mesh: Vec::new(),
            log: SimLog::new(settings.partitions),
            store: SimStore::new(settings.seen),
            hashers: Vec::new(),
            moves: Moves::default(),
            wires: Wires::default(),
            put_off: Vec::new(),
            events: 0,
            reads_late: false,
        };
        world.start(settings.shards);
        world
    }

    fn start(&mut self, shards: u16) {
        self.routing = host::routing(self.settings.partitions, shards);
        self.moves = Moves::default();
        self.log.restart(shards);
        self.store.restart(shards);
        self.hashers.clear();
        self.put_off.clear();
        let none = || (0..shards).map(|_| VecDeque::new()).collect();
        self.mesh = (0..shards).map(|_| none()).collect();
        let ids: Vec<ShardId> = self.routing.all_shards().collect();
        self.clocks = ids.iter().map(|_| clock(&mut self.dice)).collect();
        self.shards = ids.iter().map(|id| Host::new(self.config(*id))).collect();
        for id in ids {
            let served: Vec<PartitionId> = self.routing.served_by(id).collect();
            for partition in served {
                let opened = self.log.open(partition, id.index());
                self.step(id.index(), Input::Log(opened));
            }
            self.step(id.index(), Input::Tick);
        }
    }

    fn config(&mut self, id: ShardId) -> ShardConfig {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.dice.next().to_le_bytes());
        ShardConfig {
            auth: self.settings.auth,
            entropy,
            lag_limit: self.settings.lag_limit,
            login_rate: 10,
            appends_in_flight_max: 1 + self.dice.below(2),
            ..host::config(id, self.routing.clone())
        }
    }

    /// The process is killed and comes back with another number of shards.
    pub(crate) fn crash(&mut self, shards: u16) {
        self.log.crash(&mut self.dice);
        self.store.crash(&mut self.dice);
        self.wires.close_all();
        self.start(shards);
    }

    /// The process is asked to stop, does so, and comes back with another number of shards.
    pub(crate) fn restart(&mut self, shards: u16) {
        self.end_moves();
        for shard in 0..self.shards.len() {
            self.step(shard, Input::Drain);
        }
        self.settle_until("drained", |world| {
            world.shards.iter().all(|it| it.shard.is_drained())
        });
        while self.advance() {}
        assert!(self.log.is_committed(), "nothing is left to be replayed");
        self.log.crash(&mut self.dice);
        self.wires.close_all();
        self.start(shards);
    }

    fn settle_until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) {
        for _ in 0..DRAIN_SECONDS_MAX {
            while self.advance() {}
            if is_done(self) {
                return;
            }
            self.tick(SECOND);
        }
        panic!("it is not {what} after {DRAIN_SECONDS_MAX} seconds");
    }

    /// Lets everything happen until all moves that are under way have come to their end.
    pub(crate) fn end_moves(&mut self) {
        while self.moves.are_under_way() && self.advance() {}
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.shards.iter().all(|it| it.shard.is_ready())
    }

    fn step(&mut self, shard: usize, input: Input<'_>) {
        self.micros += EVENT_MICROS;
        let effects = self.on_time(shard).round(input);
        self.take_effects(shard, effects);
    }

    /// A shard whose clocks are right, each by its own lights.
    fn on_time(&mut self, shard: usize) -> &mut Host {
        let host = &mut self.shards[shard];
        host.clock = self.clocks[shard];
        host.clock.pass(self.micros);
        host
    }

    fn take_effects(&mut self, shard: usize, effects: Effects) {
        assert!(effects.notices.is_empty(), "{:?}", effects.notices);
        for (to, messages) in effects.mesh.into_iter().enumerate() {
            self.mesh[shard][to].extend(messages);
        }
        for request in effects.log {
            self.log.submit(shard, request);
        }
        for request in effects.store {
            self.store.submit(shard, request);
        }
        let jobs = effects.passwords.into_iter().map(|job| (shard, job));
        self.hashers.extend(jobs);
        for (conn, effect) in effects.connections {
            if let Some(id) = self.wires.of(shard, conn) {
                self.take_conn_effect(id, effect);
            }
        }
    }

    fn take_conn_effect(&mut self, id: WireId, effect: ConnEffect) {
        match effect {
            ConnEffect::Flush => drop(self.wires.unread.insert(id)),
            ConnEffect::Resume => self.wires.get(id).paused = false,
            ConnEffect::Abort => self.hang_up(id),
            ConnEffect::Close if self.wires.unread.contains(&id) => {
                self.wires.get(id).closing = true;
            }
            ConnEffect::Close => self.hang_up(id),
            ConnEffect::HandOff { to, socket } => {
                self.take_output(id, usize::MAX);
                if let Some((shard, conn)) = self.wires.get(id).at {
                    self.wires.hand_off(id, to, socket);
                    self.step(shard, Input::Gone { conn });
                }
            }
        }
    }

    /// The client takes so many bytes, or all that there are.
    fn take_output(&mut self, id: WireId, at_most: usize) {
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        let taken = self.shards[shard].read(conn, at_most);
        self.wires.get(id).receive(&taken);
        let is_empty = |host: &mut Host| host.shard.outbox(conn).is_none_or(|it| it.is_empty());
        if is_empty(&mut self.shards[shard]) {
            self.wires.unread.remove(&id);
        }
    }

    /// The client takes some of what there is for it; the server looks whether it may read on.
    fn deliver_output(&mut self, id: WireId) {
        let at_most = match self.dice.one_in(2) {
            true => 1 + self.dice.below(200),
            false => usize::MAX,
        };
        self.take_output(id, at_most);
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        if self.wires.get(id).closing {
            if !self.wires.unread.contains(&id) {
                self.hang_up(id);
            }
            return;
        }
        let host = self.on_time(shard);
        let wants_input = host.shard.wants_input(conn);
        host.flush();
        let effects = host.take();
        self.wires.get(id).paused = !wants_input;
        self.take_effects(shard, effects);
    }

    fn hang_up(&mut self, id: WireId) {
        let at = self.wires.get(id).at;
        self.wires.close(id);
        if let Some((shard, conn)) = at {
            self.step(shard, Input::Gone { conn });
        }
    }

    /// Connects to some shard, as a kernel would choose one.
    pub(crate) fn connect(&mut self) -> WireId {
        let shard = self.dice.below(self.shards.len());
        let (conn, accepted) = self.shards[shard].accepted();
        let id = self.wires.add(shard, conn);
        self.step(shard, accepted);
        id
    }

    pub(crate) fn disconnect(&mut self, id: WireId) {
        if self.wires.get(id).open {
            self.hang_up(id);
        }
    }

    pub(crate) fn wire(&mut self, id: WireId) -> &mut Wire {
        self.wires.get(id)
    }

    /// Sends bytes, which arrive cut at random places.
    pub(crate) fn send(&mut self, id: WireId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let cut = match self.dice.one_in(3) {
                true => 1 + self.dice.below(bytes.len()),
                false => bytes.len(),
            };
            let (head, tail) = bytes.split_at(cut);
            self.wires.send(id, head.to_vec());
            bytes = tail;
        }
    }

    /// Lets one random thing happen; false where nothing is under way.
    pub(crate) fn advance(&mut self) -> bool {
        let sources = self.sources();
        if sources.is_empty() {
            return false;
        }
        self.events += 1;
        let events = self.events;
        self.put_off.retain(|(_, until)| *until > events);
        if self.dice.one_in(20) {
            let until = events + self.dice.below(PUT_OFF_EVENTS_MAX);
            self.put_off.push((*self.dice.pick(&sources), until));
        }
        let is_put_off = |source: &Source| self.put_off.iter().any(|(it, _)| it == source);
        let in_time: Vec<Source> = sources
            .iter()
            .copied()
            .filter(|it| !is_put_off(it))
            .collect();
        let choices = if in_time.is_empty() { sources } else { in_time };
        let source = *self.dice.pick(&choices);
        self.happen(source);
        true
    }

    /// Where something is under way.
    fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for (from, rings) in self.mesh.iter().enumerate() {
            let rings = rings.iter().enumerate();
            let busy = rings.filter(|(_, ring)| !ring.is_empty());
            sources.extend(busy.map(|(to, _)| Source::Mesh(from, to)));
        }
        sources.extend(self.log.busy_lanes().map(Source::LogLane));
        sources.extend(self.log.with_news().map(Source::LogNews));
        sources.extend(self.store.busy_shards().into_iter().map(Source::Store));
        sources.extend(self.wires.arriving().map(Source::Bytes));
        sources.extend(self.wires.unread.iter().copied().map(Source::Output));
        sources.extend(self.wires.moving.iter().copied().map(Source::HandOff));
        sources.extend(self.moves.are_under_way().then_some(Source::Moves));
        sources.extend((!self.hashers.is_empty()).then_some(Source::Hashers));
        sources
    }

    fn happen(&mut self, source: Source) {
        match source {
            Source::Mesh(from, to) => self.deliver_mesh(from, to),
            Source::LogLane(shard) => self.log.serve(shard, &mut self.dice),
            Source::LogNews(partition) => {
                if let Some((shard, event)) = self.log.tell(partition, &mut self.dice) {
                    self.step(shard, Input::Log(event));
                }
            }
            Source::Store(shard) => {
                if let Some(event) = self.store.step(shard, &mut self.dice) {
                    self.step(shard, Input::Store(event));
                }
            }
            Source::Bytes(id) => self.deliver_bytes(id),
            Source::Output(id) => self.deliver_output(id),
            Source::HandOff(id) => self.arrive(id),
            Source::Moves => self.step_move(),
            Source::Hashers => self.hash(),
        }
    }

    fn deliver_mesh(&mut self, from: usize, to: usize) {
        let ring = &mut self.mesh[from][to];
        let count = 1 + self.dice.below(ring.len());
        let messages = ring.drain(..count).collect();
        let from = ShardId(from as u16);
        self.step(to, Input::Mesh { from, messages });
    }

    /// Delivers all messages from one shard to another.
    fn deliver_all(&mut self, from: usize, to: usize) {
        while !self.mesh[from][to].is_empty() {
            self.deliver_mesh(from, to);
        }
    }

    fn deliver_bytes(&mut self, id: WireId) {
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        if !self.shards[shard].shard.wants_input(conn) {
            self.wires.get(id).paused = true;
            return;
        }
        if let Some(bytes) = self.wires.take_bytes(id) {
            self.receive(shard, conn, &bytes);
        }
    }

    /// A shard reads bytes, which sometimes waited for longer than messages may.
    fn receive(&mut self, shard: usize, conn: ConnId, bytes: &[u8]) {
        let waited_micros = match self.reads_late && self.dice.one_in(50) {
            true => self.dice.below(2 * SECOND as usize) as u64,
            false => 0,
        };
        self.step(
            shard,
            Input::Received {
                conn,
                bytes,
                waited_micros,
            },
        );
    }

    fn arrive(&mut self, id: WireId) {
        let Some((to, socket)) = self.wires.get(id).handed_off.take() else {
            return;
        };
        let (shard, socket) = (to.index(), *socket);
        let conn = self.shards[shard].next_conn();
        self.wires.arrive(id, shard, conn);
        self.step(shard, Input::Arrived { conn, socket });
    }

    /// Begins to move a partition to some shard, unless it is being moved.
    pub(crate) fn begin_move(&mut self) {
        let partitions: Vec<PartitionId> = self.routing.placement().all().collect();
        let partition = *self.dice.pick(&partitions);
        let to = self.dice.below(self.shards.len());
        self.moves.begin(partition, to, &mut self.routing);
    }

    fn step_move(&mut self) {
        match self.moves.step(&mut self.dice) {
            Some(Moving::Tell {
                shard,
                partition,
                route,
            }) => {
                if let Route::Here(owner) = route {
                    self.deliver_all(owner.index(), shard);
                }
                self.step(shard, Input::Routed { partition, route });
            }
            Some(Moving::Close { from, partition }) => {
                let closed = self.log.close(partition);
                self.step(from, Input::Log(closed));
            }
            Some(Moving::Open {
                from,
                to,
                partition,
            }) => {
                if self.store.is_through(from, partition) {
                    let opened = self.log.open(partition, to);
                    self.moves.opened(partition);
                    self.step(to, Input::Log(opened));
                }
            }
            None => {}
        }
    }

    /// The hashers are done with some password.
    fn hash(&mut self) {
        let index = self.dice.below(self.hashers.len());
        let (shard, job) = self.hashers.swap_remove(index);
        let (token, hashed) = (job.token, format!("hash of {}", job.password));
        let outcome = match job.against {
            PasswordCheck::Hash => PasswordOutcome::Hashed(hashed),
            PasswordCheck::Verify(against) => PasswordOutcome::Verified(hashed == against),
            PasswordCheck::VerifyNobody => PasswordOutcome::Verified(false),
        };
        self.step(shard, Input::Password { token, outcome });
    }

    /// Tells every shard whether too much waits for others.
    pub(crate) fn set_mesh_full(&mut self, full: bool) {
        for shard in 0..self.shards.len() {
            self.step(shard, Input::MeshFull(full));
        }
    }

    /// Lets time pass on every shard.
    pub(crate) fn tick(&mut self, micros: u64) {
        self.micros += micros;
        for shard in 0..self.shards.len() {
            self.step(shard, Input::Tick);
        }
    }

    /// Lets everything that is under way come to its end, and what is done again after a pause.
    pub(crate) fn settle(&mut self) {
        for second in 0..SETTLE_SECONDS {
            while self.advance() {}
            if second % 10 == 0 {
                self.wires.keep_alive();
            }
            self.tick(SECOND);
        }
        while self.advance() {}
    }
}

/// Longer than any request waits for its answer.
const SETTLE_SECONDS: usize = 12;

/// Clocks that were set by somebody else than those of other shards: the monotonic one begins anywhere, and the time
/// of day is off by up to two seconds.
fn clock(dice: &mut Dice) -> Clock {
    Clock {
        micros: dice.below(1_000_000_000) as u64,
        wall_micros: EPOCH_MILLIS * 1000 + dice.below(4_000_000) as u64,
    }
}
