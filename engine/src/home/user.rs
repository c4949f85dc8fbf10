//! One connected user: their connections, and the chats that they listen to.

use rookery_schema::{ChatId, UserId};
use smallvec::SmallVec;

use crate::context::Context;
use crate::home::rooms::Rooms;
use crate::ids::ConnId;
use crate::map::Set;
use crate::mesh::{ShardMessage, Subscription};
use rookery_schema::Route;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct User {
    /// The number of their stay, which ends with their last connection.
    pub(crate) stay: u64,
    pub(crate) connections: SmallVec<[ConnId; 2]>,
    /// Connections that wait for `ready`.
    pub(crate) newcomers: SmallVec<[ConnId; 2]>,
    /// Chats that they are subscribed to, or are being subscribed to.
    pub(crate) chats: Set<ChatId>,
    /// Subscriptions that were not answered yet.
    pub(crate) unanswered: usize,
    /// Their chats are being read from the store, or will be again after a pause.
    pub(crate) loading: bool,
}

impl User {
    /// Whether all their chats' events come here.
    pub(crate) const fn is_subscribed(&self) -> bool {
        !self.loading && self.unanswered == 0
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

    /// Subscribes to a chat, unless that was done before; true the first time. Where nobody serves the chat, the
    /// subscription is added to `again`.
    pub(crate) fn subscribe(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        again: &mut Vec<Subscription>,
        cx: &mut Context<'_>,
    ) -> bool {
        let is_new = self.chats.insert(chat_id);
        if is_new {
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

    /// Removes a connection from all rooms.
    pub(crate) fn leave_rooms(&self, conn: ConnId, rooms: &mut Rooms) {
        for chat_id in &self.chats {
            rooms.leave(*chat_id, conn);
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
pub(crate) fn send_unsubscription(chat_id: ChatId, users: Vec<UserId>, cx: &mut Context<'_>) {
    match cx.routing.route(cx.placement().of_chat(chat_id)) {
        Route::Here(owner) => cx.send(owner, ShardMessage::Unsubscribe { chat_id, users }),
        // Then nobody counts them as subscribed.
        Route::Nobody => {}
    }
}
