//! How one thread hears from others: bounded rings, and one wake-up for everything that arrived since the
//! last one.
//!
//! A [`Mailbox`] belongs to one thread (a shard or a lane). Each sender has a ring of its own, from
//! [`Mailbox::channel`]. All rings share one notification, so a thousand items that arrive while the owner
//! is busy cost one wake-up, or none. The owner waits, *then* drains its rings; see `notifier.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::notifier::Notifier;
use crate::sync::{ArrayQueue, AtomicBool, AtomicUsize, thread};

/// How long a sender first sleeps when a ring is full; doubled up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_micros(50);
/// How long a sender sleeps at most before it looks for room again.
const BACKOFF_MAX: Duration = Duration::from_millis(2);

/// The receiver of a ring is gone, and with it whoever could make use of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiving thread has ended")]
pub struct Closed;

/// The waiting side of one thread's rings.
#[derive(Default)]
pub struct Mailbox {
    notifier: Arc<Notifier>,
}

impl Mailbox {
    /// A mailbox without rings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A ring of `capacity` items into this mailbox.
    ///
    /// # Panics
    /// Where the capacity is 0.
    pub fn channel<T>(&self, capacity: usize) -> (Sender<T>, Receiver<T>) {
        let ring = Arc::new(Ring {
            items: ArrayQueue::new(capacity),
            senders: AtomicUsize::new(1),
            received: AtomicBool::new(true),
            notifier: Arc::clone(&self.notifier),
        });
        let sender = Sender {
            ring: Arc::clone(&ring),
        };
        (sender, Receiver { ring })
    }

    /// Ready when a ring has received something, or lost its last sender, since the last time this was
    /// ready. The caller then drains all of its rings. Where this is pending, the context's task is woken
    /// once there is news.
    pub fn poll_news(&mut self, context: &Context<'_>) -> Poll<()> {
        self.notifier.poll_notified(context)
    }

    /// Takes note that the owner is awake, and looks at its rings: until it polls again, nobody need wake it.
    pub fn awake(&mut self) {
        self.notifier.awake();
    }

    /// As [`Mailbox::poll_news`], for a thread that may block; false if nothing came in time.
    pub fn wait(&mut self, at_most: Duration) -> bool {
        self.notifier.wait(at_most)
    }
}

impl Drop for Mailbox {
    /// A waker is a reference to a task, which must be dropped on its own thread.
    fn drop(&mut self) {
        self.notifier.drop_waker();
    }
}

struct Ring<T> {
    items: ArrayQueue<T>,
    senders: AtomicUsize,
    received: AtomicBool,
    notifier: Arc<Notifier>,
}

/// The sending end of a ring. The ring closes when the last clone is dropped.
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Sender<T> {
    /// Sends without waiting, from a shard. True if that woke the receiver.
    ///
    /// # Errors
    /// The item itself, where the ring is full.
    pub fn try_send(&self, item: T) -> Result<bool, T> {
        self.ring.items.push(item)?;
        Ok(self.ring.notifier.notify())
    }

    /// Sends, and sleeps while the ring is full; for threads that may block.
    ///
    /// # Errors
    /// [`Closed`] where the receiver is gone.
    pub fn send(&self, item: T) -> Result<(), Closed> {
        self.send_all([item])
    }

    /// Sends several items with one wake-up; else as [`Sender::send`].
    ///
    /// # Errors
    /// [`Closed`] where the receiver is gone.
    pub fn send_all(&self, items: impl IntoIterator<Item = T>) -> Result<(), Closed> {
        let mut backoff = BACKOFF_MIN;
        for mut item in items {
            if !self.ring.received.load(Ordering::Acquire) {
                return Err(Closed);
            }
            while let Err(back) = self.ring.items.push(item) {
                if !self.ring.received.load(Ordering::Acquire) {
                    return Err(Closed);
                }
                item = back;
                self.ring.notifier.notify();
                thread::sleep(backoff);
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
        self.ring.notifier.notify();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.ring.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            ring: Arc::clone(&self.ring),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.ring.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ring.notifier.notify();
        }
    }
}

/// The receiving end of a ring.
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Receiver<T> {
    /// The oldest item.
    pub fn pop(&mut self) -> Option<T> {
        self.ring.items.pop()
    }

    /// Appends the oldest items, at most `limit` of them, and says how many.
    pub fn drain_into(&mut self, items: &mut Vec<T>, limit: usize) -> usize {
        let before = items.len();
        items.extend(std::iter::from_fn(|| self.ring.items.pop()).take(limit));
        items.len() - before
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.ring.items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.ring.items.is_empty()
    }

    /// Whether every sender is gone. Ask before the last drain: what they sent may still be here.
    pub fn is_closed(&self) -> bool {
        self.ring.senders.load(Ordering::Acquire) == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.ring.received.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::thread;

    use super::*;

    const PRODUCERS: u64 = 4;
    const ITEMS: u64 = 20_000;
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn nothing_is_lost_between_blocking_producers_and_a_parking_consumer() {
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(16);
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for item in 0..ITEMS {
                        sender.send((producer, item)).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let mut next = [0; PRODUCERS as usize];
        loop {
            let closed = receiver.is_closed();
            while let Some((producer, item)) = receiver.pop() {
                let expected = &mut next[producer as usize];
                assert_eq!(item, *expected, "items of one producer stay in order");
                *expected += 1;
            }
            if closed {
                break;
            }
            assert!(mailbox.wait(PATIENCE), "a wake-up was lost");
        }
        assert_eq!(next, [ITEMS; PRODUCERS as usize]);
        producers.into_iter().for_each(|p| p.join().unwrap());
    }

    #[test]
    fn a_burst_to_a_busy_owner_is_one_piece_of_news() {
        let mut mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(8);
        sender.send_all(0..5).unwrap();
        sender.try_send(5).unwrap();
        assert!(mailbox.wait(PATIENCE));
        let mut items = Vec::new();
        assert_eq!(receiver.drain_into(&mut items, 4), 4);
        assert_eq!(receiver.drain_into(&mut items, 4), 2);
        assert_eq!(items, [0, 1, 2, 3, 4, 5]);
        assert!(!mailbox.wait(Duration::from_millis(1)), "the news is old");
    }

    #[test]
    fn a_full_ring_gives_the_item_back() {
        let mailbox = Mailbox::new();
        let (sender, mut receiver) = mailbox.channel(1);
        assert_eq!(sender.try_send("first"), Ok(false));
        assert_eq!(sender.try_send("second"), Err("second"));
        assert_eq!(receiver.pop(), Some("first"));
        assert_eq!(sender.try_send("second"), Ok(false));
    }

    #[test]
    fn a_blocked_producer_is_freed_when_the_receiver_goes() {
        let mailbox = Mailbox::new();
        let (sender, receiver) = mailbox.channel(1);
        let producer = thread::spawn(move || sender.send_all(0..3));
        thread::sleep(Duration::from_millis(5));
        drop(receiver);
        assert_eq!(producer.join().unwrap(), Err(Closed));
    }
}
