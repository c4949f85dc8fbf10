//! The process: it starts, crashes, stops, and moves partitions from shard to shard.

use std::collections::VecDeque;
use std::sync::Arc;

use rookery_engine::config::ShardConfig;
use rookery_engine::input::Input;
use rookery_schema::{PartitionId, Route, ShardId};
use rookery_testing::dice::Dice;
use rookery_testing::host::{self, Clock, EPOCH_MILLIS, Host};

use crate::moves::{Moves, Moving};
use crate::world::{OPERATOR_TOKEN, SECOND, Source, World};

/// Seconds that a process may take to drain.
const DRAIN_SECONDS_MAX: usize = 60;
/// As the server has it on a log of its own.
const APPEND_PACE_MICROS: u64 = 400;
/// Failed logins that nobody meets: passwords are tried that an operator has replaced.
const LOGIN_RATE: u32 = 100_000;

impl World {
    pub(super) fn start(&mut self, shards: u16) {
        self.routing = host::routing(self.settings.partitions, shards);
        self.moves = Moves::default();
        self.log.restart(shards);
        self.store.restart(shards);
        self.hashers.clear();
        self.rounds.clear();
        self.put_off.clear();
        let none = || (0..shards).map(|_| VecDeque::new()).collect();
        self.mesh = (0..shards).map(|_| none()).collect();
        let none = || (0..shards).map(|_| Vec::new()).collect();
        self.whispers = (0..shards).map(|_| none()).collect();
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
            login_rate: LOGIN_RATE,
            operator_token: Some(Arc::new(OPERATOR_TOKEN)),
            chats_per_user: self.settings.chats_per_user,
            memberships_per_user: self.settings.memberships_per_user,
            chat_bytes: self.settings.chat_bytes,
            appends_in_flight_max: 1 + self.dice.below(2),
            append_pace_micros: if entropy[1].is_multiple_of(2) {
                APPEND_PACE_MICROS
            } else {
                0
            },
            // Most users are in more chats.
            subscriptions_per_round: 1 + usize::from(entropy[0] % 3),
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
        self.wires.drain();
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

    /// Lets much of what the owner of a partition asks for and tells happen later: what is late of an earlier owner is
    /// what is hardest to get right.
    pub(crate) fn slow_down(&mut self, partition: PartitionId) {
        let Route::Here(owner) = self.routing.route(partition) else {
            return;
        };
        let owner = owner.index();
        if self.dice.one_in(2) {
            self.put_off(Source::LogLane(owner));
        }
        for to in 0..self.shards.len() {
            if self.dice.one_in(4) {
                self.put_off(Source::Mesh(owner, to));
            }
        }
    }

    /// Some partition.
    pub(crate) fn any_partition(&mut self) -> PartitionId {
        let partitions: Vec<PartitionId> = self.routing.placement().all().collect();
        *self.dice.pick(&partitions)
    }

    /// Begins to move a partition to some shard, unless it is being moved.
    pub(crate) fn begin_move(&mut self, partition: PartitionId) {
        let to = self.dice.below(self.shards.len());
        self.moves.begin(partition, to, &mut self.routing);
    }

    pub(super) fn step_move(&mut self) {
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
            }) if self.store.is_through(from, partition) => {
                let opened = self.log.open(partition, to);
                self.moves.opened(partition);
                self.step(to, Input::Log(opened));
            }
            Some(Moving::Open { .. }) | None => {}
        }
    }
}

/// Clocks that were set by somebody else than those of other shards: the monotonic one begins anywhere, and the time
/// of day is off by up to two seconds.
fn clock(dice: &mut Dice) -> Clock {
    let micros = dice.below(1_000_000_000) as u64;
    let mut clock = Clock::starting_at(EPOCH_MILLIS * 1000 + dice.below(4_000_000) as u64);
    clock.micros = micros;
    clock
}
