//! What is to be written, in the order that matters: that of a chat, of a user, of a bucket of ended
//! sessions. One job of each is under way at a time; what comes meanwhile makes up the next, so jobs
//! grow with load.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use rookery_engine::port::Token;
use rookery_schema::row::Row;
use rookery_schema::{Offset, PartitionId, Seq};

use super::group::{Group, group_of, job_rows};

/// A request's place among all that came.
type Place = u64;

/// Rows of one group that are written together, and for which requests.
#[derive(Debug)]
pub(super) struct Job {
    group: Group,
    pub(super) rows: Vec<Row>,
    places: Vec<Place>,
}

/// What may be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// All rows of a write are in; work on them began at `since`.
    Written { token: Token, since: Instant },
    /// All writes before a sync are in, with how far they reach.
    Synced { token: Token },
}

#[derive(Debug)]
enum Request {
    Write {
        token: Token,
        /// Rows that are not in yet.
        left: usize,
        since: Option<Instant>,
        reached: Vec<(PartitionId, Offset)>,
    },
    Sync {
        token: Token,
    },
}

#[derive(Debug, Default)]
struct Waiting {
    rows: VecDeque<(Place, Row)>,
    is_under_way: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Oldest first, from place `first` on; answered ones go when all before them have gone.
    requests: VecDeque<Request>,
    first: Place,
    groups: HashMap<Group, Waiting>,
    /// Groups with rows of which no job is under way.
    ready: VecDeque<Group>,
    under_way: usize,
    /// How far the store has come in each partition, where that is not stored yet.
    reached: HashMap<PartitionId, Offset>,
    is_reached_under_way: bool,
}

