//! What a shard does as the home of its users: their connections, the chats they listen to, their
//! inbox, tickets and quotas.

mod admissions;
mod blocking;
mod blocks;
mod candidates;
mod counts;
mod following;
mod frames;
mod inbox;
mod joining;
mod listening;
mod marking;
mod marks;
mod presence;
mod presences;
mod quotas;
pub(crate) mod resumes;
mod resuming;
mod rooms;
mod starts;
mod turns;
mod typing;
mod typing_rates;
mod user;

use rookery_schema::{ChatId, Route, ShardId, UserId};

use crate::auth::revoked::Revoked;
use crate::connection::Connections;
use crate::context::Context;
use crate::edge::port::{Found, Part, Read, StoreFault, Token};
use crate::home::admissions::Admissions;
use crate::home::blocks::{Blocks, Wanted};
use crate::home::following::Following;
use crate::home::frames::Frames;
use crate::home::inbox::Inbox;
use crate::home::marks::Marks;
use crate::home::presences::Presences;
use crate::home::quotas::Quotas;
use crate::home::resumes::Resumes;
use crate::home::rooms::{Advanced, Room, Rooms, Sockets};
use crate::home::starts::Moment;
use crate::home::turns::Turns;
use crate::home::typing_rates::TypingRates;
use crate::home::user::User;
use crate::map::{Map, Unanswered};
use crate::mesh::problem::Problem;
use crate::mesh::{
    AdmissionId, Asker, Ended, EventBatch, HomeCommand, Leaver, Outcome, ShardMessage, Spending,
};
use crate::ws::CloseCode;

/// Users here who listen to a chat, beyond which its events are sent to them in turn, behind what is for others.
const SENT_AT_ONCE_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Home {
    users: Map<UserId, User>,
    rooms: Rooms,
    /// When a socket became ready last.
    latest_moment: Moment,
    resumes: Resumes,
    turns: Turns,
    /// Memberships that the store may not know yet.
    unstored_joins: Map<UserId, Vec<ChatId>>,
    inbox: Inbox,
    marks: Marks,
    admissions: Admissions,
    blocks: Blocks,
    /// Tickets that were spent and have not expired.
    spent_tickets: Revoked,
    quotas: Quotas,
    typing_rates: TypingRates,
    presences: Presences,
    following: Following,
    reads: Unanswered<HomeRead>,
    /// Users whose chats could not be read, with their stays; read again with the next tick.
    unread: Vec<(UserId, u64)>,
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
    /// What a user has read, to list.
    InboxMarks { user_id: UserId, reading: u64 },
    /// Users whom a list shows.
    InboxUsers { list: u64 },
    /// What they say of themselves.
    InboxProfiles { list: u64 },
    /// Up to where a user has read a chat, to go on from there.
    Mark { question: u64 },
    /// Those who are to become members of a chat.
    Candidates { question: AdmissionId },
    /// The chats of one of them, to count.
    Memberships { user_id: UserId },
    /// Whom one has blocked who is to block another.
    Blocks(Wanted),
}

