//! Which sockets are ready: epoll.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// Sockets that one look may find ready; the others come with the next.
const EVENTS_MAX: usize = 1024;

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The number under which it is watched.
    pub(crate) number: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What a socket is watched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interest {
    pub(crate) input: bool,
    /// Room to write.
    pub(crate) room: bool,
}

impl Default for Interest {
    fn default() -> Self {
        Self {
            input: true,
            room: false,
        }
    }
}

/// A set of sockets that are watched.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Watches a socket until it is closed.
    pub(crate) fn add(
        &self,
        stream: &TcpStream,
        number: usize,
        interest: Interest,
    ) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number as u64);
        Ok(epoll::add(&self.epoll, stream, data, interest.flags())?)
    }

    /// Changes what a socket is watched for. That it has failed is noticed in any case.
    pub(crate) fn watch(
        &self,
        stream: &TcpStream,
        number: usize,
        interest: Interest,
    ) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number as u64);
        Ok(epoll::modify(&self.epoll, stream, data, interest.flags())?)
    }

    /// Waits until a socket is ready, or for so long; which are ready is appended.
    pub(crate) fn wait(&mut self, at_most: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: at_most.as_secs() as i64,
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let failed = epoll::EventFlags::ERR | epoll::EventFlags::HUP;
        ready.extend(self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            Ready {
                number: data.u64() as usize,
                // Reading tells what has failed.
                readable: flags.intersects(epoll::EventFlags::IN | failed),
                writable: flags.contains(epoll::EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        let mut flags = epoll::EventFlags::empty();
        flags.set(epoll::EventFlags::IN, self.input);
        flags.set(epoll::EventFlags::OUT, self.room);
        flags
    }
}
