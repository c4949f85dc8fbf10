//! Which chats users who were deleted are still to leave, one chat after another. The store knows who they are, so that another
//! owner goes on where this one ends.

use std::collections::{BTreeSet, VecDeque};

use rookery_schema::row::{ErasureRow, Row};
use rookery_schema::{ChatId, PartitionId, Timestamp, UserId};

use crate::edge::port::Read;
use crate::mesh::ErasureStep;

/// Users who take turns, and who are looked for at a time. Each is among them for [`SETTLED_MILLIS`] or more: where more than
/// eight a second are deleted, the others wait in the store.
const USERS_MAX: usize = 1024;
/// Chats that a user was in before that are looked for at a time.
const CHATS_MAX: usize = 512;
/// Chats of a user that are kept in mind, since they could not be left. While there are as many, no others are looked for.
const MISSED_MAX: usize = CHATS_MAX;
/// Milliseconds since a user was deleted after which nobody adds them to a chat any more: longer than any request takes
/// that asked before whether they may be added.
pub(crate) const SETTLED_MILLIS: u64 = 120_000;
/// Microseconds until the chats are looked for again of a user who may still be added to some.
pub(crate) const AGAIN_MICROS: u64 = 10_000_000;
/// Microseconds until the store is read again that could not be.
const RETRY_MICROS: u64 = 1_000_000;
/// Chats that could not be left, one right behind another, before there is a pause, for which everybody else waits too.
const REFUSED_MAX: u32 = 32;
/// Microseconds of this pause.
const PAUSE_MICROS: u64 = 100_000;
/// Microseconds until a chat's owner who has not answered will not any more.
const ANSWER_MICROS: u64 = 60_000_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Erasing {
    /// The store may have users who are not among these.
    is_wanted: bool,
    /// It has more than were looked for.
    is_any_left: bool,
    /// They take turns, a pass over some of their chats each. The first of them is being seen to.
    users: VecDeque<Deleted>,
    stage: Stage,
    /// Counts what chats' owners are asked.
    question: u64,
    /// Chats since the last that could be left.
    refused: u32,
    /// Nothing is done before.
    resume_micros: u64,
}

/// A user who was deleted.
#[derive(Debug)]
struct Deleted {
    user_id: UserId,
    at: Timestamp,
    former: Former,
    /// Chats that could not be left: they come first when it is looked again which ones the user is in.
    missed: Vec<ChatId>,
    /// It is not their turn before.
    due_micros: u64,
}

/// How far the chats are looked through that a user was in before. Nothing is added to these that they were not in since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Former {
    /// Those come first that they are in.
    NotYet,
    Behind(Option<ChatId>),
    Done,
}

/// How far the first user is.
#[derive(Debug)]
enum Stage {
    Idle,
    /// The store was asked which users there are.
    Listing,
    /// It was asked which chats the first of them is in, or was.
    Reading {
        is_former: bool,
    },
    /// Of these chats, nothing of the user is to be left. Nothing that is added later will be missing once it is the last time.
    Leaving {
        chats: VecDeque<ChatId>,
        /// Of the first chat.
        step: ErasureStep,
        is_last: bool,
        is_asked: bool,
        /// All that were found were seen to.
        is_whole: bool,
    },
    /// That they are done is being written.
    Writing,
}

/// What is done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Users(Read),
    Chats(Read),
    /// The owner of a chat is asked that nothing of a user be left in it.
    Erase {
        question: u64,
        chat_id: ChatId,
        user_id: UserId,
        step: ErasureStep,
    },
    Write(Row),
}

impl Erasing {
    /// Its questions have numbers above `last`.
    pub(crate) fn above(last: u64) -> Self {
        Self {
            is_wanted: false,
            is_any_left: false,
            users: VecDeque::new(),
            stage: Stage::Idle,
            question: last,
            refused: 0,
            resume_micros: 0,
        }
    }

    /// There may be more users.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// What is to be done, unless something is under way.
    pub(crate) fn next(&mut self, partition: PartitionId, now_micros: u64) -> Option<Next> {
        if now_micros < self.resume_micros {
            return None;
        }
        if let Stage::Leaving { is_asked: true, .. } = self.stage {
            self.miss();
        }
        self.end_pass(now_micros);
        match &mut self.stage {
            Stage::Listing | Stage::Reading { .. } | Stage::Writing => None,
            Stage::Idle if self.is_wanted => {
                // Who wants it from here on may mean one that this read does not find.
                self.is_wanted = false;
                self.stage = Stage::Listing;
                Some(Next::Users(Read::Erasures {
                    partition,
                    limit: USERS_MAX,
                }))
            }
            Stage::Idle => self.next_pass(now_micros).map(Next::Chats),
            Stage::Leaving {
                chats,
                step,
                is_asked,
                ..
            } => {
                let user = self.users.front()?;
                let Some(chat_id) = chats.front() else {
                    self.stage = Stage::Writing;
                    return Some(Next::Write(Row::Erasure(ErasureRow {
                        partition,
                        user_id: user.user_id,
                        deleted_at: user.at,
                        is_done: true,
                    })));
                };
                *is_asked = true;
                self.question += 1;
                // Unless it is answered before.
                self.resume_micros = now_micros + ANSWER_MICROS;
                Some(Next::Erase {
                    question: self.question,
                    chat_id: *chat_id,
                    user_id: user.user_id,
                    step: *step,
                })
            }
        }
    }

