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
    /// The store was asked which users there are.
    Listing,
    /// It was asked which chats the first of them is in.
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
            Stage::Listing | Stage::Reading | Stage::Writing => None,
            Stage::Idle if self.is_wanted => {
                // Who wants it from here on may mean one that this read does not find.
                self.is_wanted = false;
                self.stage = Stage::Listing;
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
        self.is_wanted |= self.users.is_empty();
    }

    /// The store could not be read: it is asked again later.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        self.is_wanted |= matches!(self.stage, Stage::Listing);
        self.stage = Stage::Idle;
        self.resume_micros = now_micros + RETRY_MICROS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTITION: PartitionId = PartitionId(3);

    fn chat(n: u8) -> ChatId {
        ChatId::from_bytes([n; 16])
    }

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// One user, who is in these chats.
    fn leaving(chats: Vec<ChatId>, now: u64) -> Erasing {
        let mut erasing = Erasing::above(0);
        erasing.want();
        assert!(matches!(erasing.next(PARTITION, 0), Some(Next::Users(_))));
        erasing.found_users(vec![(user(1), at(0))]);
        let read = Read::ChatsOfUser(user(1));
        assert_eq!(erasing.next(PARTITION, 0), Some(Next::Chats(read)));
        erasing.found_chats(chats, at(now));
        erasing
    }

    fn leave(question: u64, chat_id: ChatId) -> Option<Next> {
        let user_id = user(1);
        Some(Next::Leave {
            question,
            chat_id,
            user_id,
        })
    }

    #[test]
    fn who_is_deleted_while_the_store_is_asked_is_looked_for_again() {
        let mut erasing = Erasing::above(0);
        erasing.want();
        let first = erasing.next(PARTITION, 0);
        erasing.want();
        erasing.found_users(Vec::new());
        assert_eq!(erasing.next(PARTITION, 0), first);
        erasing.failed(0);
        assert_eq!(erasing.next(PARTITION, 0), first, "it was not answered");
        erasing.found_users(Vec::new());
        assert_eq!(erasing.next(PARTITION, 0), None);
    }

    #[test]
    fn an_owner_who_does_not_answer_is_asked_again_and_a_late_answer_is_none() {
        let mut erasing = leaving(vec![chat(1), chat(2)], 0);
        assert_eq!(erasing.next(PARTITION, 0), leave(1, chat(1)));
        assert_eq!(
            erasing.next(PARTITION, ANSWER_MICROS - 1),
            None,
            "one at a time"
        );
        assert_eq!(erasing.next(PARTITION, ANSWER_MICROS), leave(2, chat(1)));
        erasing.left(1, true, ANSWER_MICROS);
        assert_eq!(erasing.next(PARTITION, ANSWER_MICROS), None);
        erasing.left(2, true, ANSWER_MICROS);
        assert_eq!(erasing.next(PARTITION, ANSWER_MICROS), leave(3, chat(2)));
        erasing.left(3, false, ANSWER_MICROS);
        assert_eq!(erasing.next(PARTITION, ANSWER_MICROS), None, "not at once");
        let later = ANSWER_MICROS + RETRY_MICROS;
        assert_eq!(erasing.next(PARTITION, later), leave(4, chat(2)));
    }

    #[test]
    fn a_user_is_done_when_nobody_may_be_adding_them_any_more() {
        let mut erasing = leaving(Vec::new(), SETTLED_MILLIS - 1);
        assert_eq!(erasing.next(PARTITION, 0), None);
        let again = erasing.next(PARTITION, AGAIN_MICROS);
        assert_eq!(again, Some(Next::Chats(Read::ChatsOfUser(user(1)))));
        erasing.found_chats(Vec::new(), at(SETTLED_MILLIS));
        let Some(Next::Write(Row::Erasure(row))) = erasing.next(PARTITION, AGAIN_MICROS) else {
            panic!("they are done")
        };
        assert_eq!((row.user_id, row.is_done), (user(1), true));
        erasing.written();
        let more = erasing.next(PARTITION, AGAIN_MICROS);
        assert!(matches!(more, Some(Next::Users(_))), "there may be more");
        erasing.found_users(Vec::new());
        assert_eq!(erasing.next(PARTITION, u64::MAX), None);
    }
}
