//! What a home does so that WebSockets hear of the presence of those whom they follow.

use rookery_schema::{ChatId, ShardId, UserId};

use crate::connection::Connections;
use crate::context::Context;
use crate::home::Home;
use crate::home::following::{Follower, Lines, MEMBERS_FOLLOWED_MAX, put_line};
use crate::home::frames::{Frames, framed};
use crate::ids::ConnId;
use crate::limits::Limit;
use crate::map::Map;
use crate::mesh::command::asker::Waiting;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::whisper::{Presence, WHISPERED_USERS_MAX};
use crate::mesh::{Asker, ChatCommand, Command, Outcome, Whisper};

/// Users whose homes are asked about them in a tick: an eighth of a ring, where all have one home.
const USERS_PER_TICK_MAX: usize = 512;
/// Chats whose owners are asked for their members again in a tick.
const CHATS_PER_TICK_MAX: usize = 64;

impl Home {
    /// A client wants to follow the members of a chat, or no longer.
    pub(crate) fn follow(
        &mut self,
        user_id: UserId,
        conn: ConnId,
        chat_id: ChatId,
        follow: bool,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        if !follow {
            return self.following.unfollow(conn, chat_id);
        }
        let user = self.users.get(&user_id);
        let is_here =
            user.is_some_and(|it| it.is_in_room(chat_id) && it.connections.contains(&conn));
        let is_followed = self.following.is_followed(chat_id);
        let problem = if !is_here {
            Some(Problem::NO_SUCH_CHAT)
        } else if self.following.follows(conn, chat_id) {
            None
        } else if self.following.is_full(conn) {
            Some(Problem::over(Limit::ChatsFollowed, 1))
        } else if !is_followed && self.following.has_no_room() {
            Some(Problem::USERS_FOLLOWED)
        } else {
            let batches = connections.batches(conn);
            let follower = Follower {
                conn,
                user_id,
                batches,
            };
            self.following.follow(chat_id, follower);
            None
        };
        match problem {
            Some(problem) => connections.refuse(conn, &problem, Some(chat_id), cx),
            None if is_followed => self.tell_all(conn, chat_id, connections, cx),
            None => self.ask_members(chat_id, cx),
        }
    }

    fn ask_members(&mut self, chat_id: ChatId, cx: &mut Context<'_>) {
        let next = self.rooms.next(chat_id);
        let due = cx.micros_in(READ_SECONDS_MAX);
        let asked = self.following.ask(chat_id, next, cx.now.micros, due);
        let Some((question, caller)) = asked else {
            return cx.bug("a chat is followed by nobody");
        };
        let asker = Asker {
            shard: cx.id(),
            waiting: Waiting::Following { question },
        };
        let limit = MEMBERS_FOLLOWED_MAX;
        let command = ChatCommand::ListMembers { caller, limit };
        cx.ask(asker, Command::Chat(chat_id, command));
    }

    /// The owner of a chat that is followed has answered.
    pub(crate) fn members_answered(
        &mut self,
        question: u64,
        outcome: Outcome,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        // It may have come late.
        let Some(asked) = self.following.asked.take(question) else {
            return;
        };
        let chat_id = asked.chat_id;
        match outcome.accepted() {
            Ok(Outcome::Members(members)) => {
                let known = self.following.set_members(chat_id, members);
                self.tell_followers(chat_id, &known, connections, cx);
            }
            Err(Problem::NO_SUCH_CHAT) => {
                self.following.leave(asked.user_id, chat_id);
                if self.following.is_followed(chat_id) {
                    self.following.retry(chat_id, cx.now.micros);
                }
            }
            Err(_) => {
                self.following.retry(chat_id, cx.now.micros);
            }
            Ok(_) => {
                cx.bug("members were asked for, and something else answered");
            }
        }
    }

    /// A home wants to know how users of this one are.
    pub(crate) fn watch(&mut self, home: ShardId, users: &[UserId], cx: &mut Context<'_>) {
        self.presences.watch(home, users, cx);
    }

    /// A home tells how users of it are.
    pub(crate) fn presence(
        &mut self,
        told: &[Presence],
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let mut news: Map<ChatId, Lines> = Map::default();
        for presence in told {
            for chat_id in self.following.update(*presence) {
                put_line(news.entry(chat_id).or_default(), *presence);
            }
        }
        for (chat_id, lines) in news {
            self.tell_followers(chat_id, &lines, connections, cx);
        }
    }

    /// Tells all who follow a chat something about its members.
    fn tell_followers(
        &mut self,
        chat_id: ChatId,
        lines: &Lines,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let (lines, count) = lines;
        if *count == 0 {
            return;
        }
        let mut frames = Frames::new(lines, *count, cx.held);
        let mut behind = Vec::new();
        for follower in self.following.followers(chat_id) {
            let conn = follower.conn;
            if !self.following.is_behind(conn)
                && !connections.whisper(conn, &frames.get(follower.batches), cx)
            {
                behind.push(conn);
            }
        }
        for conn in behind {
            self.following.fall_behind(conn);
        }
    }

    /// Tells a socket all that is known of the members of a chat.
    fn tell_all(
        &mut self,
        conn: ConnId,
        chat_id: ChatId,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let (batches, held) = (connections.batches(conn), cx.held);
        let frame = |(lines, count): Lines| held.hold(framed(&lines, count, batches));
        let snapshot = self.following.snapshot(chat_id, batches, frame);
        if let Some(frames) = snapshot
            && !connections.whisper(conn, &frames, cx)
        {
            self.following.fall_behind(conn);
        }
    }

    pub(super) fn tick_presence(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        self.presences.tick(cx);
        self.following.forget_all_snapshots();
        let now = cx.now.micros;
        let overdue = self.following.asked.take_if(|it| it.due_micros <= now);
        for asked in overdue {
            self.following.retry(asked.chat_id, now);
        }
        for _ in 0..CHATS_PER_TICK_MAX {
            let next = |chat_id| self.rooms.next(chat_id);
            let Some(chat_id) = self.following.next_stale_chat(now, next) else {
                break;
            };
            self.ask_members(chat_id, cx);
        }
        self.watch_users(cx);
        for (conn, chats) in self.following.take_behind() {
            for chat_id in chats {
                self.tell_all(conn, chat_id, connections, cx);
            }
        }
    }

    /// Asks homes about users, as many as a tick may.
    fn watch_users(&mut self, cx: &mut Context<'_>) {
        let mut wanted: Map<ShardId, Vec<UserId>> = Map::default();
        for _ in 0..USERS_PER_TICK_MAX {
            let Some(user_id) = self.following.next_unasked(cx.now.micros) else {
                break;
            };
            let home = cx.routing.home(user_id);
            wanted.entry(home).or_default().push(user_id);
        }
        let from = cx.id();
        for (home, all) in wanted {
            for some in all.chunks(WHISPERED_USERS_MAX) {
                let users = some.to_vec();
                cx.whisper(home, Whisper::Watch { from, users });
            }
        }
    }
}
