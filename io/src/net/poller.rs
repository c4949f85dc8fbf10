//! Which sockets of a shard have something to do.
//!
//! All of them are in one epoll instance, and with them the alarm by which other threads wake the shard: so that is the
//! one place where it sleeps.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rookery_engine::ids::ConnId;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

/// Events that one poll takes at most.
const EVENTS_MAX: usize = 256;
/// The slots that stand for listeners and for the alarm, which no connection can have.
const LISTENERS: u32 = u32::MAX;
const ALARM: u32 = u32::MAX - 1;

pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// What has happened to a socket.
pub(crate) enum Event {
    /// Connections are waiting at the listener with this index.
    Accept(usize),
    Connection(ConnId, Readiness),
}

/// What a connection's socket can do now.
#[derive(Clone, Copy)]
pub(crate) struct Readiness {
    /// There may be something to read, if only the end.
    pub(super) input: bool,
    /// The end of what the peer sends is among it.
    pub(super) end: bool,
    /// Nothing can be sent any more.
    pub(super) broken: bool,
    /// There may be room to write.
    pub(super) room: bool,
}

impl Poller {
    /// # Errors
    /// Where the kernel has no memory or no descriptor for it.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Watches a connection until its socket is closed: each change is reported once.
    pub(super) fn watch(&self, socket: impl AsFd, conn: ConnId) -> io::Result<()> {
        let changes = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        self.add(socket, conn.slot, conn.generation, changes)
    }

    /// Watches a listener: it is reported as long as a connection is waiting there.
    pub(super) fn watch_listener(&self, socket: impl AsFd, index: usize) -> io::Result<()> {
        self.add(socket, LISTENERS, index as u32, EventFlags::IN)
    }

    /// Watches for rings of the shard's alarm: they end a wait, and are reported no further.
    pub(crate) fn watch_alarm(&self, alarm: impl AsFd) -> io::Result<()> {
        self.add(alarm, ALARM, 0, EventFlags::IN | EventFlags::ET)
    }

    fn add(&self, socket: impl AsFd, high: u32, low: u32, flags: EventFlags) -> io::Result<()> {
        let data = EventData::new_u64(u64::from(high) << 32 | u64::from(low));
        Ok(epoll::add(&self.epoll, socket, data, flags)?)
    }

    /// Stops watching a socket.
    pub(crate) fn forget(&self, socket: impl AsFd) {
        // It is no error if the socket was not watched.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Appends what has happened; waits for something as long as it may.
    pub(super) fn wait(&mut self, at_most: Duration, found: &mut Vec<Event>) {
        self.events.clear();
        let at_most = Timespec {
            tv_sec: at_most.as_secs() as _,
            tv_nsec: at_most.subsec_nanos().into(),
        };
        let events = spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, events, Some(&at_most)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => tracing::error!(%error, "the shard can't poll its sockets"),
        }
        found.extend(self.events.iter().filter_map(Event::new));
    }
}

impl Event {
    /// `None` where it only ends the wait.
    fn new(event: &epoll::Event) -> Option<Self> {
        let (data, flags) = (event.data.u64(), event.flags);
        let (high, low) = ((data >> 32) as u32, data as u32);
        match high {
            ALARM => return None,
            LISTENERS => return Some(Self::Accept(low as usize)),
            _ => {}
        }
        let conn = ConnId {
            slot: high,
            generation: low,
        };
        let end = flags.intersects(EventFlags::RDHUP | EventFlags::HUP);
        let readiness = Readiness {
            input: end || flags.contains(EventFlags::IN),
            end,
            broken: flags.contains(EventFlags::ERR),
            room: flags.contains(EventFlags::OUT),
        };
        Some(Self::Connection(conn, readiness))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::runtime::alarm::Alarm;

    const PATIENCE: Duration = Duration::from_secs(20);
    const MOMENT: Duration = Duration::from_millis(3);

    #[test]
    fn a_wait_ends_with_each_ring_of_the_alarm_though_nobody_reads_it() {
        let (mut poller, alarm) = (Poller::new().unwrap(), Alarm::new().unwrap());
        poller.watch_alarm(&*alarm).unwrap();
        let mut found = Vec::new();
        for _ in 0..3 {
            let waker = alarm.waker();
            let ringing = thread::spawn(move || {
                thread::sleep(MOMENT);
                waker.wake();
            });
            let began = Instant::now();
            poller.wait(PATIENCE, &mut found);
            assert!(began.elapsed() < PATIENCE && found.is_empty());
            ringing.join().unwrap();
        }
        let began = Instant::now();
        poller.wait(MOMENT, &mut found);
        assert!(began.elapsed() >= MOMENT, "no ring is reported twice");
    }

    #[test]
    fn a_wait_reports_each_piece_that_comes_once() {
        let mut poller = Poller::new().unwrap();
        let (mut writer, mut reader) = UnixStream::pair().unwrap();
        let conn = ConnId {
            slot: 3,
            generation: 7,
        };
        poller.watch(&reader, conn).unwrap();
        let mut found = Vec::new();
        poller.wait(Duration::ZERO, &mut found);
        assert_eq!(found.drain(..).count(), 1, "there is room to write");
        for _ in 0..3 {
            writer.write_all(b"x").unwrap();
            poller.wait(PATIENCE, &mut found);
            let [Event::Connection(of, readiness)] = found[..] else {
                panic!("one event");
            };
            assert!(of == conn && readiness.input && !readiness.end);
            found.clear();
            poller.wait(Duration::ZERO, &mut found);
            assert!(found.is_empty());
            reader.read_exact(&mut [0]).unwrap();
        }
    }
}
