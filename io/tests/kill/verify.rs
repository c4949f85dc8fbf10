//! What must be so in the end: every acknowledged message is there exactly once, in one order that all readers
//! agree on.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde_json::Value;

use super::support::api::Api;
use super::world::{CHATS, Ledger, Room, World};

/// How many members read each history in the end.
const READERS_PER_CHAT: usize = 3;

/// A room's messages in order of their seqs, from the first, which is 2: 1 is the room's creation.
struct History {
    messages: Vec<Value>,
}

impl History {
    fn read(addr: SocketAddr, room: &Room, reader: &str) -> Self {
        let mut messages = Api::trusted(addr, reader).history(&room.chat_id);
        messages.reverse();
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(message["seq"], index + 2, "seqs are dense: {message}");
        }
        Self { messages }
    }

    fn id_at(&self, seq: u64) -> Option<&str> {
        self.messages.get((seq as usize).checked_sub(2)?)?["message_id"].as_str()
    }
}

/// Checks everything; `faults` is how many there were.
pub(super) fn verify(world: &World, addr: SocketAddr, faults: usize) {
    let ledger = world.ledger.lock().unwrap();
    let histories: Vec<History> = world
        .rooms
        .iter()
        .map(|room| read_as_several(addr, room))
        .collect();
    let mut found = 0;
    for (index, history) in histories.iter().enumerate() {
        found += history.messages.len();
        verify_room(&world.rooms[index], index, history, &ledger);
    }
    assert_eq!(found, ledger.len(), "acknowledged and found");
    let heard = world.heard.lock().unwrap();
    let live: usize = heard.iter().map(|(_, run)| run.len()).sum();
    for (room, run) in heard.iter() {
        verify_run(&histories[*room], run);
    }
    eprintln!("{faults} faults, {found} messages acknowledged, {live} heard live");
    assert!(found > faults * CHATS && live > faults, "the run had work");
}

/// The history, which is the same for all.
fn read_as_several(addr: SocketAddr, room: &Room) -> History {
    let mut members = room.members.iter();
    let first = History::read(addr, room, members.next().unwrap());
    for reader in members.take(READERS_PER_CHAT - 1) {
        let same = History::read(addr, room, reader);
        assert!(same.messages == first.messages, "{} differs", room.chat_id);
    }
    first
}

/// Every message is one that was sent, as it was sent and as it was acknowledged, and none is there
/// twice. All senders retried until they had their acknowledgement, so there is none without one.
fn verify_room(room: &Room, index: usize, history: &History, ledger: &Ledger) {
    let mut ids = HashSet::new();
    for message in &history.messages {
        let client_id = message["client_id"].as_str().unwrap();
        let (wanted, ack) = &ledger[client_id];
        assert_eq!(wanted.room, index, "{message}");
        assert_eq!(message["chat_id"], room.chat_id.as_str());
        assert_eq!(message["sender_id"], wanted.sender.as_str());
        assert_eq!(message["content"], wanted.content());
        assert_eq!(
            message["message_id"],
            ack.message_id.as_str(),
            "{client_id}"
        );
        assert!(
            ack.created_at.is_empty() || message["created_at"] == ack.created_at.as_str(),
            "{message}"
        );
        assert!(ids.insert(client_id), "{client_id} is there twice");
    }
}

/// What a connection heard was a piece of the history without a gap.
fn verify_run(history: &History, run: &[(u64, String)]) {
    for pair in run.windows(2) {
        assert_eq!(pair[0].0 + 1, pair[1].0, "live seqs are dense");
    }
    for (seq, id) in run {
        assert_eq!(history.id_at(*seq), Some(id.as_str()), "seq {seq}, live");
    }
}
