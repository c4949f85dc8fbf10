//! Shards with everything around them, one event at a time.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::time::Duration;

use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::effect::{ConnEffect, Effects};
use rookery_engine::ids::ConnId;
use rookery_engine::input::{Entrance, Input, Now};
use rookery_engine::mesh::ShardMessage;
use rookery_engine::shard::Shard;
use rookery_schema::{Placement, Route, Routing, ShardId, Timestamp};

use crate::client::Replies;
use crate::log::SimLog;
use crate::store::SimStore;

/// Randomness from a seed (SplitMix64, Steele et al. 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A client's end of a connection.
pub(crate) struct Wire {
    shard: usize,
    conn: ConnId,
    to_server: VecDeque<Vec<u8>>,
    pub(crate) from_server: Replies,
    pub(crate) open: bool,
    is_websocket: bool,
}

/// Names a client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WireId(usize);

pub(crate) struct World {
    pub(crate) dice: Dice,
    micros: u64,
    routing: Routing,
    shards: Vec<(Shard, Effects)>,
    mesh: Vec<Vec<VecDeque<ShardMessage>>>,
    pub(crate) log: SimLog,
    pub(crate) store: SimStore,
    wires: BTreeMap<WireId, Wire>,
    by_conn: BTreeMap<(usize, u32), WireId>,
    last: usize,
}

/// A masked pong, the mask being zero.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
/// Microseconds that pass with each event.
const EVENT_MICROS: u64 = 50;

impl World {
    pub(crate) fn new(seed: u64, partitions: u32, shards: u16) -> Self {
        let mut world = Self {
            dice: Dice::new(seed),
            micros: 0,
            routing: Routing::new(Placement::new(partitions).unwrap(), shards).unwrap(),
            shards: Vec::new(),
            mesh: Vec::new(),
            log: SimLog::new(partitions),
            store: SimStore::default(),
            wires: BTreeMap::new(),
            by_conn: BTreeMap::new(),
            last: 0,
        };
        world.start(shards);
        world
    }

    fn start(&mut self, shards: u16) {
        self.routing = Routing::new(self.routing.placement(), shards).unwrap();
        self.store.restart(shards);
        let none = || (0..shards).map(|_| VecDeque::new()).collect();
        self.mesh = (0..shards).map(|_| none()).collect();
        let routing = self.routing.clone();
        let ids: Vec<ShardId> = routing.all_shards().collect();
        for id in ids {
            let mut entropy = [0; 32];
            entropy[..8].copy_from_slice(&self.dice.next().to_le_bytes());
            let config = ShardConfig {
                id,
                routing: routing.clone(),
                auth: AuthMode::Trust,
                token_secret: vec![1; 32],
                ticket_secret: vec![2; 32],
                entropy,
                lag_limit: Duration::from_secs(1000),
                slow_reader: Duration::from_secs(5),
                user_rate: 0,
                login_rate: 10,
                appends_in_flight_max: 1 + self.dice.below(2),
            };
            self.shards.push((Shard::new(config), Effects::default()));
        }
        for id in routing.all_shards() {
            for partition in routing.served_by(id) {
                for event in self.log.open(partition) {
                    self.step(id.index(), Input::Log(event));
                }
            }
            self.step(id.index(), Input::Tick);
        }
    }

    /// The process is killed and comes back with another number of shards.
    pub(crate) fn crash(&mut self, shards: u16) {
        self.log.crash(&mut self.dice);
        self.store.crash(&mut self.dice);
        self.shards.clear();
        self.by_conn.clear();
        for wire in self.wires.values_mut() {
            wire.open = false;
        }
        self.start(shards);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.shards.iter().all(|(shard, _)| shard.is_ready())
    }

    const fn now(&self) -> Now {
        let wall = Timestamp::from_millis(1_700_000_000_000 + self.micros / 1000);
        Now {
            micros: self.micros,
            wall,
        }
    }

    fn step(&mut self, shard: usize, input: Input<'_>) {
        self.micros += EVENT_MICROS;
        let now = self.now();
        let (state, effects) = &mut self.shards[shard];
        state.step(now, input, effects);
        state.flush(now, effects);
        let effects = std::mem::take(effects);
        self.take_effects(shard, effects);
    }

    fn take_effects(&mut self, shard: usize, effects: Effects) {
        assert!(effects.notices.is_empty(), "{:?}", effects.notices);
        for (to, messages) in effects.mesh.into_iter().enumerate() {
            self.mesh[shard][to].extend(messages);
        }
        effects
            .log
            .into_iter()
            .for_each(|request| self.log.submit(request));
        effects
            .store
            .into_iter()
            .for_each(|request| self.store.submit(shard, request));
        for (conn, effect) in effects.connections {
            self.send_output(shard, conn);
            match effect {
                ConnEffect::Flush | ConnEffect::Resume => {}
                ConnEffect::Close | ConnEffect::Abort => self.hang_up(shard, conn),
                ConnEffect::HandOff { to, socket } => {
                    let wire = self.by_conn.remove(&(shard, conn.slot)).unwrap();
                    self.wire(wire).is_websocket = true;
                    self.step(shard, Input::Gone { conn });
                    let conn = self.new_conn(to.index(), wire);
                    self.step(
                        to.index(),
                        Input::Arrived {
                            conn,
                            socket: *socket,
                        },
                    );
                }
            }
        }
    }

