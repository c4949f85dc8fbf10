//! All connections of a shard: what has happened to their sockets, and what the round does for them.

use std::collections::VecDeque;
use std::io;

use rookery_engine::effect::ConnEffect;
use rookery_engine::input::{ConnId, Input, Listener as Entrance};

use super::connection::{Connection, Next};
use super::listener::{Bound, Listeners};
use super::poller::{Event, Poller};
use super::slab::Slab;
use super::socket::Socket;
use crate::mesh::MovedSocket;
use crate::runtime::Engine;
use crate::runtime::core::Core;

/// Connections of one shard beyond which it accepts no more.
const CONNECTIONS_MAX: usize = 1 << 18;
/// Connections that are accepted in one go.
const ACCEPTED_MAX: usize = 64;
/// Connections that a round serves at most, and bytes of input after which it serves no more: what comes
/// from other threads must not wait for sockets long.
const SERVED_MAX: usize = 128;
const INPUT_BYTES_MAX: usize = 128 * 1024;
/// Bytes that one read takes at most. One buffer serves all connections, so that none needs one of its
/// own while it is idle.
const READ_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Connections {
    all: Slab<Connection>,
    pub(crate) poller: Poller,
    listeners: Listeners,
    /// What has happened to sockets; kept for its memory.
    events: Vec<Event>,
    /// Those that have something to do, each once.
    ready: VecDeque<ConnId>,
    /// Those on their way out, which have a deadline.
    closing: Vec<ConnId>,
    /// Those that are not read because of a stall.
    parked: Vec<ConnId>,
    buffer: Box<[u8]>,
}

impl Connections {
    /// None yet, and those to come from these listeners.
    ///
    /// # Errors
    /// Where the kernel has no memory or no descriptor to watch sockets with.
    pub(crate) fn new(bound: Vec<Bound>) -> io::Result<Self> {
        let poller = Poller::new()?;
        let mut listeners = Listeners::default();
        for one in bound {
            listeners.add(one, &poller)?;
        }
        Ok(Self {
            all: Slab::default(),
            poller,
            listeners,
            events: Vec::new(),
            ready: VecDeque::new(),
            closing: Vec::new(),
            parked: Vec::new(),
            buffer: vec![0; READ_BYTES_MAX].into_boxed_slice(),
        })
    }

    /// Accepts nobody any more.
    pub(crate) fn close_listeners(&mut self) {
        self.listeners.close();
    }

    /// Whether some have something to do.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether no output waits, and no connection is on its way out.
    pub(crate) fn is_flushed(&mut self) -> bool {
        self.closing.is_empty() && !self.all.values_mut().any(|one| one.is_blocked())
    }

    /// Accepts again where there was no room, and ends connections that take too long over going.
    pub(crate) fn look_at_time(&mut self, now: u64) {
        self.listeners.rouse(&self.poller);
        let (all, ready) = (&mut self.all, &mut self.ready);
        self.closing.retain(|&conn| {
            let connection = all.get_mut(conn);
            let known = connection.is_some();
            if let Some(connection) = connection
                && connection.check_deadline(now)
            {
                list(ready, conn, connection, now);
            }
            known
        });
    }

    /// Reads again what was not read because of a stall.
    pub(crate) fn unpark(&mut self) {
        for conn in self.parked.drain(..) {
            if let Some(connection) = self.all.get_mut(conn)
                && let Some(since) = connection.parked_micros.take()
            {
                list(&mut self.ready, conn, connection, since);
            }
        }
    }

    fn knock(&mut self, listener: usize) -> Vec<(Socket, Entrance)> {
        // Connections that moved here count, and are let in however many there are.
        let room = CONNECTIONS_MAX
            .saturating_sub(self.all.len())
            .min(ACCEPTED_MAX);
        self.listeners.accept(listener, room, &self.poller)
    }

    fn open(&mut self, socket: Socket, now: u64) -> io::Result<ConnId> {
        let conn = self.all.insert(Connection::new(socket));
        let Some(connection) = self.all.get_mut(conn) else {
            return Ok(conn);
        };
        if let Err(error) = self.poller.watch(&*connection, conn) {
            self.all.remove(conn);
            return Err(error);
        }
        list(&mut self.ready, conn, connection, now);
        Ok(conn)
    }
}

/// Notes that a connection has something to do, since then at the latest.
fn list(ready: &mut VecDeque<ConnId>, conn: ConnId, connection: &mut Connection, since: u64) {
    let listed = connection.listed_micros;
    connection.listed_micros = Some(listed.map_or(since, |listed| listed.min(since)));
    if listed.is_none() {
        ready.push_back(conn);
    }
}

impl<E: Engine> Core<E> {
    /// Lets sockets do what they can do now, those first that have waited longest; false where there was
    /// nothing.
    pub(crate) fn serve_sockets(&self) -> bool {
        let mut events = std::mem::take(&mut self.connections.borrow_mut().events);
        let happened = self.connections.borrow_mut().poller.take(&mut events);
        for event in events.drain(..) {
            self.note(event);
        }
        self.connections.borrow_mut().events = events;
        let (mut served, mut bytes) = (0, 0);
        while served < SERVED_MAX
            && bytes < INPUT_BYTES_MAX
            && let Some(conn) = self.next_ready()
        {
            bytes += self.serve(conn);
            served += 1;
        }
        happened || served > 0
    }

    fn next_ready(&self) -> Option<ConnId> {
        self.connections.borrow_mut().ready.pop_front()
    }

