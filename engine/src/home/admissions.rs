//! Which users may become members of chats: those who exist, and are in fewer chats than they may be.
//!
//! A user's chats are those that the store has, those that they joined since, and those that they were admitted to and
//! have not joined yet. Their home knows all of these: however much is asked at once, nobody gets past a limit. It reads
//! them seldom, and counts on from there.

use std::collections::VecDeque;

use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::fair_queue::FairQueue;
use crate::home::counts::Counts;
use crate::home::joining::Joining;
use crate::map::{Map, Set};
use crate::mesh::admission::CANDIDATES_MAX;
use crate::mesh::command::deadlines::READ_SECONDS_MAX;
use crate::mesh::problem::Problem;
use crate::mesh::{AdmissionId, Candidates, NotAdmitted, ShardMessage};

/// Users who are looked into at a time, and with whom a round begins.
pub(super) const USERS_AT_ONCE_MAX: usize = 256;
/// Users whose chats are read at a time: 12,000 keys each within the default limits, and all other reads of the shard
/// come between them.
const READS_AT_ONCE_MAX: usize = 8;
/// So that every question has its turn.
const _: () = assert!(CANDIDATES_MAX <= USERS_AT_ONCE_MAX);
/// Seconds after which users who were admitted and have not joined count as if they had not been. What the log takes, it
/// delivers sooner.
const JOINING_SECONDS_MAX: u32 = 60;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    /// Partitions bound how many there are.
    questions: Map<AdmissionId, Question>,
    /// Those whose turn has not come, for the networks from where users are added, in turn; some may have been given up.
    waiting: FairQueue<AdmissionId>,
    /// Users of those whose turn has come.
    users: usize,
    /// Users whose chats are being read, or will be.
    reading: Map<UserId, Reading>,
    /// Those of them whose turn has not come.
    unread: VecDeque<UserId>,
    joining: Joining,
    counts: Counts,
}

#[derive(Debug)]
struct Question {
    candidates: Candidates,
    /// Its turn has come.
    has_begun: bool,
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
    /// The questions that wait for it; some may have been given up.
    questions: Vec<AdmissionId>,
}

impl Admissions {
    /// Takes an owner's question.
    pub(super) fn add(&mut self, candidates: Candidates, cx: &Context<'_>) {
        let (id, network) = (candidates.id, candidates.network);
        let question = Question {
            candidates,
            has_begun: false,
            unread: 0,
            refusal: None,
            due_micros: cx.micros_in(READ_SECONDS_MAX),
        };
        self.questions.insert(id, question);
        self.waiting.push(network, id, usize::MAX);
    }

    /// Begins with the question whose turn it is, where there is room; gives its users.
    pub(super) fn begin(&mut self) -> Option<(AdmissionId, Box<[UserId]>)> {
        while self.can_begin() {
            let id = self.waiting.pop()?;
            if let Some(question) = self.questions.get_mut(&id) {
                let user_ids = question.candidates.user_ids.as_slice();
                question.has_begun = true;
                self.users += user_ids.len();
                return Some((id, user_ids.into()));
            }
        }
        None
    }

    /// Whether a question waits for which there is room.
    pub(super) fn can_begin(&self) -> bool {
        let users = |id| {
            let question = self.questions.get(id);
            question.map_or(0, |it| it.candidates.user_ids.len())
        };
        let next = self.waiting.peek();
        next.is_some_and(|id| self.users + users(id) <= USERS_AT_ONCE_MAX)
    }

    fn take(&mut self, id: AdmissionId) -> Option<Question> {
        let question = self.questions.remove(&id)?;
        if question.has_begun {
            self.users -= question.candidates.user_ids.len();
        }
        Some(question)
    }

    /// Takes a user whose chats are to be read now.
    pub(super) fn next_unread(&mut self) -> Option<UserId> {
        if self.reading.len() - self.unread.len() >= READS_AT_ONCE_MAX {
            return None;
        }
        self.unread.pop_front()
    }

