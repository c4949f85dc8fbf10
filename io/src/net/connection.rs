//! One connection as the shard's thread sees it: its socket, and the phase of its life.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

use rookery_engine::effect::{ConnEffect, HandedOff};
use rookery_engine::input::Entrance;
use rookery_engine::outbox::Outbox;
use rookery_schema::ShardId;

use super::admission::Permit;
use super::poller::Readiness;
use super::socket::Socket;
use super::turns::QueueId;

/// Pieces of output that one system call sends at most.
const SEND_SLICES: usize = 64;
/// Microseconds for which a closed connection still reads. Closing with input unread would reset the
/// connection, and the peer might never see the last output.
const LINGER_MICROS: u64 = 1_000_000;
/// Bytes that one read takes at most: what a client who sends more than they take of the answers holds in memory.
const READ_BYTES_MAX: usize = 16 * 1024;
/// The same of a client who is known to read what they are answered: long pipelines cost less.
pub(super) const PROVEN_READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes of input after which a client that has taken all that it was answered may have more of it wait in the kernel.
const PROVEN_BYTES: usize = 128 * 1024;
/// Bytes that a connection reads at most once the process stops, to find what had come by then: more than the kernel
/// holds for one.
const LAST_BYTES_MAX: usize = 256 * 1024;
/// Bytes of input that a closed connection discards at most.
const LINGER_BYTES_MAX: usize = 256 * 1024;

pub(crate) struct Connection {
    socket: Socket,
    permit: Permit,
    phase: Phase,
    /// Where it waits for its turn.
    pub(super) queue: QueueId,
    /// Bytes that its client still has to send until it is known to read what it is answered.
    unproven_bytes: usize,
    /// There may be something to read.
    readable: bool,
    /// The peer will send nothing after what can be read now.
    at_end: bool,
    /// Output waits until the socket takes more.
    blocked: bool,
    /// Once the process stops, and until a read has found the end of what had come by then: bytes that may be read of it.
    last_bytes: Option<usize>,
    /// Since when it is on the list of those that have something to do, on the engine's clock.
    pub(super) listed_micros: Option<u64>,
    /// Since when it has something to do, where it is on the list of those that wait for the end of a stall.
    pub(super) parked_micros: Option<u64>,
    /// It waits for its turn as one of a crowd.
    pub(super) is_in_crowd: bool,
    /// When it has read for long enough since it closed, on the engine's clock.
    lingers_until: Option<u64>,
}

enum Phase {
    Open,
    /// Its output is sent, then it lingers.
    Closing,
    /// Its output is sent, then it moves.
    HandingOff(Box<Move>),
    /// Nothing more is sent, and input is discarded: this many bytes so far.
    Lingering(usize),
    /// It ends at once.
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
    Move,
    End,
}

impl Connection {
    pub(super) const fn new(socket: Socket, permit: Permit, queue: QueueId) -> Self {
        Self {
            socket,
            permit,
            phase: Phase::Open,
            queue,
            unproven_bytes: PROVEN_BYTES,
            // Input that came before the socket was watched is not reported.
            readable: true,
            at_end: false,
            blocked: false,
            last_bytes: None,
            listed_micros: None,
            parked_micros: None,
            is_in_crowd: false,
            lingers_until: None,
        }
    }

    /// Does what the engine asked for. True if the connection is on its way out from now on.
    pub(crate) fn update(&mut self, effect: ConnEffect) -> bool {
        match (effect, &self.phase) {
            (ConnEffect::Close, Phase::Open) => {
                self.phase = Phase::Closing;
                true
            }
            (ConnEffect::HandOff { to, socket }, Phase::Open) => {
                let state = *socket;
                self.phase = Phase::HandingOff(Box::new(Move { to, state }));
                true
            }
            (ConnEffect::Abort, _) => {
                self.phase = Phase::Aborted;
                // Where that fails, the kernel holds for a while what it has.
                let _ = self.socket.reset_when_closed();
                false
            }
            (
                ConnEffect::Flush
                | ConnEffect::FlushInTurn
                | ConnEffect::Resume
                | ConnEffect::Close
                | ConnEffect::HandOff { .. },
                _,
            ) => false,
        }
    }

