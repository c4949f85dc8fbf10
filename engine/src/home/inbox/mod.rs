//! Users' lists of chats: which of them are made, and when each goes on.
//!
//! A list costs as many questions as its user has chats, so only some are made at a time and the others wait, for
//! networks in turn. In one round only some go on, each by one group of questions, so that lists hold a shard no longer than other requests do.

mod gather;

use std::collections::VecDeque;

use rookery_schema::limits::PAGE_BYTES_MAX;
use rookery_schema::row::{Mark, ProfileRow, UserRow};
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::fair_queue::FairQueue;
use crate::held_bytes::Holding;
use crate::home::inbox::gather::{Gather, Next};
use crate::limits::{Limit, Network};
use crate::map::{Map, Unanswered};
use crate::mesh::command::asker::Waiting;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Command, InboxPage, Outcome};
use crate::pages;

/// Lists of a shard that are made at a time. Each holds the ids of its user's chats, and at most one page and one group of
/// lines: 1.5 MiB.
const LISTS_MADE_MAX: usize = 16;
/// Lists of a shard that wait to be made.
const LISTS_WAITING_MAX: usize = 1024;
/// Lists of one user that wait or are made.
const LISTS_PER_USER_MAX: usize = 4;
/// Groups of questions that a shard asks in a round.
const GROUPS_PER_ROUND_MAX: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: FairQueue<Wanted>,
    /// Lists for which the store is asked for the user's chats.
    reading: Unanswered<Reading>,
    making: Unanswered<Making>,
    /// Lists whose owners have answered all that they were asked, in turn.
    due: VecDeque<u64>,
}

/// A page that somebody asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    asker: Asker,
    user_id: UserId,
    page: InboxPage,
    /// When it is dropped, in microseconds: its asker is refused then.
    due_micros: u64,
}

#[derive(Debug)]
struct Reading {
    wanted: Wanted,
    /// Chats that the user joined since the store was asked.
    joined: Vec<ChatId>,
    /// Their chats, and what they have read of them, once it was read.
    chats: Option<Vec<ChatId>>,
    marks: Option<Map<ChatId, Mark>>,
}

#[derive(Debug)]
struct Making {
    wanted: Wanted,
    gather: Gather,
    /// As much as its page may become.
    _held: Holding,
}

impl Inbox {
    /// Takes the wish for a page, which came from a network. Where too many wait, the network that has most of them loses
    /// one.
    pub(super) fn list(
        &mut self,
        asker: Asker,
        user_id: UserId,
        network: Network,
        page: InboxPage,
        cx: &mut Context<'_>,
    ) {
        if let Err(problem) = pages::admit(cx.held) {
            return cx.refuse(asker, problem);
        }
        if self.lists_of(user_id) >= LISTS_PER_USER_MAX {
            return cx.refuse(asker, Problem::over(Limit::ListsPerUser, 1));
        }
        let wanted = Wanted {
            asker,
            user_id,
            page,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        };
        if let Some(displaced) = self.waiting.push(network, wanted, LISTS_WAITING_MAX) {
            cx.refuse(displaced.asker, Problem::LISTS_WAITING);
        }
    }

    fn lists_of(&self, user_id: UserId) -> usize {
        let reading = self.reading.values().map(|it| it.wanted.user_id);
        let making = self.making.values().map(|it| it.wanted.user_id);
        let waiting = self.waiting.iter().map(|it| it.user_id);
        let all = waiting.chain(reading).chain(making);
        all.filter(|it| *it == user_id).count()
    }

    fn has_room(&self) -> bool {
        self.reading.len() + self.making.len() < LISTS_MADE_MAX
    }

    /// Begins the list whose turn it is, where there is room: the user whose chats are to be read, and the number
    /// of the reading.
    pub(super) fn begin(&mut self) -> Option<(UserId, u64)> {
        if !self.has_room() {
            return None;
        }
        let wanted = self.waiting.pop()?;
        let reading = Reading {
            wanted,
            joined: Vec::new(),
            chats: None,
            marks: None,
        };
        Some((wanted.user_id, self.reading.add(reading)))
    }

