//! Which chats users who were deleted are still to leave, one chat after another. The store knows who they are, so that another
//! owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::row::{ErasureRow, Row};
use rookery_schema::{ChatId, PartitionId, Timestamp, UserId};

use crate::edge::port::Read;

/// Users who are looked for at a time.
const USERS_MAX: usize = 64;
/// Milliseconds since a user was deleted after which nobody adds them to a chat any more: longer than any request takes
/// that asked before whether they may be added.
pub(crate) const SETTLED_MILLIS: u64 = 120_000;
/// Microseconds until the chats are looked for again of a user who may still be added to some.
pub(crate) const AGAIN_MICROS: u64 = 10_000_000;
/// Microseconds until what failed is tried again.
const RETRY_MICROS: u64 = 1_000_000;
/// Microseconds until a chat's owner is asked again who has not answered.
const ANSWER_MICROS: u64 = 60_000_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Erasing {
    /// The store may have users who are not among these.
    is_wanted: bool,
    /// The first of them is being seen to.
    users: VecDeque<(UserId, Timestamp)>,
    stage: Stage,
    /// Counts what chats' owners are asked.
    question: u64,
    /// Nothing is done before.
    resume_micros: u64,
}

/// How far the first user is.
#[derive(Debug)]
enum Stage {
    Idle,
    /// The store was asked which users there are, or which chats one is in.
    Reading,
    /// These chats are to be left. Nothing that is added later will be missing once it is the last time.
    Leaving {
        chats: VecDeque<ChatId>,
        is_last: bool,
        is_asked: bool,
    },
    /// That they are done is being written.
    Writing,
}

/// What is done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Users(Read),
    Chats(Read),
    /// The owner of a chat is asked to have a user leave it.
    Leave {
        question: u64,
        chat_id: ChatId,
        user_id: UserId,
    },
    Write(Row),
}

impl Erasing {
    /// Its questions have numbers above `last`.
    pub(crate) fn above(last: u64) -> Self {
        Self {
            is_wanted: false,
            users: VecDeque::new(),
            stage: Stage::Idle,
            question: last,
            resume_micros: 0,
        }
    }

    /// There may be more users.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// What is to be done, unless something is under way.
    pub(crate) fn next(&mut self, partition: PartitionId, now_micros: u64) -> Option<Next> {
        match &mut self.stage {
            Stage::Reading | Stage::Writing => None,
            Stage::Idle if self.is_wanted => {
                self.stage = Stage::Reading;
                Some(Next::Users(Read::Erasures {
                    partition,
                    limit: USERS_MAX,
                }))
            }
            Stage::Idle | Stage::Leaving { .. } if now_micros < self.resume_micros => None,
            Stage::Idle => {
                let (user_id, _) = self.users.front()?;
                self.stage = Stage::Reading;
                Some(Next::Chats(Read::ChatsOfUser(*user_id)))
            }
            Stage::Leaving {
                chats,
                is_last,
                is_asked,
            } => {
                let (user_id, deleted_at) = *self.users.front()?;
                if let Some(chat_id) = chats.front() {
                    *is_asked = true;
                    self.question += 1;
                    // Unless it is answered before.
                    self.resume_micros = now_micros + ANSWER_MICROS;
                    return Some(Next::Leave {
                        question: self.question,
                        chat_id: *chat_id,
                        user_id,
                    });
                }
                if !*is_last {
                    self.users.rotate_left(1);
                    self.stage = Stage::Idle;
                    self.resume_micros = now_micros + AGAIN_MICROS;
                    return None;
                }
                self.stage = Stage::Writing;
                Some(Next::Write(Row::Erasure(ErasureRow {
                    partition,
                    user_id,
                    deleted_at,
                    is_done: true,
                })))
            }
        }
    }

    /// The store has these users. Where it has none, there are none until [`Self::want`].
    pub(crate) fn found_users(&mut self, users: Vec<(UserId, Timestamp)>) {
        self.stage = Stage::Idle;
        self.is_wanted = false;
        self.resume_micros = 0;
        self.users = users.into();
    }

    /// The store has these chats of the first user.
    pub(crate) fn found_chats(&mut self, chats: Vec<ChatId>, now: Timestamp) {
        let deleted_at = self.users.front().map_or(now, |(_, at)| *at);
        self.stage = Stage::Leaving {
            chats: chats.into(),
            is_last: now.millis() >= deleted_at.millis() + SETTLED_MILLIS,
            is_asked: false,
        };
    }

    /// A chat's owner has answered, and the user has left it or not.
    pub(crate) fn left(&mut self, question: u64, has_left: bool, now_micros: u64) {
        let Stage::Leaving {
            chats, is_asked, ..
        } = &mut self.stage
        else {
            return;
        };
        if question != self.question || !*is_asked {
            return;
        }
        *is_asked = false;
        match has_left {
            true => {
                chats.pop_front();
                self.resume_micros = 0;
            }
            false => self.resume_micros = now_micros + RETRY_MICROS,
        }
    }

    /// That the first user is done is in the store.
    pub(crate) fn written(&mut self) {
        self.users.pop_front();
        self.stage = Stage::Idle;
        // It may have more than it told.
        self.is_wanted = self.users.is_empty();
    }

    /// The store could not be read: it is asked again later.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        self.stage = Stage::Idle;
        self.resume_micros = now_micros + RETRY_MICROS;
    }
}
