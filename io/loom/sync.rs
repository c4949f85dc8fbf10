//! What the mailbox is built from, as loom sees it: the stand-ins for `io/src/sync.rs`.
//!
//! loom tracks only its own types. The two stand-ins for other crates' types synchronise threads no more
//! than those do, so that they hide no missing ordering. Their contents are in a mutex that loom doesn't
//! see and nobody waits for: the atomics beside it say whose turn it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize};

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current};

    /// Never times out: loom reports a thread that nobody wakes as a deadlock.
    pub(crate) fn park_timeout(_: Duration) {
        loom::thread::park();
    }

    /// Lets the other threads go on.
    pub(crate) fn sleep(_: Duration) {
        loom::thread::yield_now();
    }
}

/// The steps of `atomic_waker::AtomicWaker` 1.1, with their orderings.
///
/// `loom::future::AtomicWaker` would not do: where it loses a race it wakes, then yields, and in loom a thread
/// that yields forgets that it was unparked.
#[derive(Default)]
pub(crate) struct AtomicWaker {
    state: AtomicUsize,
    waker: Mutex<Option<Waker>>,
}

const WAITING: usize = 0;
const REGISTERING: usize = 1;
const WAKING: usize = 2;

impl AtomicWaker {
    pub(crate) fn register(&self, waker: &Waker) {
        let begun = self
            .state
            .compare_exchange(WAITING, REGISTERING, Acquire, Acquire);
        if begun.is_err() {
            // The caller will try again, and loom wants to know that another thread must go on first.
            loom::thread::yield_now();
            return waker.wake_by_ref();
        }
        *lock(&self.waker) = Some(waker.clone());
        let ended = self
            .state
            .compare_exchange(REGISTERING, WAITING, AcqRel, Acquire);
        if ended.is_err() {
            let waker = lock(&self.waker).take();
            self.state.swap(WAITING, AcqRel);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn take(&self) -> Option<Waker> {
        if self.state.fetch_or(WAKING, AcqRel) != WAITING {
            return None;
        }
        let waker = lock(&self.waker).take();
        self.state.fetch_and(!WAKING, Release);
        waker
    }
}

/// A bounded queue that promises what `crossbeam::queue::ArrayQueue` does, and no more: a push happens
/// before the pop that returns its item. A pop may miss an item whose push it has not heard of by other
/// means. One thread at a time may pop.
pub(crate) struct ArrayQueue<T> {
    slots: Box<[Slot<T>]>,
    head: AtomicUsize,
    tail: AtomicUsize,
}

struct Slot<T> {
    /// The item's position in the queue's history, from 1; less where it is not there yet.
    filled: AtomicUsize,
    item: Mutex<Option<T>>,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let slot = |_| Slot {
            filled: AtomicUsize::new(0),
            item: Mutex::new(None),
        };
        Self {
            slots: (0..capacity).map(slot).collect(),
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
        }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let end = self.head.load(Acquire) + self.slots.len();
        let claimed = self
            .tail
            .fetch_update(Relaxed, Relaxed, |tail| (tail < end).then_some(tail + 1));
        let Ok(tail) = claimed else {
            return Err(item);
        };
        let slot = self.slot(tail);
        *lock(&slot.item) = Some(item);
        slot.filled.store(tail + 1, Release);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        let head = self.head.load(Relaxed);
        let slot = self.slot(head);
        if slot.filled.load(Acquire) <= head {
            return None;
        }
        let item = lock(&slot.item).take();
        self.head.store(head + 1, Release);
        item
    }

    pub(crate) fn len(&self) -> usize {
        let head = self.head.load(Acquire);
        self.tail.load(Acquire) - head
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position % self.slots.len()]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
