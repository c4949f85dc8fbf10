//! What a shard does as the home of its users: their connections, the chats they listen to, their
//! inbox, tickets and quotas.

mod admissions;
mod candidates;
mod counts;
mod departures;
mod frames;
mod inbox;
mod joining;
mod quotas;
mod rooms;
mod user;

use rookery_schema::row::UserRow;
use rookery_schema::{ChatId, PartitionId, Route, ShardId, UserId};

use crate::auth::revoked::Revoked;
use crate::connection::Connections;
use crate::context::Context;
use crate::edge::port::{Found, Part, Read, StoreFault, Token};
use crate::home::admissions::Admissions;
use crate::home::departures::Departures;
use crate::home::frames::Frames;
use crate::home::inbox::Inbox;
use crate::home::quotas::Quotas;
use crate::home::rooms::{Listener, Rooms};
use crate::home::user::{User, send_subscription};
use crate::ids::ConnId;
use crate::limits::Limit;
use crate::map::{Map, Unanswered};
use crate::mesh::problem::Problem;
use crate::mesh::{
    Asker, Ended, EventBatch, HomeCommand, Outcome, ShardMessage, Spending, Subscription,
    SubscriptionAnswer,
};
use crate::ws::CloseCode;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Home {
    users: Map<UserId, User>,
    rooms: Rooms,
    departures: Departures,
    /// Memberships that the store may not know yet.
    unstored_joins: Map<UserId, Vec<ChatId>>,
    inbox: Inbox,
    admissions: Admissions,
    /// Tickets that were spent and have not expired.
    spent_tickets: Revoked,
    quotas: Quotas,
    reads: Unanswered<HomeRead>,
    /// Users whose chats could not be read, with their stays; read again with the next tick.
    unread: Vec<(UserId, u64)>,
    /// Subscriptions that nobody served; sent again with the next tick.
    unserved: Vec<Subscription>,
    /// Numbers the stays of users, so that answers to an earlier stay are recognised.
    last_stay: u64,
}

/// What a home reads from the store.
#[derive(Debug)]
enum HomeRead {
    /// A connected user's chats, to subscribe to.
    Subscriptions { user_id: UserId, stay: u64 },
    /// A user's chats, to list.
    Inbox { user_id: UserId, reading: u64 },
    /// Those who are to become members of a chat.
    Candidates { question: u64 },
    /// The chats of one of them, to count.
    Memberships { user_id: UserId },
}

impl Home {
    /// A user connected. They are told that they are ready once all their chats' events come here.
    pub(crate) fn connect(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        self.departures.end(user_id, cx);
        let user = self.users.entry(user_id).or_default();
        let is_first = user.connections.is_empty();
        user.connections.push(conn);
        user.newcomers.push(conn);
        let oldest = user.replaced(cx.config.sockets_per_user);
        if let Some(oldest) = oldest {
            user.leave_rooms(oldest, &mut self.rooms);
            cx.stats.count_limit(Limit::SocketsPerUser);
            let reason = "more WebSockets than a user may have; this was the oldest";
            connections.close(oldest, CloseCode::Replaced, reason, cx);
        }
        if is_first {
            self.last_stay += 1;
            user.stay = self.last_stay;
            user.loading = true;
            let stay = user.stay;
            self.read_chats(user_id, stay, cx);
        } else {
            self.welcome(user_id, connections, cx);
        }
    }

    /// Sends `ready` to newcomers once their user is subscribed to all their chats.
    fn welcome(&mut self, user_id: UserId, connections: &mut Connections, cx: &mut Context<'_>) {
        let user = self.users.get_mut(&user_id);
        let Some(user) = user.filter(|user| user.is_subscribed()) else {
            return;
        };
        for conn in std::mem::take(&mut user.newcomers) {
            let batches = connections.batches(conn);
            for chat_id in &user.chats {
                self.rooms.join(*chat_id, Listener { conn, batches });
            }
            connections.welcome(conn, cx);
        }
    }

