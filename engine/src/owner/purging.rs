//! What is to be removed of chats that were deleted, one small write after another. The store knows which they are, so that
//! another owner goes on where this one ends.

use std::collections::VecDeque;

use rookery_schema::cql::bucket;
use rookery_schema::row::{PurgeRow, PurgeStep, Row};
use rookery_schema::{ChatId, PartitionId, Seq, UserId};

use crate::edge::port::Read;
use crate::owner::rounds::Rounds;

/// Chats that are looked for at a time.
const CHATS_MAX: usize = 64;
/// Members who are removed by one write.
const MEMBERS_MAX: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Purging {
    rounds: Rounds,
    /// The first of them is being removed.
    chats: VecDeque<(ChatId, Seq)>,
    stage: Stage,
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
        self.rounds.want();
    }

    /// What is to be done, unless something is under way. The store answers it.
    pub(crate) fn next(&mut self, partition: PartitionId, now_micros: u64) -> Option<Next> {
        if !self.rounds.is_due(now_micros) {
            return None;
        }
        let Some(&(chat_id, seq)) = self.chats.front() else {
            let read = Read::Purges {
                partition,
                after: self.rounds.after(),
                limit: CHATS_MAX,
            };
            return self.rounds.begin_looking().then_some(Next::Chats(read));
        };
        self.rounds.begin();
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

    /// The store has these chats.
    pub(crate) fn found_chats(&mut self, chats: Vec<(ChatId, Seq)>, now_micros: u64) {
        let last = chats.last().map(|(chat_id, _)| *chat_id);
        self.rounds.found(last, now_micros);
        self.chats = chats.into();
    }

    /// The store has these members of the chat. Gives the rows that remove them.
    pub(crate) fn found_members(&mut self, members: &[UserId]) -> Vec<Row> {
        let Some(&(chat_id, removed_seq)) = self.chats.front() else {
            return Vec::new();
        };
        match members.last() {
            None => {
                self.rounds.end();
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
        self.rounds.end();
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

    /// The store could not be read: it is asked again later, and for other chats before.
    pub(crate) fn failed(&mut self, now_micros: u64) {
        match self.chats.pop_front() {
            None => self.rounds.look_again(now_micros),
            Some(_) => {
                self.stage = Stage::Idle;
                self.rounds.leave();
                self.rounds.fail(now_micros);
            }
        }
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
        assert_eq!(purging.next(PARTITION, 0), None);
        purging.want();
        let seq = first_of_bucket(2);
        let mut chats = vec![(chat(1), seq), (chat(2), Seq(1))];
        let (mut buckets, mut rest) = (Vec::new(), Vec::new());
        while let Some(next) = purging.next(PARTITION, 0) {
            assert_eq!(purging.next(PARTITION, 0), None, "one at a time");
            match next {
                Next::Chats(Read::Purges {
                    partition, limit, ..
                }) => {
                    assert_eq!((partition, limit), (PARTITION, CHATS_MAX));
                    purging.found_chats(std::mem::take(&mut chats), 0);
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
    fn a_chat_that_can_not_be_read_does_not_keep_others() {
        const LATER: u64 = 60_000_000;
        let mut purging = Purging::default();
        purging.want();
        let first = purging.next(PARTITION, 0);
        purging.failed(0);
        assert_eq!(purging.next(PARTITION, 0), None, "not at once");
        assert_eq!(purging.next(PARTITION, LATER), first);
        purging.found_chats(vec![(chat(1), Seq(1)), (chat(2), Seq(1))], LATER);
        purging.next(PARTITION, LATER);
        purging.failed(LATER);
        assert_eq!(
            purging.next(PARTITION, 2 * LATER),
            Some(Next::Members(Read::MembersAfter {
                chat_id: chat(2),
                after: None,
                limit: MEMBERS_MAX,
            }))
        );
    }
}
