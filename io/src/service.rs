//! Heartbeats for all shards, and what the service manager is told of them (systemd's `sd_notify`): that the
//! server is ready, that its shards are alive, that it stops. Without a service manager nothing is sent.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rookery_engine::input::TICK_MILLIS;
use sd_notify::NotifyState;

use crate::lane::{self, Lane};
use crate::runtime::heartbeat::{HeartbeatReceiver, HeartbeatSender, heartbeat};
use crate::vital::Shutdown;

/// What a shard tells the rest of the process.
#[derive(Debug, Default)]
pub struct ShardStatus {
    /// It has replayed its partitions.
    pub ready: AtomicBool,
    /// It was told to drain, and accepts no more connections.
    pub closed: AtomicBool,
    /// It was told to drain, and has nothing left to finish.
    pub drained: AtomicBool,
}

/// All shards, to be sent heartbeats and reported on.
#[derive(Default)]
pub(crate) struct Monitor {
    senders: Vec<HeartbeatSender>,
    statuses: Vec<Arc<ShardStatus>>,
}

impl Monitor {
    /// Adds a shard. Returns what the shard needs for it.
    ///
    /// # Errors
    /// Where the kernel has no descriptors for its heartbeat.
    pub(crate) fn add_shard(&mut self) -> io::Result<(HeartbeatReceiver, Arc<ShardStatus>)> {
        let (sender, receiver) = heartbeat()?;
        let status = Arc::<ShardStatus>::default();
        self.senders.push(sender);
        self.statuses.push(Arc::clone(&status));
        Ok((receiver, status))
    }

    /// Starts the thread that sends heartbeats and reports to the service manager, until all shards have
    /// ended.
    ///
    /// # Errors
    /// Where no thread can be made.
    pub(crate) fn start(self, shutdown: &Shutdown) -> io::Result<Lane> {
        let mut senders = self.senders;
        let mut reporter = Reporter::new(self.statuses);
        lane::spawn("heartbeat", None, shutdown, move || {
            while !senders.is_empty() {
                thread::sleep(Duration::from_millis(TICK_MILLIS));
                senders.retain_mut(HeartbeatSender::beat);
                reporter.report(senders.iter().all(HeartbeatSender::is_alive));
            }
            Ok::<(), Infallible>(())
        })
    }
}

/// Tells the service manager that the server is draining.
pub(crate) fn stopping() {
    notify(NotifyState::Stopping);
}

struct Reporter {
    statuses: Vec<Arc<ShardStatus>>,
    was_ready: bool,
    /// How often the service manager must hear that the shards are alive, if it wants to.
    watchdog: Option<Duration>,
    reported: Instant,
}

impl Reporter {
    fn new(statuses: Vec<Arc<ShardStatus>>) -> Self {
        Self {
            statuses,
            was_ready: false,
            // Half the time that is allowed, as sd_watchdog_enabled(3) advises.
            watchdog: sd_notify::watchdog_enabled().map(|allowed| allowed / 2),
            reported: Instant::now(),
        }
    }

    fn report(&mut self, alive: bool) {
        let is_ready = |it: &Arc<ShardStatus>| it.ready.load(Ordering::Relaxed);
        if !self.was_ready && self.statuses.iter().all(is_ready) {
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
