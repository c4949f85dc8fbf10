//! Who listens to each chat. A room has each of its users once, however many connections they have: to connect once more,
//! or to lose one of several connections, costs the same for a user of many chats as for one of few.

use rookery_schema::{ChatId, Seq};
use smallvec::SmallVec;

use crate::ids::ConnId;
use crate::map::Map;

/// A connected user, as rooms have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId(u32);

/// The users here who listen to one chat.
#[derive(Debug, Default)]
pub(crate) struct Room {
    listeners: Vec<ListenerId>,
    /// The seq of the event that must come next, once one came.
    next: Option<Seq>,
}

/// A connection that gets what its user listens to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    pub(crate) conn: ConnId,
    /// Takes several events in one frame.
    pub(crate) batches: bool,
}

/// The connections of all users who listen.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Vec<SmallVec<[Socket; 2]>>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Map<ChatId, Room>,
    sockets: Sockets,
    /// Numbers that are no user's.
    free: Vec<ListenerId>,
}

impl Room {
    pub(crate) fn listeners(&self) -> &[ListenerId] {
        &self.listeners
    }

    /// Advances over a batch of events; false where its first is not the one that must come next.
    pub(crate) fn advance(&mut self, first: Seq, count: u32) -> bool {
        let follows = self.next.is_none_or(|next| next == first);
        self.next = Some(Seq(first.0 + u64::from(count)));
        follows
    }
}

impl Sockets {
    pub(crate) fn of(&self, listener: ListenerId) -> &[Socket] {
        self.0.get(listener.0 as usize).map_or(&[], |it| it)
    }

    fn get_mut(&mut self, listener: ListenerId) -> Option<&mut SmallVec<[Socket; 2]>> {
        self.0.get_mut(listener.0 as usize)
    }
}

impl Rooms {
    /// A user who is in no room, and has no connection.
    pub(crate) fn add_listener(&mut self) -> ListenerId {
        self.free.pop().unwrap_or_else(|| {
            self.sockets.0.push(SmallVec::new());
            ListenerId(self.sockets.0.len() as u32 - 1)
        })
    }

    /// A user has left all rooms, and closed all connections.
    pub(crate) fn remove_listener(&mut self, listener: ListenerId) {
        if let Some(sockets) = self.sockets.get_mut(listener) {
            *sockets = SmallVec::new();
            self.free.push(listener);
        }
    }

    /// A connection of a user gets all that they listen to from now on.
    pub(crate) fn open(&mut self, listener: ListenerId, socket: Socket) {
        if let Some(sockets) = self.sockets.get_mut(listener) {
            sockets.push(socket);
        }
    }

    /// A connection of a user gets nothing any more.
    pub(crate) fn close(&mut self, listener: ListenerId, conn: ConnId) {
        if let Some(sockets) = self.sockets.get_mut(listener) {
            sockets.retain(|it| it.conn != conn);
        }
    }

    pub(crate) fn sockets(&self, listener: ListenerId) -> &[Socket] {
        self.sockets.of(listener)
    }

    /// A room, and the connections of those who are in it.
    pub(crate) fn get_mut(&mut self, chat_id: ChatId) -> Option<(&mut Room, &Sockets)> {
        Some((self.rooms.get_mut(&chat_id)?, &self.sockets))
    }

    /// Adds a user to a room that they are not in.
    pub(crate) fn join(&mut self, chat_id: ChatId, listener: ListenerId) {
        let room = self.rooms.entry(chat_id).or_default();
        room.listeners.push(listener);
    }

    /// Removes a user from a room, and the room with its last user.
    pub(crate) fn leave(&mut self, chat_id: ChatId, listener: ListenerId) {
        if let Some(room) = self.rooms.get_mut(&chat_id) {
            if let Some(index) = room.listeners.iter().position(|it| *it == listener) {
                room.listeners.swap_remove(index);
            }
            if room.listeners.is_empty() {
                self.rooms.remove(&chat_id);
            }
        }
    }

    /// Empties rooms whose events come from somebody else from now on, or from nobody.
    pub(crate) fn clear(&mut self, is_over: impl Fn(ChatId) -> bool) {
        self.rooms.retain(|chat_id, _| !is_over(*chat_id));
    }
}
