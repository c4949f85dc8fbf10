//! The time, told to a shard from outside; and a nudge for one that does not feel it.
//!
//! An executor of glommio 0.9 whose preemption timer fires before its first task of a turn takes that
//! turn for an idle one (`run_task_queues` then returns false), and goes to sleep although tasks are
//! ready: it happens where the thread had to wait for its core just then. Any event ends that sleep,
//! so the time comes as one, over a socket. A shard that has not felt a beat by the next one may not
//! even have begun to listen, and is interrupted by a signal, which does nothing else.

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

/// Beats that are taken in one go.
const BEATS_TAKEN_MAX: usize = 16;

/// Beats that a shard which is busy may not have felt yet.
const BEATS_MISSED_MAX: u64 = 10;

/// The end that beats.
pub(crate) struct Pulse {
    stream: UnixStream,
    sent: u64,
    felt: Arc<Felt>,
}

/// The end that feels it, to be adopted by its executor.
pub(crate) struct Wrist {
    stream: OwnedFd,
    felt: Arc<Felt>,
}

/// What the feeling end tells the beating one.
#[derive(Default)]
struct Felt {
    beats: AtomicU64,
    thread: OnceLock<Pid>,
}

/// A pulse and where it is felt.
pub(crate) fn pulse() -> io::Result<(Pulse, Wrist)> {
    catch_nudges()?;
    let (beating, feeling) = UnixStream::pair()?;
    beating.set_nonblocking(true)?;
    let felt = Arc::<Felt>::default();
    let wrist = Wrist {
        stream: feeling.into(),
        felt: Arc::clone(&felt),
    };
    Ok((
        Pulse {
            stream: beating,
            sent: 0,
            felt,
        },
        wrist,
    ))
}

/// Gives the signal a handler: one that is ignored would interrupt nothing.
fn catch_nudges() -> io::Result<()> {
    static CAUGHT: OnceLock<Result<(), i32>> = OnceLock::new();
    let caught = CAUGHT.get_or_init(|| {
        let noted = signal_hook::flag::register(SIGURG, Arc::<AtomicBool>::default());
        noted
            .map(drop)
            .map_err(|error| error.raw_os_error().unwrap_or_default())
    });
    caught.map_err(io::Error::from_raw_os_error)
}

impl Pulse {
    /// Beats once, and nudges a shard that has not felt the last beat; false where nobody is there to
    /// feel it any more.
    pub(crate) fn beat(&mut self) -> bool {
        if self.felt.beats.load(Ordering::Relaxed) < self.sent {
            self.nudge();
        }
        match self.stream.write_all(&[0]) {
            Ok(()) => {
                self.sent += 1;
                true
            }
            // Whoever is behind with so many beats needs no more of them.
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the last beats but [`BEATS_MISSED_MAX`] were felt.
    pub(crate) fn is_felt(&self) -> bool {
        self.felt.beats.load(Ordering::Relaxed) + BEATS_MISSED_MAX >= self.sent
    }

    fn nudge(&self) {
        if let Some(thread) = self.felt.thread.get() {
            let (process, thread) = (std::process::id(), thread.as_raw_nonzero().get());
            // SAFETY: only numbers are passed; a thread that has ended meanwhile makes it an error.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGURG) };
        }
    }
}

impl Wrist {
    /// Notes that this thread is the one to nudge. To be called before its executor runs.
    pub(crate) fn attach(&self) {
        self.felt.thread.get_or_init(rustix::thread::gettid);
    }

    /// Runs `each` for the beats, several at once where they were not taken one by one; ends with the
    /// pulse, or when `each` says that it is enough.
    pub(crate) async fn feel(self, mut each: impl FnMut() -> bool) {
        let mut readable = Readable::new(self.stream);
        let mut beats = [0; BEATS_TAKEN_MAX];
        loop {
            poll_fn(|context| readable.poll_readable(context)).await;
            match rustix::net::recv(&readable, &mut beats, RecvFlags::DONTWAIT) {
                Ok((taken @ 1.., _)) => {
                    self.felt.beats.fetch_add(taken as u64, Ordering::Relaxed);
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
    fn a_shard_that_feels_nothing_for_a_second_does_not_count_as_alive() {
        let (mut pulse, _wrist) = pulse().unwrap();
        for _ in 0..BEATS_MISSED_MAX {
            pulse.beat();
            assert!(pulse.is_felt());
        }
        pulse.beat();
        assert!(!pulse.is_felt());
    }

    #[test]
    fn a_thread_that_does_not_feel_the_pulse_is_interrupted() {
        let (mut pulse, wrist) = pulse().unwrap();
        let sleeper = thread::spawn(move || {
            wrist.attach();
            rustix::event::pause();
        });
        for _ in 0..1000 {
            if sleeper.is_finished() {
                return;
            }
            pulse.beat();
            thread::sleep(Duration::from_millis(5));
        }
        panic!("nothing woke it");
    }
}
