//! The event loop: when something is sent, read or waited for, and when a run is over.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::load::codec::{Broken, Endpoint};
use crate::load::dispatcher::Dispatcher;
use crate::load::ledger::Ledger;
use crate::load::pool::Pool;
use crate::load::run::{Outcome, Plan, TICK};
use crate::monitor::Progress;
use crate::schedule::{Clock, Micros, Pace, SECOND, micros};
use crate::world::World;

/// Handshakes under way while connections are opened without a hurry.
const OPENING_MAX: usize = 256;
/// How long opening all connections may take without any progress.
const OPEN_WITHIN: Micros = 30 * SECOND;
/// After the last send: so long without any news, and what is missing counts as lost.
const QUIET: Micros = 10 * SECOND;
/// After everything has come: so long for what should not come.
const LINGER: Micros = SECOND / 5;

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("epoll: {0}")]
    Poll(io::Error),
    #[error(
        "a connection can't be opened: {0}; with many connections, mind the limit of open files (ulimit -n) and \
         of local ports (net.ipv4.ip_local_port_range)"
    )]
    Open(Broken),
    #[error(
        "{0} connections are not answered by the server, and no others were for {seconds} s; see its log",
        seconds = OPEN_WITHIN / SECOND
    )]
    Unopened(usize),
}

/// The thread that serves all connections of a run.
pub struct Worker {
    pool: Pool,
    clock: Clock,
    world: Arc<World>,
    progress: Arc<Progress>,
    round_began: Micros,
}

impl Worker {
    /// Opens all connections.
    ///
    /// # Errors
    /// Where one can't be opened.
    pub fn open(
        addr: SocketAddr,
        world: Arc<World>,
        endpoints: Vec<Endpoint>,
        hearers: Vec<u64>,
        progress: Arc<Progress>,
    ) -> Result<Self, WorkerError> {
        let ledger = Ledger::new(hearers);
        let mut pool =
            Pool::new(addr, endpoints, world.users.len(), ledger).map_err(WorkerError::Poll)?;
        open_all(&mut pool)?;
        Ok(Self {
            pool,
            clock: Clock::start(),
            world,
            progress,
            round_began: 0,
        })
    }

    /// Does what is planned, and waits for what comes of it.
    ///
    /// # Errors
    /// Where sockets can't be waited for.
    pub fn run(mut self, plan: &Plan) -> Result<Outcome, WorkerError> {
        let mut dispatcher = Dispatcher::new(plan, Arc::clone(&self.world));
        let mut storm = plan.storm_at.map(micros);
        let mut stopped = None;
        self.begin(plan);
        loop {
            let began = self.pool.tick();
            self.progress.show(&self.pool.ledger.counts);
            if storm.take_if(|at| *at <= began).is_some() {
                self.pool.break_listeners();
            }
            self.pool
                .pause_listeners(plan.is_pause(began))
                .map_err(WorkerError::Poll)?;
            let able = self.pool.has_senders() || plan.pace == Pace::Silent;
            let sending = able && dispatcher.goes_on(began);
            if sending {
                dispatcher.dispatch(&mut self.pool);
            } else {
                self.pool.drop_pending();
            }
            self.pool.open_some(usize::MAX);
            self.pool.flush_all();
            if !sending && self.has_settled(*stopped.get_or_insert(began)) {
                break;
            }
            self.note_stall(began);
            self.pool
                .wait(dispatcher.idle_for(self.clock.now()))
                .map_err(WorkerError::Poll)?;
            self.gather(began, plan.gather);
        }
        Ok(self.pool.close())
    }

    fn begin(&mut self, plan: &Plan) {
        self.clock = Clock::start();
        self.pool.ledger.window = plan.window();
        self.pool.begin(self.clock, plan.in_flight);
        self.progress.begin(self.clock, plan.window());
    }

    /// Whether nothing more is to be expected.
    fn has_settled(&self, stopped: Micros) -> bool {
        let ledger = &self.pool.ledger;
        let linger = if ledger.is_complete() && self.pool.unopened() == 0 {
            LINGER
        } else {
            QUIET
        };
        ledger.now >= ledger.news_at.max(stopped) + linger
    }

    /// Notes how long the last round took; at most [`TICK`] of it, it waited in vain.
    fn note_stall(&mut self, began: Micros) {
        let round = began.saturating_sub(self.round_began);
        self.round_began = began;
        let stall_max = &mut self.pool.ledger.stall_max;
        *stall_max = round.max(*stall_max);
    }

    fn gather(&self, began: Micros, least: Duration) {
        let rest = (began + micros(least)).saturating_sub(self.clock.now());
        if rest > 0 {
            thread::sleep(Duration::from_micros(rest));
        }
    }
}

/// Opens all connections, without a hurry.
pub(super) fn open_all(pool: &mut Pool) -> Result<(), WorkerError> {
    let mut progress_at = 0;
    loop {
        let before = pool.unopened();
        pool.tick();
        pool.open_some(OPENING_MAX);
        pool.flush_all();
        pool.wait(TICK).map_err(WorkerError::Poll)?;
        if let Some(reason) = pool.take_first_break() {
            return Err(WorkerError::Open(reason));
        }
        match pool.unopened() {
            0 => return Ok(()),
            left if left < before => progress_at = pool.ledger.now,
            left if pool.ledger.now > progress_at + OPEN_WITHIN => {
                return Err(WorkerError::Unopened(left));
            }
            _ => {}
        }
    }
}
