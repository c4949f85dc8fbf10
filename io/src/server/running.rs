//! A running server, and how it ends: shards finish what was begun, and the standby answers whoever still comes, until
//! the process has nothing left to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::lane::Lane;
use crate::mailbox::Sender;
use crate::runtime::Control;
use crate::service::ShardStatus;
use crate::signals::StopFlag;
use crate::standby::Standby;
use crate::vital::Shutdown;

/// How long shards may take to accept those who wait, before whoever comes is the standby's.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// How long shards may take to end once they are drained.
const STOP_MAX: Duration = Duration::from_secs(2);
/// How long lanes may take to finish once their shards have ended.
const LANES_MAX: Duration = Duration::from_secs(10);
/// How often to check whether something has ended.
const POLL: Duration = Duration::from_millis(5);
/// How long all shards must be drained at the same time: messages between them may undo it.
const DRAINED_FOR: Duration = Duration::from_millis(20);

/// See the module.
pub struct Server {
    pub(super) address: SocketAddr,
    pub(super) partitions: u32,
    pub(super) shards: Vec<RunningShard>,
    pub(super) lanes: Vec<Lane>,
    pub(super) standby: Standby,
    pub(super) stop: StopFlag,
    pub(super) shutdown: Shutdown,
}

pub(super) struct RunningShard {
    pub(super) control: Sender<Control>,
    pub(super) status: Arc<ShardStatus>,
    pub(super) thread: JoinHandle<()>,
}

impl RunningShard {
    fn is(&self, status: fn(&ShardStatus) -> &AtomicBool) -> bool {
        status(&self.status).load(Ordering::Acquire)
    }
}

impl Server {
    /// Where the API is served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many partitions its log has.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Finishes what was begun and ends all threads. False if not everything was finished in time.
    pub fn stop(self, at_most: Duration) -> bool {
        self.stop.set();
        self.tell(&Control::Drain);
        wait_until(CLOSE_MAX, || self.all(|status| &status.closed));
        self.standby.receive();
        let drained = self.wait_until_drained(at_most);
        self.shutdown.begin();
        self.tell(&Control::Stop);
        let ended = wait_until(STOP_MAX, || {
            self.shards.iter().all(|shard| shard.thread.is_finished())
        });
        let deadline = Instant::now() + LANES_MAX;
        let finished = self
            .lanes
            .into_iter()
            .map(|lane| lane.join(deadline.saturating_duration_since(Instant::now())))
            .fold(true, |all, one| all & one);
        let dismissed = self.standby.finish();
        drained && ended && finished && dismissed
    }

    pub(super) fn tell(&self, control: &Control) {
        for shard in &self.shards {
            if shard.control.send(control.clone()).is_err() {
                tracing::error!(?control, "a shard no longer takes orders");
            }
        }
    }

    fn all(&self, status: fn(&ShardStatus) -> &AtomicBool) -> bool {
        self.shards.iter().all(|shard| shard.is(status))
    }

    /// A message between shards may give work to one that had none, so all must be idle for a while.
    fn wait_until_drained(&self, at_most: Duration) -> bool {
        let mut since = None;
        wait_until(at_most, || {
            if !self.all(|status| &status.drained) {
                since = None;
                return false;
            }
            since.get_or_insert_with(Instant::now).elapsed() >= DRAINED_FOR
        })
    }
}

fn wait_until(at_most: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + at_most;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}
