//! What a shard does as the home of its users: their connections, the chats they listen to, their
//! inbox, tickets and rate limits.

mod fanout;
mod inbox;
mod rate;

use rookery_schema::record::SessionEnded;
use rookery_schema::{ChatId, UserId};
use smallvec::SmallVec;

use crate::connection::Connections;
use crate::context::{Context, Map, Reader, Set};
use crate::home::fanout::Room;
use crate::home::inbox::Inbox;
use crate::home::rate::RateLimits;
use crate::input::ConnId;
use crate::mesh::{Asker, Command, Outcome, Post, ShardMessage, Subscription};
use crate::port::{Found, Read, StoreFault};
use crate::problem::Problem;
use crate::revoked::Revoked;
use crate::ws::CloseCode;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Home {
    users: Map<UserId, User>,
    rooms: Map<ChatId, Room>,
    /// Memberships that the store may not know yet.
    unstored_joins: Map<UserId, Vec<ChatId>>,
    inbox: Inbox,
    /// Tickets that were spent and could be presented again.
    spent_tickets: Revoked,
    rate: RateLimits,
    /// Users whose chats could not be read, and their stays.
    unread: Vec<(UserId, u64)>,
    /// Counts the stays of users, to tell an answer from one to an earlier stay.
    last_stay: u64,
}

/// A connected user.
#[derive(Debug, Default)]
struct User {
    /// The number of his stay, which ends with his last connection.
    stay: u64,
    connections: SmallVec<[ConnId; 2]>,
    /// Connections that wait for `ready`.
    newcomers: SmallVec<[ConnId; 2]>,
    /// Chats that he is subscribed to, or is being subscribed to.
    chats: Set<ChatId>,
    /// Subscriptions that were not answered yet.
    unanswered: usize,
    /// His chats are being read from the store, or will be again after a pause.
    loading: bool,
}

impl User {
    const fn is_subscribed(&self) -> bool {
        !self.loading && self.unanswered == 0
    }

    /// Asks for the events of a chat, once.
    fn subscribe(&mut self, user_id: UserId, chat_id: ChatId, cx: &mut Context<'_>) {
        if self.chats.insert(chat_id) {
            self.unanswered += 1;
            let wanted = Subscription {
                chat_id,
                user_id,
                stay: self.stay,
            };
            let owner = cx.topology().owner_of_chat(chat_id);
            cx.send(owner, ShardMessage::Subscribe(wanted));
        }
    }
}

impl Home {
    /// A user connected. He is told that he is ready once all his chats' events come here.
    pub(crate) fn connect(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let user = self.users.entry(user_id).or_default();
        let is_first = user.connections.is_empty();
        user.connections.push(conn);
        user.newcomers.push(conn);
        if is_first {
            self.last_stay += 1;
            user.stay = self.last_stay;
            user.loading = true;
            read_chats(user_id, user.stay, cx);
        } else {
            self.welcome(user_id, connections, cx);
        }
    }

    /// Sends `ready` to newcomers once their user is subscribed to all his chats.
    fn welcome(&mut self, user_id: UserId, connections: &mut Connections, cx: &mut Context<'_>) {
        let Some(user) = self
            .users
            .get_mut(&user_id)
            .filter(|user| user.is_subscribed())
        else {
            return;
        };
        for conn in std::mem::take(&mut user.newcomers) {
            for chat_id in &user.chats {
                let room = self.rooms.entry(*chat_id).or_default();
                room.add(conn, connections.batches(conn));
            }
            connections.welcome(conn, cx);
        }
    }

    /// A connection ended.
    pub(crate) fn disconnect(&mut self, user_id: UserId, conn: ConnId, cx: &mut Context<'_>) {
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.connections.retain(|other| *other != conn);
        user.newcomers.retain(|other| *other != conn);
        for chat_id in &user.chats {
            leave_room(&mut self.rooms, *chat_id, conn);
        }
        if !user.connections.is_empty() {
            return;
        }
        let chats = std::mem::take(&mut user.chats);
        self.users.remove(&user_id);
        for chat_id in chats {
            let message = ShardMessage::Unsubscribe {
                chat_id,
                users: vec![user_id],
            };
            cx.send(cx.topology().owner_of_chat(chat_id), message);
        }
    }

    /// A connected user's chats were read.
    pub(crate) fn subscriptions_read(
        &mut self,
        (user_id, stay): (UserId, u64),
        outcome: Result<Found, StoreFault>,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(user) = self
            .users
            .get_mut(&user_id)
            .filter(|user| user.stay == stay)
        else {
            return;
        };
        let Ok(Found::Chats(chats)) = outcome else {
            self.unread.push((user_id, stay));
            return;
        };
        user.loading = false;
        let unstored = self
            .unstored_joins
            .get(&user_id)
            .into_iter()
            .flatten()
            .copied();
        for chat_id in chats.into_iter().chain(unstored) {
            user.subscribe(user_id, chat_id, cx);
        }
        self.welcome(user_id, connections, cx);
    }

