//! Shards with everything around them, one event at a time.

mod connections;
mod process;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rookery_engine::config::AuthMode;
use rookery_engine::effect::{Effects, Notice};
use rookery_engine::input::Input;
use rookery_engine::mesh::{ShardMessage, Whisper};
use rookery_engine::port::{PasswordCheck, PasswordJob, PasswordOutcome};
use rookery_schema::{ChatId, PartitionId, Routing, ShardId};
use rookery_testing::dice::Dice;
use rookery_testing::host::{self, Clock, Host};

use crate::log::SimLog;
use crate::moves::Moves;
use crate::store::{Seen, SimStore};
use crate::wires::{WireId, Wires};

/// What operators call with.
pub(crate) const OPERATOR_TOKEN: &str = "of an operator";
/// Microseconds that pass with each event.
const EVENT_MICROS: u64 = 50;
/// Microseconds of a second.
const SECOND: u64 = 1_000_000;
/// Seconds in which all comes to its end: no request waits longer for its answer.
const SETTLE_SECONDS: usize = 12;
/// Events without a pause after which all should long have come to its end.
const BUSY_EVENTS_MAX: usize = 1_000_000;
/// Events after which whatever was put off happens like all else.
const PUT_OFF_EVENTS_MAX: usize = 400;

/// What differs from world to world.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) partitions: u32,
    pub(crate) shards: u16,
    pub(crate) auth: AuthMode,
    pub(crate) lag_limit: Duration,
    pub(crate) chat_bytes: usize,
    pub(crate) seen: Seen,
    /// Chats that a user may make and be in, and chats that they may be in; 0: no limit.
    pub(crate) chats_per_user: usize,
    pub(crate) memberships_per_user: usize,
}

/// Where something is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Messages from one shard to another.
    Mesh(usize, usize),
    /// What one shard whispers to another.
    Whispers(usize, usize),
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
    /// A shard has more to do than its last round could.
    Round(usize),
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
    whispers: Vec<Vec<Vec<Whisper>>>,
    /// Whispers get lost, at times.
    pub(crate) loses_whispers: bool,
    pub(crate) log: SimLog,
    pub(crate) store: SimStore,
    hashers: Vec<(usize, PasswordJob)>,
    /// Shards that want another round.
    rounds: BTreeSet<usize>,
    moves: Moves,
    wires: Wires,
    /// What happens later than all else, until so many events have been.
    put_off: Vec<(Source, usize)>,
    events: usize,
    /// Those since time last passed by itself.
    busy_events: usize,
    /// Shards read later than they should, at times.
    pub(crate) reads_late: bool,
}

