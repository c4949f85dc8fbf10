//! One connected user: their connections, and the chats that they listen to.

use rookery_schema::{ChatId, Route, Seq, UserId};
use smallvec::SmallVec;

use crate::context::Context;
use crate::home::rooms::{ListenerId, Rooms};
use crate::home::starts::{FirstSince, Moment};
use crate::ids::ConnId;
use crate::map::Map;
use crate::mesh::{ShardMessage, Subscription};

/// See the module.
#[derive(Debug)]
pub(crate) struct User {
    /// Who they are in rooms.
    pub(crate) listener: ListenerId,
    /// The number of their stay, which ends with their last connection.
    stay: u64,
    phase: Phase,
    /// The oldest first.
    pub(crate) connections: SmallVec<[ConnId; 2]>,
    /// Connections that wait for `ready`.
    pub(crate) newcomers: SmallVec<[ConnId; 2]>,
    /// Chats that they are subscribed to, or are being subscribed to, and whether they are in the room.
    chats: Map<ChatId, bool>,
    /// Of chats that they came into while they were connected, and others listened to: the event that came next.
    came_before: Map<ChatId, Seq>,
    /// Chats that they are going to be subscribed to.
    unasked: Vec<ChatId>,
    /// Subscriptions that were not answered yet.
    unanswered: usize,
    /// They wait for a turn.
    pub(crate) has_turn: bool,
}

/// What is done for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Their chats are being read from the store, or will be again after a pause.
    Loading,
    /// They are being subscribed to their chats, or are.
    Listening,
    /// Their last connection has ended. Whoever comes back meanwhile waits until all owners know.
    Leaving,
}

impl User {
    pub(crate) fn new(listener: ListenerId, stay: u64) -> Self {
        Self {
            listener,
            stay,
            phase: Phase::Loading,
            connections: SmallVec::new(),
            newcomers: SmallVec::new(),
            chats: Map::default(),
            came_before: Map::default(),
            unasked: Vec::new(),
            unanswered: 0,
            has_turn: false,
        }
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.phase == Phase::Loading
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.phase == Phase::Leaving
    }

    /// Whether this stay of theirs has not ended.
    pub(crate) fn is_in_stay(&self, stay: u64) -> bool {
        self.stay == stay && !self.is_leaving()
    }

