//! The wake protocol: a thread sleeps while there is no news, and is woken once for all that came.
//!
//! A sender publishes its news, then sets the flag; if the flag was unset, it wakes the owner. The owner
//! unsets the flag, *then* looks for news: whatever is published later sets the flag again. Before it
//! sleeps, it registers its waker, then checks the flag once more. So it never sleeps while there is news
//! that it has not seen; `io/loom` checks that with loom.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicBool, AtomicWaker};

/// A flag, and the waker of the thread that waits for it.
#[derive(Default)]
pub(crate) struct Notifier {
    notified: AtomicBool,
    waker: AtomicWaker,
}

impl Notifier {
    /// Tells the owner that news has been published. True if it slept, and was woken.
    pub(crate) fn notify(&self) -> bool {
        if self.notified.swap(true, Ordering::AcqRel) {
            return false;
        }
        let sleeper = self.waker.take();
        let slept = sleeper.is_some();
        if let Some(waker) = sleeper {
            waker.wake();
        }
        slept
    }

    /// Ready if there was a notification since the last time this was ready. Else the context's task is
    /// woken by the next one. One thread at a time may call this.
    pub(crate) fn poll_notified(&self, context: &Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // Anything sent before the waker was registered did not wake us; check again.
        if self.take() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// As [`Notifier::poll_notified`], for a thread that may block; false if nothing came in time.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let deadline = Instant::now() + at_most;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let context = Context::from_waker(&waker);
        loop {
            if self.poll_notified(&context).is_ready() {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
    }

    /// The owner is awake, and looks for news behind this: it is not to be woken for what came before.
    pub(crate) fn awake(&self) {
        self.drop_waker();
        self.take();
    }

    /// Forgets whom to wake.
    pub(crate) fn drop_waker(&self) {
        drop(self.waker.take());
    }

    /// Unsets the flag, and says whether it was set. An exchange, not a load and a store: it sees
    /// everything that was published before the flag was set.
    fn take(&self) -> bool {
        self.notified.swap(false, Ordering::AcqRel)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
