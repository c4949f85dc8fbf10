//! What every part of a shard works with during one step.

use std::collections::VecDeque;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;
use rookery_schema::row::Row;
use rookery_schema::{Placement, Route, Routing, ShardId};

use crate::config::ShardConfig;
use crate::edge::effect::{Effects, Notice};
use crate::edge::input::Now;
use crate::edge::port::{Read, StoreRequest, Token};
use crate::held_bytes::HeldBytes;
use crate::http::HttpDate;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Outcome, ShardMessage};
use crate::readiness::Readiness;
use crate::stats::Stats;

/// One step's surroundings.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a ShardConfig,
    pub(crate) routing: &'a Routing,
    pub(crate) readiness: &'a mut Readiness,
    pub(crate) effects: &'a mut Effects,
    pub(crate) stats: &'a mut Stats,
    pub(crate) random: &'a mut ChaCha12Rng,
    /// Messages from this shard to itself, handled before the step ends.
    pub(crate) local: &'a mut VecDeque<ShardMessage>,
    /// What the connections of this shard hold to be sent.
    pub(crate) held: &'a HeldBytes,
    /// The current date, as replies carry it.
    pub(crate) date: &'a HttpDate,
    /// How long the bytes that this step is about waited to be read.
    pub(crate) input_waited_micros: u64,
}

impl Context<'_> {
    pub(crate) const fn id(&self) -> ShardId {
        self.config.id
    }

    pub(crate) const fn placement(&self) -> Placement {
        self.routing.placement()
    }

    /// Seconds of the monotonic clock.
    pub(crate) const fn seconds(&self) -> u64 {
        self.now.micros / 1_000_000
    }

    /// Something happened that can't happen. It is counted, told once, and a panic where tests run: the caller
    /// goes on as well as it can.
    pub(crate) fn bug(&mut self, what: &'static str) {
        debug_assert!(false, "a bug: {what}");
        if self.stats.count_bug(what) {
            self.effects.notices.push(Notice::Bug { what });
        }
    }

    /// Sends a message to a shard, this one included.
    pub(crate) fn send(&mut self, to: ShardId, message: ShardMessage) {
        if to == self.config.id {
            self.local.push_back(message);
        } else {
            self.stats.mesh_messages += 1;
            self.effects.mesh[to.index()].push(message);
        }
    }

    pub(crate) fn send_to_all(&mut self, message: impl Fn() -> ShardMessage) {
        for shard in self.routing.all_shards() {
            self.send(shard, message());
        }
    }

    /// Asks whoever serves a command. Where nobody does, that is the answer.
    pub(crate) fn ask(&mut self, asker: Asker, command: Command) {
        match command.to(self.routing) {
            Route::Here(shard) => self.send(shard, ShardMessage::Ask { asker, command }),
            Route::Nobody => self.answer(asker, Outcome::Elsewhere),
        }
    }

    pub(crate) fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.send(asker.shard, ShardMessage::Answer { asker, outcome });
    }

    pub(crate) fn refuse(&mut self, asker: Asker, problem: Problem) {
        self.answer(asker, Outcome::Refused(problem));
    }

    /// Whether a new message may be taken from what is being read: a shard that reads too late has more than it
    /// can do, and to refuse is less work.
    pub(crate) fn admit_message(&self) -> Result<(), Problem> {
        if self.is_over_lag_limit(self.input_waited_micros) {
            return Err(Problem::LATE);
        }
        Ok(())
    }

    /// Whether something has waited for longer than messages may.
    pub(crate) fn is_over_lag_limit(&self, waited_micros: u64) -> bool {
        u128::from(waited_micros) > self.config.lag_limit.as_micros()
    }

    /// Reads the store; the answer comes back to the part that the token names.
    pub(crate) fn read(&mut self, token: Token, read: Read) {
        self.effects.store.push(StoreRequest::Read { token, read });
    }

    /// Writes into the store; that it is done comes back to the part that the token names.
    pub(crate) fn write(&mut self, token: Token, rows: Vec<Row>) {
        self.effects.store.push(StoreRequest::Write { token, rows });
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }
}