    /// The store knows of a membership that a read under way may have missed.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        let all = self.reading.values_mut();
        for reading in all.filter(|it| it.wanted.user_id == user_id) {
            reading.joined.push(chat_id);
        }
    }

    /// The user's chats were read (`None`: could not be), and these that the store does not know yet come with them.
    pub(super) fn chats_read(
        &mut self,
        number: u64,
        chats: Option<Vec<ChatId>>,
        unstored: &[ChatId],
        cx: &mut Context<'_>,
    ) {
        // It may have been given up.
        let Some(reading) = self.reading.get_mut(number) else {
            return;
        };
        let Some(mut chats) = chats else {
            return self.not_read(number, cx);
        };
        chats.extend_from_slice(unstored);
        reading.chats = Some(chats);
        self.make_if_read(number, cx);
    }

    /// What the user has read was read (`None`: could not be), and these marks may be further.
    pub(super) fn marks_read(
        &mut self,
        number: u64,
        marks: Option<Vec<(ChatId, Mark)>>,
        unstored: impl Iterator<Item = (ChatId, Mark)>,
        cx: &mut Context<'_>,
    ) {
        // It may have been given up.
        let Some(reading) = self.reading.get_mut(number) else {
            return;
        };
        let Some(marks) = marks else {
            return self.not_read(number, cx);
        };
        let mut furthest: Map<ChatId, Mark> = marks.into_iter().collect();
        for (chat_id, mark) in unstored {
            let known = furthest.entry(chat_id).or_default();
            *known = mark.max(*known);
        }
        reading.marks = Some(furthest);
        self.make_if_read(number, cx);
    }

    fn not_read(&mut self, number: u64, cx: &mut Context<'_>) {
        if let Some(reading) = self.reading.take(number) {
            cx.refuse(reading.wanted.asker, Problem::STORE_UNAVAILABLE);
        }
    }

    /// Begins to make a list once all that it takes of the store was read.
    fn make_if_read(&mut self, number: u64, cx: &Context<'_>) {
        let is_read = |it: &&mut Reading| it.chats.is_some() && it.marks.is_some();
        if self.reading.get_mut(number).filter(is_read).is_none() {
            return;
        }
        let Some(Reading {
            wanted,
            joined,
            chats: Some(mut chats),
            marks: Some(marks),
        }) = self.reading.take(number)
        else {
            return;
        };
        chats.extend(joined);
        chats.sort_unstable();
        chats.dedup();
        let gather = Gather::new(wanted.user_id, wanted.page, chats, marks);
        self.due.push_back(self.making.add(Making {
            wanted,
            gather,
            _held: Holding::of(cx.held, PAGE_BYTES_MAX),
        }));
    }

    /// The owner of one of the chats answered.
    pub(super) fn answered(&mut self, number: u64, outcome: Outcome, cx: &mut Context<'_>) {
        // It may have been given up.
        let Some(making) = self.making.get_mut(number) else {
            return;
        };
        if making.gather.answered(outcome, cx) {
            self.due.push_back(number);
        }
    }

    /// Users were read whom a list shows (`None`: could not be).
    pub(super) fn users_read(
        &mut self,
        number: u64,
        users: Option<Vec<UserRow>>,
        cx: &mut Context<'_>,
    ) {
        let making = self.making.get_mut(number);
        if making.is_some_and(|it| it.gather.users_read(users, cx)) {
            self.due.push_back(number);
        }
    }

    /// The same for what they say of themselves.
    pub(super) fn profiles_read(
        &mut self,
        number: u64,
        profiles: Option<Vec<ProfileRow>>,
        cx: &mut Context<'_>,
    ) {
        let making = self.making.get_mut(number);
        if making.is_some_and(|it| it.gather.profiles_read(profiles, cx)) {
            self.due.push_back(number);
        }
    }

    /// Lets as many lists go on as a round may. Gives the users whom lists want to show, and the lists' numbers.
    pub(super) fn go_on(&mut self, cx: &mut Context<'_>) -> Vec<(u64, Box<[UserId]>)> {
        let mut wanted = Vec::new();
        let count = self.due.len().min(GROUPS_PER_ROUND_MAX);
        let due: Vec<u64> = self.due.drain(..count).collect();
        for number in due {
            // It may have been given up.
            let Some(making) = self.making.get_mut(number) else {
                continue;
            };
            match making.gather.next() {
                Next::Ask(questions) => {
                    let asker = Asker {
                        shard: cx.id(),
                        waiting: Waiting::Inbox { gather: number },
                    };
                    for (chat_id, command) in questions {
                        cx.ask(asker, Command::Chat(chat_id, command));
                    }
                }
                Next::Read(users) => wanted.push((number, users)),
                Next::Answer(outcome) => {
                    let asker = making.wanted.asker;
                    self.making.take(number);
                    cx.answer(asker, outcome);
                }
            }
        }
        wanted
    }

    /// Whether a list can go on, or begin, before anything else comes.
    pub(super) fn has_more(&self) -> bool {
        !self.due.is_empty() || self.has_room() && !self.waiting.is_empty()
    }

    /// Drops lists that store or owners have not answered.
    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        let now = cx.now.micros;
        self.waiting.retain(|it| it.due_micros > now);
        self.reading.take_if(|it| it.wanted.due_micros <= now);
        self.making.take_if(|it| it.wanted.due_micros <= now);
    }
}
