//! The clients' ends of connections.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rookery_engine::effect::HandedOff;
use rookery_engine::ids::ConnId;
use rookery_schema::ShardId;
use rookery_testing::http::HttpReply;
use rookery_testing::ws::{PONG, take_frame};
use serde_json::Value;

/// Names a client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WireId(usize);

/// A client's end of a connection.
#[derive(Default)]
pub(crate) struct Wire {
    /// Where the server's end is; nowhere while it is handed from shard to shard.
    pub(crate) at: Option<(usize, ConnId)>,
    /// Where it is handed to.
    pub(crate) handed_off: Option<(ShardId, Box<HandedOff>)>,
    pub(crate) open: bool,
    /// The server closes it when the client has taken what there is.
    pub(crate) closing: bool,
    /// The server does not read for now.
    pub(crate) paused: bool,
    is_websocket: bool,
    to_server: VecDeque<Vec<u8>>,
    received: Vec<u8>,
}

impl Wire {
    /// Bytes came from the server. A WebSocket's client answers pings.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole HTTP reply.
    pub(crate) fn next_http(&mut self) -> Option<HttpReply> {
        HttpReply::take(&mut self.received)
    }

    /// The texts of the whole frames that have come.
    pub(crate) fn texts(&mut self) -> Vec<Value> {
        let mut texts = Vec::new();
        while let Some((opcode, payload)) = take_frame(&mut self.received) {
            match opcode {
                1 => texts.push(serde_json::from_slice(&payload).unwrap()),
                8 => assert!(
                    !payload.starts_with(&1002u16.to_be_bytes()),
                    "a client broke the protocol"
                ),
                _ => {}
            }
        }
        texts
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Wires {
    all: BTreeMap<WireId, Wire>,
    by_conn: BTreeMap<(usize, u32), WireId>,
    /// Those with bytes under way to the server.
    sending: BTreeSet<WireId>,
    /// Those with bytes that the client has not taken.
    pub(crate) unread: BTreeSet<WireId>,
    /// Those that are handed from shard to shard.
    pub(crate) moving: BTreeSet<WireId>,
    /// The process stops.
    draining: bool,
    /// Those of which it has not read yet all that had come by then.
    retiring: BTreeSet<WireId>,
    last: usize,
}

impl Wires {
    pub(crate) fn get(&mut self, id: WireId) -> &mut Wire {
        self.all.get_mut(&id).unwrap()
    }

    /// Whose end a connection is.
    pub(crate) fn of(&self, shard: usize, conn: ConnId) -> Option<WireId> {
        self.by_conn.get(&(shard, conn.slot)).copied()
    }

    pub(crate) fn add(&mut self, shard: usize, conn: ConnId) -> WireId {
        self.last += 1;
        let id = WireId(self.last);
        let wire = Wire {
            open: true,
            ..Wire::default()
        };
        self.all.insert(id, wire);
        self.arrive(id, shard, conn);
        id
    }

    /// The server's end is here from now on.
    pub(crate) fn arrive(&mut self, id: WireId, shard: usize, conn: ConnId) {
        self.by_conn.insert((shard, conn.slot), id);
        self.moving.remove(&id);
        if self.draining {
            self.retiring.insert(id);
        }
        let wire = self.get(id);
        wire.at = Some((shard, conn));
        wire.paused = false;
    }

    /// The server's end leaves for another shard, as a WebSocket.
    pub(crate) fn hand_off(&mut self, id: WireId, to: ShardId, socket: Box<HandedOff>) {
        self.leave(id);
        self.moving.insert(id);
        let wire = self.get(id);
        wire.handed_off = Some((to, socket));
        wire.is_websocket = true;
    }

    /// The connection has ended.
    pub(crate) fn close(&mut self, id: WireId) {
        self.leave(id);
        self.moving.remove(&id);
        self.sending.remove(&id);
        self.retiring.remove(&id);
        self.get(id).open = false;
    }

    fn leave(&mut self, id: WireId) {
        self.unread.remove(&id);
        if let Some((shard, conn)) = self.get(id).at.take() {
            self.by_conn.remove(&(shard, conn.slot));
        }
    }

    /// All connections have ended.
    pub(crate) fn close_all(&mut self) {
        let open: Vec<WireId> = self.all.keys().copied().collect();
        open.into_iter().for_each(|id| self.close(id));
        self.draining = false;
    }

    /// The process stops: all bytes that are under way count as having come.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        let open = self.all.iter().filter(|(_, wire)| wire.open);
        self.retiring = open.map(|(id, _)| *id).collect();
    }

    /// Whether nothing is under way any more to a server that stops. True once.
    pub(crate) fn retires(&mut self, id: WireId) -> bool {
        !self.sending.contains(&id) && self.retiring.remove(&id)
    }

    /// Puts bytes on their way.
    pub(crate) fn send(&mut self, id: WireId, bytes: Vec<u8>) {
        if self.get(id).open {
            self.get(id).to_server.push_back(bytes);
            self.sending.insert(id);
        }
    }

    /// Takes bytes that arrive at the server.
    pub(crate) fn take_bytes(&mut self, id: WireId) -> Option<Vec<u8>> {
        let to_server = &mut self.get(id).to_server;
        let bytes = to_server.pop_front();
        if to_server.is_empty() {
            self.sending.remove(&id);
        }
        bytes
    }

    /// Those whose bytes may arrive.
    pub(crate) fn arriving(&self) -> impl Iterator<Item = WireId> + '_ {
        let may_arrive = |id: &&WireId| {
            let wire = &self.all[id];
            wire.at.is_some() && !wire.paused
        };
        let all = self.sending.union(&self.retiring);
        all.filter(may_arrive).copied()
    }

    /// Shows the server that whoever is connected is still there, as a client that answers pings does.
    pub(crate) fn keep_alive(&mut self) {
        let is_alive = |wire: &Wire| wire.open && wire.is_websocket;
        let all = self.all.iter().filter(|(_, wire)| is_alive(wire));
        let alive: Vec<WireId> = all.map(|(id, _)| *id).collect();
        for id in alive {
            self.send(id, PONG.to_vec());
        }
    }
}
