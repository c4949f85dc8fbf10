//! The connections here that listen to each chat.

use rookery_schema::{ChatId, Seq};

use crate::ids::ConnId;
use crate::map::Map;

/// The connections here that listen to one chat.
#[derive(Debug, Default)]
pub(crate) struct Room {
    listeners: Vec<Listener>,
    /// The seq of the event that must come next, once one came.
    next: Option<Seq>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub(crate) conn: ConnId,
    /// Takes several events in one frame.
    pub(crate) batches: bool,
}

impl Room {
    pub(crate) fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Advances over a batch of events; false where its first is not the one that must come next.
    pub(crate) fn advance(&mut self, first: Seq, count: u32) -> bool {
        let follows = self.next.is_none_or(|next| next == first);
        self.next = Some(Seq(first.0 + u64::from(count)));
        follows
    }

    fn remove(&mut self, conn: ConnId) {
        if let Some(index) = self.listeners.iter().position(|it| it.conn == conn) {
            self.listeners.swap_remove(index);
        }
    }
}

/// All rooms of a home.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Map<ChatId, Room>);

impl Rooms {
    pub(crate) fn get_mut(&mut self, chat_id: ChatId) -> Option<&mut Room> {
        self.0.get_mut(&chat_id)
    }

    pub(crate) fn join(&mut self, chat_id: ChatId, listener: Listener) {
        self.0.entry(chat_id).or_default().listeners.push(listener);
    }

    /// Removes a connection from a room, and the room with its last connection.
    pub(crate) fn leave(&mut self, chat_id: ChatId, conn: ConnId) {
        if let Some(room) = self.0.get_mut(&chat_id) {
            room.remove(conn);
            if room.listeners.is_empty() {
                self.0.remove(&chat_id);
            }
        }
    }
}
