//! One log partition as its owner sees it: a state machine that the log can replay. It owns all that concerns its
//! chats, usernames and users, and all that it has to say leaves here.

mod accounts;
mod admissions;
mod amending;
mod apply;
mod closing;
mod commands;
mod creations;
mod deletions;
mod erasures;
mod events;
mod heirs;
mod invites;
mod loading;
mod marks;
mod memory;
mod own;
mod passwords;
mod registrations;
mod rewrites;
mod session_lists;
mod sessions;
mod user_deletions;

use std::collections::VecDeque;

use rookery_schema::names::NewName;
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{
    AppendFault, Found, LogRequest, Opened, Part, PasswordCheck, Read, StoreFault, Token,
};
use crate::hashing::Kind;
use crate::ids::Invite;
use crate::limits::Network;
use crate::map::{Map, Unanswered};
use crate::mesh::problem::Problem;
use crate::mesh::{
    Asker, Creation, EventsPage, Invited, NewPassword, Outcome, PasswordChange, ShardMessage,
    UserVersion,
};
use crate::owner::admissions::Admissions;
use crate::owner::appends::{APPEND_DEADLINE_MICROS, Appends, Overdue, Pending};
use crate::owner::changes::{ChangeKey, Changes};
use crate::owner::chats::Chats;
use crate::owner::decide::End;
use crate::owner::dedup::DedupWindow;
use crate::owner::delivery::Delivery;
use crate::owner::endings::Endings;
use crate::owner::erasing::Erasing;
use crate::owner::events::StoreKey;
use crate::owner::filling::Filling;
use crate::owner::history::{PageKey, PartialPage};
use crate::owner::logins::Logins;
use crate::owner::message_queues::MessageQueues;
use crate::owner::names::Names;
use crate::owner::new_sessions::{NewSessions, log_in, log_in_unrecorded};
use crate::owner::progress::{Progress, SpanId};
use crate::owner::purging::Purging;
use crate::owner::readings::Readings;
use crate::owner::rewriting::Rewriting;
use crate::owner::seeking::Seeking;
use crate::owner::settings::UserSettings;

/// Bytes of records on their way into the store above which the log delivers no more of what it has.
const UNSTORED_BYTES_HIGH: usize = 32 << 20;
/// Bytes of records on their way into the store below which the log delivers again.
const UNSTORED_BYTES_LOW: usize = 8 << 20;
/// Bytes of records on their way into the store from which on no small change is taken either.
const UNSTORED_BYTES_MAX: usize = 256 << 20;
/// Bits of a token's number that count within one time that a partition is open. 2^40 are a million a second for
/// twelve days, after which nothing is left of the time before.
const NUMBER_BITS: u32 = 40;

/// The number under which marks are written: no span has it.
const MARKS_NUMBER: u64 = 0;

/// A chat stays in memory while its messages are read: it knows what the store may lack of them.
const READ_OF_FORGOTTEN: &str = "a chat was forgotten while it was read";

/// What a partition reads from the store.
#[derive(Debug)]
enum PartitionRead {
    Chat(ChatId),
    /// The number of the reading besides.
    Page(ChatId, PageKey, u64),
    /// The number of the reading besides.
    Events(ChatId, StoreKey, u64),
    /// When somebody who is no member of a chat ceased to be one, and which of its events they want.
    Former {
        asker: Asker,
        chat_id: ChatId,
        page: EventsPage,
        end: End,
        /// The number of the reading.
        reading: u64,
    },
    /// The deleted chats of which there is more to remove.
    Purges,
    /// Members of the first of them.
    PurgedMembers,
    /// The deleted users who are still in chats.
    Erasures,
    /// The chats of the first of them.
    ErasedChats,
    /// Whose content is to be overwritten.
    Rewrites,
    /// The events of the first one's chat.
    RewrittenEvents,
    /// What a chat was made with, which somebody asks for by its key.
    Creation(Asker, ChatId, Box<Creation>),
    /// The event up to which somebody has read, to know how many messages there are up to it; there are so many in all.
    Mark {
        asker: Asker,
        chat_id: ChatId,
        seq: Seq,
        all: u64,
    },
    /// The message that somebody wants to change.
    Sought(Box<Seeking>),
    Name(Box<str>),
    /// A user, for whom something is to be done then.
    User(Asker, ForUser),
    Sessions(Asker, UserId, ForSessions),
    /// The sessions of a user who has logged in, of which some may leave their list. The span waits for that.
    Surplus(UserId, SpanId),
    /// The settings of a user, which are to be changed.
    UserSettings(UserId),
}

