//! Whether all shards are alive, and what the service manager is told of them (systemd's `sd_notify`): that the
//! server is ready, that its shards are alive, that it stops. Without a service manager nothing is sent.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::lane::{self, Lane};
use crate::vital::Shutdown;

/// How often the shards are looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// How long a shard that is alive may not tick while it is busy.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// What a shard tells the rest of the process.
#[derive(Debug, Default)]
pub struct ShardStatus {
    /// How often it has ticked.
    pub ticks: AtomicU64,
    /// It has replayed its partitions.
    pub ready: AtomicBool,
    /// It was told to drain, and accepts no more connections.
    pub closed: AtomicBool,
    /// It was told to drain, and has nothing left to finish.
    pub drained: AtomicBool,
}

/// Starts the thread that reports on these shards to the service manager, until `shutdown` has begun.
///
/// # Errors
/// Where no thread can be made.
pub(crate) fn monitor(statuses: Vec<Arc<ShardStatus>>, shutdown: &Shutdown) -> io::Result<Lane> {
    let mut reporter = Reporter::new(statuses);
    let until = shutdown.clone();
    lane::spawn("monitor", None, shutdown, move || {
        while !until.has_begun() {
            thread::sleep(LOOK_PAUSE);
            reporter.report();
        }
        Ok::<(), Infallible>(())
    })
}

/// Tells the service manager that the server is draining.
pub(crate) fn stopping() {
    notify(NotifyState::Stopping);
}

struct Reporter {
    shards: Vec<Watched>,
    was_ready: bool,
    /// How often the service manager must hear that the shards are alive, if it wants to.
    watchdog: Option<Duration>,
    reported: Instant,
}

/// A shard, how often it had ticked when it was looked at last, and when that was more than before.
struct Watched {
    status: Arc<ShardStatus>,
    ticks: u64,
    ticked: Instant,
}

impl Watched {
    fn new(status: Arc<ShardStatus>) -> Self {
        Self {
            status,
            ticks: 0,
            ticked: Instant::now(),
        }
    }

    fn is_alive(&mut self) -> bool {
        let ticks = self.status.ticks.load(Ordering::Relaxed);
        if ticks != self.ticks {
            (self.ticks, self.ticked) = (ticks, Instant::now());
        }
        self.ticked.elapsed() < SILENCE_MAX
    }
}

impl Reporter {
    fn new(statuses: Vec<Arc<ShardStatus>>) -> Self {
        Self {
            shards: statuses.into_iter().map(Watched::new).collect(),
            was_ready: false,
            // Half the time that is allowed, as sd_watchdog_enabled(3) advises.
            watchdog: sd_notify::watchdog_enabled().map(|allowed| allowed / 2),
            reported: Instant::now(),
        }
    }

    fn report(&mut self) {
        let is_ready = |it: &Watched| it.status.ready.load(Ordering::Relaxed);
        if !self.was_ready && self.shards.iter().all(is_ready) {
            self.was_ready = true;
            notify(NotifyState::Ready);
        }
        // Each is looked at, whatever the others are.
        let silent = self
            .shards
            .iter_mut()
            .filter_map(|it| (!it.is_alive()).then_some(()));
        let alive = silent.count() == 0;
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
