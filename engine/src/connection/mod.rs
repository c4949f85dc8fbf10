//! The connections of a shard: what arrived on each, what waits to be sent, and when to give up on it.

mod deadlines;
pub(crate) mod http;
mod replies;
pub(crate) mod websocket;

use std::net::IpAddr;

use bytes::Bytes;
use rookery_schema::SessionId;

use crate::api::Api;
use crate::connection::deadlines::Deadlines;
use crate::connection::http::HttpConnection;
use crate::connection::websocket::WsConnection;
use crate::context::Context;
use crate::effect::ConnEffect;
use crate::input::{ConnId, Listener, Now};
use crate::outbox::Outbox;
use crate::ws::{CloseCode, write_text_frame};

/// Seconds that the peer has to take our last bytes.
const CLOSE_LINGER_SECONDS: u64 = 5;

/// Microseconds for which an outbox may be full without a break before its reader counts as slow: what
/// was queued in one go has not been offered to the socket yet.
const SLOW_AFTER_MICROS: u64 = 250_000;
/// Bytes that may wait on one connection however they came.
const BACKLOG_BYTES_MAX: usize = 64 << 20;

/// All connections of a shard.
#[derive(Default)]
pub(crate) struct Connections {
    slots: Vec<Option<Box<Connection>>>,
    deadlines: Deadlines,
    /// Those whose output was taken, and which have requests at hand that waited for that.
    relieved: Vec<ConnId>,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) id: ConnId,
    pub(crate) outbox: Outbox,
    pub(crate) protocol: Protocol,
    /// Since when its output was full whenever there was more, in microseconds.
    full_since: Option<u64>,
    /// It closes when its output was sent; nothing more is read.
    closing: bool,
    /// It was told not to be read, and is owed a [`ConnEffect::Resume`].
    pub(crate) paused: bool,
    /// When its deadlines are looked at next, in seconds; see [`Deadlines`].
    due: Option<u64>,
}

/// What is spoken on a connection.
pub(crate) enum Protocol {
    Http(Box<HttpConnection>),
    WebSocket(Box<WsConnection>),
}

impl Connections {
    pub(crate) fn accept(&mut self, id: ConnId, peer: IpAddr, listener: Listener, now: Now) {
        let http = HttpConnection::new(peer, listener, now);
        self.insert(id, Protocol::Http(Box::new(http)), now);
    }

