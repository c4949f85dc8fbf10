//! Lanes: helper threads for work that must block, each pinned beside its shard.
//!
//! A lane takes requests from a bounded ring, and answers through a ring of the shard's mailbox:
//!
//! ```
//! # use std::convert::Infallible;
//! # use std::time::Duration;
//! # use rookery_io::{lane, mailbox::Mailbox, vital::Shutdown};
//! # fn main() -> std::io::Result<()> {
//! # let (shutdown, mut shard) = (Shutdown::default(), Mailbox::new());
//! let (requests, mut ring) = lane::requests::<u32>(64);
//! let (events, mut answers) = shard.channel::<u32>(64);
//! let lane = lane::spawn("double-0", None, &shutdown, move || {
//!     let mut batch = Vec::new();
//!     while ring.next_batch(&mut batch, 16) {
//!         // A shard that is gone needs no answer: the ring is closed as well then.
//!         let _ = events.send_all(batch.drain(..).map(|number| number * 2));
//!     }
//!     Ok::<(), Infallible>(())
//! })?;
//! requests.try_send(21).expect("room for 64");
//! shard.wait(Duration::from_secs(5));
//! assert_eq!(answers.pop(), Some(42));
//! shutdown.begin();
//! drop(requests);
//! assert!(lane.join(Duration::from_secs(5)));
//! # Ok(())
//! # }
//! ```

use std::io;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use rookery_engine::port::{Log, LogRequest, Store, StoreRequest};

use crate::mailbox::{Mailbox, Receiver, Sender};
use crate::vital::{self, Failure, Shutdown};

/// How often a thread that is waited for is looked at.
const JOIN_POLL: Duration = Duration::from_millis(2);
/// How long a lane without requests sleeps at a stretch; it is woken when one comes.
const IDLE_SLEEP: Duration = Duration::from_secs(3600);

/// A running lane.
pub struct Lane {
    name: String,
    thread: JoinHandle<()>,
}

/// Starts a lane. Its thread runs on `cpu`, or wherever the caller may run where there is none or
/// pinning is refused. `body` returns when its rings are closed; if it returns before `shutdown` has
/// begun, fails or panics, the process ends.
///
/// # Errors
/// Where no thread can be made.
pub fn spawn<E: Failure>(
    name: &str,
    cpu: Option<usize>,
    shutdown: &Shutdown,
    body: impl FnOnce() -> Result<(), E> + Send + 'static,
) -> io::Result<Lane> {
    let (label, shutdown) = (name.to_owned(), shutdown.clone());
    let thread = thread::Builder::new().name(label.clone()).spawn(move || {
        if let Some(id) = cpu
            && !core_affinity::set_for_current(CoreId { id })
        {
            tracing::warn!(lane = label, cpu = id, "the lane could not be pinned");
        }
        vital::run(&label, &shutdown, body);
    })?;
    Ok(Lane {
        name: name.to_owned(),
        thread,
    })
}

impl Lane {
    /// Waits for the lane to end, after its rings were closed; false where it has not in time.
    pub fn join(self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        while !self.thread.is_finished() {
            if Instant::now() >= deadline {
                tracing::warn!(lane = self.name, "the lane did not end in time");
                return false;
            }
            thread::sleep(JOIN_POLL);
        }
        self.thread.join().is_ok()
    }
}

/// A ring of requests to a lane that serves one shard. A lane that serves several makes a
/// [`Mailbox`] of its own, with a channel for each of them.
pub fn requests<R>(capacity: usize) -> (Sender<R>, Requests<R>) {
    let mailbox = Mailbox::new();
    let (sender, ring) = mailbox.channel(capacity);
    (sender, Requests { mailbox, ring })
}

/// The lane's end of its ring of requests.
pub struct Requests<R> {
    mailbox: Mailbox,
    ring: Receiver<R>,
}

impl<R> Requests<R> {
    /// Waits until there are requests and appends the oldest, at most `limit`; false when the ring is
    /// closed and empty.
    pub fn next_batch(&mut self, batch: &mut Vec<R>, limit: usize) -> bool {
        loop {
            let closed = self.ring.is_closed();
            if self.drain_into(batch, limit) > 0 {
                return true;
            }
            if closed {
                return false;
            }
            self.wait(IDLE_SLEEP);
        }
    }

    /// Appends the oldest requests, at most `limit`, without waiting, and says how many.
    pub fn drain_into(&mut self, batch: &mut Vec<R>, limit: usize) -> usize {
        self.ring.drain_into(batch, limit)
    }

    /// Waits until something came since the last wait, or the ring was closed; false where neither
    /// happened in time.
    pub fn wait(&mut self, at_most: Duration) -> bool {
        self.mailbox.wait(at_most)
    }

    /// As [`Requests::wait`], for a lane that waits for other things as well.
    pub fn poll_news(&mut self, context: &Context<'_>) -> Poll<()> {
        self.mailbox.poll_news(context)
    }

    /// Whether the shard sends no more. Ask before the last drain.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }
}

impl Log for Sender<LogRequest> {
    fn submit(&mut self, request: LogRequest) -> Result<(), LogRequest> {
        self.try_send(request).map(|_| ())
    }
}

impl Store for Sender<StoreRequest> {
    fn submit(&mut self, request: StoreRequest) -> Result<(), StoreRequest> {
        self.try_send(request).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::convert::Infallible;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_lane_runs_on_its_cpu_and_others_stay_where_they_were() {
        let allowed = core_affinity::get_core_ids().unwrap();
        let cpu = allowed.last().unwrap().id;
        let shutdown = Shutdown::default();
        shutdown.begin();
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(2);
        let lanes = [Some(cpu), None].map(|cpu| {
            let sender = sender.clone();
            spawn("test", cpu, &shutdown, move || {
                let ids = core_affinity::get_core_ids().unwrap();
                let ids = ids.iter().map(|core| core.id).collect::<Vec<_>>();
                sender.send((cpu.is_some(), ids)).unwrap();
                Ok::<(), Infallible>(())
            })
            .unwrap()
        });
        assert!(lanes.into_iter().all(|lane| lane.join(PATIENCE)));
        assert!(mailbox.wait(PATIENCE));
        while let Some((pinned, on)) = receiver.pop() {
            let expected = if pinned {
                vec![cpu]
            } else {
                allowed.iter().map(|c| c.id).collect()
            };
            assert_eq!(on, expected);
        }
    }

    #[test]
    fn requests_sent_before_the_ring_closes_are_all_served() {
        let shutdown = Shutdown::default();
        let (sender, mut ring) = requests(4);
        let served = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = std::sync::Arc::clone(&served);
        let lane = spawn("test", None, &shutdown, move || {
            let mut batch: Vec<u32> = Vec::new();
            while ring.next_batch(&mut batch, 3) {
                thread::sleep(Duration::from_millis(1));
                let sum = batch.drain(..).sum();
                count.fetch_add(sum, std::sync::atomic::Ordering::Relaxed);
            }
            Ok::<(), Infallible>(())
        })
        .unwrap();
        sender.send_all(1..=100).unwrap();
        shutdown.begin();
        drop(sender);
        assert!(lane.join(PATIENCE));
        assert_eq!(served.load(std::sync::atomic::Ordering::Relaxed), 5050);
    }

    #[test]
    fn a_lane_that_does_not_end_is_not_waited_for_longer() {
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let shutdown = Shutdown::default();
        shutdown.begin();
        let lane = spawn("test", None, &shutdown, move || {
            let _ = gate.recv();
            Ok::<(), Infallible>(())
        })
        .unwrap();
        assert!(!lane.join(Duration::from_millis(20)));
        drop(release);
    }
}
