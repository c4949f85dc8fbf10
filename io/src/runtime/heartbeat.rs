//! A shard's heartbeat: tells it from outside that time has passed, and wakes it if it sleeps too long.
//!
//! If the preemption timer of a glommio 0.9 executor fires before the first task of a turn, the executor
//! takes that turn for an idle one (`run_task_queues` then returns false) and goes to sleep although tasks
//! are ready. It happens when the thread had to wait for its core just then. Any event ends that sleep, so
//! the time comes as one, over a socket. A shard that has not received a beat by the next one may not even
//! have begun to listen, and is interrupted by a signal, which does nothing else.

use std::future::poll_fn;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::thread::Pid;
use signal_hook::consts::SIGURG;

use super::readable::Readable;

/// Beats that one read takes: more than the socket holds, so that a shard that stood still reads all of them at once.
const BEATS_READ_MAX: usize = 1024;

/// Beats that a shard which is alive but busy may not have received yet.
const BEATS_MISSED_MAX: u64 = 10;

/// Sends heartbeats to one shard.
pub(crate) struct HeartbeatSender {
    stream: UnixStream,
    sent: u64,
    received: Arc<Received>,
}

/// Receives a shard's heartbeats. Its executor adopts the socket.
pub(crate) struct HeartbeatReceiver {
    stream: OwnedFd,
    received: Arc<Received>,
}

/// What the receiver tells the sender.
#[derive(Default)]
struct Received {
    beats: AtomicU64,
    thread: OnceLock<Pid>,
}

/// Both ends of a heartbeat.
///
/// # Errors
/// Where the kernel has no descriptors, or the signal can't be given a handler.
pub(crate) fn heartbeat() -> io::Result<(HeartbeatSender, HeartbeatReceiver)> {
    handle_signal()?;
    let (sending, receiving) = UnixStream::pair()?;
    sending.set_nonblocking(true)?;
    let received = Arc::<Received>::default();
    let receiver = HeartbeatReceiver {
        stream: receiving.into(),
        received: Arc::clone(&received),
    };
    let sender = HeartbeatSender {
        stream: sending,
        sent: 0,
        received,
    };
    Ok((sender, receiver))
}

/// Gives the signal a handler: an ignored one would interrupt nothing.
fn handle_signal() -> io::Result<()> {
    static HANDLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let handled = HANDLED.get_or_init(|| {
        let registered = signal_hook::flag::register(SIGURG, Arc::<AtomicBool>::default());
        registered
            .map(drop)
            .map_err(|error| error.raw_os_error().unwrap_or_default())
    });
    handled.map_err(io::Error::from_raw_os_error)
}

impl HeartbeatSender {
    /// Sends one beat, and interrupts a shard that has not received the last one. False if the shard has
    /// ended.
    pub(crate) fn beat(&mut self) -> bool {
        if self.received.beats.load(Ordering::Relaxed) < self.sent {
            self.interrupt();
        }
        match self.stream.write_all(&[0]) {
            Ok(()) => {
                self.sent += 1;
                true
            }
            // A shard that is this far behind needs no more beats.
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the shard has received all beats but the last [`BEATS_MISSED_MAX`].
    pub(crate) fn is_alive(&self) -> bool {
        self.received.beats.load(Ordering::Relaxed) + BEATS_MISSED_MAX >= self.sent
    }

    fn interrupt(&self) {
        if let Some(thread) = self.received.thread.get() {
            let (process, thread) = (std::process::id(), thread.as_raw_nonzero().get());
            // SAFETY: only numbers are passed; a thread that has ended meanwhile makes it an error.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGURG) };
        }
    }
}

impl HeartbeatReceiver {
    /// Makes this thread the one that is interrupted. Call it before the thread's executor runs.
    pub(crate) fn attach(&self) {
        self.received.thread.get_or_init(rustix::thread::gettid);
    }

    /// Calls `each` for the beats, once for several that are read together. Ends with the sender, or when
    /// `each` returns false.
    pub(crate) async fn receive(self, mut each: impl FnMut() -> bool) {
        let mut readable = Readable::new(self.stream);
        let mut beats = [0; BEATS_READ_MAX];
        loop {
            poll_fn(|context| readable.poll_readable(context)).await;
            match rustix::net::recv(&readable, &mut beats, RecvFlags::DONTWAIT) {
                Ok((read @ 1.., _)) => {
                    self.received
                        .beats
                        .fetch_add(read as u64, Ordering::Relaxed);
                    if !each() {
                        return;
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_shard_that_receives_nothing_for_a_second_does_not_count_as_alive() {
        let (mut sender, _receiver) = heartbeat().unwrap();
        for _ in 0..BEATS_MISSED_MAX {
            sender.beat();
            assert!(sender.is_alive());
        }
        sender.beat();
        assert!(!sender.is_alive());
    }

    #[test]
    fn a_thread_that_does_not_receive_a_beat_is_interrupted() {
        let (mut sender, receiver) = heartbeat().unwrap();
        let sleeper = thread::spawn(move || {
            receiver.attach();
            rustix::event::pause();
        });
        for _ in 0..1000 {
            if sleeper.is_finished() {
                return;
            }
            sender.beat();
            thread::sleep(Duration::from_millis(5));
        }
        panic!("nothing woke it");
    }
}
