//! Which sockets of a shard have something to do.
//!
//! All of them are in one epoll instance, and the executor's ring waits for that alone. Asking the ring about
//! each socket would cost a request, a completion and an interrupted thread for every few bytes.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use rookery_engine::ids::ConnId;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::runtime::readable::Readable;

/// Events that one poll takes at most.
const EVENTS_MAX: usize = 256;
const AT_ONCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
/// The slot that stands for listeners, which no connection can have.
const LISTENERS: u32 = u32::MAX;

pub(crate) struct Poller {
    epoll: Readable,
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
            epoll: Readable::new(epoll::create(CreateFlags::CLOEXEC)?),
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

    fn add(&self, socket: impl AsFd, high: u32, low: u32, flags: EventFlags) -> io::Result<()> {
        let data = EventData::new_u64(u64::from(high) << 32 | u64::from(low));
        Ok(epoll::add(&self.epoll, socket, data, flags)?)
    }

    /// Stops watching a socket.
    pub(crate) fn forget(&self, socket: impl AsFd) {
        // It is no error if the socket was not watched.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Appends what has happened, without waiting.
    pub(super) fn take(&mut self, found: &mut Vec<Event>) {
        self.events.clear();
        let events = spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, events, Some(&AT_ONCE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => tracing::error!(%error, "the shard can't poll its sockets"),
        }
        found.extend(self.events.iter().map(Event::new));
    }

    /// Ready when something may have happened since events were last taken.
    pub(crate) fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.epoll.poll_readable(context)
    }
}

impl Event {
    fn new(event: &epoll::Event) -> Self {
        let (data, flags) = (event.data.u64(), event.flags);
        let (high, low) = ((data >> 32) as u32, data as u32);
        if high == LISTENERS {
            return Self::Accept(low as usize);
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
        Self::Connection(conn, readiness)
    }
}
