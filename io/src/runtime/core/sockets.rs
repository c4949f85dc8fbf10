//! What a round does for connections: it reads from their sockets and sends what the engine has for them.

use std::io::IoSlice;

use rookery_engine::effect::{ConnEffect, Turn};
use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::refuse_connection;

use super::Core;
use crate::mesh::MovedSocket;
use crate::net::admission::Permit;
use crate::net::connection::{Connection, Next};
use crate::net::connections::ACCEPTED_MAX;
use crate::net::listener::{Accepted, BACKLOG};
use crate::net::poller::Event;
use crate::net::socket::Socket;
use crate::runtime::Engine;

/// Connections that one round serves at most, and bytes of input and HTTP requests after which it serves no more. Input
/// from other threads must not wait for sockets for long, and no client for others.
const SERVED_MAX: usize = 128;
const INPUT_BYTES_MAX: usize = 128 * 1024;
const REQUESTS_MAX: u64 = 512;
/// Connections that one round closes at most. The kernel takes a tenth of a millisecond to drop what it holds for one.
const ENDED_MAX: usize = 8;
/// Times that a shard accepts for the last time, at each listener: as many connections as can wait there.
const ACCEPT_ROUNDS_MAX: usize = BACKLOG as usize / ACCEPTED_MAX;
/// Bytes that are read of a connection that is turned away: the usual first request.
const UNREAD_BYTES: usize = 4096;

impl<E: Engine> Core<E> {
    /// Serves the connections whose turn it is; false if there was nothing to do.
    pub(super) fn serve_sockets(&self) -> bool {
        let mut events = self.connections.borrow_mut().take_events();
        let happened = !events.is_empty();
        for event in events.drain(..) {
            self.note(event);
        }
        self.connections.borrow_mut().reuse(events);
        let (mut served, mut bytes) = (0, 0);
        let requests_max = self.requests() + REQUESTS_MAX;
        while served < SERVED_MAX
            && bytes < INPUT_BYTES_MAX
            && self.requests() < requests_max
            && let Some(conn) = self.next_ready()
        {
            bytes += self.serve(conn);
            served += 1;
        }
        self.connections.borrow_mut().end_turns();
        let ended = self.close_ended();
        happened || served > 0 || ended
    }

    /// How many HTTP requests were begun by now.
    fn requests(&self) -> u64 {
        self.with_engine(|engine| engine.stats_mut().http_requests)
    }

    /// Closes some of the connections that are done for; false if there were none.
    fn close_ended(&self) -> bool {
        let next = || self.connections.borrow_mut().next_ending();
        let ended = std::iter::from_fn(next).take(ENDED_MAX);
        ended.map(|conn| self.close(conn)).count() > 0
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
                self.accept_some(listener);
            }
        }
    }

    /// Ends connections for new ones where hardly any room is left.
    pub(super) fn make_room(&self) {
        let mut connections = self.connections.borrow_mut();
        self.with_engine(|engine| {
            let displaced = connections.make_room(|conn| engine.awaits_client(conn));
            engine.stats_mut().displaced_connections += displaced as u64;
        });
    }

    /// Accepts all who wait now.
    pub(super) fn accept_waiting(&self) {
        let listeners = self.connections.borrow().listeners();
        for listener in 0..listeners {
            let mut rounds = 0..ACCEPT_ROUNDS_MAX;
            while rounds.next().is_some() && self.accept_some(listener) {}
        }
    }

    /// Accepts some of those who wait; false where there was none, or no room.
    fn accept_some(&self, listener: usize) -> bool {
        let accepted = self.connections.borrow_mut().accept(listener);
        let any = !accepted.is_empty();
        accepted.into_iter().for_each(|one| self.accept(one));
        any
    }

    /// Takes over an accepted connection.
    fn accept(&self, mut accepted: Accepted) {
        let admitted = accepted.admit();
        let Accepted {
            socket,
            peer,
            entrance,
            permit,
        } = accepted;
        if let Err(problem) = admitted {
            return self.turn_away(&socket, &problem);
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
    fn turn_away(&self, socket: &Socket, problem: &Problem) {
        self.with_engine(|engine| {
            let stats = engine.stats_mut();
            stats.count_refusal(problem.code, problem.limit);
        });
        let reply = refuse_connection(problem, self.now().wall);
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
        if let Ok(conn) = opened
            && self.end.draining.get()
            && let Some(connection) = self.connections.borrow_mut().get_mut(conn)
        {
            connection.begin_to_retire();
        }
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

    /// Does what the engine asked for its connections, then sends to some of a crowd. It runs behind all steps of the
    /// round, so that a connection's output is sent in one piece.
    pub(super) fn update_connections(&self, effects: impl Iterator<Item = (ConnId, ConnEffect)>) {
        effects.for_each(|(conn, effect)| self.update(conn, effect));
        let now = self.now().micros;
        let next = |sent| self.connections.borrow_mut().next_of_crowd(sent, now);
        let mut sent = 0;
        while let Some(conn) = next(sent) {
            self.update(conn, ConnEffect::Flush);
            sent += 1;
        }
    }

    fn update(&self, conn: ConnId, effect: ConnEffect) {
        let now = self.now().micros;
        let mut connections = self.connections.borrow_mut();
        connections.update(conn, effect, now, |connection| {
            self.with_engine(|engine| {
                engine.outbox(conn).is_some_and(|outbox| {
                    let was_full = outbox.is_full();
                    let works = connection.send(outbox, now);
                    // The engine may have been waiting for room.
                    !works || (was_full && !outbox.is_full())
                })
            })
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
            Next::Move => {
                self.close(conn);
                Some(0)
            }
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
        let open = connection.is_open();
        let turn = match open {
            true => self.with_engine(|engine| engine.turn(conn)),
            false => Turn::Read,
        };
        match turn {
            Turn::Wait => return Some(0),
            Turn::Read if !connection.is_readable() => return Some(0),
            Turn::Read | Turn::GoOn => {}
        }
        if open && self.is_stalled() {
            let since = self.now().micros.saturating_sub(waited_micros);
            connections.park(conn, since);
            return Some(0);
        }
        if turn == Turn::GoOn {
            return self.step_guarded(Input::GoOn { conn }).then_some(0);
        }
        let (connection, received) = connections.receive(conn)?;
        let received = received.ok()?;
        let read = received.map_or(0, <[u8]>::len);
        if connection.retires_behind(read) && connection.is_open() {
            self.step(Input::Retire { conn, unread: read });
        }
        let bytes = match received {
            None => return Some(0),
            Some([]) if connection.is_open() => {
                // A peer that sends no more may still read. The engine closes the connection when it
                // has answered.
                self.step(Input::Finished { conn });
                return Some(0);
            }
            Some([]) => return None,
            Some(bytes) => bytes,
        };
        let input = Input::Received {
            conn,
            bytes,
            waited_micros,
        };
        if !connection.discard(read) && !self.step_guarded(input) {
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

    /// Does nothing more with a connection, and closes it when there is time.
    fn end(&self, conn: ConnId) {
        let mut connections = self.connections.borrow_mut();
        // Answers given before a step of this connection panicked may still be read.
        if let Some(connection) = connections.get_mut(conn).filter(|one| one.is_open()) {
            self.send_output(conn, connection);
        }
        connections.end(conn);
    }

    fn close(&self, conn: ConnId) {
        let ended = self.connections.borrow_mut().remove(conn);
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
            self.close(conn);
        }
    }
}