impl Settings {
    /// Trust mode, and limits that are out of reach.
    pub(crate) const fn ample(partitions: u32, shards: u16) -> Self {
        Self {
            partitions,
            shards,
            auth: AuthMode::Trust,
            lag_limit: Duration::from_secs(1000),
            chat_bytes: 1 << 20,
            seen: Seen::Whole,
            chats_per_user: 0,
            memberships_per_user: 0,
        }
    }
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
            whispers: Vec::new(),
            loses_whispers: true,
            log: SimLog::new(settings.partitions),
            store: SimStore::new(settings.seen),
            hashers: Vec::new(),
            rounds: BTreeSet::new(),
            moves: Moves::default(),
            wires: Wires::default(),
            put_off: Vec::new(),
            events: 0,
            busy_events: 0,
            reads_late: false,
        };
        world.start(settings.shards);
        world
    }

    /// Where a chat's records are.
    pub(crate) fn partition_of(&self, chat_id: ChatId) -> PartitionId {
        self.routing.placement().of_chat(chat_id)
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
        for notice in &effects.notices {
            let is_expected =
                matches!(notice, Notice::Security(_) | Notice::SecurityLeftOut { .. });
            assert!(is_expected, "{notice:?}");
        }
        for (to, messages) in effects.mesh.into_iter().enumerate() {
            self.mesh[shard][to].extend(messages);
        }
        for (to, whispers) in effects.whispers.into_iter().enumerate() {
            self.whispers[shard][to].extend(whispers);
        }
        for request in effects.log {
            self.log.submit(shard, request);
        }
        for request in effects.store {
            self.store.submit(shard, request);
        }
        let jobs = effects.passwords.into_iter().map(|job| (shard, job));
        self.hashers.extend(jobs);
        let wants_another = effects.another_round || effects.wake_at_micros.is_some();
        self.rounds.extend(wants_another.then_some(shard));
        for (conn, effect) in effects.connections {
            if let Some(id) = self.wires.of(shard, conn) {
                self.take_conn_effect(id, effect);
            }
        }
    }

    /// Lets one random thing happen; false where nothing is under way.
    pub(crate) fn advance(&mut self) -> bool {
        let sources = self.sources();
        if sources.is_empty() {
            return false;
        }
        self.events += 1;
        self.busy_events += 1;
        assert!(self.busy_events < BUSY_EVENTS_MAX, "it never rests");
        let events = self.events;
        self.put_off.retain(|(_, until)| *until > events);
        if self.dice.one_in(20) {
            let source = *self.dice.pick(&sources);
            self.put_off(source);
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

    /// Lets something happen later than all else.
    fn put_off(&mut self, source: Source) {
        let until = self.events + self.dice.below(PUT_OFF_EVENTS_MAX);
        self.put_off.push((source, until));
    }

    /// Lets hand-offs that are under way take longer than all else.
    pub(crate) fn put_off_hand_offs(&mut self) {
        let moving: Vec<WireId> = self.wires.moving.iter().copied().collect();
        for id in moving {
            self.put_off(Source::HandOff(id));
        }
    }

    /// Lets nothing be late any more.
    pub(crate) fn hurry(&mut self) {
        self.put_off.clear();
    }

    /// Where something is under way.
    fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for (from, rings) in self.mesh.iter().enumerate() {
            let rings = rings.iter().enumerate();
            let busy = rings.filter(|(_, ring)| !ring.is_empty());
            sources.extend(busy.map(|(to, _)| Source::Mesh(from, to)));
        }
        for (from, rings) in self.whispers.iter().enumerate() {
            let rings = rings.iter().enumerate();
            let busy = rings.filter(|(_, ring)| !ring.is_empty());
            sources.extend(busy.map(|(to, _)| Source::Whispers(from, to)));
        }
        sources.extend(self.log.busy_lanes().map(Source::LogLane));
        sources.extend(self.log.with_news().map(Source::LogNews));
        sources.extend(self.store.busy_shards().into_iter().map(Source::Store));
        sources.extend(self.wires.arriving().map(Source::Bytes));
        sources.extend(self.wires.unread.iter().copied().map(Source::Output));
        sources.extend(self.wires.moving.iter().copied().map(Source::HandOff));
        sources.extend(self.moves.are_under_way().then_some(Source::Moves));
        sources.extend((!self.hashers.is_empty()).then_some(Source::Hashers));
        sources.extend(self.rounds.iter().copied().map(Source::Round));
        sources
    }

    fn happen(&mut self, source: Source) {
        match source {
            Source::Mesh(from, to) => self.deliver_mesh(from, to),
            Source::Whispers(from, to) => self.deliver_whispers(from, to),
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
            Source::Round(shard) => self.end_round(shard),
        }
    }

    /// A round in which nothing comes.
    fn end_round(&mut self, shard: usize) {
        self.rounds.remove(&shard);
        self.micros += EVENT_MICROS;
        let host = self.on_time(shard);
        host.flush();
        let effects = host.take();
        self.take_effects(shard, effects);
    }

    fn deliver_mesh(&mut self, from: usize, to: usize) {
        let ring = &mut self.mesh[from][to];
        let count = 1 + self.dice.below(ring.len());
        let messages = ring.drain(..count).collect();
        let from = ShardId(from as u16);
        self.step(to, Input::Mesh { from, messages });
    }

    /// Delivers what one shard whispered to another, as far as it does not get lost.
    fn deliver_whispers(&mut self, from: usize, to: usize) {
        let mut whispers = std::mem::take(&mut self.whispers[from][to]);
        if self.loses_whispers {
            whispers.retain(|_| !self.dice.one_in(4));
        }
        self.step(to, Input::Whispers(whispers));
    }

    /// Delivers all messages from one shard to another.
    fn deliver_all(&mut self, from: usize, to: usize) {
        while !self.mesh[from][to].is_empty() {
            self.deliver_mesh(from, to);
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
        self.busy_events = 0;
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
