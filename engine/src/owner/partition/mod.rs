//! One log partition as its owner sees it: a state machine that the log can replay. It owns all that concerns its
//! chats, usernames and users, and all that it has to say leaves here.

mod accounts;
mod admissions;
mod amending;
mod appending;
mod apply;
mod closing;
mod commands;
mod creations;
mod deletions;
mod erasures;
mod events;
mod folded;
mod heirs;
mod invites;
mod loading;
mod marks;
mod memory;
mod own;
mod pages;
mod passwords;
mod reads;
mod registrations;
mod rewrites;
mod sending;
mod session_lists;
mod sessions;
mod storing;
mod user_deletions;
mod waits;

use std::collections::VecDeque;

use rookery_schema::{ChatId, Offset, PartitionId, SessionId, Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{Found, Opened, Part, Read, StoreFault, Token};
use crate::map::{Map, Unanswered};
use crate::mesh::{Asker, ShardMessage};
use crate::owner::admissions::Admissions;
use crate::owner::appends::Appends;
use crate::owner::changes::Changes;
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
use crate::owner::new_sessions::NewSessions;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::partition::waits::{PasswordWait, Registering};
use crate::owner::progress::{Progress, SpanId};
use crate::owner::purging::Purging;
use crate::owner::readings::Readings;
use crate::owner::rewriting::Rewriting;
use crate::owner::settings::UserSettings;

/// Bits of a token's number that count within one time that a partition is open. 2^40 are a million a second for
/// twelve days, after which nothing is left of the time before.
const NUMBER_BITS: u32 = 40;

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

    /// Reads from the store; [`Self::store_read`] has who takes the answer.
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