/// What is to be done for a user once they are read.
#[derive(Debug)]
enum ForUser {
    SetPassword(Box<NewPassword>),
    ChangePassword(Box<PasswordChange>),
}

/// For what a user's sessions are read.
#[derive(Clone, Copy, Debug)]
enum ForSessions {
    List,
    /// To end one of them.
    End {
        session_id: SessionId,
        network: Network,
    },
}

/// A login whose password is being compared.
#[derive(Debug)]
struct LoggingIn {
    asker: Asker,
    /// Its failures count against this one.
    name: Box<str>,
    /// The user, unless their password was replaced meanwhile.
    user_id: Option<UserId>,
    /// What comes of it if the password is right.
    right: Option<Outcome>,
    network: Network,
    second: Option<Box<SecondTry>>,
    /// The password is to be changed, and nobody is logged in.
    change: Option<Box<Changing>>,
}

/// A change of a password whose old one is being compared.
#[derive(Debug)]
struct Changing {
    /// None where nobody has the name.
    user: Option<UserVersion>,
    change: Box<PasswordChange>,
}

/// What is compared where the first comparison fails.
#[derive(Debug)]
struct SecondTry {
    password: Box<str>,
    against: PasswordCheck,
    kind: Kind,
}

/// By what somebody registers whose password is being hashed.
#[derive(Debug)]
enum Claim {
    /// The name is claimed for them.
    User(UserId),
    /// The name is not claimed before this is spent.
    Invite(Box<Invite>),
}

/// A password that the hashers work on.
#[derive(Debug)]
enum PasswordWait {
    Register {
        asker: Asker,
        name: Box<NewName>,
        claim: Claim,
    },
    LogIn(LoggingIn),
    Set {
        asker: Asker,
        name: Box<str>,
        user: UserVersion,
        /// The session that is not ended, where the user changes it.
        kept: Option<SessionId>,
        /// The one that the user knew was replaced meanwhile.
        is_overtaken: bool,
    },
}

/// A registration whose invite is being spent, or may be.
#[derive(Debug)]
struct Registering {
    asker: Asker,
    invited: Box<Invited>,
    /// The log has not answered.
    is_in_flight: bool,
    /// The log may have taken an earlier try.
    is_doubtful: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Partition {
    id: PartitionId,
    /// Numbers up to this one were used in earlier times that the partition was open.
    number_base: u64,
    /// Records below were in the store before it was opened.
    committed_before: Offset,
    /// Everything that was in the log when it was opened was applied.
    caught_up: bool,
    /// The latest time of its records.
    latest_stamp: Timestamp,
    dedup: DedupWindow,
    appends: Appends,
    delivery: Delivery,
    progress: Progress,
    /// The log was asked to deliver no more.
    paused: bool,
    /// The spans of records that are becoming dead letters, oldest first.
    dead_letters: VecDeque<SpanId>,
    chats: Chats,
    /// Chats that were read, and have so many members that these are taken over in several rounds.
    filling: VecDeque<Filling>,
    /// Chats with events that were applied and not sent yet.
    touched: Vec<ChatId>,
    /// When chats are looked at for marks to write, in microseconds, the first to come first. Some are gone by then.
    noted: VecDeque<(u64, ChatId)>,
    /// Writes of marks that the store has not confirmed.
    marks_on_their_way: usize,
    names: Names,
    logins: Logins,
    /// Who waits for a change to be in the store.
    changes: Changes,
    endings: Endings,
    new_sessions: NewSessions,
    user_settings: UserSettings,
    /// Commands whose users' homes are being asked.
    admissions: Admissions,
    /// Registrations by the invites that they spend.
    invited: Map<SessionId, Registering>,
    /// Changes of messages that wait for one another.
    message_queues: MessageQueues,
    /// How many messages are being looked for in the store.
    sought: usize,
    readings: Readings,
    purging: Purging,
    erasing: Erasing,
    rewriting: Rewriting,
    pages: Map<(ChatId, PageKey), Vec<(Asker, PartialPage)>>,
    /// Who waits for events that are read from the store.
    events: Map<(ChatId, StoreKey), Vec<Asker>>,
    reads: Unanswered<PartitionRead>,
    passwords: Unanswered<PasswordWait>,
}

impl Partition {
    /// A partition that the log has opened. `opening` tells this time from others that it was open on the shard.
    pub(crate) fn open(id: PartitionId, opened: Opened, opening: u64, seed: u64) -> Self {
        let number_base = opening << NUMBER_BITS;
        Self {
            id,
            number_base,
            committed_before: opened.committed,
            caught_up: false,
            latest_stamp: Timestamp::default(),
            dedup: DedupWindow::new(seed),
            appends: Appends::default(),
            delivery: Delivery::new(opened),
            progress: Progress::new(opened.committed, number_base + 1),
            paused: false,
            dead_letters: VecDeque::new(),
            chats: Chats::default(),
            filling: VecDeque::new(),
            touched: Vec::new(),
            noted: VecDeque::new(),
            marks_on_their_way: 0,
            names: Names::default(),
            logins: Logins::default(),
            changes: Changes::default(),
            endings: Endings::above(number_base),
            new_sessions: NewSessions::default(),
            user_settings: UserSettings::default(),
            admissions: Admissions::above(id, number_base),
            invited: Map::default(),
            message_queues: MessageQueues::default(),
            sought: 0,
            readings: Readings::default(),
            purging: Purging::default(),
            erasing: Erasing::above(number_base),
            rewriting: Rewriting::default(),
            pages: Map::default(),
            events: Map::default(),
            reads: Unanswered::above(number_base),
            passwords: Unanswered::above(number_base),
        }
    }

