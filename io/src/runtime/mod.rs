//! One shard's thread: its executor, and the rounds in which it works.
//!
//! A round feeds the engine what came over sockets and from other threads, then does everything that the
//! engine asked for. So whatever goes to one ring, lane or socket goes in one piece.

pub(crate) mod alarm;
mod clock;
mod core;
pub mod executor;
mod outside;
mod store_requests;

use rookery_engine::effect::{Effects, Turn};
use rookery_engine::ids::ConnId;
use rookery_engine::input::{Input, Now};
use rookery_engine::outbox::Outbox;
use rookery_engine::shard::Shard;
use rookery_engine::stats::Stats;

pub use clock::ClockOrigin;
pub use outside::{Backend, Control, Outside};

/// What a shard's thread drives: the engine's [`Shard`], or a stand-in for it in tests. Each method is
/// documented there.
pub trait Engine: 'static {
    fn step(&mut self, now: Now, input: Input<'_>, effects: &mut Effects);
    fn flush(&mut self, now: Now, effects: &mut Effects);
    fn turn(&mut self, conn: ConnId) -> Turn;
    fn awaits_client(&self, conn: ConnId) -> bool;
    fn outbox(&mut self, conn: ConnId) -> Option<&mut Outbox>;
    fn is_ready(&self) -> bool;
    fn is_drained(&self) -> bool;
    fn stats_mut(&mut self) -> &mut Stats;
}

impl Engine for Shard {
    fn step(&mut self, now: Now, input: Input<'_>, effects: &mut Effects) {
        Self::step(self, now, input, effects);
    }

    fn flush(&mut self, now: Now, effects: &mut Effects) {
        Self::flush(self, now, effects);
    }

    fn turn(&mut self, conn: ConnId) -> Turn {
        Self::turn(self, conn)
    }

    fn awaits_client(&self, conn: ConnId) -> bool {
        Self::awaits_client(self, conn)
    }

    fn outbox(&mut self, conn: ConnId) -> Option<&mut Outbox> {
        Self::outbox(self, conn)
    }

    fn is_ready(&self) -> bool {
        Self::is_ready(self)
    }

    fn is_drained(&self) -> bool {
        Self::is_drained(self)
    }

    fn stats_mut(&mut self) -> &mut Stats {
        Self::stats_mut(self)
    }
}
