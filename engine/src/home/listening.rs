//! How users come to hear all their chats, and how they leave.
//!
//! A user's stay begins with their first connection: their chats are read and subscribed to, group by group, and each room
//! is joined when its chat's owner has accepted. Only then are their connections `ready`, and hear events. The stay ends
//! with their last connection: rooms are left and subscriptions taken back, again group by group. Who comes back before
//! that is done waits, so that no subscription overtakes what takes back an earlier one.

use rookery_schema::{ChatId, PartitionId, Route, ShardId, UserId};

use crate::connection::Connections;
use crate::context::Context;
use crate::edge::port::Read;
use crate::home::rooms::Socket;
use crate::home::turns::{CHATS_PER_TURN_MAX, Turn};
use crate::home::user::{User, send_subscription};
use crate::home::{Home, HomeRead};
use crate::ids::ConnId;
use crate::limits::Limit;
use crate::mesh::{ShardMessage, Subscription, SubscriptionAnswer};
use crate::ws::CloseCode;

impl Home {
    /// A user connected. They are told that they are ready once all their chats' events come here.
    pub(crate) fn connect(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        if !self.users.contains_key(&user_id) {
            self.begin_stay(user_id, cx);
        }
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        user.connections.push(conn);
        user.newcomers.push(conn);
        if let Some(oldest) = user.replaced(cx.config.sockets_per_user) {
            self.rooms.close(user.listener, oldest);
            self.following.close(oldest);
            for chat_id in self.resumes.remove(oldest) {
                self.rooms.let_in(chat_id, oldest);
            }
            cx.stats.count_limit(Limit::SocketsPerUser);
            let reason = "more WebSockets than a user may have; this was the oldest";
            connections.close(oldest, CloseCode::Replaced, reason, cx);
        }
        self.welcome(user_id, connections, cx);
    }

    fn begin_stay(&mut self, user_id: UserId, cx: &mut Context<'_>) {
        self.last_stay += 1;
        let stay = self.last_stay;
        let user = User::new(self.rooms.add_listener(), stay);
        self.users.insert(user_id, user);
        self.read_chats(user_id, stay, cx);
    }

    pub(super) fn read_chats(&mut self, user_id: UserId, stay: u64, cx: &mut Context<'_>) {
        let what = HomeRead::Subscriptions { user_id, stay };
        self.read(what, Read::ChatsOfUser(user_id), cx);
    }

    /// Sends `ready` to newcomers once their user is subscribed to all their chats.
    fn welcome(&mut self, user_id: UserId, connections: &mut Connections, cx: &mut Context<'_>) {
        let user = self.users.get_mut(&user_id);
        let Some(user) = user.filter(|user| user.is_subscribed()) else {
            return;
        };
        for conn in std::mem::take(&mut user.newcomers) {
            self.latest_moment.0 += 1;
            let socket = Socket {
                conn,
                batches: connections.batches(conn),
                since: self.latest_moment,
            };
            match connections.will_resume(conn) {
                true => self.resumes.hold(user_id, socket, cx),
                false => self.rooms.open(user.listener, socket),
            }
            self.presences.came(user_id);
            connections.welcome(conn, cx);
        }
    }

    /// A connection ended.
    pub(crate) fn disconnect(&mut self, user_id: UserId, conn: ConnId, cx: &Context<'_>) {
        // They may have been disconnected before, when a chat of theirs moved.
        let Some(user) = self.users.get_mut(&user_id) else {
            return;
        };
        self.rooms.close(user.listener, conn);
        self.following.close(conn);
        for chat_id in self.resumes.remove(conn) {
            self.rooms.let_in(chat_id, conn);
        }
        user.disconnect(conn);
        if user.is_leaving() {
            self.presences.left(user_id, cx);
            self.wait_for_turn(user_id);
        }
    }

    fn wait_for_turn(&mut self, user_id: UserId) {
        if let Some(user) = self.users.get_mut(&user_id)
            && !std::mem::replace(&mut user.has_turn, true)
        {
            self.turns.add(user_id);
        }
    }

    /// Lets users subscribe to chats and leave them, as far as one round may.
    pub(super) fn go_on_with_users(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        let mut left = cx.config.subscriptions_per_round;
        while left > 0
            && let Some(turn) = self.turns.next()
        {
            let done = match turn {
                Turn::Again(wanted) => {
                    self.subscribe_again(wanted, cx);
                    1
                }
                Turn::User(user_id) => {
                    let count_max = left.min(CHATS_PER_TURN_MAX);
                    self.take_turn(user_id, count_max, connections, cx)
                }
            };
            left = left.saturating_sub(done.max(1));
        }
    }

    /// It is a user's turn. How many owners were told.
    fn take_turn(
        &mut self,
        user_id: UserId,
        count_max: usize,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) -> usize {
        let Some(user) = self.users.get_mut(&user_id) else {
            cx.bug("a user is gone who waits for a turn");
            return 0;
        };
        user.has_turn = false;
        let unserved = &mut self.turns.unserved;
        let done = user.go_on(user_id, count_max, &mut self.rooms, unserved, cx);
        if user.has_more() {
            self.wait_for_turn(user_id);
        } else if user.is_leaving() {
            self.end_stay(user_id, cx);
        } else {
            self.welcome(user_id, connections, cx);
        }
        done
    }

