//! What a shard's thread has, and what it does with it.

mod round;
mod sockets;
mod standstills;
mod ticks;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rookery_engine::effect::Effects;
use rookery_engine::input::{Input, Now};
use rookery_schema::ShardId;

use super::Engine;
use super::clock::{Clock, ClockOrigin};
use super::outside::Outside;
use crate::mesh::MovedSocket;
use crate::net::connections::Connections;
use crate::runtime::core::standstills::Standstills;
use crate::runtime::core::ticks::Ticks;
use crate::service::ShardStatus;
use crate::signals::StopFlag;

/// One shard's engine, and everything that is needed to serve it. It never leaves the shard's thread.
pub(super) struct Core<E> {
    id: ShardId,
    engine: RefCell<E>,
    effects: RefCell<Effects>,
    outside: RefCell<Outside>,
    connections: RefCell<Connections>,
    clock: Clock,
    ticks: Ticks,
    /// Whether there was a step that no round has followed.
    round_due: Cell<bool>,
    standstills: RefCell<Standstills>,
    /// Whether full rings keep this shard from reading sockets.
    stalled: Cell<bool>,
    /// When the engine wants a round at the latest, in microseconds.
    wake_at_micros: Cell<Option<u64>>,
    end: End,
}

/// How far a shard is on its way out.
pub(super) struct End {
    /// The process is to stop.
    stop: StopFlag,
    /// The shard has heard of that.
    draining: Cell<bool>,
    stopped: Cell<bool>,
    /// What the rest of the process sees.
    status: Arc<ShardStatus>,
}

impl End {
    pub(super) const fn new(stop: StopFlag, status: Arc<ShardStatus>) -> Self {
        Self {
            stop,
            draining: Cell::new(false),
            stopped: Cell::new(false),
            status,
        }
    }
}

impl<E: Engine> Core<E> {
    pub(super) fn new(
        id: ShardId,
        engine: E,
        outside: Outside,
        connections: Connections,
        clocks: ClockOrigin,
        end: End,
    ) -> Self {
        Self {
            id,
            engine: RefCell::new(engine),
            effects: RefCell::default(),
            outside: RefCell::new(outside),
            connections: RefCell::new(connections),
            clock: Clock::new(clocks),
            ticks: Ticks::default(),
            round_due: Cell::new(false),
            standstills: RefCell::default(),
            stalled: Cell::new(false),
            wake_at_micros: Cell::new(None),
            end,
        }
    }

    const fn id(&self) -> ShardId {
        self.id
    }

    /// The time. It stands still within a round.
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn expire_clock(&self) {
        self.clock.expire();
    }

    /// Gives the engine one input. A round follows.
    fn step(&self, input: Input<'_>) {
        let now = self.now();
        let effects = &mut self.effects.borrow_mut();
        self.engine.borrow_mut().step(now, input, effects);
        self.mark_due();
    }

    /// Gives the engine input of a connection. False if it made it panic, which ends this connection alone.
    fn step_guarded(&self, input: Input<'_>) -> bool {
        let step = AssertUnwindSafe(|| self.step(input));
        let survived = catch_unwind(step).is_ok();
        if !survived {
            self.with_engine(|engine| engine.stats_mut().panics += 1);
            self.mark_due();
        }
        survived
    }

    fn with_engine<T>(&self, look: impl FnOnce(&mut E) -> T) -> T {
        look(&mut self.engine.borrow_mut())
    }

    /// Makes a round run, unless one is running whose steps are still to come.
    fn mark_due(&self) {
        self.round_due.set(true);
    }

    /// Whether there was a step that no round has followed.
    const fn is_due(&self) -> bool {
        self.round_due.get()
    }

    /// Ends the steps of a round: a step after this needs another round.
    fn end_steps(&self) {
        self.round_due.set(false);
    }

    /// Whether full rings keep this shard from reading sockets.
    const fn is_stalled(&self) -> bool {
        self.stalled.get()
    }

    /// Stops or resumes the reading of sockets. True if a stall begins.
    fn set_stalled(&self, stalled: bool) -> bool {
        let was_stalled = self.stalled.replace(stalled);
        if was_stalled && !stalled {
            self.connections.borrow_mut().unpark();
        }
        stalled && !was_stalled
    }

    /// Sends a connection to another shard, after the messages that the engine has for that shard now.
    fn send_socket(&self, to: ShardId, socket: MovedSocket) {
        self.outside.borrow_mut().moving.push((to, socket));
        self.mark_due();
    }

    /// Tells the engine of a standstill that ends now, before anything else that it hears: no reader was slow.
    fn look_for_standstill(&self) {
        if self.standstills.borrow_mut().look(self.now().micros) {
            self.step(Input::Resumed);
        }
    }

    /// Skips the tick after a standstill: what came meanwhile is to be heard before anything counts as overdue.
    fn tick_when_due(&self) {
        let Some(busy_micros) = self.ticks.tick(self.now().micros) else {
            return;
        };
        self.end.status.ticks.fetch_add(1, Ordering::Relaxed);
        self.with_engine(|engine| engine.stats_mut().busy_micros += busy_micros);
        self.clock.set_wall();
        self.look_for_standstill();
        if self.standstills.borrow_mut().take_ended() {
            return;
        }
        let now = self.now().micros;
        self.connections.borrow_mut().tick(now);
        self.make_room();
        let disk = self.outside.borrow_mut().disk_crossing();
        if let Some(full) = disk {
            self.step(Input::DiskFull(full));
        }
        self.step(Input::Tick);
        let ready = self.with_engine(|engine| engine.is_ready());
        self.end.status.ready.store(ready, Ordering::Relaxed);
    }

    /// Tells the rest of the process whether there is nothing left to finish.
    fn report_drained(&self) {
        let drained = self.with_engine(|engine| engine.is_drained())
            && self.outside.borrow().is_quiet()
            && self.connections.borrow_mut().is_flushed();
        self.end.status.drained.store(drained, Ordering::Release);
    }
}
