//! One client of the standby, from when it is accepted until it has read its reply.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rookery_engine::input::Entrance;
use rookery_engine::limits::Proxies;
use rookery_engine::refuse_connection;
use rookery_engine::standby::{Absence, Visitor};
use rookery_schema::Timestamp;

use crate::net::admission::Permit;
use crate::net::listener::Accepted;
use crate::net::socket::Socket;

/// How long a client may take to send the head of its request.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// How long it may take to read its reply. To close with input unread would reset the connection, and lose the reply.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// Bytes that are read at a time.
const READ_BYTES: usize = 4096;
/// Bytes that are thrown away behind the head of a request.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// See the module.
pub(super) struct Visit {
    socket: Socket,
    entrance: Entrance,
    _permit: Permit,
    state: State,
    until: Instant,
}

enum State {
    Asking(Visitor),
    /// It was answered, and so many more bytes of it are thrown away.
    Lingering(usize),
    Over,
}

/// Why a visit is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// There may be something to read.
    Input,
    /// Time has passed.
    Time,
}

impl Visit {
    /// Of a client that was accepted.
    pub(super) fn new(mut accepted: Accepted, proxies: &Proxies, now: Instant) -> Self {
        let admitted = accepted.admit();
        let Accepted {
            socket,
            peer,
            entrance,
            permit,
        } = accepted;
        let mut visit = Self {
            socket,
            entrance,
            _permit: permit,
            state: State::Asking(Visitor::new(peer.ip(), entrance, proxies)),
            until: now + REQUEST_MAX,
        };
        if let Err(problem) = admitted {
            visit.answer(&refuse_connection(&problem, wall()), now);
        }
        visit
    }

    pub(super) const fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// When it is to be looked at, whatever comes.
    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether nobody waits for a reply: it is over, or its client has sent nothing.
    pub(super) fn is_silent(&self) -> bool {
        match &self.state {
            State::Asking(visitor) => !visitor.has_begun(),
            State::Lingering(_) => false,
            State::Over => true,
        }
    }

    /// Reads what has come, and answers it.
    pub(super) fn go_on(&mut self, news: News, absence: &Absence, now: Instant) {
        while news == News::Input && !self.is_over() {
            let mut buffer = [0; READ_BYTES];
            match self.socket.receive(&mut buffer) {
                Ok(None) => break,
                Ok(Some(read @ 1..)) => self.take(&buffer[..read], absence, now),
                Ok(Some(_)) | Err(_) => self.state = State::Over,
            }
        }
        if self.until <= now && !self.is_over() {
            self.give_up(now);
        }
    }

    fn take(&mut self, bytes: &[u8], absence: &Absence, now: Instant) {
        match &mut self.state {
            State::Asking(visitor) => {
                if let Some(reply) = visitor.received(bytes, absence, wall()) {
                    self.answer(&reply, now);
                }
            }
            State::Lingering(bytes_max) => match bytes_max.checked_sub(bytes.len()) {
                Some(left) => *bytes_max = left,
                None => self.state = State::Over,
            },
            State::Over => {}
        }
    }

    /// Answers what has begun to arrive: nobody waits for the rest.
    pub(super) fn dismiss(&mut self, absence: &Absence, now: Instant) {
        if let State::Asking(visitor) = &self.state
            && let Some(reply) = visitor.dismissed(absence, wall())
        {
            self.answer(&reply, now);
        }
    }

    fn give_up(&mut self, now: Instant) {
        let overdue = match &self.state {
            State::Asking(visitor) => visitor.overdue(wall()),
            State::Lingering(_) | State::Over => None,
        };
        match overdue {
            Some(reply) => self.answer(&reply, now),
            None => self.state = State::Over,
        }
    }

    /// The reply is far smaller than what the kernel takes of a new connection at once.
    fn answer(&mut self, reply: &[u8], now: Instant) {
        let sent = self.socket.send(&[IoSlice::new(reply)]);
        self.state = match sent.and_then(|_| self.socket.finish_sending()) {
            Ok(()) => State::Lingering(LINGER_BYTES_MAX),
            Err(_) => State::Over,
        };
        self.until = now + LINGER_MAX;
    }
}

impl AsFd for Visit {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The time of day.
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}