    /// Whether all their chats' events come here.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.phase == Phase::Listening && self.unasked.is_empty() && self.unanswered == 0
    }

    /// Whether they listen to a chat, or are going to in a moment.
    pub(crate) fn listens_to(&self, is_it: impl Fn(ChatId) -> bool) -> bool {
        self.chats.keys().any(|chat_id| is_it(*chat_id))
    }

    /// Removes the oldest connection where there are more than so many (0: without limit): it gives way to the newest.
    pub(crate) fn replaced(&mut self, connections_max: usize) -> Option<ConnId> {
        if connections_max == 0 || self.connections.len() <= connections_max {
            return None;
        }
        let oldest = self.connections.remove(0);
        self.newcomers.retain(|other| *other != oldest);
        Some(oldest)
    }

    /// A connection of theirs ended.
    pub(crate) fn disconnect(&mut self, conn: ConnId) {
        self.connections.retain(|other| *other != conn);
        self.newcomers.retain(|other| *other != conn);
        if self.connections.is_empty() {
            self.phase = Phase::Leaving;
            self.unasked = Vec::new();
        }
    }

    /// Their chats are known: they are subscribed to these in turns.
    pub(crate) fn loaded(&mut self, chats: Vec<ChatId>) {
        self.phase = Phase::Listening;
        self.unasked = chats;
    }

    /// Subscribes to more of their chats, or leaves more where they have left, but no more than so many. How many that
    /// were.
    pub(crate) fn go_on(
        &mut self,
        user_id: UserId,
        count_max: usize,
        rooms: &mut Rooms,
        again: &mut Vec<Subscription>,
        cx: &mut Context<'_>,
    ) -> usize {
        if self.is_leaving() {
            return self.leave_some(user_id, count_max, rooms, cx);
        }
        let rest = self.unasked.len().saturating_sub(count_max);
        let group = self.unasked.split_off(rest);
        if self.unasked.is_empty() {
            self.unasked = Vec::new();
        }
        let count = group.len();
        for chat_id in group {
            self.subscribe(user_id, chat_id, again, cx);
        }
        count
    }

    fn leave_some(
        &mut self,
        user_id: UserId,
        count_max: usize,
        rooms: &mut Rooms,
        cx: &mut Context<'_>,
    ) -> usize {
        let mut count = 0;
        for (chat_id, is_in_room) in self.chats.extract_if(|_, _| true).take(count_max) {
            if is_in_room {
                rooms.leave(chat_id, self.listener);
            }
            send_unsubscription(chat_id, vec![user_id], cx);
            count += 1;
        }
        count
    }

    /// Whether there is something to do for another turn.
    pub(crate) fn has_more(&self) -> bool {
        !self.unasked.is_empty() || self.is_leaving() && !self.chats.is_empty()
    }

    /// Subscribes to a chat, unless that was done before; true the first time. Where nobody serves the chat, the
    /// subscription is added to `again`.
    pub(crate) fn subscribe(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        again: &mut Vec<Subscription>,
        cx: &mut Context<'_>,
    ) -> bool {
        let is_new = !self.chats.contains_key(&chat_id);
        if is_new {
            self.chats.insert(chat_id, false);
            self.unanswered += 1;
            let wanted = Subscription {
                chat_id,
                user_id,
                stay: self.stay,
            };
            send_subscription(wanted, again, cx);
        }
        is_new
    }

    /// A subscription was answered; false where none waits for an answer.
    pub(crate) const fn answered(&mut self) -> bool {
        let waits = self.unanswered > 0;
        self.unanswered = self.unanswered.saturating_sub(1);
        waits
    }

    /// The events of one of their chats come here from now on.
    pub(crate) fn join(&mut self, chat_id: ChatId, rooms: &mut Rooms) {
        if let Some(is_in_room) = self.chats.get_mut(&chat_id)
            && !std::mem::replace(is_in_room, true)
        {
            rooms.join(chat_id, self.listener);
        }
    }

    /// The same, while connections of theirs are ready.
    pub(crate) fn come(&mut self, chat_id: ChatId, rooms: &mut Rooms) {
        if let Some(next) = rooms.next(chat_id) {
            self.came_before.insert(chat_id, next);
        }
        self.join(chat_id, rooms);
    }

    /// What a connection of theirs was sent first, or would have been, of a chat in whose room they are, since a moment at
    /// which it became ready.
    pub(crate) fn first_since(&self, chat_id: ChatId, moment: Moment, rooms: &Rooms) -> FirstSince {
        let came_before = self.came_before.get(&chat_id).copied();
        match rooms.first_since(chat_id, moment) {
            FirstSince::Event(first) => {
                FirstSince::Event(came_before.map_or(first, |came| came.max(first)))
            }
            none @ (FirstSince::Nothing | FirstSince::Forgotten) => none,
        }
    }

    /// Whether some connection of theirs is ready.
    pub(crate) fn is_welcome(&self) -> bool {
        self.connections.len() > self.newcomers.len()
    }

    /// The connections of theirs that are ready.
    pub(crate) fn welcomed(&self) -> impl Iterator<Item = ConnId> + '_ {
        let all = self.connections.iter().copied();
        all.filter(|conn| !self.newcomers.contains(conn))
    }

    /// The chats in whose rooms they are.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = ChatId> + '_ {
        let chats = self.chats.iter();
        chats.filter_map(|(chat_id, is_in_room)| is_in_room.then_some(*chat_id))
    }

    /// Whether they are in the room of a chat.
    pub(crate) fn is_in_room(&self, chat_id: ChatId) -> bool {
        self.chats.get(&chat_id).copied().unwrap_or_default()
    }

    /// They are no member of a chat any more.
    pub(crate) fn leave(&mut self, chat_id: ChatId, rooms: &mut Rooms) {
        self.came_before.remove(&chat_id);
        if self.chats.remove(&chat_id) == Some(true) {
            rooms.leave(chat_id, self.listener);
        }
    }
}

/// Sends a subscription to the shard that serves its chat; where none does, adds it to `again`.
pub(crate) fn send_subscription(
    wanted: Subscription,
    again: &mut Vec<Subscription>,
    cx: &mut Context<'_>,
) {
    match cx.routing.route(cx.placement().of_chat(wanted.chat_id)) {
        Route::Here(owner) => cx.send(owner, ShardMessage::Subscribe(wanted)),
        Route::Nobody => again.push(wanted),
    }
}

/// Tells the shard that serves a chat that some users no longer listen.
fn send_unsubscription(chat_id: ChatId, users: Vec<UserId>, cx: &mut Context<'_>) {
    match cx.routing.route(cx.placement().of_chat(chat_id)) {
        Route::Here(owner) => cx.send(owner, ShardMessage::Unsubscribe { chat_id, users }),
        // Then nobody counts them as subscribed.
        Route::Nobody => {}
    }
}
