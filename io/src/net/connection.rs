//! One connection as the shard's thread sees it: its socket, and what is to become of it.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

use rookery_engine::effect::{ConnEffect, HandedOff};
use rookery_engine::outbox::Outbox;
use rookery_schema::ShardId;

use super::poller::Readiness;
use super::socket::Socket;

/// Pieces of output that one system call takes.
const SEND_SLICES: usize = 64;
/// Microseconds in which a closing connection's last output must have been taken.
const LAST_OUTPUT_MICROS: u64 = 10_000_000;
/// Microseconds for which a closed connection still listens: closing at once with input unread would
/// reset the connection, and the peer might never see the last output.
const LINGER_MICROS: u64 = 1_000_000;
/// Bytes of input that a closed connection passes over at most.
const LINGER_BYTES_MAX: usize = 256 * 1024;

pub(crate) struct Connection {
    socket: Socket,
    phase: Phase,
    /// There may be something to read.
    readable: bool,
    /// The peer sends no more than what can be read now.
    at_end: bool,
    /// Output waits until the socket takes more.
    blocked: bool,
    /// Since when it is on the list of those that have something to do, on the engine's clock.
    pub(super) listed_micros: Option<u64>,
    /// Since when it has something to do, where it is on the list of those that wait for the end of a stall.
    pub(super) parked_micros: Option<u64>,
    /// When its phase has lasted too long, on the engine's clock.
    deadline: Option<u64>,
}

enum Phase {
    Open,
    /// Its output is sent, then it lingers.
    Closing,
    /// Its output is sent, then it moves.
    HandingOff(Box<Move>),
    /// Nothing more is sent, and what comes is passed over, so many bytes by now.
    Lingering(usize),
    /// It ends without more ado.
    Aborted,
}

/// Where a connection goes, and with what.
pub(crate) struct Move {
    pub(crate) to: ShardId,
    pub(crate) state: HandedOff,
}

/// What a connection does next.
pub(crate) enum Next {
    Read,
    Wait,
    End,
}

impl Connection {
    pub(crate) const fn new(socket: Socket) -> Self {
        Self {
            socket,
            phase: Phase::Open,
            // What came before it was watched is not reported.
            readable: true,
            at_end: false,
            blocked: false,
            listed_micros: None,
            parked_micros: None,
            deadline: None,
        }
    }

    /// Does what the engine asked for; true where the connection is on its way out from here on, and
    /// has a deadline.
    pub(crate) fn update(&mut self, effect: ConnEffect, now: u64) -> bool {
        match (effect, &self.phase) {
            (ConnEffect::Close, Phase::Open) => self.phase = Phase::Closing,
            (ConnEffect::HandOff { to, socket }, Phase::Open) => {
                let state = *socket;
                self.phase = Phase::HandingOff(Box::new(Move { to, state }));
            }
            (ConnEffect::Abort, _) => self.phase = Phase::Aborted,
            (
                ConnEffect::Flush
                | ConnEffect::Resume
                | ConnEffect::Close
                | ConnEffect::HandOff { .. },
                _,
            ) => {}
        }
        let leaves = matches!(self.phase, Phase::Closing | Phase::HandingOff(_));
        if leaves && self.deadline.is_none() {
            self.deadline = Some(now + LAST_OUTPUT_MICROS);
            return true;
        }
        false
    }

    /// Ends it if its phase has lasted too long; true where that is so.
    pub(crate) fn check_deadline(&mut self, now: u64) -> bool {
        let over = self.deadline.is_some_and(|deadline| deadline <= now);
        if over {
            self.phase = Phase::Aborted;
        }
        over
    }

    pub(crate) fn abort(&mut self) {
        self.phase = Phase::Aborted;
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether output waits until the socket takes more.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Notes what the socket can do; true where output has waited for it.
    pub(super) fn note(&mut self, readiness: Readiness) -> bool {
        if readiness.broken {
            self.phase = Phase::Aborted;
        }
        self.readable |= readiness.input;
        self.at_end |= readiness.end;
        readiness.room && std::mem::take(&mut self.blocked)
    }

    /// Where it moves, if that is how it ended.
    pub(crate) fn into_move(self) -> Option<(Socket, Move)> {
        match self.phase {
            Phase::HandingOff(target) => Some((self.socket, *target)),
            _ => None,
        }
    }

    /// Sends what goes without waiting; false where the connection is broken.
    pub(crate) fn send(&mut self, outbox: &mut Outbox) -> bool {
        while !self.blocked && !outbox.is_empty() && !matches!(self.phase, Phase::Aborted) {
            let mut slices = [IoSlice::new(&[]); SEND_SLICES];
            let filled = outbox.slices(&mut slices);
            match self.socket.send(&slices[..filled]) {
                Ok(Some(sent)) => outbox.advance(sent),
                // From here on, room is reported.
                Ok(None) => self.blocked = true,
                Err(_) => {
                    self.phase = Phase::Aborted;
                    return false;
                }
            }
        }
        true
    }

    /// Whether there may be something to read.
    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Reads once; `None` where there is nothing, `Some(0)` at the end.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = self.socket.receive(buffer)?;
        // Less than there was room for was all, but for the end; what comes behind it is reported.
        self.readable = match read {
            None | Some(0) => false,
            Some(read) => self.at_end || read == buffer.len(),
        };
        Ok(read)
    }

    /// Moves on to the next phase where this one is done; `flushed` says whether no output is left.
    pub(crate) fn next(&mut self, flushed: bool, now: u64) -> Next {
        match &self.phase {
            Phase::Open => Next::Read,
            Phase::Aborted => Next::End,
            Phase::HandingOff(_) if flushed => Next::End,
            Phase::Closing if flushed => {
                self.deadline = Some(now + LINGER_MICROS);
                self.phase = Phase::Lingering(0);
                // The end of the peer's input may have been read long before.
                self.readable = true;
                match self.socket.finish_sending() {
                    Ok(()) => Next::Read,
                    Err(_) => Next::End,
                }
            }
            Phase::HandingOff(_) | Phase::Closing => Next::Wait,
            Phase::Lingering(passed) if *passed > LINGER_BYTES_MAX => Next::End,
            Phase::Lingering(_) => Next::Read,
        }
    }

    /// Passes over input where nobody wants it any more; false where somebody does.
    pub(crate) fn discard(&mut self, bytes: usize) -> bool {
        match &mut self.phase {
            Phase::Lingering(passed) => {
                *passed += bytes;
                true
            }
            _ => false,
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