impl Queue {
    /// How many requests wait, or are under way.
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.reached.is_empty() && !self.is_reached_under_way
    }

    /// How many jobs are under way.
    pub(super) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// Takes a write, and tells it done where it has nothing but how far the store has come.
    pub(super) fn write(&mut self, token: Token, rows: Vec<Row>, now: Instant) -> Option<Done> {
        let place = self.first + self.requests.len() as Place;
        let mut reached = Vec::new();
        let mut keyed = Vec::with_capacity(rows.len());
        let mut event = Seq(0);
        for row in rows {
            if let Row::Event(row) = &row {
                event = row.head.seq;
            }
            match group_of(&row) {
                Ok(group) => keyed.push((row.order(event), group, row)),
                Err(behind) => reached.push(behind),
            }
        }
        // Who is a member is written before the event that tells so, see `plan`.
        keyed.sort_by_key(|(order, _, _)| *order);
        let left = keyed.len();
        self.requests.push_back(Request::Write {
            token,
            left,
            since: None,
            reached,
        });
        for (_, group, row) in keyed {
            let waiting = self.groups.entry(group).or_default();
            if waiting.rows.is_empty() && !waiting.is_under_way {
                self.ready.push_back(group);
            }
            waiting.rows.push_back((place, row));
        }
        self.advance();
        (left == 0).then_some(Done::Written { token, since: now })
    }

    /// Takes a sync, to be found by [`Queue::next_synced`].
    pub(super) fn sync(&mut self, token: Token) {
        self.requests.push_back(Request::Sync { token });
    }

    /// The next job, of the group that has waited longest.
    pub(super) fn next_job(&mut self, now: Instant) -> Option<Job> {
        let group = self.ready.pop_front()?;
        let waiting = self.groups.get_mut(&group)?;
        waiting.is_under_way = true;
        let count = job_rows(waiting.rows.iter().map(|(_, row)| row));
        let (places, rows): (Vec<_>, Vec<_>) = waiting.rows.drain(..count).unzip();
        for place in &places {
            if let Some(Request::Write { since, .. }) = self.request(*place) {
                since.get_or_insert(now);
            }
        }
        self.under_way += 1;
        Some(Job {
            group,
            rows,
            places,
        })
    }

    /// A job's rows are in.
    pub(super) fn finish(&mut self, job: &Job, done: &mut Vec<Done>) {
        self.under_way -= 1;
        for place in &job.places {
            if let Some(Request::Write {
                token,
                left,
                since: Some(since),
                ..
            }) = self.request(*place)
            {
                *left -= 1;
                if *left == 0 {
                    done.push(Done::Written {
                        token: *token,
                        since: *since,
                    });
                }
            }
        }
        if let Some(waiting) = self.groups.get_mut(&job.group) {
            waiting.is_under_way = false;
            if waiting.rows.is_empty() {
                self.groups.remove(&job.group);
            } else {
                self.ready.push_back(job.group);
            }
        }
        self.advance();
    }

    /// How far the store has come, to be stored; nothing while that is under way already.
    pub(super) fn take_reached(&mut self) -> Vec<(PartitionId, Offset)> {
        if self.is_reached_under_way {
            return Vec::new();
        }
        let reached: Vec<_> = self.reached.drain().collect();
        self.is_reached_under_way = !reached.is_empty();
        reached
    }

    /// What was taken is stored.
    pub(super) const fn reached_stored(&mut self) {
        self.is_reached_under_way = false;
    }

    /// Whether something waits for how far the store has come to be stored.
    pub(super) fn is_reached_wanted(&self) -> bool {
        let is_sync_next = matches!(self.requests.front(), Some(Request::Sync { .. }));
        !self.reached.is_empty() && !self.is_reached_under_way && is_sync_next
    }

    /// Whether how far the store has come is still to be stored.
    pub(super) fn has_reached(&self) -> bool {
        !self.reached.is_empty() && !self.is_reached_under_way
    }

    /// A sync behind writes that are all in, as is how far they reach.
    pub(super) fn next_synced(&mut self) -> Option<Done> {
        if !self.reached.is_empty() || self.is_reached_under_way {
            return None;
        }
        let Some(&Request::Sync { token }) = self.requests.front() else {
            return None;
        };
        self.requests.pop_front();
        self.first += 1;
        self.advance();
        Some(Done::Synced { token })
    }

    fn request(&mut self, place: Place) -> Option<&mut Request> {
        let index = usize::try_from(place.checked_sub(self.first)?).ok()?;
        self.requests.get_mut(index)
    }

    /// Lets the oldest writes go that are in, and notes how far the store has come with them.
    fn advance(&mut self) {
        while let Some(Request::Write {
            left: 0, reached, ..
        }) = self.requests.front_mut()
        {
            for (partition, behind) in reached.drain(..) {
                let furthest = self.reached.entry(partition).or_default();
                *furthest = (*furthest).max(behind);
            }
            self.requests.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::store::scylla::plan::BATCH_ROWS_MAX;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rookery_engine::port::Part;
    use rookery_schema::event::EventKind;
    use rookery_schema::row::{EventRow, Head, MemberRow};
    use rookery_schema::{ChatId, Seq, UserId};

    fn chat(n: u8) -> ChatId {
        ChatId::from_bytes([n; 16])
    }

    fn event(n: u8, seq: u64) -> Row {
        Row::Event(EventRow {
            chat_id: chat(n),
            head: Head {
                seq: Seq(seq),
                ..Head::default()
            },
            record: vec![0; 10].into(),
            kind: EventKind::Message,
        })
    }

    fn joins(user: u8, seq: u64) -> Row {
        Row::Member(MemberRow {
            chat_id: chat(1),
            user_id: UserId::from_bytes([user; 16]),
            position: 0,
            added_seq: Seq(seq),
        })
    }

    fn leaves(user: u8, seq: u64) -> Row {
        Row::NotMember {
            chat_id: chat(1),
            user_id: UserId::from_bytes([user; 16]),
            added_seq: Seq(1),
            removed_seq: Seq(seq),
        }
    }

    fn reached(behind: u64) -> Row {
        Row::Reached {
            partition: PartitionId(0),
            behind: Offset(behind),
        }
    }

    const fn token(number: u64) -> Token {
        Token {
            part: Part::Owner,
            number,
        }
    }

    fn finish(queue: &mut Queue, job: &Job) -> Vec<u64> {
        let mut done = Vec::new();
        queue.finish(job, &mut done);
        let token = |done| match done {
            Done::Written { token, .. } | Done::Synced { token } => token.number,
        };
        done.into_iter().map(token).collect()
    }

    #[test]
    fn a_chat_has_one_job_under_way_and_the_next_takes_all_that_came_meanwhile() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.write(token(1), vec![event(1, 1), event(2, 1)], now);
        let (one, two) = (queue.next_job(now).unwrap(), queue.next_job(now).unwrap());
        for seq in 2..5 {
            queue.write(token(seq), vec![event(1, seq)], now);
        }
        assert!(queue.next_job(now).is_none());
        assert_eq!(finish(&mut queue, &one), [0; 0]);
        let next = queue.next_job(now).unwrap();
        assert_eq!(next.rows, [event(1, 2), event(1, 3), event(1, 4)]);
        assert_eq!(finish(&mut queue, &two), [1]);
        assert_eq!(finish(&mut queue, &next), [2, 3, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_job_ends_behind_an_event_and_has_one_change_of_a_member() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let rows = vec![
            event(1, 5),
            joins(1, 5),
            event(1, 6),
            leaves(1, 6),
            event(1, 7),
            joins(2, 7),
        ];
        queue.write(token(1), rows, now);
        let first = queue.next_job(now).unwrap();
        assert_eq!(first.rows, [joins(1, 5), event(1, 5)]);
        finish(&mut queue, &first);
        let second = queue.next_job(now).unwrap();
        assert_eq!(
            second.rows,
            [leaves(1, 6), event(1, 6), joins(2, 7), event(1, 7)]
        );
    }

    #[test]
    fn the_members_of_a_new_chat_are_never_parted_from_the_event_that_made_it() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let many = BATCH_ROWS_MAX + 50;
        let member = |n: usize| {
            Row::Member(MemberRow {
                chat_id: chat(1),
                user_id: UserId::from_bytes((n as u128).to_be_bytes()),
                position: n as u32,
                added_seq: Seq(1),
            })
        };
        let rows = [event(1, 1)].into_iter().chain((0..many).map(member));
        queue.write(token(1), rows.collect(), now);
        queue.write(token(2), vec![event(1, 2)], now);
        let job = queue.next_job(now).unwrap();
        assert_eq!(
            (job.rows.len(), job.rows.last()),
            (many + 1, Some(&event(1, 1)))
        );
    }

    #[test]
    fn what_an_event_redacts_is_written_with_it_however_much_is_before() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let Row::Event(said) = event(1, 3) else {
            unreachable!("it is an event")
        };
        let redacted = Row::Redacted(said);
        let many = BATCH_ROWS_MAX as u64 + 5;
        let rows = (1..=many).map(|seq| event(1, seq));
        let rows = rows.chain([redacted.clone(), event(1, many + 1)]);
        queue.write(token(1), rows.collect(), now);
        let first = queue.next_job(now).unwrap();
        assert_eq!(first.rows.len(), BATCH_ROWS_MAX);
        assert!(!first.rows.contains(&redacted));
        finish(&mut queue, &first);
        let last = queue.next_job(now).unwrap();
        let events = many - 1 - BATCH_ROWS_MAX as u64;
        let expected = [redacted, event(1, many), event(1, many + 1)];
        assert_eq!(last.rows[events as usize..], expected);
    }

    #[test]
    fn how_far_the_store_has_come_never_gets_ahead_of_rows_and_a_sync_waits_for_it() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.write(token(1), vec![event(1, 1), reached(10)], now);
        queue.write(token(2), vec![event(2, 1), reached(20)], now);
        queue.sync(token(3));
        let only = queue.write(token(4), vec![reached(30)], now);
        assert_eq!(
            only,
            Some(Done::Written {
                token: token(4),
                since: now
            })
        );
        let (one, two) = (queue.next_job(now).unwrap(), queue.next_job(now).unwrap());
        assert_eq!(finish(&mut queue, &two), [2]);
        assert!(
            queue.take_reached().is_empty(),
            "the write before is not in"
        );
        assert_eq!(finish(&mut queue, &one), [1]);
        assert!(queue.is_reached_wanted() && queue.next_synced().is_none());
        assert_eq!(queue.take_reached(), [(PartitionId(0), Offset(20))]);
        assert!(queue.next_synced().is_none(), "it is not stored yet");
        queue.reached_stored();
        assert_eq!(queue.next_synced(), Some(Done::Synced { token: token(3) }));
        assert_eq!(queue.take_reached(), [(PartitionId(0), Offset(30))]);
        queue.reached_stored();
        assert!(queue.is_empty());
    }

    proptest! {
        /// Whatever finishes first, rows of a chat come in order and every write is answered once, when
        /// its last row is in.
        #[test]
        fn rows_of_a_chat_stay_in_order_and_each_write_is_answered_once(
            writes in vec(vec(0..4u8, 0..5), 1..40),
            choices in vec((any::<bool>(), 0..100usize), 400),
        ) {
            let (mut queue, now) = (Queue::default(), Instant::now());
            let mut seqs = [0; 4];
            let (mut stored, mut in_flight, mut answered) = ([0; 4], Vec::new(), Vec::new());
            let mut left: Vec<usize> = writes.iter().map(Vec::len).collect();
            let (mut coming, mut choices) = (writes.iter().zip(0..), choices.into_iter());
            while answered.len() < writes.len() {
                let (is_new, which) = choices.next().unwrap_or((true, 0));
                if is_new && let Some((chats, number)) = coming.next() {
                    let rows = chats.iter().map(|&n| {
                        seqs[usize::from(n)] += 1;
                        event(n, seqs[usize::from(n)])
                    });
                    answered.extend(queue.write(token(number), rows.collect(), now).map(|_| number));
                } else if let Some(job) = queue.next_job(now) {
                    in_flight.push(job);
                } else if !in_flight.is_empty() {
                    let job: Job = in_flight.swap_remove(which % in_flight.len());
                    for (row, place) in job.rows.iter().zip(&job.places) {
                        let Row::Event(row) = row else { unreachable!("only events") };
                        let newest = &mut stored[usize::from(row.chat_id.as_bytes()[0])];
                        prop_assert_eq!(row.head.seq.0, *newest + 1);
                        *newest += 1;
                        left[*place as usize] -= 1;
                    }
                    for token in finish(&mut queue, &job) {
                        prop_assert_eq!(left[token as usize], 0);
                        answered.push(token);
                    }
                }
            }
            answered.sort_unstable();
            prop_assert_eq!(answered, Vec::from_iter(0..writes.len() as u64));
        }
    }
}