    /// A connection ended.
    pub(crate) fn disconnect(&mut self, user_id: UserId, conn: ConnId) {
        // They may have been disconnected before, when a chat of theirs moved.
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.connections.retain(|other| *other != conn);
        user.newcomers.retain(|other| *other != conn);
        user.leave_rooms(conn, &mut self.rooms);
        if !user.connections.is_empty() {
            return;
        }
        if let Some(user) = self.users.remove(&user_id) {
            self.departures.add(user_id, user.chats);
        }
    }

    /// Another shard serves a partition from now on, or nobody. Whoever listens to one of its chats may have
    /// missed events: their connections close, and they come back.
    pub(crate) fn rerouted(
        &mut self,
        partition: PartitionId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let placement = cx.placement();
        let listens = |user: &User| {
            let mut chats = user.chats.iter();
            chats.any(|chat_id| placement.of_chat(*chat_id) == partition)
        };
        let concerned = self.users.iter().filter(|(_, user)| listens(user));
        let concerned: Vec<UserId> = concerned.map(|(user_id, _)| *user_id).collect();
        for user_id in concerned {
            self.send_away(user_id, connections, cx);
        }
    }

    /// Closes all connections of a user, one of whose chats moves.
    fn send_away(&mut self, user_id: UserId, connections: &mut Connections, cx: &mut Context<'_>) {
        let user = self.users.get(&user_id);
        let all: Vec<ConnId> = user.map(|it| it.connections.to_vec()).unwrap_or_default();
        for conn in all {
            connections.close(conn, CloseCode::Restart, "a chat moves", cx);
            self.disconnect(user_id, conn);
        }
    }

    fn read_chats(&mut self, user_id: UserId, stay: u64, cx: &mut Context<'_>) {
        let what = HomeRead::Subscriptions { user_id, stay };
        self.read(what, Read::ChatsOfUser(user_id), cx);
    }

    fn read(&mut self, what: HomeRead, read: Read, cx: &mut Context<'_>) {
        let number = self.reads.add(what);
        cx.read(token(number), read);
    }

    /// The store answered a read.
    pub(crate) fn store_read(
        &mut self,
        number: u64,
        outcome: Result<Found, StoreFault>,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        match self.reads.take(number) {
            Some(HomeRead::Subscriptions { user_id, stay }) => {
                let chats = chats_of(outcome, cx);
                self.subscriptions_read(user_id, stay, chats, connections, cx);
            }
            Some(HomeRead::Inbox { user_id, reading }) => {
                let chats = chats_of(outcome, cx);
                let unstored = unstored(&self.unstored_joins, user_id);
                self.inbox.chats_read(reading, chats, unstored, cx);
            }
            Some(HomeRead::Candidates { question }) => {
                let users = users_of(outcome, cx);
                self.candidates_read(question, users, cx);
            }
            Some(HomeRead::Memberships { user_id }) => {
                let chats = chats_of(outcome, cx);
                let unstored = unstored(&self.unstored_joins, user_id);
                self.admissions.chats_read(user_id, chats, unstored, cx);
            }
            None => cx.bug("a read that nobody asked for"),
        }
    }

    fn subscriptions_read(
        &mut self,
        user_id: UserId,
        stay: u64,
        chats: Option<Vec<ChatId>>,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // They may have left, or left and come back.
        let user = self.users.get_mut(&user_id);
        let Some(user) = user.filter(|user| user.stay == stay) else {
            return;
        };
        let Some(chats) = chats else {
            return self.unread.push((user_id, stay));
        };
        user.loading = false;
        let unstored = self.unstored_joins.get(&user_id).into_iter().flatten();
        for chat_id in chats.into_iter().chain(unstored.copied()) {
            user.subscribe(user_id, chat_id, &mut self.unserved, cx);
        }
        self.welcome(user_id, connections, cx);
    }

    /// An owner answered a subscription.
    pub(crate) fn subscribed(
        &mut self,
        wanted: Subscription,
        answer: SubscriptionAnswer,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // Subscriptions of an earlier stay were taken back when it ended.
        let user = self.users.get_mut(&wanted.user_id);
        let Some(user) = user.filter(|user| user.stay == wanted.stay) else {
            return;
        };
        match answer {
            SubscriptionAnswer::Elsewhere => return self.unserved.push(wanted),
            SubscriptionAnswer::Accepted => {}
            SubscriptionAnswer::NoMember => {
                user.chats.remove(&wanted.chat_id);
            }
        }
        match user.unanswered.checked_sub(1) {
            Some(unanswered) => user.unanswered = unanswered,
            None => cx.bug("a subscription was answered that nobody asked for"),
        }
        self.welcome(wanted.user_id, connections, cx);
    }

