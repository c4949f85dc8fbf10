//! Which chats users who were deleted are still to leave, one chat after another. The store knows who they are, so that another
//! owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::row::{ErasureRow, Row};
use rookery_schema::{ChatId, PartitionId, Timestamp, UserId};

use crate::edge::port::Read;
use crate::mesh::ErasureStep;

/// Users who are looked for at a time.
const USERS_MAX: usize = 64;
/// Chats that a user was in before that are looked for at a time.
const CHATS_MAX: usize = 512;
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
    users: VecDeque<Deleted>,
    stage: Stage,
    /// Counts what chats' owners are asked.
    question: u64,
    /// Nothing is done before.
    resume_micros: u64,
}

/// A user who was deleted.
#[derive(Debug)]
struct Deleted {
    user_id: UserId,
    at: Timestamp,
    former: Former,
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
    Reading,
    /// Of these chats, nothing of the user is to be left. Nothing that is added later will be missing once it is the last time.
    Leaving {
        chats: VecDeque<ChatId>,
        /// Of the first chat.
        step: ErasureStep,
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
        self.end_pass(now_micros);
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
                let user = self.users.front()?;
                let user_id = user.user_id;
                self.stage = Stage::Reading;
                Some(Next::Chats(match user.former {
                    Former::NotYet | Former::Done => Read::ChatsOfUser(user_id),
                    Former::Behind(after) => Read::FormerChats {
                        user_id,
                        after,
                        limit: CHATS_MAX,
                    },
                }))
            }
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

    /// Nothing is left to do in the chats that were read, and there may be others.
    fn end_pass(&mut self, now_micros: u64) {
        let Stage::Leaving {
            chats,
            is_last: false,
            ..
        } = &self.stage
        else {
            return;
        };
        let Some(user) = self.users.front_mut().filter(|_| chats.is_empty()) else {
            return;
        };
        self.stage = Stage::Idle;
        match user.former {
            Former::NotYet => user.former = Former::Behind(None),
            Former::Behind(_) => {}
            Former::Done => {
                self.users.rotate_left(1);
                self.resume_micros = now_micros + AGAIN_MICROS;
            }
        }
    }

    /// The store has these users. Where it has none, there are none until [`Self::want`].
    pub(crate) fn found_users(&mut self, users: Vec<(UserId, Timestamp)>) {
        self.stage = Stage::Idle;
        self.resume_micros = 0;
        let deleted = users.into_iter().map(|(user_id, at)| Deleted {
            user_id,
            at,
            former: Former::NotYet,
        });
        self.users = deleted.collect();
    }

    /// The store has these chats of the first user.
    pub(crate) fn found_chats(&mut self, chats: Vec<ChatId>, now: Timestamp) {
        let Some(user) = self.users.front_mut() else {
            self.stage = Stage::Idle;
            return;
        };
        let is_settled = now.millis() >= user.at.millis() + SETTLED_MILLIS;
        let is_last = is_settled && user.former == Former::Done;
        if let Former::Behind(_) = user.former {
            user.former = match chats.last() {
                Some(last) => Former::Behind(Some(*last)),
                None => Former::Done,
            };
        }
        self.stage = Stage::Leaving {
            chats: chats.into(),
            step: ErasureStep::Content,
            is_last,
            is_asked: false,
        };
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
        *is_asked = false;
        if !is_done {
            self.resume_micros = now_micros + RETRY_MICROS;
            return;
        }
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

    fn erase(question: u64, chat_id: ChatId, step: ErasureStep) -> Option<Next> {
        let user_id = user(1);
        Some(Next::Erase {
            question,
            chat_id,
            user_id,
            step,
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
        use ErasureStep::{Content, Membership};
        let mut erasing = leaving(vec![chat(1), chat(2)], 0);
        assert_eq!(erasing.next(PARTITION, 0), erase(1, chat(1), Content));
        let nothing = erasing.next(PARTITION, ANSWER_MICROS - 1);
        assert_eq!(nothing, None, "one at a time");
        let now = ANSWER_MICROS;
        assert_eq!(erasing.next(PARTITION, now), erase(2, chat(1), Content));
        erasing.answered(1, true, now);
        assert_eq!(erasing.next(PARTITION, now), None);
        erasing.answered(2, true, now);
        assert_eq!(erasing.next(PARTITION, now), erase(3, chat(1), Membership));
        erasing.answered(3, true, now);
        assert_eq!(erasing.next(PARTITION, now), erase(4, chat(2), Content));
        erasing.answered(4, false, now);
        assert_eq!(erasing.next(PARTITION, now), None, "not at once");
        let later = now + RETRY_MICROS;
        assert_eq!(erasing.next(PARTITION, later), erase(5, chat(2), Content));
    }

    /// The store is asked for chats that they were in, and has these.
    fn find_former(erasing: &mut Erasing, behind: Option<ChatId>, chats: Vec<ChatId>) {
        let read = Read::FormerChats {
            user_id: user(1),
            after: behind,
            limit: CHATS_MAX,
        };
        assert_eq!(erasing.next(PARTITION, 0), Some(Next::Chats(read)));
        erasing.found_chats(chats, at(SETTLED_MILLIS));
    }

    #[test]
    fn chats_that_they_were_in_before_come_behind_those_that_they_are_in() {
        let mut erasing = leaving(vec![chat(5)], SETTLED_MILLIS);
        let erase_all = |erasing: &mut Erasing, question: u64, chat_id| {
            for (n, step) in [(0, ErasureStep::Content), (1, ErasureStep::Membership)] {
                let question = question + n;
                assert_eq!(erasing.next(PARTITION, 0), erase(question, chat_id, step));
                erasing.answered(question, true, 0);
            }
        };
        erase_all(&mut erasing, 1, chat(5));
        find_former(&mut erasing, None, vec![chat(5), chat(7)]);
        erase_all(&mut erasing, 3, chat(5));
        erase_all(&mut erasing, 5, chat(7));
        find_former(&mut erasing, Some(chat(7)), Vec::new());
        assert_eq!(erasing.next(PARTITION, 0), None);
        let again = erasing.next(PARTITION, AGAIN_MICROS);
        assert_eq!(again, Some(Next::Chats(Read::ChatsOfUser(user(1)))));
        erasing.found_chats(Vec::new(), at(SETTLED_MILLIS));
        let done = erasing.next(PARTITION, AGAIN_MICROS);
        assert!(matches!(done, Some(Next::Write(_))), "{done:?}");
    }

    #[test]
    fn a_user_is_done_when_nobody_may_be_adding_them_any_more() {
        let mut erasing = leaving(Vec::new(), SETTLED_MILLIS - 1);
        find_former(&mut erasing, None, Vec::new());
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