impl Home {
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
                let chats = cx.found(outcome, Found::chats);
                self.subscriptions_read(user_id, stay, chats, connections, cx);
            }
            Some(HomeRead::Inbox { user_id, reading }) => {
                let chats = cx.found(outcome, Found::chats);
                let unstored = unstored(&self.unstored_joins, user_id);
                self.inbox.chats_read(reading, chats, unstored, cx);
            }
            Some(HomeRead::InboxMarks { user_id, reading }) => {
                let marks = cx.found(outcome, Found::marks);
                self.inbox
                    .marks_read(reading, marks, self.marks.of(user_id), cx);
            }
            Some(HomeRead::InboxUsers { list }) => {
                let users = cx.found(outcome, Found::users);
                self.inbox.users_read(list, users, cx);
            }
            Some(HomeRead::InboxProfiles { list }) => {
                let profiles = cx.found(outcome, Found::profiles);
                self.inbox.profiles_read(list, profiles, cx);
            }
            Some(HomeRead::Mark { question }) => {
                let marks = cx.found(outcome, Found::marks);
                self.mark_was_read(question, marks, connections, cx);
            }
            Some(HomeRead::Candidates { question }) => {
                let users = cx.found(outcome, Found::users);
                self.candidates_read(question, users, cx);
            }
            Some(HomeRead::Memberships { user_id }) => {
                let chats = cx.found(outcome, Found::chats);
                let unstored = unstored(&self.unstored_joins, user_id);
                self.admissions.chats_read(user_id, chats, unstored, cx);
            }
            Some(HomeRead::Blocks(wanted)) => {
                let blocks = cx.found(outcome, Found::blocks);
                self.blocks_read(wanted, blocks, cx);
            }
            None => cx.bug("a read that nobody asked for"),
        }
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
        let (latest, now) = (self.latest_moment, cx.now.micros);
        let events = (batch.first, batch.count);
        match self.rooms.advance(batch.chat_id, events, latest, now) {
            Advanced::Over(room, sockets) => share(batch, room, sockets, connections, cx),
            Advanced::NotYet => {
                self.expect_next(batch.chat_id, batch.first, cx);
                return self.events(batch, connections, cx);
            }
            Advanced::NoRoom => {}
        }
        match batch.leaver {
            None => {}
            Some(Leaver::One(leaver)) => self.leave(leaver, batch.chat_id),
            Some(Leaver::All) => self.close_room(batch.chat_id),
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

    /// A user has other settings, which all their devices hear.
    pub(crate) fn settings_changed(
        &self,
        user_id: UserId,
        settings: &str,
        connections: &mut Connections,
        cx: &mut Context<'_>,
    ) {
        let Some(user) = self.users.get(&user_id) else {
            return;
        };
        let line = format!("{{\"type\":\"settings_changed\",\"settings\":{settings}}}\n");
        let mut frames = Frames::new(line.as_bytes(), 1, cx.held);
        // Whoever is not ready reads them when they are.
        for conn in user.welcomed() {
            connections.share(conn, frames.get(connections.batches(conn)), cx);
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
            HomeCommand::ListChats { page, network } => {
                self.inbox.list(asker, user_id, network, page, cx);
            }
            HomeCommand::Block {
                blocked_id,
                network,
            } => self.block(
                Wanted {
                    asker,
                    user_id,
                    blocked_id,
                    network,
                },
                cx,
            ),
            HomeCommand::MarkRead { chat_id, seq } => {
                self.mark_read(asker, user_id, (chat_id, seq), cx);
            }
            HomeCommand::SpendTicket {
                ticket_id,
                expires_at,
            } => match self.spent_tickets.revoke(ticket_id, expires_at, None) {
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

    /// Lets users who come and go, lists of chats and admissions go on, as far as one round may.
    pub(crate) fn go_on(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        self.go_on_with_users(connections, cx);
        while let Some((user_id, reading)) = self.inbox.begin() {
            let what = HomeRead::Inbox { user_id, reading };
            self.read(what, Read::ChatsOfUser(user_id), cx);
            let what = HomeRead::InboxMarks { user_id, reading };
            self.read(what, Read::MarksOfUser(user_id), cx);
        }
        for (list, users) in self.inbox.go_on(cx) {
            self.read(
                HomeRead::InboxUsers { list },
                Read::Users(users.clone()),
                cx,
            );
            self.read(HomeRead::InboxProfiles { list }, Read::Profiles(users), cx);
        }
        self.write_marks(cx);
        self.go_on_with_admissions(cx);
        self.go_on_with_resumes(connections, cx);
    }

    /// Whether there is something to do for the next round, whatever comes.
    pub(crate) fn has_more(&self, cx: &Context<'_>) -> bool {
        self.inbox.has_more()
            || self.turns.has_more()
            || self.has_more_admissions(cx)
            || self.resumes.has_more()
    }

    pub(crate) fn tick(&mut self, connections: &mut Connections, cx: &mut Context<'_>) {
        self.rooms.tick(cx.now.micros);
        self.resumes.tick(cx);
        self.release_overdue(connections, cx);
        self.spent_tickets.expire(cx.now.latest_wall);
        self.quotas.tick(cx);
        self.typing_rates.tick(cx.now.micros);
        self.tick_presence(connections, cx);
        self.inbox.tick(cx);
        self.tick_marks(connections, cx);
        self.admissions.tick(cx);
        self.blocks.tick(cx.now.micros);
        for (user_id, stay) in std::mem::take(&mut self.unread) {
            self.read_chats(user_id, stay, cx);
        }
        self.turns.tick();
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

/// Queues events to the connections that hear their room.
fn share(
    batch: &EventBatch,
    room: &Room,
    sockets: &Sockets,
    connections: &mut Connections,
    cx: &mut Context<'_>,
) {
    let mut frames = Frames::new(&batch.lines, batch.count, cx.held);
    let mut shared = 0;
    let share = match room.listeners().len() > SENT_AT_ONCE_MAX {
        true => Connections::share_in_turn,
        false => Connections::share,
    };
    for listener in room.listeners() {
        for socket in sockets.of(*listener) {
            if room.passes_over(socket.conn) {
                continue;
            }
            share(connections, socket.conn, frames.get(socket.batches), cx);
            shared += 1;
        }
    }
    count_deliveries(batch, shared * u64::from(batch.count), cx);
}

fn count_deliveries(batch: &EventBatch, deliveries: u64, cx: &mut Context<'_>) {
    if deliveries == 0 {
        return;
    }
    cx.stats.deliveries += deliveries;
    let now = cx.stamp().millis();
    let waited = now.saturating_sub(batch.accepted_at.millis());
    cx.stats.delivery.observe_many(waited * 1000, deliveries);
    cx.effects.broadcasts.push(batch.applied_micros);
}
