//! What is watched of a server's process over a long time: its memory, and whether it is still the same.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::process;
use crate::report::hostile::ProcessSeen;

/// Between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looks from one search for the process that listens to the next, which goes through all there are.
const LOOKS_PER_SEARCH: u32 = 25;

/// A thread that watches.
pub struct Vigil {
    stop: Sender<()>,
    thread: JoinHandle<ProcessSeen>,
}

impl Vigil {
    /// Begins to watch who listens there.
    pub fn start(addr: SocketAddr) -> Self {
        let (stop, stopped) = mpsc::channel();
        let mut watch = Watch::new(addr);
        let thread = thread::spawn(move || {
            for look in 1.. {
                match stopped.recv_timeout(LOOK_EVERY) {
                    Err(RecvTimeoutError::Timeout) if look % LOOKS_PER_SEARCH == 0 => {
                        watch.search()
                    }
                    Err(RecvTimeoutError::Timeout) => watch.look(),
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            watch.search();
            watch.finish()
        });
        Self { stop, thread }
    }

    /// Ends watching.
    pub fn finish(self) -> ProcessSeen {
        // It fails where the thread has ended, and then joining says so.
        let _ = self.stop.send(());
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Watch {
    addr: SocketAddr,
    pid: Option<u32>,
    seen: ProcessSeen,
    /// The most memory that was seen, at each look.
    maxima: Vec<Option<u64>>,
}

impl Watch {
    fn new(addr: SocketAddr) -> Self {
        let mut watch = Self {
            addr,
            pid: process::find_listener(addr),
            seen: ProcessSeen::default(),
            maxima: Vec::new(),
        };
        watch.look();
        watch.seen.resident_bytes_before = watch.seen.resident_bytes_after;
        watch
    }

    fn look(&mut self) {
        let resident = self.pid.and_then(process::resident_bytes);
        self.seen.resident_bytes_after = resident;
        self.seen.resident_bytes_max = self.seen.resident_bytes_max.max(resident);
        self.maxima.push(self.seen.resident_bytes_max);
    }

    /// Finds out whether the process is still the same.
    fn search(&mut self) {
        let found = process::find_listener(self.addr);
        self.seen.restarts += u64::from(self.pid.is_some() && found != self.pid);
        self.pid = found;
        self.look();
    }

    fn finish(self) -> ProcessSeen {
        ProcessSeen {
            resident_bytes_max_early: self.maxima[self.maxima.len() / 2],
            ..self.seen
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_process_that_no_longer_listens_has_not_stayed() {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
            panic!("no port");
        };
        let Ok(addr) = listener.local_addr() else {
            panic!("no address");
        };
        let stays = Vigil::start(addr).finish();
        assert_eq!(stays.restarts, 0);
        assert!(stays.resident_bytes_before > Some(0));
        assert!(stays.resident_bytes_max >= stays.resident_bytes_after);
        assert!(stays.resident_bytes_max >= stays.resident_bytes_max_early);
        let ends = Vigil::start(addr);
        drop(listener);
        assert_eq!(ends.finish().restarts, 1);
    }
}
