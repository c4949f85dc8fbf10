//! All connections of a shard, by id, and which of them have something to do.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::time::Duration;

use rookery_engine::effect::ConnEffect;
use rookery_engine::ids::ConnId;

use super::admission::{Admission, Permit};
use super::connection::{Connection, Next, PROVEN_READ_BYTES_MAX};
use super::crowd::Crowd;
use super::listener::{Accepted, Bound, Entrance, Listeners};
use super::poller::{Event, Poller, Readiness};
use super::slab::Slab;
use super::socket::Socket;
use super::turns::Turns;

/// Connections of one shard beyond which it accepts no more.
const CONNECTIONS_MAX: usize = 1 << 18;
/// Connections that are looked at for those that give way, in one tick.
const LOOKED_AT_MAX: usize = 4096;
/// Connections accepted at once.
pub(crate) const ACCEPTED_MAX: usize = 16;

pub(crate) struct Connections {
    all: Slab<Connection>,
    pub(crate) poller: Poller,
    listeners: Listeners,
    admission: Admission,
    /// Events of the last poll; kept for its allocation.
    events: Vec<Event>,
    /// Those that have something to do, each once.
    ready: Turns,
    /// Those that are done for, and still have to be closed.
    ending: VecDeque<ConnId>,
    pub(crate) crowd: Crowd,
    /// Those on their way out.
    closing: Vec<ConnId>,
    /// Those that are not read because of a stall.
    parked: Vec<ConnId>,
    /// How often connections were looked at for those that give way.
    looks: usize,
    /// All connections share it, so an idle one needs none.
    buffer: Box<[u8]>,
}

impl Connections {
    /// No connections yet; they will come from these listeners.
    ///
    /// # Errors
    /// Where the kernel has no memory or no descriptor to watch sockets with.
    pub(crate) fn new(
        bound: Vec<Bound>,
        admission: Admission,
        alarm: impl AsFd,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.watch_alarm(alarm)?;
        let mut listeners = Listeners::default();
        for one in bound {
            listeners.add(one, &poller)?;
        }
        Ok(Self {
            all: Slab::default(),
            poller,
            listeners,
            admission,
            events: Vec::new(),
            ready: Turns::new(),
            ending: VecDeque::new(),
            crowd: Crowd::default(),
            closing: Vec::new(),
            parked: Vec::new(),
            looks: 0,
            buffer: vec![0; PROVEN_READ_BYTES_MAX].into_boxed_slice(),
        })
    }

    /// How many listeners there are.
    pub(crate) const fn listeners(&self) -> usize {
        self.listeners.len()
    }

    /// Accepts no more connections.
    pub(crate) fn close_listeners(&mut self) {
        self.listeners.close(&self.poller);
    }

    /// The process stops: reads of all connections what had come for them.
    pub(crate) fn retire(&mut self, now: u64) {
        let ids: Vec<ConnId> = self.all.ids().collect();
        for conn in ids {
            if let Some(connection) = self.all.get_mut(conn) {
                connection.begin_to_retire();
                list(&mut self.ready, conn, connection, now);
            }
        }
    }

