//! All connections of a shard: their tasks, and what the round does for them.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rookery_engine::effect::{ConnEffect, HandedOff};
use rookery_engine::input::{ConnId, Input, Listener as Entrance};

use super::connection::{Connection, Next};
use super::slab::Slab;
use super::socket::Socket;
use crate::mesh::MovedSocket;
use crate::runtime::Engine;
use crate::runtime::core::Core;

/// Connections of one shard beyond which it accepts no more.
const CONNECTIONS_MAX: usize = 1 << 18;
/// Bytes that one read takes at most. One buffer serves all connections, so that none needs one of its
/// own while it is idle.
const READ_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Connections {
    all: Slab<Connection>,
    /// Those on their way out, which have a deadline.
    closing: Vec<ConnId>,
    /// Those that are not read because of a stall.
    parked: Vec<ConnId>,
    buffer: Box<[u8]>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            all: Slab::default(),
            closing: Vec::new(),
            parked: Vec::new(),
            buffer: vec![0; READ_BYTES_MAX].into_boxed_slice(),
        }
    }
}

impl Connections {
    /// Whether another may be accepted.
    pub(crate) fn has_room(&self) -> bool {
        self.all.len() < CONNECTIONS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.len() == 0
    }

    /// Whether no output waits, and no connection is on its way out.
    pub(crate) fn is_flushed(&mut self) -> bool {
        self.closing.is_empty() && !self.all.values_mut().any(|one| one.is_blocked())
    }

    pub(crate) fn abort_all(&mut self) {
        self.all.values_mut().for_each(Connection::abort);
    }

    /// Ends those that take too long over going.
    pub(crate) fn check_deadlines(&mut self, now: u64) {
        let all = &mut self.all;
        self.closing.retain(|&conn| {
            let connection = all.get_mut(conn);
            let known = connection.is_some();
            if let Some(connection) = connection {
                connection.check_deadline(now);
            }
            known
        });
    }

    /// Reads again what was not read because of a stall.
    pub(crate) fn unpark(&mut self) {
        for conn in self.parked.drain(..) {
            if let Some(connection) = self.all.get_mut(conn) {
                connection.parked = false;
                connection.wake();
            }
        }
    }

    fn park(&mut self, conn: ConnId) {
        if let Some(connection) = self.all.get_mut(conn)
            && !std::mem::replace(&mut connection.parked, true)
        {
            self.parked.push(conn);
        }
    }
}

impl<E: Engine> Core<E> {
    /// Takes over an accepted connection.
    pub(crate) fn accept(self: &Rc<Self>, socket: Socket, listener: Entrance) {
        // A peer that has reset the connection by now has no address any more.
        let Ok(peer) = socket.peer() else { return };
        if let Err(error) = socket.send_at_once() {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let conn = self.open(socket);
        self.step(Input::Accepted {
            conn,
            peer,
            listener,
        });
    }

    /// Takes over a connection that a shard has handed off.
    pub(crate) fn arrive(self: &Rc<Self>, socket: Socket, state: HandedOff) {
        let conn = self.open(socket);
        self.step(Input::Arrived {
            conn,
            socket: state,
        });
    }

    fn open(self: &Rc<Self>, socket: Socket) -> ConnId {
        let mut connections = self.connections.borrow_mut();
        let conn = connections.all.insert(Connection::new(socket));
        let core = Rc::clone(self);
        self.spawn_detached(async move {
            poll_fn(|context| core.poll_connection(conn, context)).await;
            core.end(conn);
        });
        conn
    }

    /// Does what the engine asked for its connections. All steps of the round are behind it, so a
    /// connection's output goes in one piece.
    pub(crate) fn update_connections(&self, effects: impl Iterator<Item = (ConnId, ConnEffect)>) {
        let now = self.now().micros;
        let connections = &mut *self.connections.borrow_mut();
        self.with_engine(|engine| {
            for (conn, effect) in effects {
                let Some(connection) = connections.all.get_mut(conn) else {
                    continue;
                };
                if connection.update(effect, now) {
                    connections.closing.push(conn);
                }
                if let Some(outbox) = engine.outbox(conn) {
                    let was_full = outbox.is_full();
                    connection.send(outbox);
                    if was_full && !outbox.is_full() {
                        // The engine may have waited for room: its task asks.
                        connection.wake();
                        self.mark_due();
                    }
                }
            }
        });
    }

    /// One turn of a connection's task; ready when the connection is to end.
    fn poll_connection(&self, conn: ConnId, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.poll_output(conn, context) {
                Next::Read => {}
                Next::Wait => return Poll::Pending,
                Next::End => return Poll::Ready(()),
            }
            if !ready!(self.poll_input(conn, context)) {
                return Poll::Ready(());
            }
        }
    }

    fn poll_output(&self, conn: ConnId, context: &mut Context<'_>) -> Next {
        let now = self.now().micros;
        let mut connections = self.connections.borrow_mut();
        let Some(connection) = connections.all.get_mut(conn) else {
            return Next::End;
        };
        connection.remember_task(context);
        if connection.is_open() && !connection.is_blocked() {
            return Next::Read;
        }
        self.with_engine(|engine| {
            let Some(outbox) = engine.outbox(conn) else {
                return connection.next(true, now);
            };
            if connection.is_blocked() && connection.poll_send(outbox, context).is_ready() {
                // The engine may have waited for room.
                self.mark_due();
            }
            connection.next(outbox.is_empty(), now)
        })
    }

    /// Reads once; false where no more will come, or none is wanted.
    fn poll_input(&self, conn: ConnId, context: &mut Context<'_>) -> Poll<bool> {
        let connections = &mut *self.connections.borrow_mut();
        let Some(connection) = connections.all.get_mut(conn) else {
            return Poll::Ready(false);
        };
        if connection.is_open() {
            if self.is_stalled() {
                connections.park(conn);
                return Poll::Pending;
            }
            if !self.with_engine(|engine| engine.wants_input(conn)) {
                return Poll::Pending;
            }
        }
        let buffer = &mut connections.buffer;
        let read = match ready!(connection.socket.poll_read(context, buffer)) {
            Ok(0) if connection.is_open() => {
                // A peer that sends no more may still read. The engine wants no more of it, and closes it
                // when it has been answered.
                self.step(Input::Finished { conn });
                return Poll::Ready(true);
            }
            Ok(0) | Err(_) => return Poll::Ready(false),
            Ok(read) => read,
        };
        if !connection.discard(read) && !self.step_received(conn, &buffer[..read]) {
            return Poll::Ready(false);
        }
        if read == buffer.len() {
            // There is more, and others have their turn first.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(true)
    }

    fn end(self: &Rc<Self>, conn: ConnId) {
        let ended = {
            let connections = &mut *self.connections.borrow_mut();
            // What was answered before a step of it panicked may still be read.
            if let Some(connection) = connections.all.get_mut(conn).filter(|one| one.is_open()) {
                self.with_engine(|engine| {
                    if let Some(outbox) = engine.outbox(conn) {
                        connection.send(outbox);
                    }
                });
            }
            connections.all.remove(conn)
        };
        self.step(Input::Gone { conn });
        if let Some((socket, target)) = ended.and_then(Connection::into_move) {
            if target.to == self.id() {
                self.arrive(socket, target.state);
                return;
            }
            match socket.duplicate() {
                Ok(fd) => {
                    let state = target.state;
                    self.send_socket(target.to, MovedSocket { fd, state });
                }
                Err(error) => tracing::warn!(
                    %error,
                    "a connection could not move to its user's shard and was closed; \
                     raise the limit of open files (ulimit -n)"
                ),
            }
        }
    }
}
