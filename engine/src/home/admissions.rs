//! Which users may become members of chats: those who exist, and are in fewer chats than they may be.
//!
//! A user's chats are those that the store has, those that they joined since, and those that they were admitted to and
//! have not joined yet. Their home knows all of these: however much is asked at once, nobody gets past a limit.

use rookery_schema::{ChatId, UserId};

use crate::config::ShardConfig;
use crate::context::Context;
use crate::fair_queue::FairQueue;
use crate::home::joining::Joining;
use crate::limits::Limit;
use crate::map::{Map, Set, Unanswered};
use crate::mesh::admission::CANDIDATES_MAX;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{Candidates, NotAdmitted, ShardMessage};

/// Users who are looked into at a time. The chats of each are read: 160 kB within the default limits.
const USERS_AT_ONCE_MAX: usize = 256;
/// So that every question has its turn.
const _: () = assert!(CANDIDATES_MAX <= USERS_AT_ONCE_MAX);
/// Seconds after which users who were admitted and have not joined count as if they had not been. What the log takes, it
/// delivers sooner.
const JOINING_SECONDS_MAX: u32 = 60;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    /// For the networks from where users are added, in turn. Partitions bound how much waits.
    waiting: FairQueue<Question>,
    asked: Unanswered<Question>,
    /// Users of those.
    users: usize,
    /// Users whose chats are being read.
    reading: Map<UserId, Reading>,
    joining: Joining,
}

#[derive(Debug)]
struct Question {
    candidates: Candidates,
    /// How many of them have chats that are still to be read.
    unread: usize,
    refusal: Option<NotAdmitted>,
    /// When nobody waits for an answer any more, in microseconds.
    due_micros: u64,
}

/// The reading of a user's chats.
#[derive(Debug, Default)]
struct Reading {
    /// Chats that the store was told of since it was asked.
    joined: Vec<ChatId>,
    /// The questions that wait for it.
    questions: Vec<u64>,
}

impl Admissions {
    /// Takes an owner's question.
    pub(super) fn add(&mut self, candidates: Candidates, cx: &Context<'_>) {
        let network = candidates.network;
        let question = Question {
            candidates,
            unread: 0,
            refusal: None,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        };
        self.waiting.push(network, question, usize::MAX);
    }

    /// Begins with the question whose turn it is, where there is room: its number and its users.
    pub(super) fn begin(&mut self) -> Option<(u64, Box<[UserId]>)> {
        let users = self.waiting.peek()?.candidates.user_ids.len();
        if self.users + users > USERS_AT_ONCE_MAX {
            return None;
        }
        let question = self.waiting.pop()?;
        self.users += users;
        let user_ids = question.candidates.user_ids.as_slice().into();
        Some((self.asked.add(question), user_ids))
    }

    /// Whether a question waits.
    pub(super) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Refuses those of a question's users who are none of these. Without any, the store could not be read.
    pub(super) fn refuse_unknown(&mut self, number: u64, known: Option<&Set<UserId>>) {
        // It may have been given up.
        let Some(question) = self.asked.get_mut(number) else {
            return;
        };
        match known {
            None => question.refusal = Some(Problem::STORE_UNAVAILABLE.into()),
            Some(known) => {
                let user_ids = question.candidates.user_ids.iter();
                let unknown: Vec<UserId> =
                    user_ids.filter(|it| !known.contains(it)).copied().collect();
                unknown
                    .into_iter()
                    .for_each(|it| question.refuse(Problem::UNKNOWN_MEMBER, it));
            }
        }
    }

    /// Has a question that was not refused wait for the chats of those of its users who have a limit. Gives the users whose
    /// chats are not being read already.
    pub(super) fn wait_for_chats(&mut self, number: u64, config: &ShardConfig) -> Vec<UserId> {
        let question = self.asked.get_mut(number);
        let Some(question) = question.filter(|it| it.refusal.is_none()) else {
            return Vec::new();
        };
        let Candidates {
            chat_id, user_ids, ..
        } = &question.candidates;
        let has_limit = |user_id| {
            let makes = chat_id.is_made_by(user_id);
            config.memberships_per_user > 0 || config.chats_per_user > 0 && makes
        };
        let mut unread = Vec::new();
        for user_id in user_ids.iter().copied().filter(|it| has_limit(*it)) {
            let reading = self.reading.entry(user_id).or_insert_with(|| {
                unread.push(user_id);
                Reading::default()
            });
            reading.questions.push(number);
            question.unread += 1;
        }
        unread
    }