    /// Which chats of whom are next.
    fn next_pass(&mut self, now_micros: u64) -> Option<Read> {
        let is_due = |user: &Deleted| user.due_micros <= now_micros;
        let next = self.users.iter().position(is_due)?;
        self.users.rotate_left(next);
        let Deleted {
            user_id,
            former,
            ref missed,
            ..
        } = *self.users.front()?;
        let room = MISSED_MAX.saturating_sub(missed.len());
        let (is_former, read) = match former {
            Former::Behind(after) if room > 0 => {
                let limit = CHATS_MAX.min(room);
                let read = Read::FormerChats {
                    user_id,
                    after,
                    limit,
                };
                (true, read)
            }
            Former::NotYet | Former::Behind(_) | Former::Done => {
                (false, Read::ChatsOfUser(user_id))
            }
        };
        self.stage = Stage::Reading { is_former };
        Some(read)
    }

    /// Nothing is left to do in the chats that were read, and there may be others: it is the next user's turn.
    fn end_pass(&mut self, now_micros: u64) {
        let Stage::Leaving {
            chats,
            is_last: false,
            is_whole,
            ..
        } = &self.stage
        else {
            return;
        };
        let is_whole = *is_whole;
        if !chats.is_empty() {
            return;
        }
        self.stage = Stage::Idle;
        let Some(mut user) = self.users.pop_front() else {
            return;
        };
        if user.former == Former::NotYet && is_whole {
            user.former = Former::Behind(None);
        }
        let goes_on = matches!(user.former, Former::Behind(_)) && is_whole;
        user.due_micros = match goes_on {
            true => now_micros,
            false => now_micros + AGAIN_MICROS,
        };
        self.users.push_back(user);
    }

    /// The store has these users. Of those who are known, what is known stands: a walk over many chats goes on where it is.
    pub(crate) fn found_users(&mut self, users: Vec<(UserId, Timestamp)>) {
        self.stage = Stage::Idle;
        self.is_any_left = users.len() >= USERS_MAX;
        let known: BTreeSet<UserId> = self.users.iter().map(|user| user.user_id).collect();
        let new = users.into_iter().filter(|(id, _)| !known.contains(id));
        let room = USERS_MAX.saturating_sub(self.users.len());
        self.users
            .extend(new.take(room).map(|(user_id, at)| Deleted {
                user_id,
                at,
                former: Former::NotYet,
                missed: Vec::new(),
                due_micros: 0,
            }));
    }

    /// The store has these chats of the first user.
    pub(crate) fn found_chats(&mut self, found: Vec<ChatId>, now: Timestamp) {
        let Stage::Reading { is_former } = self.stage else {
            return;
        };
        let Some(user) = self.users.front_mut() else {
            self.stage = Stage::Idle;
            return;
        };
        let is_settled = now.millis() >= user.at.millis() + SETTLED_MILLIS;
        let is_last = is_settled && user.former == Former::Done;
        let mut chats: VecDeque<ChatId> = VecDeque::new();
        if is_former {
            user.former = match found.last() {
                Some(last) => Former::Behind(Some(*last)),
                None => Former::Done,
            };
        } else {
            chats.extend(user.missed.drain(..));
        }
        let known: BTreeSet<ChatId> = chats.iter().copied().collect();
        chats.extend(found.into_iter().filter(|it| !known.contains(it)));
        self.stage = Stage::Leaving {
            chats,
            step: ErasureStep::Content,
            is_last,
            is_asked: false,
            is_whole: true,
        };
    }

    /// The first chat could not be left: it is tried again when others were.
    fn miss(&mut self) {
        let Stage::Leaving {
            chats,
            step,
            is_last,
            is_asked,
            is_whole,
        } = &mut self.stage
        else {
            return;
        };
        (*step, *is_last, *is_asked) = (ErasureStep::Content, false, false);
        let Some((user, chat_id)) = self.users.front_mut().zip(chats.pop_front()) else {
            return;
        };
        if !user.missed.contains(&chat_id) {
            user.missed.push(chat_id);
        }
        if user.missed.len() >= MISSED_MAX {
            // Those that they are in are found again; of those that they were in, no more were looked for.
            chats.clear();
            *is_whole = false;
        }
    }

    /// A chat's owner has answered, and what was asked for is done or not.
    pub(crate) fn answered(&mut self, question: u64, is_done: bool, now_micros: u64) {
        let Stage::Leaving {
            chats,
            step,
            is_asked,
            ..
        } = &mut self.stage
        else {
            return;
        };
        if question != self.question || !*is_asked {
            return;
        }
        if !is_done {
            self.miss();
            self.refused += 1;
            let is_pause = self.refused.is_multiple_of(REFUSED_MAX);
            self.resume_micros = if is_pause {
                now_micros + PAUSE_MICROS
            } else {
                0
            };
            return;
        }
        *is_asked = false;
        self.refused = 0;
        self.resume_micros = 0;
        *step = match step {
            ErasureStep::Content => ErasureStep::Membership,
            ErasureStep::Membership => {
                chats.pop_front();
                ErasureStep::Content
            }
        };
    }

    /// That the first user is done is in the store.
    pub(crate) fn written(&mut self) {
        self.users.pop_front();
        self.stage = Stage::Idle;
        // They are not looked for one by one.
        self.is_wanted |= self.is_any_left && self.users.len() <= USERS_MAX / 2;
    }

    /// The store could not be read: it is asked again later, and for other users before.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        self.resume_micros = now_micros + RETRY_MICROS;
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Listing => self.is_wanted = true,
            Stage::Reading { .. } => {
                if let Some(mut user) = self.users.pop_front() {
                    user.due_micros = now_micros + AGAIN_MICROS;
                    self.users.push_back(user);
                }
            }
            Stage::Idle | Stage::Leaving { .. } | Stage::Writing => {}
        }
    }
}

#[cfg(test)]
mod tests;
