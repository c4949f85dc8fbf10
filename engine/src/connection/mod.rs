//! The connections of a shard: what arrived on each, what waits to be sent, and its deadlines.

mod deadlines;
mod http;
mod link;
mod replies;
mod websocket;

use std::net::IpAddr;

use bytes::Bytes;
use rookery_schema::{ChatId, UserId};

use crate::api::Api;
use crate::connection::deadlines::Deadlines;
use crate::connection::http::Http;
use crate::connection::link::Link;
use crate::connection::websocket::Ws;
use crate::context::Context;
use crate::edge::effect::{ConnEffect, HandedOff, Turn};
use crate::edge::input::Entrance;
use crate::edge::port::{Found, StoreFault};
use crate::ids::{Caller, ConnId, Session};
use crate::mesh::Outcome;
use crate::mesh::problem::Problem;
use crate::outbox::{OUTBOX_BYTES_MAX, OUTBOXES_BYTES_MAX, Outbox, WEBSOCKET_OUTBOX_BYTES_MAX};
use crate::ws::CloseCode;

/// Bytes for which there is room once connections were closed to make it: to look for the slowest costs, so it is not
/// done for each of them.
const ROOM_BYTES_MIN: u64 = OUTBOXES_BYTES_MAX / 32;

/// Bytes that may wait for the client of a WebSocket before it is told nothing of what can be left out.
const WHISPER_AHEAD_BYTES_MAX: usize = 16 << 10;

/// Connections that are looked at in a round because they are due.
const DUE_PER_ROUND_MAX: usize = 256;

/// All connections of a shard. Each is looked up once for each thing that happens to it.
#[derive(Default)]
pub(crate) struct Connections {
    slots: Vec<Option<Box<Connection>>>,
    deadlines: Deadlines,
}

/// One connection.
struct Connection {
    link: Link,
    protocol: Protocol,
}

/// What is spoken on a connection.
enum Protocol {
    Http(Box<Http>),
    WebSocket(Box<Ws>),
}

/// How many connections there are, by protocol, and what waits to be sent on them.
#[derive(Default)]
pub(crate) struct Census {
    pub(crate) http: u64,
    pub(crate) websockets: u64,
    pub(crate) waiting_bytes: u64,
}

impl Connection {
    /// What it does when it has its turn.
    fn turn(&self) -> Turn {
        if self.link.is_closing() || self.link.is_full() {
            return Turn::Wait;
        }
        let wants_input = match &self.protocol {
            // Not before all was taken: the buffer of what is left would be kept beside a new one.
            Protocol::Http(http) if http.is_halted() && self.link.waiting_bytes() == 0 => {
                return Turn::GoOn;
            }
            Protocol::Http(http) => http.wants_input(),
            Protocol::WebSocket(ws) => ws.wants_input(),
        };
        if wants_input { Turn::Read } else { Turn::Wait }
    }

    /// Since when it holds memory: for output that its client has not taken, or input that can't be used yet. In
    /// microseconds.
    fn holds_since_micros(&self) -> Option<u64> {
        let output = self.link.oldest_micros();
        let input = match &self.protocol {
            Protocol::Http(http) => http.holds_since_micros(),
            Protocol::WebSocket(ws) => ws.holds_since_micros(),
        };
        output.into_iter().chain(input).min()
    }

    /// When it must be looked at, in microseconds.
    fn due_micros(&self, cx: &Context<'_>) -> Option<u64> {
        match &self.protocol {
            _ if self.link.is_closing() => self.link.stuck_micros(cx),
            Protocol::Http(http) => Some(http.due_micros(&self.link, cx)),
            Protocol::WebSocket(ws) => Some(ws.due_micros(&self.link, cx)),
        }
    }

    /// Makes sure that it is looked at when its next deadline is due.
    fn schedule(&mut self, deadlines: &mut Deadlines, cx: &Context<'_>) {
        if let Some(due) = self.due_micros(cx)
            && self.link.due_micros.is_none_or(|earlier| due < earlier)
        {
            self.link.due_micros = Some(due);
            deadlines.add(self.link.id(), due);
        }
    }

    /// Looks at what is due.
    fn tick(&mut self, api: Api<'_>, cx: &mut Context<'_>) {
        self.link.due_micros = None;
        let link = &mut self.link;
        match &mut self.protocol {
            _ if link.is_closing() => {
                if link.is_stuck(cx) {
                    link.cut_off(cx);
                }
            }
            Protocol::Http(http) => http.tick(link, api, cx),
            Protocol::WebSocket(ws) => ws.tick(link, cx),
        }
    }