    /// A user's chats were read (`None`: could not be), and these that the store does not know yet come with them.
    pub(super) fn chats_read(
        &mut self,
        user_id: UserId,
        chats: Option<Vec<ChatId>>,
        unstored: &[ChatId],
        cx: &mut Context<'_>,
    ) {
        let Some(Reading { joined, questions }) = self.reading.remove(&user_id) else {
            return cx.bug("a user's chats were read that nobody asked for");
        };
        let mut chats = chats.map(|mut chats| {
            chats.extend_from_slice(unstored);
            chats.extend(joined);
            chats.extend(self.joining.of(user_id));
            chats.sort_unstable();
            chats.dedup();
            chats
        });
        let until_micros = cx.micros_in(JOINING_SECONDS_MAX.into());
        for number in questions {
            // It may have been given up.
            let Some(question) = self.asked.get_mut(number) else {
                continue;
            };
            question.unread -= 1;
            let chat_id = question.candidates.chat_id;
            match &mut chats {
                None => question.refusal = Some(Problem::STORE_UNAVAILABLE.into()),
                Some(chats) => match add_chat(chats, chat_id, user_id, cx.config) {
                    Ok(()) => self.joining.begin(user_id, chat_id, until_micros),
                    Err(limit) => {
                        question.refuse(Problem::over(limit, JOINING_SECONDS_MAX), user_id);
                    }
                },
            }
            self.answer_if_judged(number, cx);
        }
    }

    /// Answers a question once nothing is to be read for it any more.
    pub(super) fn answer_if_judged(&mut self, number: u64, cx: &mut Context<'_>) {
        let question = self.asked.get_mut(number);
        if question.is_none_or(|it| it.unread > 0) {
            return;
        }
        let Some(question) = self.asked.take(number) else {
            return;
        };
        let Candidates {
            from,
            partition,
            number,
            user_ids,
            ..
        } = question.candidates;
        self.users -= user_ids.len();
        // Of those that may join, their owner tells whether they do.
        let message = ShardMessage::Admitted {
            partition,
            number,
            outcome: question.refusal.map_or(Ok(()), Err),
        };
        cx.send(from, message);
    }

    /// Users have joined a chat, or do not.
    pub(super) fn end_joining(&mut self, chat_id: ChatId, users: &[UserId]) {
        self.joining.end(chat_id, users);
    }

    /// The store knows of a membership that a read under way may have missed.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        if let Some(reading) = self.reading.get_mut(&user_id) {
            reading.joined.push(chat_id);
        }
    }

    /// Drops what nobody waits for any more.
    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        let now = cx.now.micros;
        self.waiting.retain(|it| it.due_micros > now);
        for question in self.asked.take_if(|it| it.due_micros <= now) {
            self.users -= question.candidates.user_ids.len();
        }
        self.joining.expire(now);
    }
}

impl Question {
    /// Refuses one of its users. All who are refused are refused for the same reason.
    fn refuse(&mut self, problem: Problem, user_id: UserId) {
        let refusal = self.refusal.get_or_insert_with(|| problem.into());
        if refusal.problem == problem {
            refusal.user_ids.push(user_id);
        }
    }
}

/// Adds a chat to those of a user, which are in order.
///
/// # Errors
/// The limit that they would pass.
fn add_chat(
    chats: &mut Vec<ChatId>,
    chat_id: ChatId,
    user_id: UserId,
    config: &ShardConfig,
) -> Result<(), Limit> {
    let Err(place) = chats.binary_search(&chat_id) else {
        return Ok(());
    };
    let is_full = |count: usize, max: usize| max > 0 && count >= max;
    if chat_id.is_made_by(user_id) {
        let made = chats.iter().filter(|it| it.is_made_by(user_id));
        if is_full(made.count(), config.chats_per_user) {
            return Err(Limit::ChatsPerUser);
        }
    }
    if is_full(chats.len(), config.memberships_per_user) {
        return Err(Limit::MembershipsPerUser);
    }
    chats.insert(place, chat_id);
    Ok(())
}