    /// Whether commands are served: everything that was in the log was applied, or waits for its chat to be read, as
    /// commands on that chat do behind it.
    pub(crate) const fn is_ready(&self) -> bool {
        self.caught_up
    }

    pub(crate) fn caught_up(&mut self, cx: &mut Context<'_>) {
        self.caught_up = true;
        cx.stamps.raise(self.latest_stamp, cx.now);
        // An earlier owner may have begun.
        self.purging.want();
        self.go_on_purging(cx);
        self.erasing.want();
        self.go_on_erasing(cx);
        self.rewriting.want();
        self.go_on_rewriting(cx);
    }

    /// How many of its chats are in memory.
    pub(crate) fn chats(&self) -> usize {
        self.chats.len()
    }

    const fn token(&self, number: u64) -> Token {
        Token {
            part: Part::Partition(self.id),
            number,
        }
    }

    /// A number that nothing waits for: it comes from an earlier time that the partition was open, or must not be.
    fn stale_or_bug(&self, number: u64, what: &'static str, cx: &mut Context<'_>) {
        if number > self.number_base {
            cx.bug(what);
        }
    }

    /// Whether a new record may be appended.
    fn admit(&self, cx: &Context<'_>) -> Result<(), Problem> {
        self.appends.admit(cx)?;
        if cx.is_over_lag_limit(self.lag_micros(cx.now.micros)) {
            return Err(Problem::LAGGING);
        }
        Ok(())
    }

    /// Whether a small change may be appended: it gives control back, and so is taken also while the store lags, as it
    /// does on a full disk.
    fn admit_small(&self, cx: &Context<'_>) -> Result<(), Problem> {
        self.appends.admit_small(cx)?;
        if self.progress.unstored_bytes() >= UNSTORED_BYTES_MAX {
            return Err(Problem::UNSTORED_BYTES);
        }
        Ok(())
    }

    /// Hands over what this round gathered.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        self.appends.submit(self.id, cx);
    }

    /// An append was answered.
    pub(crate) fn appended(&mut self, outcome: Result<Offset, AppendFault>, cx: &mut Context<'_>) {
        let Some(in_flight) = self.appends.take_answered() else {
            return cx.bug("an append was answered that nobody asked for");
        };
        let mut follows = true;
        if let Ok(end) = outcome {
            let records = in_flight.pending.len() as u64;
            follows = self.delivery.confirm(end, records, cx.now.micros);
        }
        let took = cx.now.micros.saturating_sub(in_flight.submitted_micros);
        cx.stats.append.observe(took);
        for pending in in_flight.pending {
            match outcome {
                Ok(_) => self.durable(pending, follows, cx),
                Err(AppendFault::Unavailable) => {
                    self.not_appended(pending, Problem::LOG_UNAVAILABLE, cx);
                }
                Err(AppendFault::Unknown) => self.doubtful(pending, cx),
            }
        }
        self.flush(cx);
    }

