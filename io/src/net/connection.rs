//! One connection as the shard's thread sees it: its socket, and what is to become of it.

use std::io::IoSlice;
use std::task::{Context, Poll, Waker, ready};

use rookery_engine::effect::{ConnEffect, HandedOff};
use rookery_engine::outbox::Outbox;
use rookery_schema::ShardId;

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
    pub(crate) socket: Socket,
    phase: Phase,
    /// Output waits until the socket takes more.
    blocked: bool,
    /// It is on the list of those that wait for the end of a stall.
    pub(super) parked: bool,
    /// When its phase has lasted too long, on the engine's clock.
    deadline: Option<u64>,
    task: Option<Waker>,
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

/// What a connection's task does next.
pub(crate) enum Next {
    Read,
    Wait,
    End,
}

impl Connection {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            phase: Phase::Open,
            blocked: false,
            parked: false,
            deadline: None,
            task: None,
        }
    }

    /// Does what the engine asked for; true where the connection is on its way out from here on, and
    /// has a deadline.
    pub(crate) fn update(&mut self, effect: ConnEffect, now: u64) -> bool {
        match (effect, &self.phase) {
            (ConnEffect::Flush, _) => return false,
            (ConnEffect::Close, Phase::Open) => self.phase = Phase::Closing,
            (ConnEffect::HandOff { to, socket }, Phase::Open) => {
                let state = *socket;
                self.phase = Phase::HandingOff(Box::new(Move { to, state }));
            }
            (ConnEffect::Abort, _) => self.phase = Phase::Aborted,
            (ConnEffect::Resume | ConnEffect::Close | ConnEffect::HandOff { .. }, _) => {}
        }
        self.wake();
        if matches!(self.phase, Phase::Closing | Phase::HandingOff(_)) && self.deadline.is_none() {
            self.deadline = Some(now + LAST_OUTPUT_MICROS);
            return true;
        }
        false
    }

    /// Ends it if its phase has lasted too long.
    pub(crate) fn check_deadline(&mut self, now: u64) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.abort();
        }
    }

    pub(crate) fn abort(&mut self) {
        self.phase = Phase::Aborted;
        self.wake();
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Whether output waits until the socket takes more.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Has the task look at the connection again.
    pub(crate) fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    pub(crate) fn remember_task(&mut self, context: &Context<'_>) {
        let known = self.task.as_ref();
        if !known.is_some_and(|task| task.will_wake(context.waker())) {
            self.task = Some(context.waker().clone());
        }
    }

    /// Where it moves, if that is how it ended.
    pub(crate) fn into_move(self) -> Option<(Socket, Move)> {
        match self.phase {
            Phase::HandingOff(target) => Some((self.socket, *target)),
            _ => None,
        }
    }

    /// Sends what goes without waiting, and leaves the rest to the connection's task.
    pub(crate) fn send(&mut self, outbox: &mut Outbox) {
        self.send_unblocked(outbox);
        if self.blocked {
            self.wake();
        }
    }

    fn send_unblocked(&mut self, outbox: &mut Outbox) {
        while !self.blocked && !outbox.is_empty() && !matches!(self.phase, Phase::Aborted) {
            let mut slices = [IoSlice::new(&[]); SEND_SLICES];
            let filled = outbox.slices(&mut slices);
            let offered: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            match self.socket.send(&slices[..filled]) {
                Ok(Some(sent)) => {
                    outbox.advance(sent);
                    self.blocked = sent < offered;
                }
                Ok(None) => self.blocked = true,
                Err(_) => self.abort(),
            }
        }
    }

    /// Goes on sending where the socket had taken no more, until it takes no more again.
    pub(crate) fn poll_send(&mut self, outbox: &mut Outbox, context: &mut Context<'_>) -> Poll<()> {
        while self.blocked && !matches!(self.phase, Phase::Aborted) {
            let mut first = [IoSlice::new(&[])];
            outbox.slices(&mut first);
            // Only a write of something can tell that the socket is full.
            if first[0].is_empty() {
                self.blocked = false;
                break;
            }
            match ready!(self.socket.poll_write(context, &first[0])) {
                Ok(sent) => {
                    outbox.advance(sent);
                    self.blocked = false;
                    self.send_unblocked(outbox);
                }
                Err(_) => {
                    self.blocked = false;
                    self.abort();
                }
            }
        }
        Poll::Ready(())
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