    /// A user has left all rooms. They may have come back meanwhile.
    fn end_stay(&mut self, user_id: UserId, cx: &mut Context<'_>) {
        let Some(left) = self.users.remove(&user_id) else {
            return;
        };
        self.rooms.remove_listener(left.listener);
        if !left.connections.is_empty() {
            self.begin_stay(user_id, cx);
            if let Some(user) = self.users.get_mut(&user_id) {
                user.connections = left.connections;
                user.newcomers = left.newcomers;
            }
        }
    }

    fn subscribe_again(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        let user = self.users.get(&wanted.user_id);
        if user.is_some_and(|user| user.is_in_stay(wanted.stay)) {
            send_subscription(wanted, &mut self.turns.unserved, cx);
        }
    }

    /// The store answered which chats a user has.
    pub(super) fn subscriptions_read(
        &mut self,
        user_id: UserId,
        stay: u64,
        chats: Option<Vec<ChatId>>,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // They may have left, or left and come back.
        let user = self.users.get_mut(&user_id);
        let Some(user) = user.filter(|user| user.is_in_stay(stay)) else {
            return;
        };
        let Some(mut chats) = chats else {
            return self.unread.push((user_id, stay));
        };
        chats.extend(self.unstored_joins.get(&user_id).into_iter().flatten());
        user.loaded(chats);
        if user.has_more() {
            self.wait_for_turn(user_id);
        } else {
            self.welcome(user_id, connections, cx);
        }
    }

    /// An owner answered a subscription.
    pub(crate) fn subscribed(
        &mut self,
        wanted: Subscription,
        answer: SubscriptionAnswer,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // Subscriptions of an earlier stay were taken back when it ended, or are going to be.
        let user = self.users.get_mut(&wanted.user_id);
        let Some(user) = user.filter(|user| user.is_in_stay(wanted.stay)) else {
            return;
        };
        match answer {
            SubscriptionAnswer::Elsewhere => return self.turns.unserved.push(wanted),
            SubscriptionAnswer::Accepted { .. } => user.join(wanted.chat_id, &mut self.rooms),
            SubscriptionAnswer::NoMember => user.leave(wanted.chat_id, &mut self.rooms),
        }
        if !user.answered() {
            cx.bug("a subscription was answered that nobody asked for");
        }
        if let SubscriptionAnswer::Accepted { next } = answer {
            self.expect_next(wanted.chat_id, next, cx);
        }
        self.welcome(wanted.user_id, connections, cx);
    }

    /// A user has left a chat.
    pub(super) fn leave(&mut self, leaver: UserId, chat_id: ChatId) {
        self.note_leaving(leaver, chat_id);
        self.following.leave(leaver, chat_id);
        if let Some(user) = self.users.get_mut(&leaver) {
            user.leave(chat_id, &mut self.rooms);
        }
    }

    /// A chat was deleted.
    pub(super) fn close_room(&mut self, chat_id: ChatId) {
        let all = self.users.iter();
        let listening = all.filter(|(_, user)| user.listens_to(|it| it == chat_id));
        let listening: Vec<UserId> = listening.map(|(user_id, _)| *user_id).collect();
        for user_id in listening {
            self.leave(user_id, chat_id);
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
        let (mut absent, mut misled, mut came) = (Vec::new(), Vec::new(), Vec::new());
        self.admissions.end_joining(chat_id, users);
        for &user_id in users {
            let unstored = self.unstored_joins.entry(user_id).or_default();
            if !unstored.contains(&chat_id) {
                unstored.push(chat_id);
            }
            let user = self.users.get_mut(&user_id);
            let Some(user) = user.filter(|user| !user.is_leaving()) else {
                absent.push(user_id);
                continue;
            };
            let is_new = user.subscribe(user_id, chat_id, &mut self.turns.unserved, cx);
            if is_new && user.is_welcome() {
                match hears_all {
                    true => {
                        user.come(chat_id, &mut self.rooms);
                        came.push(user.listener);
                    }
                    false => misled.push(user_id),
                }
            }
        }
        if !absent.is_empty() {
            let users = absent;
            cx.send(from, ShardMessage::Unsubscribe { chat_id, users });
        }
        for listener in came {
            self.pass_over_behind(listener, chat_id);
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
            if let Some(user) = self.users.get_mut(&user_id).filter(|it| it.is_loading()) {
                user.subscribe(user_id, chat_id, &mut self.turns.unserved, cx);
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

    /// Another shard serves a partition from now on, or nobody. Whoever listens to one of its chats may have
    /// missed events: their connections close, and they come back.
    pub(crate) fn rerouted(
        &mut self,
        partition: PartitionId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let placement = cx.placement();
        let is_moved = |chat_id| placement.of_chat(chat_id) == partition;
        let is_concerned = |user: &User| !user.is_leaving() && user.listens_to(is_moved);
        let concerned = self.users.iter().filter(|(_, user)| is_concerned(user));
        let concerned: Vec<UserId> = concerned.map(|(user_id, _)| *user_id).collect();
        for user_id in concerned {
            self.send_away(user_id, connections, cx);
        }
        // Those who leave them are still in its rooms.
        self.rooms.clear(is_moved);
    }

    /// Closes all connections of a user, one of whose chats moves.
    fn send_away(&mut self, user_id: UserId, connections: &mut Connections, cx: &mut Context<'_>) {
        let user = self.users.get(&user_id);
        let all: Vec<ConnId> = user.map(|it| it.connections.to_vec()).unwrap_or_default();
        for conn in all {
            connections.close(conn, CloseCode::Restart, "a chat moves", cx);
            self.disconnect(user_id, conn, cx);
        }
    }
}