    /// It is in the log. Unless it follows what is known of the log, an earlier owner's append has landed there, and
    /// which of two messages with one client id is the first shows when they are applied.
    fn durable(&mut self, pending: Pending, follows: bool, cx: &mut Context<'_>) {
        match pending {
            Pending::Message {
                asker,
                message_id,
                chat_id,
            } => {
                cx.stats.messages_posted += 1;
                cx.answer(asker, Outcome::posted(message_id, chat_id));
            }
            Pending::KeyedMessage { key, chat_id } => {
                cx.stats.messages_posted += 1;
                let (yields, askers) = self.dedup.confirm(key, follows, cx.now.micros);
                answer_posted(askers, yields, chat_id, cx);
            }
            Pending::Nobody => cx.stats.messages_posted += 1,
            Pending::SessionEnd(_, number) => self.session_end_recorded(number, cx),
            Pending::SessionStart(asker, ..) => log_in(asker, cx),
            Pending::Change(..) | Pending::Heir => {}
        }
    }

    /// It may be in the log or not: a retry with the same client id makes no second message.
    fn doubtful(&mut self, pending: Pending, cx: &mut Context<'_>) {
        let problem = Problem::OUTCOME_UNKNOWN;
        match pending {
            Pending::KeyedMessage { key, .. } => {
                for asker in self.dedup.doubt(key) {
                    cx.refuse(asker, problem);
                }
            }
            Pending::Change(key, _) => {
                if let ChangeKey::Invite(invite_id) = key {
                    self.doubt_invite(invite_id);
                }
                self.not_appended(pending, problem, cx);
            }
            Pending::Message { .. }
            | Pending::SessionEnd(..)
            | Pending::SessionStart(..)
            | Pending::Heir
            | Pending::Nobody => self.not_appended(pending, problem, cx),
        }
    }

    fn not_appended(&mut self, pending: Pending, problem: Problem, cx: &mut Context<'_>) {
        match pending {
            Pending::Message { asker, .. } => cx.refuse(asker, problem),
            Pending::SessionEnd(ended, number) => self.session_end_failed(ended, number, cx),
            Pending::SessionStart(asker, user_id, session_id) => {
                self.new_sessions.remove(user_id, session_id);
                log_in_unrecorded(asker, cx);
            }
            Pending::Heir | Pending::Nobody => {}
            Pending::KeyedMessage { key, .. } => {
                for asker in self.dedup.abandon(key) {
                    cx.refuse(asker, problem);
                }
            }
            Pending::Change(key, asker) => {
                if let Some(asker) = self.changes.take_one(key, asker) {
                    cx.refuse(asker, problem);
                }
                self.forget_change(key, asker, cx);
            }
        }
    }

    /// Undoes what was reserved for a change that did not come about.
    fn forget_change(&mut self, key: ChangeKey, asker: Asker, cx: &mut Context<'_>) {
        match key {
            ChangeKey::Chat(chat_id, _) => self.chats.abandon_creation(chat_id),
            ChangeKey::User(user_id) => self.names.release(user_id),
            ChangeKey::Invite(invite_id) => self.not_spent(invite_id),
            ChangeKey::Amended(chat_id, message_id) => {
                let key = (chat_id, message_id);
                if self.message_queues.failed(key, asker) {
                    self.amendment_is_over(key, cx);
                }
            }
            ChangeKey::Added(..)
            | ChangeKey::Removed(..)
            | ChangeKey::Role(..)
            | ChangeKey::Settings(..)
            | ChangeKey::Profile(..)
            | ChangeKey::Deleted(_)
            | ChangeKey::Blocked(..)
            | ChangeKey::Erased(..)
            | ChangeKey::Password(..)
            | ChangeKey::Account(_) => {}
            ChangeKey::UserSettings(user_id, _) => self.user_settings_done(user_id, cx),
        }
    }

    /// The oldest record that was to be a dead letter is one.
    pub(crate) fn dead_lettered(&mut self, cx: &mut Context<'_>) {
        match self.dead_letters.pop_front() {
            Some(span) => self.release(span, cx),
            None => cx.bug("the log kept a dead letter that nobody sent"),
        }
    }

