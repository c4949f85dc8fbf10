//! What a round does for connections: it reads from their sockets and sends what the engine has for them.

use std::io::IoSlice;

use rookery_engine::effect::ConnEffect;
use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::refuse_connection;

use super::Core;
use crate::mesh::MovedSocket;
use crate::net::admission::Permit;
use crate::net::connection::{Connection, Next};
use crate::net::listener::Entrance;
use crate::net::poller::Event;
use crate::net::socket::Socket;
use crate::runtime::Engine;

/// Connections that one round serves at most, and bytes of input after which it serves no more. Input
/// from other threads must not wait for sockets for long.
const SERVED_MAX: usize = 128;
const INPUT_BYTES_MAX: usize = 128 * 1024;
/// Seconds after which a client may try again that was turned away.
const TURNED_AWAY_SECONDS: u32 = 10;
/// Bytes that are read of a connection that is turned away: the usual first request.
const UNREAD_BYTES: usize = 4096;

impl<E: Engine> Core<E> {
    /// Serves the connections that have waited longest; false if there was nothing to do.
    pub(super) fn serve_sockets(&self) -> bool {
        let mut events = self.connections.borrow_mut().take_events();
        let happened = !events.is_empty();
        for event in events.drain(..) {
            self.note(event);
        }
        self.connections.borrow_mut().reuse(events);
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
        self.connections.borrow_mut().next_ready()
    }

    fn note(&self, event: Event) {
        match event {
            Event::Connection(conn, readiness) => {
                let now = self.now().micros;
                let mut connections = self.connections.borrow_mut();
                connections.note(conn, readiness, now, |connection| {
                    self.send_output(conn, connection);
                });
            }
            Event::Accept(listener) => {
                let accepted = self.connections.borrow_mut().accept(listener);
                for (socket, entrance, permit) in accepted {
                    self.accept(socket, entrance, permit);
                }
            }
        }
    }