    fn note(&self, event: Event) {
        let (conn, readiness) = match event {
            Event::Connection(conn, readiness) => (conn, readiness),
            Event::Knock(listener) => {
                let accepted = self.connections.borrow_mut().knock(listener);
                for (socket, entrance) in accepted {
                    self.accept(socket, entrance);
                }
                return;
            }
        };
        let connections = &mut *self.connections.borrow_mut();
        let Some(connection) = connections.all.get_mut(conn) else {
            return;
        };
        if connection.note(readiness) {
            self.with_engine(|engine| {
                if let Some(outbox) = engine.outbox(conn) {
                    connection.send(outbox);
                }
            });
        }
        list(&mut connections.ready, conn, connection, self.now().micros);
    }

    /// Takes over an accepted connection.
    fn accept(&self, socket: Socket, listener: Entrance) {
        // A peer that has reset the connection by now has no address any more.
        let Ok(peer) = socket.peer() else { return };
        if let Err(error) = socket.send_at_once() {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        if let Some(conn) = self.open(socket) {
            self.step(Input::Accepted {
                conn,
                peer,
                listener,
            });
        }
    }

    /// Takes over a connection that a shard has handed off.
    pub(crate) fn arrive(&self, socket: MovedSocket) {
        if let Some(conn) = self.open(Socket::new(socket.fd)) {
            self.step(Input::Arrived {
                conn,
                socket: socket.state,
            });
        }
    }

    fn open(&self, socket: Socket) -> Option<ConnId> {
        let now = self.now().micros;
        let opened = self.connections.borrow_mut().open(socket, now);
        opened
            .inspect_err(|error| {
                tracing::warn!(
                    %error,
                    "a connection was closed, since its socket could not be watched; \
                     raise fs.epoll.max_user_watches"
                );
            })
            .ok()
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
                let changes = !matches!(effect, ConnEffect::Flush);
                if connection.update(effect, now) {
                    connections.closing.push(conn);
                }
                let mut relieved = false;
                let works = engine.outbox(conn).is_none_or(|outbox| {
                    let was_full = outbox.is_full();
                    let works = connection.send(outbox);
                    relieved = was_full && !outbox.is_full();
                    works
                });
                // Where output was full, the engine may have waited for room.
                if changes || !works || relieved {
                    list(&mut connections.ready, conn, connection, now);
                }
            }
        });
    }

    /// Lets one connection do what it can do now, and says how many bytes came in.
    fn serve(&self, conn: ConnId) -> usize {
        let waited_micros = self.unlist(conn);
        let read = match self.settle(conn) {
            Next::Read => self.read(conn, waited_micros),
            Next::Wait => Some(0),
            Next::End => None,
        };
        read.unwrap_or_else(|| {
            self.end(conn);
            0
        })
    }

    /// Takes it from the list, and says how long it was there.
    fn unlist(&self, conn: ConnId) -> u64 {
        let mut connections = self.connections.borrow_mut();
        let connection = connections.all.get_mut(conn);
        let listed = connection.and_then(|connection| connection.listed_micros.take());
        listed.map_or(0, |listed| self.now().micros.saturating_sub(listed))
    }

    fn settle(&self, conn: ConnId) -> Next {
        let now = self.now().micros;
        let mut connections = self.connections.borrow_mut();
        let Some(connection) = connections.all.get_mut(conn) else {
            return Next::Wait;
        };
        if connection.is_open() {
            return Next::Read;
        }
        self.with_engine(|engine| {
            let flushed = engine.outbox(conn).is_none_or(|outbox| outbox.is_empty());
            connection.next(flushed, now)
        })
    }

    /// Reads once, and says how much; `None` where the connection is to end.
    fn read(&self, conn: ConnId, waited_micros: u64) -> Option<usize> {
        let connections = &mut *self.connections.borrow_mut();
        let connection = connections.all.get_mut(conn)?;
        // The engine is asked even where there is nothing to read: it may go on with what it has.
        let open = connection.is_open();
        let wanted = !open || self.with_engine(|engine| engine.wants_input(conn));
        if !wanted || !connection.is_readable() {
            return Some(0);
        }
        if open && self.is_stalled() {
            if connection.parked_micros.is_none() {
                let since = self.now().micros.saturating_sub(waited_micros);
                connection.parked_micros = Some(since);
                connections.parked.push(conn);
            }
            return Some(0);
        }
        let buffer = &mut connections.buffer;
        let read = match connection.receive(buffer) {
            Ok(None) => return Some(0),
            Ok(Some(0)) if connection.is_open() => {
                // A peer that sends no more may still read. The engine wants no more of it, and closes it
                // when it has been answered.
                self.step(Input::Finished { conn });
                return Some(0);
            }
            Ok(Some(0)) | Err(_) => return None,
            Ok(Some(read)) => read,
        };
        if !connection.discard(read) && !self.step_received(conn, &buffer[..read], waited_micros) {
            return None;
        }
        if connection.is_readable() {
            // There is more, and others have their turn first.
            list(&mut connections.ready, conn, connection, self.now().micros);
        }
        Some(read)
    }

    fn end(&self, conn: ConnId) {
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
        let Some(ended) = ended else { return };
        self.step(Input::Gone { conn });
        if let Some((socket, target)) = ended.into_move() {
            self.connections.borrow().poller.forget(&socket);
            let moved = MovedSocket {
                fd: socket.into_fd(),
                state: target.state,
            };
            if target.to == self.id() {
                self.arrive(moved);
            } else {
                self.send_socket(target.to, moved);
            }
        }
    }

    /// Ends all connections, whatever they do.
    pub(crate) fn end_all(&self) {
        let all: Vec<_> = self.connections.borrow().all.ids().collect();
        for conn in all {
            if let Some(connection) = self.connections.borrow_mut().all.get_mut(conn) {
                connection.abort();
            }
            self.end(conn);
        }
    }
}