    /// A write of one of its spans is in the store.
    pub(crate) fn written(&mut self, number: u64, cx: &mut Context<'_>) {
        if number == MARKS_NUMBER {
            return self.marks_written();
        }
        self.release(SpanId(number), cx);
    }

    fn read(&mut self, what: PartitionRead, read: Read, cx: &mut Context<'_>) {
        let number = self.reads.add(what);
        cx.read(self.token(number), read);
    }

    /// The store answered a read.
    pub(crate) fn store_read(
        &mut self,
        number: u64,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match self.reads.take(number) {
            Some(PartitionRead::Chat(chat_id)) => self.chat_read(chat_id, outcome, cx),
            Some(PartitionRead::Page(chat_id, key, reading)) => {
                self.page_read(chat_id, key, outcome, cx);
                self.end_reading(chat_id, reading);
            }
            Some(PartitionRead::Sought(seeking)) => self.sought_read(*seeking, outcome, cx),
            Some(PartitionRead::Events(chat_id, key, reading)) => {
                self.events_read(chat_id, key, outcome, cx);
                self.end_reading(chat_id, reading);
            }
            Some(PartitionRead::Former {
                asker,
                chat_id,
                page,
                end,
                reading,
            }) => {
                match end {
                    End::Removed(history) => {
                        self.former_read(asker, chat_id, (page, history), outcome, cx);
                    }
                    End::Deleted(deleted) => self.farewell_read(asker, page, deleted, outcome, cx),
                }
                self.end_reading(chat_id, reading);
            }
            Some(PartitionRead::Purges) => self.purges_read(outcome, cx),
            Some(PartitionRead::PurgedMembers) => self.purged_members_read(outcome, cx),
            Some(PartitionRead::Erasures) => self.erasures_read(outcome, cx),
            Some(PartitionRead::ErasedChats) => self.erased_chats_read(outcome, cx),
            Some(PartitionRead::Rewrites) => self.rewrites_read(outcome, cx),
            Some(PartitionRead::RewrittenEvents) => self.rewritten_events_read(outcome, cx),
            Some(PartitionRead::Creation(asker, chat_id, creation)) => {
                self.creation_read(asker, chat_id, creation, outcome, cx);
            }
            Some(PartitionRead::Mark {
                asker,
                chat_id,
                seq,
                all,
            }) => {
                self.messages_counted(asker, chat_id, (seq, all), outcome, cx);
            }
            Some(PartitionRead::Name(name)) => self.name_read(&name, outcome, cx),
            Some(PartitionRead::User(asker, what)) => self.user_read(asker, what, outcome, cx),
            Some(PartitionRead::Sessions(asker, user_id, what)) => {
                self.sessions_read(asker, user_id, what, outcome, cx);
            }
            Some(PartitionRead::Surplus(user_id, span)) => {
                self.surplus_read(user_id, span, outcome, cx);
            }
            Some(PartitionRead::UserSettings(user_id)) => {
                self.user_settings_read(user_id, outcome, cx);
            }
            None => self.stale_or_bug(number, "a read that nobody asked for", cx),
        }
    }

    /// A page of older messages was read from the store.
    fn page_read(
        &mut self,
        chat_id: ChatId,
        key: PageKey,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let waiting = self.pages.remove(&(chat_id, key)).unwrap_or_default();
        // The chat was deleted meanwhile.
        if waiting.is_empty() {
            return;
        }
        let rows = cx.found(outcome, Found::messages);
        let chat = self.chats.active(chat_id);
        if chat.is_none() {
            cx.bug(READ_OF_FORGOTTEN);
        }
        for (asker, page) in waiting {
            match rows.as_ref().zip(chat.as_deref()) {
                Some((rows, chat)) => cx.answer(asker, page.complete(rows, chat)),
                None => cx.refuse(asker, Problem::STORE_UNAVAILABLE),
            }
        }
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.answer_overdue(cx);
        self.record_session_ends(cx);
        self.end_overdue_admissions(cx);
        self.forget_expired_invites(cx);
        self.serve_waiting_reads(cx);
        while let Some(chat_id) = self.chats.next_unread(cx.now.micros) {
            self.read_chat(chat_id, cx);
        }
        while let Some(name) = self.names.next_unread(cx.now.micros) {
            self.read_name(name, cx);
        }
        self.logins.tick(cx.now.micros);
        self.go_on_purging(cx);
        self.go_on_erasing(cx);
        self.go_on_rewriting(cx);
        self.write_marks(cx);
    }

