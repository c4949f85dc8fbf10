//! Who listens to each chat. A room has each of its users once, however many connections they have: to connect once more,
//! or to lose one of several connections, costs the same for a user of many chats as for one of few.

use std::collections::VecDeque;

use rookery_schema::{ChatId, Seq};
use smallvec::SmallVec;

use crate::home::starts::{FirstSince, Moment, Starts};
use crate::ids::ConnId;
use crate::map::{Map, Set};

/// Rooms that forget in a tick where they stood long ago.
const ROOMS_PER_TICK_MAX: usize = 1024;

/// A connected user, as rooms have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId(u32);

/// The users here who listen to one chat.
#[derive(Debug, Default)]
pub(crate) struct Room {
    listeners: Vec<ListenerId>,
    /// The seq of the event that must come next, where that is known.
    next: Option<Seq>,
    /// Sockets that hear it only when they have what they missed.
    passed_over: Set<ConnId>,
    starts: Starts,
}

/// A connection that gets what its user listens to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    pub(crate) conn: ConnId,
    /// Takes several events in one frame.
    pub(crate) batches: bool,
    /// When it became ready.
    pub(crate) since: Moment,
}

/// The connections of all users who listen.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Vec<SmallVec<[Socket; 2]>>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Map<ChatId, Room>,
    /// When rooms are to forget where they stood long ago, in microseconds; the first to come first.
    due: VecDeque<(u64, ChatId)>,
    sockets: Sockets,
    /// Numbers that are no user's.
    free: Vec<ListenerId>,
}

impl Room {
    pub(crate) fn listeners(&self) -> &[ListenerId] {
        &self.listeners
    }

    /// Whether it does not send to a socket.
    pub(crate) fn passes_over(&self, conn: ConnId) -> bool {
        !self.passed_over.is_empty() && self.passed_over.contains(&conn)
    }
}

/// What a batch of events finds of its room.
#[derive(Debug)]
pub(crate) enum Advanced<'a> {
    /// It has come over the batch. The room, and the connections of those who are in it.
    Over(&'a Room, &'a Sockets),
    /// Events are missing in front of the batch.
    NotYet,
    /// Nobody listens.
    NoRoom,
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
    pub(crate) fn get(&self, chat_id: ChatId) -> Option<(&Room, &Sockets)> {
        Some((self.rooms.get(&chat_id)?, &self.sockets))
    }

    /// A room advances over a batch of events, unless its first is not the one that must come next. `latest` is the latest
    /// moment of the home.
    pub(crate) fn advance(
        &mut self,
        chat_id: ChatId,
        (first, count): (Seq, u32),
        latest: Moment,
        now_micros: u64,
    ) -> Advanced<'_> {
        let Some(room) = self.rooms.get_mut(&chat_id) else {
            return Advanced::NoRoom;
        };
        if room.next.is_some_and(|next| next != first) {
            return Advanced::NotYet;
        }
        let due = room.starts.advance(first, latest, now_micros);
        self.due.extend(due.map(|due| (due, chat_id)));
        room.next = Some(Seq(first.0 + u64::from(count)));
        Advanced::Over(room, &self.sockets)
    }

    /// Has rooms forget where they stood long ago, as many as may be at a time.
    pub(crate) fn tick(&mut self, now_micros: u64) {
        for _ in 0..ROOMS_PER_TICK_MAX {
            let is_due = |(due, _): &mut (u64, ChatId)| *due <= now_micros;
            let Some((due, chat_id)) = self.due.pop_front_if(is_due) else {
                break;
            };
            if let Some(room) = self.rooms.get_mut(&chat_id) {
                let again = room.starts.forget(due, now_micros);
                self.due.extend(again.map(|due| (due, chat_id)));
            }
        }
    }

    /// Adds a user to a room that they are not in.
    pub(crate) fn join(&mut self, chat_id: ChatId, listener: ListenerId) {
        let room = self.rooms.entry(chat_id).or_default();
        room.listeners.push(listener);
    }

    /// Has a room expect an event next; the one that it expected until now, where that was another.
    pub(crate) fn expect_next(
        &mut self,
        chat_id: ChatId,
        next: Seq,
        latest: Moment,
        now_micros: u64,
    ) -> Option<Seq> {
        let room = self.rooms.get_mut(&chat_id)?;
        let before = room.next.replace(next).filter(|before| *before != next)?;
        let due = room.starts.advance(before, latest, now_micros);
        self.due.extend(due.map(|due| (due, chat_id)));
        Some(before)
    }

    /// The seq of the event that must come next in a room, where it is known.
    pub(crate) fn next(&self, chat_id: ChatId) -> Option<Seq> {
        self.rooms.get(&chat_id)?.next
    }

    /// What came first in a room since a moment.
    pub(crate) fn first_since(&self, chat_id: ChatId, moment: Moment) -> FirstSince {
        match self.rooms.get(&chat_id) {
            Some(room) => room.starts.first_since(moment),
            None => FirstSince::Nothing,
        }
    }

    /// A room sends nothing to a socket until it is let in.
    pub(crate) fn pass_over(&mut self, chat_id: ChatId, conn: ConnId) {
        if let Some(room) = self.rooms.get_mut(&chat_id) {
            room.passed_over.insert(conn);
        }
    }

    /// Whether a room does not send to a socket.
    pub(crate) fn passes_over(&self, chat_id: ChatId, conn: ConnId) -> bool {
        let room = self.rooms.get(&chat_id);
        room.is_some_and(|room| room.passes_over(conn))
    }

    /// A room sends to a socket again.
    pub(crate) fn let_in(&mut self, chat_id: ChatId, conn: ConnId) {
        if let Some(room) = self.rooms.get_mut(&chat_id)
            && room.passed_over.remove(&conn)
            && room.passed_over.is_empty()
        {
            room.passed_over = Set::default();
        }
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