    /// Refuses those of a question's users who are none of these. Without any, the store could not be read.
    pub(super) fn refuse_unknown(&mut self, id: AdmissionId, known: Option<&Set<UserId>>) {
        // It may have been given up.
        let Some(question) = self.questions.get_mut(&id) else {
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

    /// Judges those of a question's users who have a limit, unless it was refused. It waits for the chats of those of whom
    /// it is not known how many they are in.
    pub(super) fn judge_or_wait(&mut self, id: AdmissionId, cx: &Context<'_>) {
        let question = self.questions.get_mut(&id);
        let Some(question) = question.filter(|it| it.refusal.is_none()) else {
            return;
        };
        let chat_id = question.candidates.chat_id;
        let has_limit = |user_id| {
            let makes = chat_id.is_made_by(user_id);
            cx.config.memberships_per_user > 0 || cx.config.chats_per_user > 0 && makes
        };
        let user_ids = question.candidates.user_ids.iter().copied();
        let user_ids: Vec<UserId> = user_ids.filter(|it| has_limit(*it)).collect();
        let is_good = |it: &UserId| self.counts.is_good(*it, cx.now.micros);
        let (known, unknown): (Vec<UserId>, Vec<UserId>) = user_ids.into_iter().partition(is_good);
        question.unread = unknown.len();
        for user_id in unknown {
            let reading = self.reading.entry(user_id).or_insert_with(|| {
                self.unread.push_back(user_id);
                Reading::default()
            });
            reading.questions.push(id);
        }
        for user_id in known {
            self.judge(id, user_id, cx);
        }
    }

    /// Admits a user of whom it is known how many chats they are in, or refuses them.
    fn judge(&mut self, id: AdmissionId, user_id: UserId, cx: &Context<'_>) {
        // It may have been given up.
        let Some(question) = self.questions.get_mut(&id) else {
            return;
        };
        let chat_id = question.candidates.chat_id;
        // By records alone they may be in more chats than they may be, and one of these may be of no effect any more.
        let counted = match self.joining.contains(user_id, chat_id) {
            true => self.counts.check(user_id, chat_id, cx.config),
            false => self.counts.add(user_id, chat_id, cx.config),
        };
        if let Err(limit) = counted {
            if question.candidates.spared == Some(user_id) {
                return;
            }
            return question.refuse(Problem::over(limit, JOINING_SECONDS_MAX), user_id);
        }
        let until_micros = cx.micros_in(JOINING_SECONDS_MAX.into());
        self.joining.begin(user_id, chat_id, id, until_micros);
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
        let is_known = chats.is_some();
        if let Some(mut chats) = chats {
            chats.extend_from_slice(unstored);
            chats.extend(joined);
            chats.sort_unstable();
            chats.dedup();
            chats.extend(self.joining.count_besides(user_id, &chats));
            self.counts.set(user_id, &chats, cx.now.micros);
        }
        for id in questions {
            if let Some(question) = self.questions.get_mut(&id) {
                question.unread -= 1;
                if !is_known {
                    question.refusal = Some(Problem::STORE_UNAVAILABLE.into());
                }
            }
            if is_known {
                self.judge(id, user_id, cx);
            }
            self.answer_if_judged(id, cx);
        }
    }

    /// Answers a question once nothing is to be read for it any more.
    pub(super) fn answer_if_judged(&mut self, id: AdmissionId, cx: &mut Context<'_>) {
        if self.questions.get(&id).is_none_or(|it| it.unread > 0) {
            return;
        }
        let Some(question) = self.take(id) else {
            return;
        };
        // Of those that may join, their owner tells whether they do.
        let outcome = question.refusal.map_or(Ok(()), Err);
        cx.send(id.shard, ShardMessage::Admitted { id, outcome });
    }

    /// By a record of the log users join a chat that is to be read first. Whether they were in it before is not known:
    /// their chats are counted anew.
    pub(super) fn joining(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        let until_micros = cx.micros_in(JOINING_SECONDS_MAX.into());
        for &user_id in users {
            self.joining.record(user_id, chat_id, until_micros);
            self.counts.forget(user_id);
        }
    }

    /// Users have joined a chat.
    pub(super) fn end_joining(&mut self, chat_id: ChatId, users: &[UserId]) {
        users
            .iter()
            .for_each(|it| self.joining.joined(*it, chat_id));
    }

    /// Users about whom a request asked do not join a chat by it: some may have been admitted, and others are not to be
    /// any more.
    pub(super) fn not_joining(&mut self, id: AdmissionId, chat_id: ChatId, users: &[UserId]) {
        self.take(id);
        for &user_id in users {
            if self.joining.failed(user_id, chat_id, id) {
                self.counts.take_back(user_id, chat_id);
            }
        }
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
        let all = self.questions.iter();
        let overdue = all.filter(|(_, it)| it.due_micros <= now);
        let overdue: Vec<AdmissionId> = overdue.map(|(id, _)| *id).collect();
        for id in overdue {
            self.take(id);
        }
        let is_asked = |id: &AdmissionId| self.questions.contains_key(id);
        self.waiting.retain(is_asked);
        self.unread.retain(|user_id| {
            let reading = self.reading.get(user_id);
            let is_wanted = reading.is_some_and(|it| it.questions.iter().any(is_asked));
            if !is_wanted {
                self.reading.remove(user_id);
            }
            is_wanted
        });
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
