//! One shard and what every host of one needs: a configuration, a clock, the effects of its steps, connections.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rookery_engine::assets::Assets;
use rookery_engine::config::{
    AuthMode, Keys, RegistrationMode, SUBSCRIPTIONS_PER_ROUND, ShardConfig,
};
use rookery_engine::effect::{Effects, HandedOff, Turn};
use rookery_engine::ids::{ConnId, Session};
use rookery_engine::input::{Entrance, Input, Now};
use rookery_engine::limits::Proxies;
use rookery_engine::shard::Shard;
use rookery_schema::{Placement, Routing, ShardId, Timestamp, UserId};

/// Where the wall clock stands when a shard's own begins.
pub const EPOCH_MILLIS: u64 = 1_700_000_000_000;

/// A shard and what its steps asked for.
pub struct Host {
    pub shard: Shard,
    pub effects: Effects,
    pub clock: Clock,
    connections: u32,
}

/// The clocks of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Microseconds of the monotonic one.
    pub micros: u64,
    /// Microseconds of the time of day.
    wall_micros: u64,
    /// The same, had it never been set back.
    latest_wall_micros: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::starting_at(EPOCH_MILLIS * 1000)
    }
}

impl Clock {
    /// Those of a process that starts when the time of day is this.
    pub const fn starting_at(wall_micros: u64) -> Self {
        Self {
            micros: 0,
            wall_micros,
            latest_wall_micros: wall_micros,
        }
    }

    /// Lets time pass.
    pub const fn pass(&mut self, micros: u64) {
        self.micros += micros;
        self.wall_micros += micros;
        self.latest_wall_micros += micros;
    }

    /// Sets the time of day forth, or back.
    pub fn step_wall(&mut self, millis: i64) {
        self.wall_micros = self.wall_micros.saturating_add_signed(millis * 1000);
        self.latest_wall_micros = self.latest_wall_micros.max(self.wall_micros);
    }

    pub const fn now(&self) -> Now {
        Now {
            micros: self.micros,
            wall: Timestamp::from_millis(self.wall_micros / 1000),
            latest_wall: Timestamp::from_millis(self.latest_wall_micros / 1000),
        }
    }
}

/// So many partitions, and shards to serve them.
///
/// # Panics
/// Where there are none of either.
pub fn routing(partitions: u32, shards: u16) -> Routing {
    Routing::new(Placement::new(partitions).unwrap(), shards).unwrap()
}

/// One key, of 32 equal bytes.
pub fn keys(byte: u8) -> Keys {
    Keys::new(Arc::new([byte; 32]), Vec::new())
}

/// The settings of a shard in trust mode, without limits of rates, that refuses messages which are a second late.
pub fn config(id: ShardId, routing: Routing) -> ShardConfig {
    ShardConfig {
        id,
        routing,
        auth: AuthMode::Trust,
        public_urls: Vec::new(),
        allowed_origins: Vec::new(),
        token_keys: keys(1),
        ticket_keys: keys(2),
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

/// The first id that fits, of those that count up from one.
///
/// # Panics
/// Where none fits.
pub fn first_id<T: Copy>(make: impl Fn([u8; 16]) -> T, fits: impl Fn(T) -> bool) -> T {
    let mut all = (1..u128::MAX).map(|n| make(n.to_be_bytes()));
    all.find(|id| fits(*id)).unwrap()
}

impl Host {
    pub fn new(config: ShardConfig) -> Self {
        Self {
            shard: Shard::new(config),
            effects: Effects::default(),
            clock: Clock::default(),
            connections: 0,
        }
    }

    /// Applies one input.
    pub fn step(&mut self, input: Input<'_>) {
        self.shard.step(self.clock.now(), input, &mut self.effects);
    }

    /// Ends a round of steps.
    pub fn flush(&mut self) {
        self.shard.flush(self.clock.now(), &mut self.effects);
    }

    /// What was asked for since this was called last.
    pub fn take(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// A round of one step, and what it asked for.
    pub fn round(&mut self, input: Input<'_>) -> Effects {
        self.step(input);
        self.flush();
        self.take()
    }

    /// A new connection's id.
    pub const fn next_conn(&mut self) -> ConnId {
        self.connections += 1;
        ConnId {
            slot: self.connections,
            generation: 1,
        }
    }

    /// A connection that is accepted.
    pub fn accepted(&mut self) -> (ConnId, Input<'static>) {
        let conn = self.next_conn();
        (conn, accepted(conn))
    }

    /// A WebSocket that arrives from the shard that accepted it.
    pub fn arrived(
        &mut self,
        user_id: UserId,
        session: Option<Session>,
    ) -> (ConnId, Input<'static>) {
        let conn = self.next_conn();
        let socket = handed_off(user_id, session);
        (conn, Input::Arrived { conn, socket })
    }

    /// The same, whose client will resume.
    pub fn arrived_to_resume(&mut self, user_id: UserId) -> (ConnId, Input<'static>) {
        let conn = self.next_conn();
        let socket = HandedOff {
            will_resume: true,
            ..handed_off(user_id, None)
        };
        (conn, Input::Arrived { conn, socket })
    }

    /// Gives a connection its turn; whether the shard wants to read it.
    pub fn wants_input(&mut self, conn: ConnId) -> bool {
        if self.shard.turn(conn) == Turn::GoOn {
            self.step(Input::GoOn { conn });
        }
        self.shard.turn(conn) == Turn::Read
    }

    /// The peer takes so many bytes of what waits to be sent, or all that there are.
    ///
    /// # Panics
    /// Where there is no such connection.
    pub fn read(&mut self, conn: ConnId, at_most: usize) -> Vec<u8> {
        let now_micros = self.clock.now().micros;
        let outbox = self.shard.outbox(conn).unwrap();
        let mut read = Vec::new();
        while !outbox.is_empty() && read.len() < at_most {
            let mut slices = [IoSlice::new(&[])];
            outbox.slices(&mut slices);
            let taken = slices[0].len().min(at_most - read.len());
            read.extend_from_slice(&slices[0][..taken]);
            outbox.advance(taken, now_micros);
        }
        read
    }
}

fn handed_off(user_id: UserId, session: Option<Session>) -> HandedOff {
    HandedOff {
        user_id,
        session,
        batch_protocol: false,
        will_resume: false,
        unread: BytesMut::new(),
    }
}

/// A connection is accepted at the public entrance.
pub fn accepted(conn: ConnId) -> Input<'static> {
    Input::Accepted {
        conn,
        peer: ([127, 0, 0, 1], 9).into(),
        entrance: Entrance::Public { operations: true },
    }
}
