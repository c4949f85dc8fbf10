//! How other threads wake a shard that sleeps in its poller.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};

use rustix::event::{EventfdFlags, eventfd};

/// A descriptor that has something to be read once it has been rung. Nobody reads it: the poller reports each ring, and
/// its count takes longer to overflow than any process runs.
pub(crate) struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// # Errors
    /// Where the kernel has no descriptor for it.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Arc::new(Self {
            fd: eventfd(0, flags)?,
        }))
    }

    /// What rings it when it is woken.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It fails only where it would overflow, and then it is rung already.
        let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
    }
}
