//! One shard: all state of one core, changed only by its steps.

use std::time::Duration;

use rookery_schema::{ShardId, Topology};

use crate::effect::Effects;
use crate::input::{ConnId, Input, Now};
use crate::outbox::Outbox;
use crate::stats::Stats;

/// What a shard is told when it is made.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    pub id: ShardId,
    pub topology: Topology,
    pub auth: AuthMode,
    /// Signs tokens; at least 32 bytes.
    pub token_secret: Vec<u8>,
    /// Seeds this shard's random numbers; different for each shard and start, and not guessable.
    pub entropy: [u8; 32],
    /// Refuse new messages while the oldest one that is not stored is older.
    pub lag_limit: Duration,
    /// Messages a second and user; 0: no limit.
    pub user_rate: u32,
    /// Failed logins in five minutes per account and address.
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
    stats: Stats,
}

impl Shard {
    /// A shard that owns nothing yet; its partitions open with `LogEvent::Opened`.
    pub fn new(_config: ShardConfig) -> Self {
        Self {
            stats: Stats::default(),
        }
    }

    /// Lets one thing happen.
    pub fn step(&mut self, _now: Now, _input: Input<'_>, _effects: &mut Effects) {}

    /// Ends a round of steps: hands over what they gathered for log, store and other shards.
    pub fn flush(&mut self, _now: Now, _effects: &mut Effects) {}

    /// Whether the connection's socket should be read; after a no, `ConnEffect::Resume` says yes.
    pub fn wants_input(&self, _conn: ConnId) -> bool {
        true
    }

    /// What waits to be sent on a connection.
    pub fn outbox(&mut self, _conn: ConnId) -> Option<&mut Outbox> {
        None
    }

    /// Whether all partitions have been replayed and requests can be served.
    pub fn is_ready(&self) -> bool {
        true
    }

    /// After [`Input::Drain`]: whether everything that was begun is done and stored.
    pub fn is_drained(&self) -> bool {
        true
    }

    /// The numbers, for those that only the caller can count.
    pub fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }
}