    /// Ends the connection if it has lingered for long enough. True if so.
    pub(crate) fn end_lingering(&mut self, now: u64) -> bool {
        let over = self.lingers_until.is_some_and(|until| until <= now);
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

    /// How soon it gives way to a new connection at this entrance, if it may: see [`Permit::gives_way`].
    pub(super) fn gives_way(&self, entrance: Entrance) -> Option<u32> {
        let has_nothing_to_do = self.listed_micros.is_none() && self.parked_micros.is_none();
        let may = self.is_open() && has_nothing_to_do && self.permit.entrance() == entrance;
        may.then(|| self.permit.gives_way()).flatten()
    }

    /// The process stops: what has come is read, whether or not the kernel has told of it.
    pub(crate) const fn begin_to_retire(&mut self) {
        self.readable = true;
        self.last_bytes = Some(LAST_BYTES_MAX);
    }

    /// Notes that so many bytes were read. True if they are the last of what had come when the process began to stop.
    pub(crate) const fn retires_behind(&mut self, read: usize) -> bool {
        let Some(left) = self.last_bytes else {
            return false;
        };
        let left = left.saturating_sub(read);
        let over = left == 0 || read == 0 || !self.readable;
        self.last_bytes = if over { None } else { Some(left) };
        over
    }

    /// Whether output waits until the socket takes more.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Notes what the socket can do. True if output was waiting for it.
    pub(super) fn note(&mut self, readiness: Readiness) -> bool {
        if readiness.broken {
            self.phase = Phase::Aborted;
        }
        self.readable |= readiness.input;
        self.at_end |= readiness.end;
        readiness.room && std::mem::take(&mut self.blocked)
    }

    /// Where it moves, if that is how it ended.
    pub(crate) fn into_move(self) -> Option<(Socket, Permit, Move)> {
        match self.phase {
            Phase::HandingOff(target) => Some((self.socket, self.permit, *target)),
            _ => None,
        }
    }

    /// Sends as much as it can without waiting. False if the connection is broken.
    pub(crate) fn send(&mut self, outbox: &mut Outbox, now: u64) -> bool {
        while !self.blocked && !outbox.is_empty() && !matches!(self.phase, Phase::Aborted) {
            let mut slices = [IoSlice::new(&[]); SEND_SLICES];
            let filled = outbox.slices(&mut slices);
            match self.socket.send(&slices[..filled]) {
                Ok(Some(sent)) => outbox.advance(sent, now),
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

    /// Reads once. `None`: there is nothing yet; `Some(0)`: the end.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let at_most = match self.unproven_bytes {
            0 => PROVEN_READ_BYTES_MAX,
            _ => READ_BYTES_MAX,
        };
        let buffer = &mut buffer[..at_most];
        let read = self.socket.receive(buffer)?;
        // A short read took everything but the end; input that comes later is reported.
        self.readable = match read {
            None | Some(0) => false,
            Some(read) => self.at_end || read == buffer.len(),
        };
        if self.unproven_bytes > 0 && !self.blocked {
            self.unproven_bytes = self.unproven_bytes.saturating_sub(read.unwrap_or(0));
            if self.unproven_bytes == 0 {
                // Where that fails, it costs some more reads.
                let _ = self.socket.take_more_input();
            }
        }
        Ok(read)
    }

    /// Moves on to the next phase where this one is done; `flushed` says whether no output is left.
    pub(crate) fn next(&mut self, flushed: bool, now: u64) -> Next {
        match &self.phase {
            Phase::Open => Next::Read,
            Phase::Aborted => Next::End,
            Phase::HandingOff(_) if flushed => Next::Move,
            Phase::Closing if flushed => {
                self.lingers_until = Some(now + LINGER_MICROS);
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

    /// Discards input if nobody wants it any more. False if it is wanted.
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
