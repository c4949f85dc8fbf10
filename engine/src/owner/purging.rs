//! What is to be removed of chats that were deleted, one small write after another. The store knows which they are, so that
//! another owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::cql::bucket;
use rookery_schema::row::{PurgeRow, PurgeStep, Row};
use rookery_schema::{ChatId, PartitionId, Seq, UserId};

use crate::edge::port::Read;

/// Chats that are looked for at a time.
const CHATS_MAX: usize = 64;
/// Members who are removed by one write.
const MEMBERS_MAX: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Purging {
    /// The store may have chats that are not among these.
    is_wanted: bool,
    /// The first of them is being removed.
    chats: VecDeque<(ChatId, Seq)>,
    stage: Stage,
    /// The store has not answered.
    is_under_way: bool,
}

/// How far the first chat is removed.
#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Members behind this one are still there.
    Members(Option<UserId>),
    /// Those of the events from this bucket on.
    Events(i32),
    Rest,
}

/// What is done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The store is asked which chats there are.
    Chats(Read),
    /// It is asked which members one has.
    Members(Read),
    Write(Vec<Row>),
}

impl Purging {
    /// There may be chats to remove.
    pub(crate) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// What is to be done, unless something is under way. The store answers it.
    pub(crate) fn next(&mut self, partition: PartitionId) -> Option<Next> {
        if self.is_under_way {
            return None;
        }
        let Some(&(chat_id, seq)) = self.chats.front() else {
            if !self.is_wanted {
                return None;
            }
            // Who wants it from here on may mean one that this read does not find.
            self.is_wanted = false;
            self.is_under_way = true;
            return Some(Next::Chats(Read::Purges {
                partition,
                limit: CHATS_MAX,
            }));
        };
        self.is_under_way = true;
        let purge = |step| {
            Row::Purged(PurgeRow {
                chat_id,
                partition,
                seq,
                step,
            })
        };
        Some(match self.stage {
            Stage::Idle => self.read_members(chat_id, None),
            Stage::Members(after) => self.read_members(chat_id, after),
            Stage::Events(bucket) => Next::Write(vec![purge(PurgeStep::Events { bucket })]),
            Stage::Rest => Next::Write(vec![purge(PurgeStep::Rest)]),
        })
    }

    fn read_members(&mut self, chat_id: ChatId, after: Option<UserId>) -> Next {
        self.stage = Stage::Members(after);
        Next::Members(Read::MembersAfter {
            chat_id,
            after,
            limit: MEMBERS_MAX,
        })
    }

    /// The store has these chats. Where it has none, there are none until [`Self::want`].
    pub(crate) fn found_chats(&mut self, chats: Vec<(ChatId, Seq)>) {
        self.is_under_way = false;
        self.is_wanted |= !chats.is_empty();
        self.chats = chats.into();
    }

    /// The store has these members of the chat. Gives the rows that remove them.
    pub(crate) fn found_members(&mut self, members: &[UserId]) -> Vec<Row> {
        let Some(&(chat_id, removed_seq)) = self.chats.front() else {
            return Vec::new();
        };
        match members.last() {
            None => {
                self.is_under_way = false;
                self.stage = Stage::Events(0);
            }
            Some(last) => self.stage = Stage::Members(Some(*last)),
        }
        let rows = members.iter().map(|user_id| Row::NotMember {
            chat_id,
            user_id: *user_id,
            added_seq: removed_seq,
            removed_seq,
        });
        rows.collect()
    }

    /// What was to be written is in the store.
    pub(crate) fn written(&mut self) {
        self.is_under_way = false;
        let Some((_, seq)) = self.chats.front() else {
            return;
        };
        self.stage = match self.stage {
            Stage::Events(done) if done < bucket(*seq) => Stage::Events(done + 1),
            Stage::Events(_) => Stage::Rest,
            Stage::Rest => {
                self.chats.pop_front();
                Stage::Idle
            }
            Stage::Members(after) => Stage::Members(after),
            Stage::Idle => Stage::Idle,
        };
    }

    /// The store could not be read: it is asked again later.
    pub(crate) fn failed(&mut self) {
        self.is_under_way = false;
        self.is_wanted |= self.chats.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::cql::first_of_bucket;

    const PARTITION: PartitionId = PartitionId(3);

    fn chat(n: u8) -> ChatId {
        ChatId::from_bytes([n; 16])
    }

    #[test]
    fn a_chat_is_removed_step_by_step_and_then_the_store_is_asked_again() {
        let user = |n: u16| UserId::from_bytes(u128::from(n).to_be_bytes());
        let mut members: Vec<UserId> = (0..1_000).map(user).collect();
        let mut purging = Purging::default();
        assert_eq!(purging.next(PARTITION), None);
        purging.want();
        let seq = first_of_bucket(2);
        let mut chats = vec![(chat(1), seq), (chat(2), Seq(1))];
        let (mut buckets, mut rest) = (Vec::new(), Vec::new());
        while let Some(next) = purging.next(PARTITION) {
            assert_eq!(purging.next(PARTITION), None, "one at a time");
            match next {
                Next::Chats(Read::Purges { partition, limit }) => {
                    assert_eq!((partition, limit), (PARTITION, CHATS_MAX));
                    purging.found_chats(std::mem::take(&mut chats));
                }
                Next::Members(Read::MembersAfter {
                    chat_id,
                    after,
                    limit,
                }) => {
                    let all = members.iter().copied();
                    let all = all.filter(|it| chat_id == chat(1) && Some(*it) > after);
                    let found: Vec<UserId> = all.take(limit).collect();
                    let rows = purging.found_members(&found);
                    assert_eq!(rows.len(), found.len());
                    if !rows.is_empty() {
                        members.retain(|it| !found.contains(it));
                        purging.written();
                    }
                }
                Next::Chats(other) | Next::Members(other) => panic!("{other:?}"),
                Next::Write(rows) => {
                    for row in rows {
                        let Row::Purged(row) = row else {
                            panic!("{row:?}")
                        };
                        match row.step {
                            PurgeStep::Events { bucket } => buckets.push((row.chat_id, bucket)),
                            PurgeStep::Rest => rest.push(row.chat_id),
                        }
                    }
                    purging.written();
                }
            }
        }
        assert_eq!(members, []);
        assert_eq!(rest, [chat(1), chat(2)]);
        let of_first = (0..3).map(|bucket| (chat(1), bucket));
        assert_eq!(buckets, of_first.chain([(chat(2), 0)]).collect::<Vec<_>>());
    }

    #[test]
    fn a_chat_that_is_deleted_while_the_store_is_asked_is_looked_for_again() {
        let mut purging = Purging::default();
        purging.want();
        let first = purging.next(PARTITION);
        purging.want();
        purging.found_chats(Vec::new());
        assert_eq!(purging.next(PARTITION), first);
        purging.found_chats(Vec::new());
        assert_eq!(purging.next(PARTITION), None);
    }

    #[test]
    fn what_could_not_be_read_is_read_again() {
        let mut purging = Purging::default();
        purging.want();
        let first = purging.next(PARTITION);
        purging.failed();
        assert_eq!(purging.next(PARTITION), first);
        purging.found_chats(vec![(chat(1), Seq(1))]);
        let members = purging.next(PARTITION);
        purging.failed();
        assert_eq!(purging.next(PARTITION), members);
    }
}