    /// An owner answered a subscription.
    pub(crate) fn subscribed(
        &mut self,
        wanted: Subscription,
        accepted: bool,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // What was wanted in an earlier stay was taken back behind it, and this answers nothing since.
        if let Some(user) = self
            .users
            .get_mut(&wanted.user_id)
            .filter(|user| user.stay == wanted.stay)
        {
            user.unanswered -= 1;
            if !accepted {
                user.chats.remove(&wanted.chat_id);
            }
            self.welcome(wanted.user_id, connections, cx);
        }
    }

    /// Users became members; the owner counts them as subscribed, unless they left and came back while it
    /// said so: what takes back the subscription may be on its way. So it is asked for all the same.
    pub(crate) fn joined(
        &mut self,
        chat_id: ChatId,
        users: &[UserId],
        connections: &Connections,
        cx: &mut Context<'_>,
    ) {
        let mut absent = Vec::new();
        for &user_id in users {
            self.unstored_joins
                .entry(user_id)
                .or_default()
                .push(chat_id);
            let Some(user) = self.users.get_mut(&user_id) else {
                absent.push(user_id);
                continue;
            };
            user.subscribe(user_id, chat_id, cx);
            let room = self.rooms.entry(chat_id).or_default();
            for conn in user
                .connections
                .iter()
                .filter(|conn| !user.newcomers.contains(conn))
            {
                room.add(*conn, connections.batches(*conn));
            }
        }
        if !absent.is_empty() {
            let message = ShardMessage::Unsubscribe {
                chat_id,
                users: absent,
            };
            cx.send(cx.topology().owner_of_chat(chat_id), message);
        }
    }

    /// The store knows of memberships by now; a read of it that is under way may not.
    pub(crate) fn joins_stored(&mut self, chat_id: ChatId, users: &[UserId], cx: &mut Context<'_>) {
        for &user_id in users {
            self.inbox.joined(user_id, chat_id);
            if let Some(user) = self.users.get_mut(&user_id).filter(|user| user.loading) {
                user.subscribe(user_id, chat_id, cx);
            }
            let Some(chats) = self.unstored_joins.get_mut(&user_id) else {
                continue;
            };
            if let Some(index) = chats.iter().position(|chat| *chat == chat_id) {
                chats.swap_remove(index);
            }
            if chats.is_empty() {
                self.unstored_joins.remove(&user_id);
            }
        }
    }

    /// A login was ended: its sockets close.
    pub(crate) fn session_ended(
        &self,
        ended: SessionEnded,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(user) = self.users.get(&ended.user_id) else {
            return;
        };
        for conn in &user.connections {
            if connections.session_of(*conn) == Some(ended.session_id) {
                connections.close(*conn, CloseCode::NotAuthenticated, "logged out", cx);
            }
        }
    }

    /// Does a command that is for the home of a user.
    pub(crate) fn command(&mut self, asker: Asker, command: Command, cx: &mut Context<'_>) {
        match command {
            Command::ListChats { user_id } => self.inbox.begin(asker, user_id, cx),
            Command::SpendTicket {
                ticket_id,
                expires_at,
                ..
            } => {
                let outcome = match self.spent_tickets.revoke(ticket_id, expires_at) {
                    true => Outcome::Done,
                    false => Outcome::Refused(Problem::UNAUTHENTICATED),
                };
                cx.answer(asker, outcome);
            }
            _ => {}
        }
    }

    /// Passes a post on to the owner of its chat if its sender is within his rate.
    pub(crate) fn post_within_rate(&mut self, asker: Asker, post: Post, cx: &mut Context<'_>) {
        match self.rate.spend(post.sender_id, cx) {
            Ok(()) => {
                let owner = cx.topology().owner_of_chat(post.chat_id);
                let command = Command::PostMessage(post);
                cx.send(owner, ShardMessage::Ask { asker, command });
            }
            Err(problem) => cx.answer(asker, Outcome::Refused(problem)),
        }
    }

    /// A user's chats were read, to list them.
    pub(crate) fn inbox_read(
        &mut self,
        gather: u64,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        self.inbox
            .chats_read(gather, outcome, &self.unstored_joins, cx);
    }

    /// An owner sent lines of an inbox.
    pub(crate) fn inbox_answered(&mut self, gather: u64, outcome: Outcome, cx: &mut Context<'_>) {
        self.inbox.answered(gather, outcome, cx);
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.spent_tickets.expire(cx.now.wall);
        self.rate.tick(cx);
        for (user_id, stay) in std::mem::take(&mut self.unread) {
            read_chats(user_id, stay, cx);
        }
    }
}

fn read_chats(user_id: UserId, stay: u64, cx: &mut Context<'_>) {
    cx.read(
        Read::ChatsOfUser(user_id),
        Reader::Subscriptions { user_id, stay },
    );
}

fn leave_room(rooms: &mut Map<ChatId, Room>, chat_id: ChatId, conn: ConnId) {
    if let Some(room) = rooms.get_mut(&chat_id) {
        room.remove(conn);
        if room.is_empty() {
            rooms.remove(&chat_id);
        }
    }
}