    /// Whether some have something to do.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.ending.is_empty()
    }

    /// Whether no output is waiting, and no connection is on its way out.
    pub(crate) fn is_flushed(&mut self) -> bool {
        self.closing.is_empty()
            && self.crowd.is_empty()
            && !self.all.values_mut().any(|one| one.is_blocked())
    }

    /// Resumes listeners that were paused, and ends connections that have lingered for long enough.
    pub(crate) fn tick(&mut self, now: u64) {
        self.listeners.resume(&self.poller);
        let (all, ready) = (&mut self.all, &mut self.ready);
        self.closing.retain(|&conn| {
            let connection = all.get_mut(conn);
            let known = connection.is_some();
            if let Some(connection) = connection
                && connection.end_lingering(now)
            {
                list(ready, conn, connection, now);
            }
            known
        });
    }

    /// Waits until something happens to a socket or the alarm is rung, as long as it may.
    pub(crate) fn wait(&mut self, at_most: Duration) {
        self.poller.wait(at_most, &mut self.events);
    }

    /// What has happened to sockets by the last wait. Hand the list back to [`Self::reuse`].
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Keeps the allocation of a list of events.
    pub(crate) fn reuse(&mut self, events: Vec<Event>) {
        self.events = events;
    }

    /// How many connections a process with so many shards may have.
    pub(crate) fn max(&self, shards: usize) -> usize {
        self.admission.public_max().min(CONNECTIONS_MAX * shards)
    }

    /// Accepts who is waiting at a listener, up to a limit.
    pub(crate) fn accept(&mut self, listener: usize) -> Vec<Accepted> {
        // Connections that moved here count too, but are never turned away.
        let room = CONNECTIONS_MAX
            .saturating_sub(self.all.len())
            .min(ACCEPTED_MAX);
        self.listeners
            .accept(listener, room, &self.admission, &self.poller)
    }

    /// Ends connections for new ones where hardly any room is left: some of those that wait for their clients, of the
    /// networks that have most. Returns how many.
    pub(crate) fn make_room(&mut self, awaits_client: impl Fn(ConnId) -> bool) -> usize {
        let entrances: Vec<Entrance> = self.listeners.entrances().collect();
        let mut ended = 0;
        for entrance in entrances {
            let shortage = self.admission.shortage(entrance);
            if shortage > 0 {
                let giving_way = self.giving_way(entrance, shortage, &awaits_client);
                ended += giving_way.len();
                giving_way.into_iter().for_each(|conn| self.end(conn));
            }
        }
        ended
    }

    /// Connections at an entrance that give way, `at_most` of them. Of very many, only some are looked at.
    fn giving_way(
        &mut self,
        entrance: Entrance,
        at_most: usize,
        awaits_client: impl Fn(ConnId) -> bool,
    ) -> Vec<ConnId> {
        let step = self.all.len() / LOOKED_AT_MAX + 1;
        self.looks = self.looks.wrapping_add(1);
        let ids = self.all.ids().skip(self.looks % step).step_by(step);
        let ranked = ids.filter(|conn| awaits_client(*conn)).filter_map(|conn| {
            let rank = self.all.get(conn)?.gives_way(entrance)?;
            Some((rank, conn))
        });
        let mut ranked: Vec<(u32, ConnId)> = ranked.collect();
        ranked.sort_unstable_by_key(|(rank, _)| Reverse(*rank));
        ranked.truncate(at_most);
        ranked.into_iter().map(|(_, conn)| conn).collect()
    }

    /// Takes over a socket.
    ///
    /// # Errors
    /// Where the kernel can't watch it.
    pub(crate) fn open(&mut self, socket: Socket, permit: Permit, now: u64) -> io::Result<ConnId> {
        let network = permit.network();
        let queue = |conn| self.ready.queue_of(conn, network);
        let conn = self
            .all
            .insert_with(|conn| Connection::new(socket, permit, queue(conn)));
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

    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.all.get_mut(conn)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.all.ids()
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Connection> {
        self.all.remove(conn)
    }

    /// Notes what a socket can do now; calls `send` if output was waiting for it.
    pub(crate) fn note(
        &mut self,
        conn: ConnId,
        readiness: Readiness,
        now: u64,
        send: impl FnOnce(&mut Connection),
    ) {
        let Some(connection) = self.all.get_mut(conn) else {
            return;
        };
        if connection.note(readiness) {
            send(connection);
        }
        list(&mut self.ready, conn, connection, now);
    }

    /// Does what the engine asked for, then calls `send`, which says whether there is more to do.
    pub(crate) fn update(
        &mut self,
        conn: ConnId,
        effect: ConnEffect,
        now: u64,
        send: impl FnOnce(&mut Connection) -> bool,
    ) {
        let Some(connection) = self.all.get_mut(conn) else {
            return;
        };
        if matches!(effect, ConnEffect::FlushInTurn) {
            if !mem::replace(&mut connection.is_in_crowd, true) {
                self.crowd.push(conn, now);
            }
            return;
        }
        let changes = !matches!(effect, ConnEffect::Flush);
        if connection.update(effect) {
            self.closing.push(conn);
        }
        if send(connection) || changes {
            list(&mut self.ready, conn, connection, now);
        }
    }

    /// The next of a crowd, unless this round has sent to enough of them.
    pub(crate) fn next_of_crowd(&mut self, sent: usize, now: u64) -> Option<ConnId> {
        let conn = self.crowd.next(sent, now)?;
        if let Some(connection) = self.all.get_mut(conn) {
            connection.is_in_crowd = false;
        }
        Some(conn)
    }

    /// The connection whose turn it is.
    pub(crate) fn next_ready(&mut self) -> Option<ConnId> {
        self.ready.pop()
    }

    /// No more have their turn in this round.
    pub(crate) fn end_turns(&mut self) {
        self.ready.end_round();
    }

    /// Does nothing more with a connection, and closes it soon.
    pub(crate) fn end(&mut self, conn: ConnId) {
        if let Some(connection) = self.all.get_mut(conn) {
            connection.abort();
            self.ending.push_back(conn);
        }
    }

    /// The next connection that has to be closed.
    pub(crate) fn next_ending(&mut self) -> Option<ConnId> {
        self.ending.pop_front()
    }

    /// Notes that a connection has something to do, since `since` at the latest.
    pub(crate) fn list(&mut self, conn: ConnId, since: u64) {
        if let Some(connection) = self.all.get_mut(conn) {
            list(&mut self.ready, conn, connection, since);
        }
    }

    /// Notes that a connection gets its turn now. Returns how long it had to wait, in microseconds.
    pub(crate) fn unlist(&mut self, conn: ConnId, now: u64) -> u64 {
        let connection = self.all.get_mut(conn);
        let listed = connection.and_then(|connection| connection.listed_micros.take());
        listed.map_or(0, |listed| now.saturating_sub(listed))
    }

    /// What a connection does next; `flushed` says whether it has no output left.
    pub(crate) fn next(&mut self, conn: ConnId, now: u64, flushed: impl FnOnce() -> bool) -> Next {
        match self.all.get_mut(conn) {
            None => Next::Wait,
            Some(connection) if connection.is_open() => Next::Read,
            Some(connection) => connection.next(flushed(), now),
        }
    }

    /// Reads once from a connection: `None` where there is nothing, no bytes at the end.
    pub(crate) fn receive(
        &mut self,
        conn: ConnId,
    ) -> Option<(&mut Connection, io::Result<Option<&[u8]>>)> {
        let connection = self.all.get_mut(conn)?;
        let read = connection.receive(&mut self.buffer);
        let buffer = &self.buffer;
        Some((
            connection,
            read.map(|read| read.map(|read| &buffer[..read])),
        ))
    }

    /// Leaves a connection unread until the stall is over. It has had something to do since `since`.
    pub(crate) fn park(&mut self, conn: ConnId, since: u64) {
        if let Some(connection) = self.all.get_mut(conn)
            && connection.parked_micros.is_none()
        {
            connection.parked_micros = Some(since);
            self.parked.push(conn);
        }
    }

    /// Reads again from connections that were not read because of a stall.
    pub(crate) fn unpark(&mut self) {
        for conn in self.parked.drain(..) {
            if let Some(connection) = self.all.get_mut(conn)
                && let Some(since) = connection.parked_micros.take()
            {
                list(&mut self.ready, conn, connection, since);
            }
        }
    }
}

/// As [`Connections::list`], for a connection that was looked up already.
fn list(ready: &mut Turns, conn: ConnId, connection: &mut Connection, since: u64) {
    let listed = connection.listed_micros;
    connection.listed_micros = Some(listed.map_or(since, |listed| listed.min(since)));
    if listed.is_none() {
        ready.push(conn, connection.queue);
    }
}