    fn answer_overdue(&mut self, cx: &mut Context<'_>) {
        let Overdue {
            senders: mut overdue,
            logins,
            changes,
        } = self.appends.take_overdue(&mut self.dedup, cx.now.micros);
        log_in_unrecorded(logins, cx);
        let began_before = cx.now.micros.saturating_sub(APPEND_DEADLINE_MICROS);
        overdue.extend(self.dedup.take_overdue(began_before, cx.now.micros));
        overdue.extend(self.progress.take_overdue(began_before));
        overdue.extend(self.endings.take_overdue(began_before));
        overdue.extend(changes.into_iter().flat_map(|key| self.changes.take(key)));
        for asker in overdue {
            cx.refuse(asker, Problem::OUTCOME_UNKNOWN);
        }
    }

    /// Stops the log's delivery while the store is far behind, so that memory stays bounded.
    fn steer_delivery(&mut self, cx: &mut Context<'_>) {
        let (partition, unstored) = (self.id, self.progress.unstored_bytes());
        if !self.paused && unstored > UNSTORED_BYTES_HIGH {
            self.paused = true;
            cx.effects.log.push(LogRequest::Pause { partition });
        } else if self.paused && unstored < UNSTORED_BYTES_LOW {
            self.paused = false;
            cx.effects.log.push(LogRequest::Resume { partition });
        }
    }

    /// Age of the oldest record that is not in the store, since it was applied or, where the log has not
    /// delivered it, confirmed.
    pub(crate) fn lag_micros(&self, now_micros: u64) -> u64 {
        let applied = self.progress.oldest_micros();
        let confirmed = self.delivery.oldest_micros();
        let oldest = applied.into_iter().chain(confirmed).min();
        oldest.map_or(0, |since| now_micros.saturating_sub(since))
    }

    /// Messages in the log that are not in the store. What the log has not delivered counts as if it were
    /// all messages: what it is shows when it is read.
    pub(crate) fn lag_messages(&self) -> u64 {
        self.progress.unstored_messages() + self.delivery.undelivered(self.committed_before)
    }

    /// Whether nothing is being appended, applied or stored, and all that is stored is committed.
    pub(crate) fn is_drained(&self) -> bool {
        let is_idle = self.appends.is_empty() && !self.delivery.is_behind();
        is_idle
            && self.are_marks_stored()
            && self.progress.is_stored()
            && self.progress.is_committed()
    }

    /// Whether everything that is in the store is committed.
    pub(crate) fn is_committed(&self) -> bool {
        self.progress.is_committed()
    }

    /// A sync of the store begins.
    pub(crate) const fn begin_sync(&mut self) {
        self.progress.begin_sync();
    }

    /// Commits what the finished sync covered.
    pub(crate) fn end_sync(&mut self, cx: &mut Context<'_>) {
        if let Some(offset) = self.progress.end_sync(cx) {
            let partition = self.id;
            cx.effects
                .log
                .push(LogRequest::Commit { partition, offset });
        }
    }
}

/// Answers who posted with a client id: with the message that it yields, or that it was used for another one.
fn answer_posted(
    askers: Vec<Asker>,
    yields: Option<MessageId>,
    chat_id: ChatId,
    cx: &mut Context<'_>,
) {
    for asker in askers {
        match yields {
            Some(message_id) => cx.answer(asker, Outcome::posted(message_id, chat_id)),
            None => cx.refuse(asker, Problem::IDEMPOTENCY_KEY_REUSED),
        }
    }
}

/// Sends each home one message about its users, and returns how many that are.
fn send_to_homes(
    users: &[UserId],
    cx: &mut Context<'_>,
    message: impl Fn(Vec<UserId>) -> ShardMessage,
) -> usize {
    let mut sent = 0;
    let mut by_home = vec![Vec::new(); usize::from(cx.routing.shards())];
    for &user in users {
        by_home[cx.routing.home(user).index()].push(user);
    }
    for (shard, users) in cx.routing.all_shards().zip(by_home) {
        if !users.is_empty() {
            cx.send(shard, message(users));
            sent += 1;
        }
    }
    sent
}