    /// Queues events to the connections here that listen to their chat.
    pub(crate) fn events(
        &mut self,
        batch: &EventBatch,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        if !batch.is_whole() {
            cx.bug("a line is missing of what came");
        }
        let owner = cx.routing.route(cx.placement().of_chat(batch.chat_id));
        if owner != Route::Here(batch.from) {
            // It was sent before the chat moved, and those who listened were disconnected.
            return;
        }
        if let Some(room) = self.rooms.get_mut(batch.chat_id) {
            if !room.advance(batch.first, batch.count) {
                cx.bug("a home missed an event, or got one twice");
            }
            let mut frames = Frames::new(batch, cx.held);
            for listener in room.listeners() {
                connections.share(listener.conn, frames.get(listener.batches), cx);
            }
            let deliveries = room.listeners().len() as u64 * u64::from(batch.count);
            count_deliveries(batch, deliveries, cx);
        }
        if let Some(leaver) = batch.leaver {
            self.leave(leaver, batch.chat_id);
        }
    }

    fn leave(&mut self, leaver: UserId, chat_id: ChatId) {
        if let Some(user) = self.users.get_mut(&leaver)
            && user.chats.remove(&chat_id)
        {
            for conn in &user.connections {
                self.rooms.leave(chat_id, *conn);
            }
        }
    }

    /// Users became members; the owner counts them as subscribed, unless they left and came back while it
    /// said so: what takes back the subscription may be on its way. So it is asked for all the same.
    ///
    /// Of an owner to whom the chat is not routed, events do not follow. Nor do those since they joined, where that
    /// was under an earlier owner: its events are passed over by now. Whoever would have to listen from here on is
    /// disconnected, and comes back.
    pub(crate) fn joined(
        &mut self,
        chat_id: ChatId,
        from: ShardId,
        users: &[UserId],
        under_earlier: bool,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let is_owner = cx.routing.route(cx.placement().of_chat(chat_id)) == Route::Here(from);
        let hears_all = is_owner && !under_earlier;
        let (mut absent, mut misled) = (Vec::new(), Vec::new());
        self.admissions.end_joining(chat_id, users);
        for &user_id in users {
            let unstored = self.unstored_joins.entry(user_id).or_default();
            if !unstored.contains(&chat_id) {
                unstored.push(chat_id);
            }
            let Some(user) = self.users.get_mut(&user_id) else {
                absent.push(user_id);
                continue;
            };
            if !user.subscribe(user_id, chat_id, &mut self.unserved, cx) {
                continue;
            }
            let newcomers = &user.newcomers;
            for &conn in user.connections.iter().filter(|it| !newcomers.contains(it)) {
                if hears_all {
                    let batches = connections.batches(conn);
                    self.rooms.join(chat_id, Listener { conn, batches });
                } else {
                    misled.push(user_id);
                }
            }
        }
        if !absent.is_empty() {
            let users = absent;
            cx.send(from, ShardMessage::Unsubscribe { chat_id, users });
        }
        for user_id in misled {
            self.send_away(user_id, connections, cx);
        }
    }

