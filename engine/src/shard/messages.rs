//! What shards tell each other, and what they ask each other to do.

use rookery_schema::ShardId;

use crate::api::Api;
use crate::connection::Census;
use crate::context::Context;
use crate::mesh::command::asker::Waiting;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, Outcome, ShardMessage, UserCommand, Whisper};
use crate::shard::Parts;

impl Parts<'_> {
    /// Hands a message to the part that it is for.
    pub(super) fn message(&mut self, message: ShardMessage, cx: &mut Context<'_>) {
        match message {
            ShardMessage::Ask { asker, command } => self.command(asker, command, cx),
            ShardMessage::Answer { asker, outcome } => self.answered(asker, outcome, cx),
            ShardMessage::Events(batch) => self.home.events(&batch, self.connections, cx),
            ShardMessage::Subscribe(wanted) => self.owner.subscribe(wanted, cx),
            ShardMessage::Subscribed { wanted, answer } => {
                self.home.subscribed(wanted, answer, self.connections, cx);
            }
            ShardMessage::Unsubscribe { chat_id, users } => {
                self.owner.unsubscribe(chat_id, &users, cx);
            }
            ShardMessage::Joined {
                chat_id,
                from,
                users,
                under_earlier,
            } => self
                .home
                .joined(chat_id, from, &users, under_earlier, self.connections, cx),
            ShardMessage::Joining { chat_id, users } => self.home.joining(chat_id, &users, cx),
            ShardMessage::JoinsStored { chat_id, users } => {
                self.home.joins_stored(chat_id, &users, cx);
            }
            ShardMessage::Admit(candidates) => self.home.admit(candidates, cx),
            ShardMessage::Admitted { id, outcome } => self.owner.admitted(id, outcome, cx),
            ShardMessage::NotJoining { id, chat_id, users } => {
                self.home.not_joining(id, chat_id, &users);
            }
            ShardMessage::Spent { from, spending } => self.home.spent(from, spending, cx),
            ShardMessage::Leased { user_id, verdict } => cx.leases.leased(user_id, verdict),
            ShardMessage::SessionsEnded { ended, tell } => {
                self.gate.sessions_void(ended);
                self.home.sessions_ended(ended, self.connections, cx);
                if let Some(ending) = tell {
                    cx.send(ending.shard, ShardMessage::SessionsVoid(ending));
                }
            }
            ShardMessage::UserSettings { user_id, settings } => {
                self.home
                    .settings_changed(user_id, &settings, self.connections, cx);
            }
            ShardMessage::SessionsVoid(ending) => self.owner.sessions_void(ending, cx),
            ShardMessage::Resume(wanted) => self.home.resume(*wanted, self.connections, cx),
            ShardMessage::Renew(renewal) => {
                let now = cx.now.latest_wall;
                let caller = self.gate.verify(renewal.token.as_bytes(), now);
                self.connections.renew(renewal.conn, caller, cx);
            }
            ShardMessage::Types {
                user_id,
                conn,
                chat_id,
            } => self
                .home
                .types(user_id, conn, chat_id, self.connections, cx),
            ShardMessage::Follow {
                user_id,
                conn,
                chat_id,
                follow,
            } => self
                .home
                .follow(user_id, conn, chat_id, follow, self.connections, cx),
            ShardMessage::Scrape { asker } => self.scrapes.begin(asker, cx),
            ShardMessage::StatsWanted { from, ticket } => self.send_stats(from, ticket, cx),
            ShardMessage::Stats {
                from,
                ticket,
                stats,
            } => self.scrapes.collect(from, ticket, stats, cx),
            ShardMessage::Ready { from, stamp } => {
                cx.stamps.raise(stamp, cx.now);
                cx.readiness.shard_ready(from);
                if cx.readiness.serves() {
                    let from = cx.id();
                    cx.send_to_all(|| ShardMessage::Serving { from });
                }
            }
            ShardMessage::Serving { from } => cx.readiness.shard_serves(from),
        }
    }

    /// Hands a whisper to the part that it is for.
    pub(super) fn whisper(&mut self, whisper: Whisper, cx: &mut Context<'_>) {
        match whisper {
            Whisper::Types { chat_id, user_id } => self.owner.types(chat_id, user_id, cx),
            Whisper::Typing { chat_id, user_id } => {
                self.home.typing(chat_id, user_id, self.connections, cx);
            }
            Whisper::Watch { from, users } => self.home.watch(from, &users, cx),
            Whisper::Presence(told) => self.home.presence(&told, self.connections, cx),
        }
    }

    fn command(&mut self, asker: Asker, command: Command, cx: &mut Context<'_>) {
        if self.mesh_full && command.changes() && !command.ends_what_was_begun() {
            return cx.refuse(asker, Problem::MESH_BACKLOG);
        }
        match command {
            Command::Chat(chat_id, command) => {
                self.owner.chat_command(asker, chat_id, command, cx);
            }
            Command::Name(username, command) => {
                self.owner.name_command(asker, &username, command, cx);
            }
            Command::User(_, UserCommand::SpendInvite(invited))
                if self.gate.is_spent(invited.invite) =>
            {
                cx.refuse(asker, Problem::INVITE_INVALID);
            }
            Command::User(user_id, command) => {
                self.owner
                    .user_command(asker, user_id, command, self.gate, cx);
            }
            Command::Home(user_id, command) => self.home.command(asker, user_id, command, cx),
            Command::Address(network, command) => {
                self.addresses.command(asker, network, command, cx);
            }
        }
    }

    fn answered(&mut self, asker: Asker, outcome: Outcome, cx: &mut Context<'_>) {
        match asker.waiting {
            Waiting::Inbox { gather } => self.home.inbox_answered(gather, outcome, cx),
            Waiting::Mark { question } => {
                self.home
                    .mark_answered(question, outcome, self.connections, cx);
            }
            Waiting::Telling { news } => {
                self.home
                    .unread_counted(news, outcome, self.connections, cx);
            }
            Waiting::Resume { page } => {
                self.home
                    .resume_answered(page, outcome, self.connections, cx);
            }
            Waiting::Following { question } => {
                self.home
                    .members_answered(question, outcome, self.connections, cx);
            }
            Waiting::Erasing {
                partition,
                question,
            } => self
                .owner
                .erasure_answered(partition, question, &outcome, cx),
            Waiting::Connection { conn, ticket } => {
                cx.page_answered(conn, ticket);
                let api = Api::new(self.gate);
                self.connections.answered(conn, ticket, outcome, api, cx);
            }
        }
    }

    fn send_stats(&self, from: ShardId, ticket: u64, cx: &mut Context<'_>) {
        self.owner.measure(cx);
        let Census {
            http,
            websockets,
            waiting_bytes,
        } = self.connections.census();
        cx.stats.http_connections = http;
        cx.stats.websocket_connections = websockets;
        cx.stats.outbox_bytes = waiting_bytes;
        cx.stats.outbox_distinct_bytes = cx.held.get();
        cx.stats.ended_sessions = self.gate.ended_sessions() as u64;
        let stats = Box::new(cx.stats.clone());
        let message = ShardMessage::Stats {
            from: cx.id(),
            ticket,
            stats,
        };
        cx.send(from, message);
    }
}