    fn send_output(&mut self, shard: usize, conn: ConnId) {
        let Some(outbox) = self.shards[shard].0.outbox(conn) else {
            return;
        };
        let mut sent = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = outbox.slices(&mut slices);
            let taken: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            outbox.advance(taken.len(), self.micros);
            sent.extend(taken);
        }
        if let Some(wire) = self.by_conn.get(&(shard, conn.slot)) {
            self.wires.get_mut(wire).unwrap().from_server.add(&sent);
        }
    }

    fn hang_up(&mut self, shard: usize, conn: ConnId) {
        if let Some(wire) = self.by_conn.remove(&(shard, conn.slot)) {
            self.wires.get_mut(&wire).unwrap().open = false;
            self.step(shard, Input::Gone { conn });
        }
    }

    fn new_conn(&mut self, shard: usize, wire: WireId) -> ConnId {
        self.last += 1;
        let conn = ConnId {
            slot: self.last as u32,
            generation: 1,
        };
        self.by_conn.insert((shard, conn.slot), wire);
        let end = self.wires.get_mut(&wire).unwrap();
        (end.shard, end.conn) = (shard, conn);
        conn
    }

    /// Connects to some shard, as a kernel would choose one.
    pub(crate) fn connect(&mut self) -> WireId {
        let shard = self.dice.below(self.shards.len());
        self.last += 1;
        let id = WireId(self.last);
        let conn = ConnId {
            slot: 0,
            generation: 0,
        };
        let (to_server, from_server) = (VecDeque::new(), Replies::default());
        self.wires.insert(
            id,
            Wire {
                shard,
                conn,
                to_server,
                from_server,
                open: true,
                is_websocket: false,
            },
        );
        let conn = self.new_conn(shard, id);
        let peer = ([127, 0, 0, 1], 1).into();
        let entrance = Entrance::Public { operations: true };
        self.step(
            shard,
            Input::Accepted {
                conn,
                peer,
                entrance,
            },
        );
        id
    }

    pub(crate) fn disconnect(&mut self, id: WireId) {
        let wire = &self.wires[&id];
        if wire.open {
            let (shard, conn) = (wire.shard, wire.conn);
            self.hang_up(shard, conn);
        }
    }

    pub(crate) fn wire(&mut self, id: WireId) -> &mut Wire {
        self.wires.get_mut(&id).unwrap()
    }

    /// Sends bytes, which arrive cut at random places.
    pub(crate) fn send(&mut self, id: WireId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let cut = if self.dice.one_in(3) {
                1 + self.dice.below(bytes.len())
            } else {
                bytes.len()
            };
            let (head, tail) = bytes.split_at(cut);
            self.wires
                .get_mut(&id)
                .unwrap()
                .to_server
                .push_back(head.to_vec());
            bytes = tail;
        }
    }

    /// Lets one random thing happen; false where nothing is under way.
    pub(crate) fn advance(&mut self) -> bool {
        let mut choices: Vec<(u8, usize, usize)> = Vec::new();
        for (from, rings) in self.mesh.iter().enumerate() {
            let busy = rings
                .iter()
                .enumerate()
                .filter(|(_, ring)| !ring.is_empty());
            choices.extend(busy.map(|(to, _)| (0, from, to)));
        }
        if self.log.has_work() {
            choices.push((1, 0, 0));
        }
        choices.extend(
            self.store
                .busy_shards()
                .into_iter()
                .map(|shard| (2, shard, 0)),
        );
        let arriving = self
            .wires
            .iter()
            .filter(|(_, wire)| wire.open && !wire.to_server.is_empty());
        choices.extend(arriving.map(|(id, _)| (3, id.0, 0)));
        if choices.is_empty() {
            return false;
        }
        let (kind, a, b) = choices[self.dice.below(choices.len())];
        match kind {
            0 => self.deliver_mesh(a, b),
            1 => self.step_log(),
            2 => {
                if let Some(event) = self.store.step(a, &mut self.dice) {
                    self.step(a, Input::Store(event));
                }
            }
            _ => self.deliver_bytes(WireId(a)),
        }
        true
    }

    fn deliver_mesh(&mut self, from: usize, to: usize) {
        let ring = &mut self.mesh[from][to];
        let count = 1 + self.dice.below(ring.len());
        let messages = ring.drain(..count).collect();
        self.step(
            to,
            Input::Mesh {
                from: ShardId(from as u16),
                messages,
            },
        );
    }

    fn step_log(&mut self) {
        if let Some(event) = self.log.step(&mut self.dice) {
            use rookery_engine::port::LogEvent as E;
            let partition = match &event {
                E::Opened { partition, .. }
                | E::Appended { partition, .. }
                | E::Records { partition, .. }
                | E::DeadLettered { partition }
                | E::CaughtUp { partition }
                | E::Closed { partition } => *partition,
            };
            let Route::Here(owner) = self.routing.route(partition) else {
                panic!("every partition has an owner");
            };
            self.step(owner.index(), Input::Log(event));
        }
    }

    fn deliver_bytes(&mut self, id: WireId) {
        let wire = self.wires.get_mut(&id).unwrap();
        let (shard, conn) = (wire.shard, wire.conn);
        if !self.shards[shard].0.wants_input(conn) {
            return;
        }
        let bytes = wire.to_server.pop_front().unwrap();
        self.step(
            shard,
            Input::Received {
                conn,
                bytes: &bytes,
                waited_micros: 0,
            },
        );
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

    /// Shows the server that whoever is connected is still there, as a client that answers pings does.
    fn keep_alive(&mut self) {
        for wire in self.wires.values_mut() {
            if wire.open && wire.is_websocket {
                wire.to_server.push_back(PONG.to_vec());
            }
        }
    }

    /// Lets everything that is under way come to its end.
    pub(crate) fn settle(&mut self) {
        for second in 0..50 {
            for _ in 0..1_000_000 {
                if !self.advance() {
                    break;
                }
            }
            if second % 10 == 0 {
                self.keep_alive();
            }
            self.tick(1_000_000);
        }
    }
}