    /// Takes over an accepted connection.
    fn accept(&self, socket: Socket, entrance: Entrance, mut permit: Permit) {
        // A peer that has reset the connection by now no longer has an address.
        let Ok(peer) = socket.peer() else { return };
        if !permit.count_for(peer.ip()) {
            return self.turn_away(&socket);
        }
        if let Err(error) = socket.send_at_once() {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        if let Some(conn) = self.open(socket, permit) {
            self.step(Input::Accepted {
                conn,
                peer,
                entrance,
            });
        }
    }

    /// Tells a client that its network has too many connections, if that can be done at once.
    fn turn_away(&self, socket: &Socket) {
        let limit = Limit::ConnectionsPerAddress;
        let problem = Problem::over(limit, TURNED_AWAY_SECONDS);
        self.with_engine(|engine| {
            let stats = engine.stats_mut();
            stats.count_refusal(problem.code, Some(limit));
        });
        let reply = refuse_connection(&problem, self.now().wall);
        // What has come is read first, or the kernel would reset the connection, and the reply be lost.
        let _ = socket.receive(&mut [0; UNREAD_BYTES]);
        let _ = socket.send(&[IoSlice::new(&reply)]);
        let _ = socket.finish_sending();
    }

    /// Takes over a connection that a shard has handed off, as a WebSocket.
    pub(super) fn arrive(&self, moved: MovedSocket) {
        let socket = Socket::new(moved.fd);
        if let Err(error) = socket.become_websocket() {
            tracing::debug!(%error, "a WebSocket keeps the buffers of an HTTP connection");
        }
        if let Some(conn) = self.open(socket, moved.permit) {
            self.step(Input::Arrived {
                conn,
                socket: moved.state,
            });
        }
    }

    fn open(&self, socket: Socket, permit: Permit) -> Option<ConnId> {
        let now = self.now().micros;
        let opened = self.connections.borrow_mut().open(socket, permit, now);
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

    /// Does what the engine asked for its connections. It runs behind all steps of the round, so that
    /// a connection's output is sent in one piece.
    pub(super) fn update_connections(&self, effects: impl Iterator<Item = (ConnId, ConnEffect)>) {
        let now = self.now().micros;
        let connections = &mut *self.connections.borrow_mut();
        self.with_engine(|engine| {
            for (conn, effect) in effects {
                connections.update(conn, effect, now, |connection| {
                    engine.outbox(conn).is_some_and(|outbox| {
                        let was_full = outbox.is_full();
                        let works = connection.send(outbox, now);
                        // The engine may have been waiting for room.
                        !works || (was_full && !outbox.is_full())
                    })
                });
            }
        });
    }

    /// Gives a connection its turn. Returns how many bytes came in.
    fn serve(&self, conn: ConnId) -> usize {
        let now = self.now().micros;
        let waited_micros = self.connections.borrow_mut().unlist(conn, now);
        let next = self.connections.borrow_mut().next(conn, now, || {
            self.with_engine(|engine| engine.outbox(conn).is_none_or(|outbox| outbox.is_empty()))
        });
        let read = match next {
            Next::Read => self.read(conn, waited_micros),
            Next::Wait => Some(0),
            Next::End => None,
        };
        read.unwrap_or_else(|| {
            self.end(conn);
            0
        })
    }

    /// Reads once. Returns how many bytes came in, or `None` if the connection is to end.
    fn read(&self, conn: ConnId, waited_micros: u64) -> Option<usize> {
        let connections = &mut *self.connections.borrow_mut();
        let connection = connections.get_mut(conn)?;
        // The engine is asked even if there is nothing to read: it may go on with what it has.
        let open = connection.is_open();
        let wanted = !open || self.with_engine(|engine| engine.wants_input(conn));
        if !wanted || !connection.is_readable() {
            return Some(0);
        }
        if open && self.is_stalled() {
            let since = self.now().micros.saturating_sub(waited_micros);
            connections.park(conn, since);
            return Some(0);
        }
        let (connection, received) = connections.receive(conn)?;
        let bytes = match received {
            Ok(None) => return Some(0),
            Ok(Some([])) if connection.is_open() => {
                // A peer that sends no more may still read. The engine closes the connection when it
                // has answered.
                self.step(Input::Finished { conn });
                return Some(0);
            }
            Ok(Some([])) | Err(_) => return None,
            Ok(Some(bytes)) => bytes,
        };
        let read = bytes.len();
        if !connection.discard(read) && !self.step_received(conn, bytes, waited_micros) {
            return None;
        }
        if connection.is_readable() {
            // There is more, but others have their turn first.
            connections.list(conn, self.now().micros);
        }
        Some(read)
    }

    fn send_output(&self, conn: ConnId, connection: &mut Connection) {
        let now = self.now().micros;
        self.with_engine(|engine| {
            if let Some(outbox) = engine.outbox(conn) {
                connection.send(outbox, now);
            }
        });
    }

    fn end(&self, conn: ConnId) {
        let ended = {
            let mut connections = self.connections.borrow_mut();
            // Answers given before a step of this connection panicked may still be read.
            if let Some(connection) = connections.get_mut(conn).filter(|one| one.is_open()) {
                self.send_output(conn, connection);
            }
            connections.remove(conn)
        };
        let Some(ended) = ended else { return };
        self.step(Input::Gone { conn });
        if let Some((socket, permit, target)) = ended.into_move() {
            self.connections.borrow().poller.forget(&socket);
            let moved = MovedSocket {
                fd: socket.into_fd(),
                permit,
                state: target.state,
            };
            if target.to == self.id() {
                self.arrive(moved);
            } else {
                self.send_socket(target.to, moved);
            }
        }
    }

    /// Ends all connections, whatever they are doing.
    pub(crate) fn end_all(&self) {
        let all: Vec<_> = self.connections.borrow().ids().collect();
        for conn in all {
            if let Some(connection) = self.connections.borrow_mut().get_mut(conn) {
                connection.abort();
            }
            self.end(conn);
        }
    }
}