    /// Frees what is held for it.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        let link = &mut self.link;
        match &mut self.protocol {
            Protocol::WebSocket(ws) => ws.give_up(link, cx),
            Protocol::Http(http) => http.cut_off(link, cx),
        }
    }
}

impl Connections {
    /// A connection was accepted.
    pub(crate) fn accept(
        &mut self,
        id: ConnId,
        peer: IpAddr,
        entrance: Entrance,
        cx: &Context<'_>,
    ) {
        let http = Http::new(peer, entrance, cx);
        self.insert(id, Protocol::Http(Box::new(http)), cx);
    }

    /// A WebSocket arrived at its user's home.
    pub(crate) fn arrive(&mut self, id: ConnId, socket: HandedOff, cx: &Context<'_>) {
        let ws = Ws::new(socket, cx);
        self.insert(id, Protocol::WebSocket(Box::new(ws)), cx);
    }

    fn insert(&mut self, id: ConnId, protocol: Protocol, cx: &Context<'_>) {
        let slot = id.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        let own_bytes_max = match protocol {
            Protocol::Http(_) => OUTBOX_BYTES_MAX,
            Protocol::WebSocket(_) => WEBSOCKET_OUTBOX_BYTES_MAX,
        };
        let link = Link::new(id, own_bytes_max, cx);
        let mut connection = Box::new(Connection { link, protocol });
        connection.schedule(&mut self.deadlines, cx);
        self.slots[slot] = Some(connection);
    }

    fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        let connection = self.slots.get_mut(id.slot as usize)?.as_deref_mut()?;
        (connection.link.id() == id).then_some(connection)
    }

    /// Runs something on a connection that is not closing.
    fn with(
        &mut self,
        id: ConnId,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Link, &mut Protocol, &mut Context<'_>),
    ) {
        let slot = self.slots.get_mut(id.slot as usize);
        if let Some(Some(connection)) = slot
            && connection.link.id() == id
            && !connection.link.is_closing()
        {
            work(&mut connection.link, &mut connection.protocol, cx);
            connection.schedule(&mut self.deadlines, cx);
        }
    }

    fn with_websocket(
        &mut self,
        id: ConnId,
        cx: &mut Context<'_>,
        work: impl FnOnce(&mut Link, &mut Ws, &mut Context<'_>),
    ) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::WebSocket(ws) => work(link, ws, cx),
            Protocol::Http(_) => {}
        });
    }

    fn websocket(&self, id: ConnId) -> Option<&Ws> {
        let connection = self.slots.get(id.slot as usize)?.as_deref()?;
        match &connection.protocol {
            Protocol::WebSocket(ws) if connection.link.id() == id => Some(ws),
            Protocol::WebSocket(_) | Protocol::Http(_) => None,
        }
    }

    /// The connection has ended; the user of its WebSocket, if it was one.
    pub(crate) fn remove(&mut self, id: ConnId, cx: &mut Context<'_>) -> Option<UserId> {
        self.get_mut(id)?;
        let connection = self.slots.get_mut(id.slot as usize)?.take()?;
        match connection.protocol {
            Protocol::WebSocket(ws) => Some(ws.user_id()),
            Protocol::Http(http) => {
                http.gone(cx);
                None
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// What waits to be sent on a connection.
    pub(crate) fn outbox(&mut self, id: ConnId) -> Option<&mut Outbox> {
        self.get_mut(id).map(|connection| connection.link.outbox())
    }

    /// Whether a WebSocket takes several events in one frame.
    pub(crate) fn batches(&self, id: ConnId) -> bool {
        self.websocket(id).is_some_and(Ws::batches)
    }

    /// Whether a WebSocket will resume, and is to be sent nothing before.
    pub(crate) fn will_resume(&self, id: ConnId) -> bool {
        self.websocket(id).is_some_and(Ws::will_resume)
    }

    /// Bytes that wait to be sent on a connection.
    pub(crate) fn waiting_bytes(&self, id: ConnId) -> usize {
        let slot = self.slots.get(id.slot as usize);
        let connection = slot.and_then(|slot| slot.as_deref());
        let connection = connection.filter(|it| it.link.id() == id);
        connection.map_or(0, |it| it.link.waiting_bytes())
    }

    /// Refuses what the client of a WebSocket asked for, in one chat if it is said.
    pub(crate) fn refuse(
        &mut self,
        id: ConnId,
        problem: &Problem,
        chat_id: Option<ChatId>,
        cx: &mut Context<'_>,
    ) {
        self.with_websocket(id, cx, |link, ws, cx| {
            ws.refuse_wish(link, problem, chat_id, cx)
        });
    }

    /// A WebSocket goes on with the login of this caller, if it is its user's.
    pub(crate) fn renew(&mut self, id: ConnId, caller: Option<Caller>, cx: &mut Context<'_>) {
        self.with_websocket(id, cx, |link, ws, cx| ws.renew(link, caller, cx));
    }

    /// The login that a WebSocket goes by.
    pub(crate) fn session_of(&self, id: ConnId) -> Option<Session> {
        self.websocket(id)?.session()
    }

    /// Bytes came in.
    pub(crate) fn received(
        &mut self,
        id: ConnId,
        bytes: &[u8],
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.received(link, bytes, api, cx),
            Protocol::WebSocket(ws) => ws.received(link, bytes, cx),
        });
    }

    /// A request of the connection was answered by the shard that it was for.
    pub(crate) fn answered(
        &mut self,
        id: ConnId,
        ticket: u64,
        outcome: Outcome,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.answered(link, ticket, outcome, api, cx),
            Protocol::WebSocket(ws) => ws.answered(link, ticket, &outcome, cx),
        });
    }

    /// A request of the connection was answered by the store.
    pub(crate) fn store_read(
        &mut self,
        id: ConnId,
        ticket: u64,
        outcome: Result<Found, StoreFault>,
        api: Api<'_>,
        cx: &mut Context<'_>,
    ) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.store_read(link, ticket, outcome, api, cx),
            Protocol::WebSocket(_) => cx.bug("a WebSocket reads nothing from the store"),
        });
    }

    /// Everything that a WebSocket's user listens to comes here from now on.
    pub(crate) fn welcome(&mut self, id: ConnId, cx: &mut Context<'_>) {
        self.with_websocket(id, cx, |link, ws, cx| ws.welcome(link, cx));
    }

    /// Queues frames that others get too.
    pub(crate) fn share(&mut self, id: ConnId, frames: Bytes, cx: &mut Context<'_>) {
        self.share_by(ConnEffect::Flush, id, frames, cx);
    }

    /// Queues frames that a crowd gets too: they are sent behind what is for others.
    pub(crate) fn share_in_turn(&mut self, id: ConnId, frames: Bytes, cx: &mut Context<'_>) {
        self.share_by(ConnEffect::FlushInTurn, id, frames, cx);
    }

    fn share_by(&mut self, flush: ConnEffect, id: ConnId, frames: Bytes, cx: &mut Context<'_>) {
        self.with_websocket(id, cx, |link, ws, cx| {
            if link.share_by(flush, frames, cx) {
                ws.close_if_slow(link, cx);
            }
        });
    }

    /// Queues frames that others get too, and that can be left out; false where they are left out, since too much waits
    /// for the client.
    pub(crate) fn whisper(&mut self, id: ConnId, frames: &Bytes, cx: &mut Context<'_>) -> bool {
        let mut is_behind = false;
        self.with_websocket(id, cx, |link, ws, cx| {
            is_behind = link.waiting_bytes() > WHISPER_AHEAD_BYTES_MAX;
            if is_behind {
                cx.stats.whispers_dropped_for_clients += 1;
            } else if link.share(frames.clone(), cx) {
                ws.close_if_slow(link, cx);
            }
        });
        !is_behind
    }

    /// Begins to close a WebSocket.
    pub(crate) fn close(
        &mut self,
        id: ConnId,
        code: CloseCode,
        reason: &str,
        cx: &mut Context<'_>,
    ) {
        self.with_websocket(id, cx, |link, ws, cx| ws.close(link, code, reason, cx));
    }

    /// The peer sends no more.
    pub(crate) fn finished(&mut self, id: ConnId, cx: &mut Context<'_>) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.finished(link, cx),
            Protocol::WebSocket(ws) => ws.finished(link, cx),
        });
    }

    fn ids(&self) -> Vec<ConnId> {
        self.all().map(|connection| connection.link.id()).collect()
    }

    /// The process stops. Each connection is told to [`Self::retire`] when all that had come was counted.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) {
        for id in self.ids() {
            self.with_websocket(id, cx, |_, ws, cx| ws.drain(cx));
        }
    }

    /// The process stops: closes a connection once it is answered what had come, of which so many bytes are still to be
    /// received.
    pub(crate) fn retire(&mut self, id: ConnId, unread: usize, cx: &mut Context<'_>) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.retire(unread, cx),
            Protocol::WebSocket(ws) => ws.retire(link, unread, cx),
        });
    }

    /// The credentials of all requests are checked again. WebSockets stay: theirs were checked when they opened.
    pub(crate) fn forget_callers(&mut self) {
        for id in self.ids() {
            if let Some(connection) = self.get_mut(id)
                && let Protocol::Http(http) = &mut connection.protocol
            {
                http.forget_caller();
            }
        }
    }

    /// Whether a connection is one of HTTP whose client is owed no answer.
    pub(crate) fn awaits_client(&self, id: ConnId) -> bool {
        let slot = self.slots.get(id.slot as usize);
        let connection = slot.and_then(|slot| slot.as_deref());
        let connection = connection.filter(|it| it.link.id() == id && !it.link.is_closing());
        connection.is_some_and(|it| match &it.protocol {
            Protocol::Http(http) => http.awaits_client(),
            Protocol::WebSocket(_) => false,
        })
    }

    /// What a connection does now that it has its turn. If it is not read, a resume is due when it may be.
    pub(crate) fn turn(&mut self, id: ConnId) -> Turn {
        let Some(connection) = self.get_mut(id) else {
            return Turn::Wait;
        };
        let turn = connection.turn();
        connection.link.set_paused(turn != Turn::Read);
        turn
    }

    /// Resumes requests that were paused by a full outbox.
    pub(crate) fn go_on(&mut self, id: ConnId, api: Api<'_>, cx: &mut Context<'_>) {
        self.with(id, cx, |link, protocol, cx| match protocol {
            Protocol::Http(http) => http.go_on(link, api, cx),
            Protocol::WebSocket(_) => {}
        });
    }

    /// Notes which connections are due.
    pub(crate) fn tick(&mut self, cx: &Context<'_>) {
        self.deadlines.pass(cx.now.micros);
    }

    /// Looks at connections that are due, as many as a round may.
    pub(crate) fn look_at_due(&mut self, api: Api<'_>, cx: &mut Context<'_>) {
        for _ in 0..DUE_PER_ROUND_MAX {
            let Some((id, due)) = self.deadlines.next_due() else {
                return;
            };
            let slot = self.slots.get_mut(id.slot as usize);
            if let Some(Some(connection)) = slot
                && connection.link.id() == id
                && connection.link.due_micros == Some(due)
            {
                connection.tick(api, cx);
                connection.schedule(&mut self.deadlines, cx);
            }
        }
    }

    /// Whether more connections are due.
    pub(crate) fn has_due(&self) -> bool {
        self.deadlines.has_due()
    }

    /// Where more is held than may be, closes connections until there is room again, first those for which something
    /// has been held for longest. What was queued this very moment has not been offered to its socket yet, and makes
    /// nobody slow.
    pub(crate) fn close_slowest(&mut self, cx: &mut Context<'_>) {
        if cx.held.get() <= OUTBOXES_BYTES_MAX {
            return;
        }
        let behind = self.all().filter_map(|connection| {
            let since = connection.holds_since_micros()?;
            (since < cx.now.micros).then_some((since, connection.link.id()))
        });
        let mut behind: Vec<(u64, ConnId)> = behind.collect();
        behind.sort_by_key(|(since, _)| *since);
        for (_, id) in behind {
            if cx.held.get() + ROOM_BYTES_MIN <= OUTBOXES_BYTES_MAX {
                break;
            }
            if let Some(Some(connection)) = self.slots.get_mut(id.slot as usize) {
                connection.give_up(cx);
                connection.schedule(&mut self.deadlines, cx);
            }
        }
    }

    /// Counts the connections.
    pub(crate) fn census(&self) -> Census {
        let mut census = Census::default();
        for connection in self.all() {
            match connection.protocol {
                Protocol::Http(_) => census.http += 1,
                Protocol::WebSocket(_) => census.websockets += 1,
            }
            census.waiting_bytes += connection.link.waiting_bytes() as u64;
        }
        census
    }

    fn all(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(Option::as_deref)
    }
}
