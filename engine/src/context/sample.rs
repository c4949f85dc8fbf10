//! Surroundings of a step, to test parts of a shard without one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rookery_schema::{Placement, Routing, ShardId};

use crate::assets::Assets;
use crate::config::{AuthMode, Keys, RegistrationMode, SUBSCRIPTIONS_PER_ROUND, ShardConfig};
use crate::context::Context;
use crate::edge::effect::Effects;
use crate::edge::input::Now;
use crate::hashing::Hashing;
use crate::held_bytes::HeldBytes;
use crate::http::HttpDate;
use crate::leases::Leases;
use crate::limits::Proxies;
use crate::mesh::{ShardMessage, Whisper};
use crate::pages::Pages;
use crate::readiness::Readiness;
use crate::security::SecurityLog;
use crate::stamps::Stamps;
use crate::stats::Stats;

/// The only shard, with the only partition.
pub(crate) fn config() -> ShardConfig {
    let placement = Placement::new(1).expect("nonzero");
    ShardConfig {
        id: ShardId(0),
        routing: Routing::new(placement, 1).expect("nonzero"),
        auth: AuthMode::Trust,
        public_urls: Vec::new(),
        allowed_origins: Vec::new(),
        token_keys: Keys::new(Arc::new([1; 32]), Vec::new()),
        ticket_keys: Keys::new(Arc::new([2; 32]), Vec::new()),
        entropy: [3; 32],
        lag_limit: Duration::from_secs(1),
        chat_bytes: 256 << 20,
        resume_events: 10_000,
        slow_reader: Duration::from_secs(5),
        user_rate: 0,
        user_bytes: 0,
        sockets_per_user: 0,
        chats_per_user: 0,
        memberships_per_user: 0,
        login_rate: 100_000,
        registration: RegistrationMode::Open,
        operator_token: None,
        proxies: Proxies::default(),
        appends_in_flight_max: 1,
        append_pace_micros: 0,
        subscriptions_per_round: SUBSCRIPTIONS_PER_ROUND,
        assets: &Assets::NONE,
    }
}

/// What a [`Context`] borrows.
pub(crate) struct Surroundings {
    config: ShardConfig,
    readiness: Readiness,
    pub(crate) effects: Effects,
    pub(crate) stats: Stats,
    random: ChaCha12Rng,
    hashing: Hashing,
    pages: Pages,
    leases: Leases,
    stamps: Stamps,
    security: SecurityLog,
    held: HeldBytes,
    local: VecDeque<ShardMessage>,
    local_whispers: VecDeque<Whisper>,
    date: HttpDate,
}

impl Surroundings {
    pub(crate) fn new() -> Self {
        let config = config();
        Self {
            readiness: Readiness::new(config.routing.shards()),
            effects: Effects::default(),
            stats: Stats::default(),
            random: ChaCha12Rng::from_seed(config.entropy),
            hashing: Hashing::default(),
            pages: Pages::default(),
            leases: Leases::default(),
            stamps: Stamps::default(),
            security: SecurityLog::default(),
            held: HeldBytes::default(),
            local: VecDeque::new(),
            local_whispers: VecDeque::new(),
            date: HttpDate::new(0),
            config,
        }
    }

    /// One step, so many microseconds after the start.
    pub(crate) fn at(&mut self, micros: u64) -> Context<'_> {
        Context {
            now: Now {
                micros,
                ..Now::default()
            },
            config: &self.config,
            routing: &self.config.routing,
            readiness: &mut self.readiness,
            effects: &mut self.effects,
            stats: &mut self.stats,
            random: &mut self.random,
            hashing: &mut self.hashing,
            pages: &mut self.pages,
            leases: &mut self.leases,
            stamps: &mut self.stamps,
            security: &mut self.security,
            held: &self.held,
            local: &mut self.local,
            local_whispers: &mut self.local_whispers,
            date: &self.date,
            disk_full: false,
            resumed_micros: 0,
            input_waited_micros: 0,
        }
    }
}