    /// The store knows of memberships by now; a read of it that is under way may not.
    pub(crate) fn joins_stored(&mut self, chat_id: ChatId, users: &[UserId], cx: &mut Context<'_>) {
        for &user_id in users {
            self.inbox.joined(user_id, chat_id);
            self.admissions.joined(user_id, chat_id);
            if let Some(user) = self.users.get_mut(&user_id).filter(|user| user.loading) {
                user.subscribe(user_id, chat_id, &mut self.unserved, cx);
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

    /// Logins were ended: their sockets close.
    pub(crate) fn sessions_ended(
        &self,
        ended: Ended,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(user) = self.users.get(&ended.user_id()) else {
            return;
        };
        for conn in &user.connections {
            if ended.includes(connections.session_of(*conn)) {
                connections.close(*conn, CloseCode::NotAuthenticated, "logged out", cx);
            }
        }
    }

    /// Serves a command for a user's home.
    pub(crate) fn command(
        &mut self,
        asker: Asker,
        user_id: UserId,
        command: HomeCommand,
        cx: &mut Context<'_>,
    ) {
        match command {
            HomeCommand::ListChats(page) => self.inbox.list(asker, user_id, page, cx),
            HomeCommand::SpendTicket {
                ticket_id,
                expires_at,
            } => match self.spent_tickets.revoke(ticket_id, expires_at) {
                true => cx.answer(asker, Outcome::Done),
                false => cx.refuse(asker, Problem::INVALID_TOKEN),
            },
        }
    }

    /// A shard tells what a user has sent by it.
    pub(crate) fn spent(&mut self, from: ShardId, spending: Spending, cx: &mut Context<'_>) {
        let verdict = self.quotas.charge(spending, cx);
        let user_id = spending.user_id;
        cx.send(from, ShardMessage::Leased { user_id, verdict });
    }

    /// An owner answered about one line of an inbox.
    pub(crate) fn inbox_answered(&mut self, gather: u64, outcome: Outcome, cx: &mut Context<'_>) {
        self.inbox.answered(gather, outcome, cx);
    }

    /// Lets lists of chats and departures go on, as far as one round may.
    pub(crate) fn go_on(&mut self, cx: &mut Context<'_>) {
        self.departures.go_on(cx);
        while let Some((user_id, reading)) = self.inbox.begin() {
            let what = HomeRead::Inbox { user_id, reading };
            self.read(what, Read::ChatsOfUser(user_id), cx);
        }
        self.inbox.go_on(cx);
        self.go_on_with_admissions(cx);
    }

    /// Whether there is something to do for the next round, whatever comes.
    pub(crate) fn has_more(&self) -> bool {
        self.inbox.has_more() || self.departures.has_more()
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.spent_tickets.expire(cx.now.latest_wall);
        self.quotas.tick(cx);
        self.inbox.tick(cx);
        self.admissions.tick(cx);
        for (user_id, stay) in std::mem::take(&mut self.unread) {
            self.read_chats(user_id, stay, cx);
        }
        for wanted in std::mem::take(&mut self.unserved) {
            let user = self.users.get(&wanted.user_id);
            if user.is_some_and(|user| user.stay == wanted.stay) {
                send_subscription(wanted, &mut self.unserved, cx);
            }
        }
    }
}

/// The chats that the store found for a user; `None` where it could not be read.
fn chats_of(outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) -> Option<Vec<ChatId>> {
    match outcome {
        Ok(Found::Chats(chats)) => Some(chats),
        Err(StoreFault) => None,
        Ok(Found::Chat(_) | Found::Messages(_) | Found::Users(_) | Found::EndedSessions(_)) => {
            cx.bug("the store answered something else than a user's chats");
            None
        }
    }
}

/// The users that the store found; `None` where it could not be read.
fn users_of(outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) -> Option<Vec<UserRow>> {
    match outcome {
        Ok(Found::Users(users)) => Some(users),
        Err(StoreFault) => None,
        Ok(Found::Chat(_) | Found::Messages(_) | Found::Chats(_) | Found::EndedSessions(_)) => {
            cx.bug("the store answered something else than users");
            None
        }
    }
}

/// The chats of a user that the store may not know yet.
fn unstored(joins: &Map<UserId, Vec<ChatId>>, user_id: UserId) -> &[ChatId] {
    joins.get(&user_id).map(Vec::as_slice).unwrap_or_default()
}

const fn token(number: u64) -> Token {
    Token {
        part: Part::Home,
        number,
    }
}

fn count_deliveries(batch: &EventBatch, deliveries: u64, cx: &mut Context<'_>) {
    cx.stats.deliveries += deliveries;
    let now = cx.now.wall.millis();
    let waited = now.saturating_sub(batch.accepted_at.millis());
    cx.stats.delivery.observe_many(waited * 1000, deliveries);
    cx.effects.broadcasts.push(batch.applied_micros);
}
