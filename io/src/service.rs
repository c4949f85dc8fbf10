//! What the service manager is told (systemd's `sd_notify`): that the server is ready, that its shards are
//! alive, that it stops. Without a manager that listens, nothing is.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rookery_engine::input::TICK_MILLIS;
use sd_notify::NotifyState;

use crate::lane::{self, Lane};
use crate::runtime::pulse::Pulse;
use crate::vital::Shutdown;

/// How far a shard is, for others to look at.
#[derive(Debug, Default)]
pub struct Standing {
    /// It has replayed its partitions.
    pub ready: AtomicBool,
    /// It was told to drain, and has nothing left to finish.
    pub drained: AtomicBool,
}

/// Starts the thread that tells all shards that time has passed, and the service manager how they are. It
/// goes on until they have ended.
///
/// # Errors
/// Where no thread can be made.
pub(crate) fn start_pulse(
    mut pulses: Vec<Pulse>,
    standings: Vec<Arc<Standing>>,
    shutdown: &Shutdown,
) -> io::Result<Lane> {
    let mut reporter = Reporter::new(standings);
    lane::spawn("pulse", None, shutdown, move || {
        while !pulses.is_empty() {
            thread::sleep(Duration::from_millis(TICK_MILLIS));
            pulses.retain_mut(Pulse::beat);
            reporter.report(pulses.iter().all(Pulse::is_felt));
        }
        Ok::<(), Infallible>(())
    })
}

/// Tells the service manager that the server drains.
pub(crate) fn stopping() {
    notify(NotifyState::Stopping);
}

struct Reporter {
    standings: Vec<Arc<Standing>>,
    was_ready: bool,
    /// How often it must hear that the shards are alive, where it wants to.
    watchdog: Option<Duration>,
    reported: Instant,
}

impl Reporter {
    fn new(standings: Vec<Arc<Standing>>) -> Self {
        Self {
            standings,
            was_ready: false,
            // Half the time that is allowed, as sd_watchdog_enabled(3) advises.
            watchdog: sd_notify::watchdog_enabled().map(|allowed| allowed / 2),
            reported: Instant::now(),
        }
    }

    fn report(&mut self, alive: bool) {
        let is_ready = |it: &Arc<Standing>| it.ready.load(Ordering::Relaxed);
        if !self.was_ready && self.standings.iter().all(is_ready) {
            self.was_ready = true;
            notify(NotifyState::Ready);
        }
        let is_due = |every| self.reported.elapsed() >= every;
        if alive && self.watchdog.is_some_and(is_due) {
            self.reported = Instant::now();
            notify(NotifyState::Watchdog);
        }
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager could not be told how the server is");
    }
}