    pub(crate) fn insert(&mut self, id: ConnId, protocol: Protocol, now: Now) {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        let connection = Connection {
            id,
            outbox: Outbox::default(),
            protocol,
            full_since: None,
            closing: false,
            paused: false,
            due: None,
        };
        self.slots[slot] = Some(Box::new(connection));
        self.reschedule(id, now);
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&Connection> {
        self.slots
            .get(id.slot as usize)?
            .as_deref()
            .filter(|connection| connection.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let connection = self.slots.get_mut(id.slot as usize)?.as_deref_mut()?;
        (connection.id == id).then_some(connection)
    }

    pub(crate) fn remove(&mut self, id: ConnId) -> Option<Box<Connection>> {
        self.get(id)?;
        self.slots.get_mut(id.slot as usize)?.take()
    }

    /// Every connection.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// Whether a WebSocket takes several events in one frame.
    pub(crate) fn batches(&self, id: ConnId) -> bool {
        self.websocket(id).is_some_and(|ws| ws.batches)
    }

    /// The login that a WebSocket was opened with.
    pub(crate) fn session_of(&self, id: ConnId) -> Option<SessionId> {
        self.websocket(id)?
            .session
            .map(|session| session.session_id)
    }

    fn websocket(&self, id: ConnId) -> Option<&WsConnection> {
        match &self.get(id)?.protocol {
            Protocol::WebSocket(ws) => Some(ws),
            Protocol::Http(_) => None,
        }
    }

    /// Queues one JSON object to a WebSocket.
    pub(crate) fn send_text(&mut self, id: ConnId, json: &[u8], cx: &mut Context<'_>) {
        if let Some(connection) = self.get_mut(id).filter(|connection| !connection.closing) {
            connection.write(cx, |out| write_text_frame(out, json));
            self.close_if_slow(id, cx);
        }
    }

    /// Queues frames that others get too.
    pub(crate) fn share(&mut self, id: ConnId, frames: Bytes, cx: &mut Context<'_>) {
        let Some(connection) = self.get_mut(id).filter(|connection| !connection.closing) else {
            return;
        };
        connection.before_output(cx);
        connection.outbox.share(frames);
        self.close_if_slow(id, cx);
    }

    /// Closes a connection whose reader takes less than it is sent. It can resume later.
    fn close_if_slow(&mut self, id: ConnId, cx: &mut Context<'_>) {
        let now = cx.now.micros;
        let Some(connection) = self.get_mut(id).filter(|it| it.outbox.is_full()) else {
            return;
        };
        let full_since = *connection.full_since.get_or_insert(now);
        let lagging = now.saturating_sub(full_since) >= SLOW_AFTER_MICROS;
        if lagging || connection.outbox.len() >= BACKLOG_BYTES_MAX {
            connection.outbox.drop_behind_front();
            self.close(id, CloseCode::SlowReader, "too slow a reader", cx);
        }
    }

    /// Begins to close a WebSocket.
    pub(crate) fn close(
        &mut self,
        id: ConnId,
        code: CloseCode,
        reason: &str,
        cx: &mut Context<'_>,
    ) {
        let Some(connection) = self.get_mut(id).filter(|connection| !connection.closing) else {
            return;
        };
        let Connection {
            protocol: Protocol::WebSocket(ws),
            outbox,
            ..
        } = connection
        else {
            return;
        };
        ws.socket.close(code, reason, outbox.buffer());
        cx.stats.count_close(code);
        self.end(id, cx);
    }

    /// The peer sends no more.
    pub(crate) fn finished(&mut self, id: ConnId, cx: &mut Context<'_>) {
        match self.get(id).map(|connection| &connection.protocol) {
            Some(Protocol::Http(_)) => self.http_finished(id, cx),
            Some(Protocol::WebSocket(_)) => self.end(id, cx),
            None => {}
        }
    }

    /// Lets a connection end once its output was sent.
    pub(crate) fn end(&mut self, id: ConnId, cx: &mut Context<'_>) {
        if self.begin_to_close(id, cx.now) {
            cx.effects.connections.push((id, ConnEffect::Close));
        }
    }

    /// Takes no more for a connection, and gives it its last deadline; false where that was done before.
    fn begin_to_close(&mut self, id: ConnId, now: Now) -> bool {
        let Some(connection) = self.get_mut(id).filter(|connection| !connection.closing) else {
            return false;
        };
        connection.closing = true;
        // Deadlines from before, which may be sooner, count no more.
        connection.due = None;
        self.schedule(id, now.micros / 1_000_000 + CLOSE_LINGER_SECONDS);
        true
    }

    /// Says that a connection may be read again, where it was not read for a while.
    pub(crate) fn resume_if_wanted(&mut self, id: ConnId, cx: &mut Context<'_>) {
        if self.get(id).is_some_and(|connection| connection.paused)
            && self.would_read(id)
            && let Some(connection) = self.get_mut(id)
        {
            connection.paused = false;
            cx.effects.connections.push((id, ConnEffect::Resume));
        }
    }

    /// Whether a connection's socket should be read, noting a no so that a yes is told later.
    pub(crate) fn wants_input(&mut self, id: ConnId) -> bool {
        let wants = self.would_read(id);
        let Some(connection) = self.get_mut(id) else {
            return wants;
        };
        connection.paused = !wants;
        let has_room = !connection.outbox.is_full();
        if has_room && matches!(&connection.protocol, Protocol::Http(http) if http.halted) {
            self.relieved.push(id);
        }
        wants
    }

    fn would_read(&self, id: ConnId) -> bool {
        self.get(id)
            .is_some_and(|connection| match &connection.protocol {
                _ if connection.is_closing() => false,
                Protocol::Http(http) => http.wants_input() && !connection.outbox.is_full(),
                Protocol::WebSocket(ws) => ws.wants_input() && !connection.outbox.is_full(),
            })
    }

    fn schedule(&mut self, id: ConnId, due: u64) {
        if let Some(connection) = self.get_mut(id)
            && connection.due.is_none_or(|earlier| due < earlier)
        {
            connection.due = Some(due);
            self.deadlines.add(id, due);
        }
    }

    /// Makes sure that a connection is looked at when its next deadline is due.
    pub(crate) fn reschedule(&mut self, id: ConnId, now: Now) {
        if let Some(connection) = self.get(id).filter(|connection| !connection.closing) {
            let due = match &connection.protocol {
                Protocol::Http(http) => http.due_seconds(now),
                Protocol::WebSocket(ws) => ws.due_seconds(),
            };
            self.schedule(id, due);
        }
    }

    /// Goes on with requests at hand where the output has been taken.
    pub(crate) fn go_on_with_relieved(&mut self, api: &mut Api, cx: &mut Context<'_>) {
        for id in std::mem::take(&mut self.relieved) {
            self.go_on(id, api, cx);
        }
    }

    /// Looks at the connections that are due.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        let seconds = cx.now.micros / 1_000_000;
        for (id, due) in self.deadlines.take_due(seconds) {
            let Some(connection) = self.get_mut(id).filter(|it| it.due == Some(due)) else {
                continue;
            };
            connection.due = None;
            if connection.closing {
                cx.effects.connections.push((id, ConnEffect::Abort));
                continue;
            }
            match connection.protocol {
                Protocol::Http(_) => self.tick_http(id, cx),
                Protocol::WebSocket(_) => self.tick_websocket(id, cx),
            }
            self.reschedule(id, cx.now);
        }
    }
}

impl Connection {
    /// Appends own bytes to the output.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        self.before_output(cx);
        write(self.outbox.buffer());
    }

    /// Asks for the output to be sent, where none was waiting yet.
    fn before_output(&mut self, cx: &mut Context<'_>) {
        self.note_room();
        if self.outbox.is_empty() {
            cx.effects.connections.push((self.id, ConnEffect::Flush));
        }
    }

    /// To be called before there is more output: only then can it be seen that some was taken.
    fn note_room(&mut self) {
        if !self.outbox.is_full() {
            self.full_since = None;
        }
    }

    pub(crate) const fn is_closing(&self) -> bool {
        self.closing
    }
}
