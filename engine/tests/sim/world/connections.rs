//! Connections of clients: bytes that come and go, and WebSockets that are handed from shard to shard.

use rookery_engine::effect::ConnEffect;
use rookery_engine::ids::ConnId;
use rookery_engine::input::{Entrance, Input};
use rookery_testing::host::Host;
use rookery_testing::http::HttpReply;

use crate::wires::{Wire, WireId};
use crate::world::{SECOND, World};

impl World {
    pub(super) fn take_conn_effect(&mut self, id: WireId, effect: ConnEffect) {
        match effect {
            ConnEffect::Flush | ConnEffect::FlushInTurn => drop(self.wires.unread.insert(id)),
            ConnEffect::Resume => self.wires.get(id).paused = false,
            ConnEffect::Abort => self.hang_up(id),
            ConnEffect::Close if self.wires.unread.contains(&id) => {
                self.wires.get(id).closing = true;
            }
            ConnEffect::Close => self.hang_up(id),
            ConnEffect::HandOff { to, socket } => {
                self.take_output(id, usize::MAX);
                if let Some((shard, conn)) = self.wires.get(id).at {
                    self.wires.hand_off(id, to, socket);
                    self.step(shard, Input::Gone { conn });
                }
            }
        }
    }

    /// The client takes so many bytes, or all that there are.
    fn take_output(&mut self, id: WireId, at_most: usize) {
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        let taken = self.shards[shard].read(conn, at_most);
        self.wires.get(id).receive(&taken);
        let is_empty = |host: &mut Host| host.shard.outbox(conn).is_none_or(|it| it.is_empty());
        if is_empty(&mut self.shards[shard]) {
            self.wires.unread.remove(&id);
        }
    }

    /// The client takes some of what there is for it, and the server looks whether it may go on.
    pub(super) fn deliver_output(&mut self, id: WireId) {
        let at_most = match self.dice.one_in(2) {
            true => 1 + self.dice.below(200),
            false => usize::MAX,
        };
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        self.take_output(id, at_most);
        if self.wires.get(id).closing {
            if !self.wires.unread.contains(&id) {
                self.hang_up(id);
            }
            return;
        }
        self.give_turn(shard, id, conn);
    }

    /// Gives a connection its turn; whether the server wants to read it.
    fn give_turn(&mut self, shard: usize, id: WireId, conn: ConnId) -> bool {
        let host = self.on_time(shard);
        let wants_input = host.wants_input(conn);
        host.flush();
        let effects = host.take();
        self.wires.get(id).paused = !wants_input;
        self.take_effects(shard, effects);
        wants_input
    }

    fn hang_up(&mut self, id: WireId) {
        let at = self.wires.get(id).at;
        self.wires.close(id);
        if let Some((shard, conn)) = at {
            self.step(shard, Input::Gone { conn });
        }
    }

    /// Connects to some shard, as a kernel would choose one.
    pub(crate) fn connect(&mut self) -> WireId {
        self.connect_by(Entrance::Public { operations: true })
    }

    /// The same, where operators connect.
    pub(crate) fn connect_as_operator(&mut self) -> WireId {
        self.connect_by(Entrance::Admin)
    }

    fn connect_by(&mut self, entrance: Entrance) -> WireId {
        let shard = self.dice.below(self.shards.len());
        let conn = self.shards[shard].next_conn();
        let id = self.wires.add(shard, conn);
        let peer = ([127, 0, 0, 1], 9).into();
        self.step(
            shard,
            Input::Accepted {
                conn,
                peer,
                entrance,
            },
        );
        id
    }

    /// Sends a request from a connection of its own, and lets everything come to its end.
    pub(crate) fn call(&mut self, request: &[u8]) -> HttpReply {
        let wire = self.connect();
        self.send(wire, request);
        self.settle();
        self.wire(wire).next_http().unwrap()
    }

    pub(crate) fn disconnect(&mut self, id: WireId) {
        if self.wires.get(id).open {
            self.hang_up(id);
        }
    }

    pub(crate) fn wire(&mut self, id: WireId) -> &mut Wire {
        self.wires.get(id)
    }

    /// Sends bytes, which arrive cut at random places.
    pub(crate) fn send(&mut self, id: WireId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let cut = match self.dice.one_in(3) {
                true => 1 + self.dice.below(bytes.len()),
                false => bytes.len(),
            };
            let (head, tail) = bytes.split_at(cut);
            self.wires.send(id, head.to_vec());
            bytes = tail;
        }
    }

    pub(super) fn deliver_bytes(&mut self, id: WireId) {
        let Some((shard, conn)) = self.wires.get(id).at else {
            return;
        };
        if !self.give_turn(shard, id, conn) {
            return;
        }
        let bytes = self.wires.take_bytes(id).unwrap_or_default();
        if self.wires.retires(id) {
            let unread = bytes.len();
            self.step(shard, Input::Retire { conn, unread });
        }
        if !bytes.is_empty() {
            self.receive(shard, conn, &bytes);
        }
    }

    /// A shard reads bytes, which sometimes waited for longer than messages may.
    fn receive(&mut self, shard: usize, conn: ConnId, bytes: &[u8]) {
        let waited_micros = match self.reads_late && self.dice.one_in(50) {
            true => self.dice.below(2 * SECOND as usize) as u64,
            false => 0,
        };
        self.step(
            shard,
            Input::Received {
                conn,
                bytes,
                waited_micros,
            },
        );
    }

    pub(super) fn arrive(&mut self, id: WireId) {
        let Some((to, socket)) = self.wires.get(id).handed_off.take() else {
            return;
        };
        let (shard, socket) = (to.index(), *socket);
        let conn = self.shards[shard].next_conn();
        self.wires.arrive(id, shard, conn);
        self.step(shard, Input::Arrived { conn, socket });
    }
}
