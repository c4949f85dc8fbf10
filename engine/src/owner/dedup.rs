//! The same client id from the same sender in a chat yields one message.
//!
//! The window is a pure function of the log: it spans the last [`DEDUP_WINDOW_RECORDS`] records of the
//! partition, so every replay of the log decides the same.

use std::collections::VecDeque;

use rookery_schema::limits::DEDUP_WINDOW_RECORDS;
use rookery_schema::{ChatId, MessageId, Offset, UserId};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::map::Map;
use crate::mesh::Asker;

/// Tries whose outcome in the log is unknown, per partition; above it, the oldest counts as not in the log.
const DOUBTFUL_MAX: usize = 65_536;

/// Stands for one (chat, sender, client id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DedupKey([u64; 2]);

/// The sends of one partition that carried a client id.
#[derive(Debug, Default)]
pub(crate) struct DedupWindow {
    /// Makes keys unpredictable, so that nobody can make their id collide with another sender's.
    seed: u64,
    /// The newest record of each key, and the message that the first one yielded.
    applied: Map<DedupKey, (Offset, MessageId)>,
    /// The same, oldest record first.
    by_offset: VecDeque<(Offset, DedupKey)>,
    in_flight: Map<DedupKey, InFlightSend>,
    /// Those in flight that are doubtful, or were once, oldest first.
    doubtful: VecDeque<DedupKey>,
}

/// A try that was not applied yet, and everybody who waits for it.
#[derive(Debug)]
struct InFlightSend {
    message_id: MessageId,
    askers: Vec<Asker>,
    fate: Fate,
    /// An earlier try with the same id may be in the log.
    was_doubtful: bool,
}

/// What is known of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The log has not answered yet.
    Open,
    /// It is in the log, and comes back from there to be applied.
    Durable,
    /// It may be in the log or not. The next try has its id, so that it does not matter which of them is
    /// the first there.
    Doubtful,
}

/// What applying a record with a client id came to.
pub(crate) struct Applied {
    /// It repeats no earlier one, and yields a message.
    pub(crate) is_first: bool,
    /// The message that its client id yields.
    pub(crate) message_id: MessageId,
    /// Askers that still wait for it: a log may deliver a record before it confirms it.
    pub(crate) askers: Vec<Asker>,
}

impl DedupWindow {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(crate) fn key(&self, chat: ChatId, sender: UserId, client_id: &str) -> DedupKey {
        let mut bytes = Vec::with_capacity(32 + client_id.len());
        bytes.extend_from_slice(chat.as_bytes());
        bytes.extend_from_slice(sender.as_bytes());
        bytes.extend_from_slice(client_id.as_bytes());
        let hash = xxh3_128_with_seed(&bytes, self.seed);
        DedupKey([hash as u64, (hash >> 64) as u64])
    }

    /// The message that this key yielded, durably.
    pub(crate) fn settled(&self, key: DedupKey) -> Option<MessageId> {
        let durable = || {
            let send = self.in_flight.get(&key);
            send.filter(|send| send.fate == Fate::Durable)
        };
        let durable = || durable().map(|send| send.message_id);
        self.applied(key).or_else(durable)
    }

    /// The message that this key yielded, where it was applied.
    pub(crate) fn applied(&self, key: DedupKey) -> Option<MessageId> {
        self.applied.get(&key).map(|&(_, message_id)| message_id)
    }

    /// Joins a first try that is in flight; false where there is none.
    pub(crate) fn join(&mut self, key: DedupKey, asker: Asker) -> bool {
        match self.in_flight.get_mut(&key) {
            Some(send) if send.fate != Fate::Doubtful => {
                send.askers.push(asker);
                true
            }
            Some(_) | None => false,
        }
    }

    /// The id that a further try must have, where it is not known what became of the last one.
    pub(crate) fn doubted(&self, key: DedupKey) -> Option<MessageId> {
        let send = self.in_flight.get(&key);
        send.filter(|send| send.fate == Fate::Doubtful)
            .map(|send| send.message_id)
    }

    /// Notes a first try.
    pub(crate) fn begin(&mut self, key: DedupKey, message_id: MessageId, asker: Asker) {
        let was_doubtful = self.doubted(key).is_some();
        self.in_flight.insert(
            key,
            InFlightSend {
                message_id,
                askers: vec![asker],
                fate: Fate::Open,
                was_doubtful,
            },
        );
    }

    /// Marks a try as durable, and takes its askers.
    pub(crate) fn confirm(&mut self, key: DedupKey) -> Vec<Asker> {
        if let Some(send) = self.in_flight.get_mut(&key) {
            send.fate = Fate::Durable;
        }
        self.take_askers(key)
    }

    /// Takes a try's askers; the try stays in flight until it is applied or forgotten.
    pub(crate) fn take_askers(&mut self, key: DedupKey) -> Vec<Asker> {
        self.in_flight
            .get_mut(&key)
            .map(|send| std::mem::take(&mut send.askers))
            .unwrap_or_default()
    }

    /// Marks a try as possibly in the log, and takes its askers.
    pub(crate) fn doubt(&mut self, key: DedupKey) -> Vec<Asker> {
        if let Some(send) = self.in_flight.get_mut(&key) {
            send.fate = Fate::Doubtful;
            self.doubtful.push_back(key);
        }
        if self.doubtful.len() > DOUBTFUL_MAX
            && let Some(oldest) = self.doubtful.pop_front()
            && self.doubted(oldest).is_some()
        {
            self.in_flight.remove(&oldest);
        }
        self.take_askers(key)
    }

    /// Forgets a try that came to nothing, so that the next one is a first try again; or as doubtful as
    /// this one was.
    pub(crate) fn abandon(&mut self, key: DedupKey) -> Vec<Asker> {
        if self.in_flight.get(&key).is_some_and(|it| it.was_doubtful) {
            return self.doubt(key);
        }
        self.in_flight
            .remove(&key)
            .map(|send| send.askers)
            .unwrap_or_default()
    }

    /// Takes all askers of a try.
    pub(crate) fn drain_askers(&mut self) -> impl Iterator<Item = Asker> + '_ {
        self.in_flight
            .values_mut()
            .flat_map(|send| std::mem::take(&mut send.askers))
    }

    /// Applies a record with a client id, which yields nothing where it repeats an earlier one.
    ///
    /// A repeat counts as well from then on: so what a window decides depends on its own length of
    /// the log, and not on where the replay began that filled it.
    pub(crate) fn apply(
        &mut self,
        key: DedupKey,
        offset: Offset,
        message_id: MessageId,
    ) -> Applied {
        self.expire(offset);
        let mut askers = Vec::new();
        if let Some(send) = self.in_flight.get_mut(&key)
            && send.message_id == message_id
        {
            askers = std::mem::take(&mut send.askers);
            self.in_flight.remove(&key);
        }
        self.by_offset.push_back((offset, key));
        let first = self.applied.get(&key).map(|&(_, first)| first);
        let yields = first.unwrap_or(message_id);
        self.applied.insert(key, (offset, yields));
        Applied {
            is_first: first.is_none(),
            message_id: yields,
            askers,
        }
    }

    /// Forgets what came [`DEDUP_WINDOW_RECORDS`] before this record, so that with it no more are known.
    fn expire(&mut self, offset: Offset) {
        let is_old = |at: Offset| at.0 + DEDUP_WINDOW_RECORDS <= offset.0;
        while let Some((at, key)) = self.by_offset.pop_front_if(|(at, _)| is_old(*at)) {
            if self.applied.get(&key).is_some_and(|&(last, _)| last == at) {
                self.applied.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::command::asker::Waiting;
    use proptest::prelude::*;
    use rookery_schema::ShardId;

    fn message(n: u64) -> MessageId {
        MessageId::from_bytes(u128::from(n).to_be_bytes())
    }

    fn key(window: &DedupWindow, client_id: &str) -> DedupKey {
        window.key(
            ChatId::from_bytes([1; 16]),
            UserId::from_bytes([2; 16]),
            client_id,
        )
    }

    const ASKER: Asker = Asker {
        shard: ShardId(0),
        waiting: Waiting::Inbox { gather: 0 },
    };

    /// Sends with these client ids, `stride` records apart, of which those before `from` fill the
    /// window again after a start; which of the others are applied.
    fn decide(ids: &[u8], stride: u64, from: usize) -> Vec<bool> {
        let mut window = DedupWindow::new(7);
        let kept_at = (from as u64 * stride).saturating_sub(DEDUP_WINDOW_RECORDS);
        let mut decisions = Vec::new();
        for (id, offset) in ids.iter().zip((0..).step_by(stride as usize)) {
            if offset >= kept_at {
                let key = key(&window, &id.to_string());
                decisions.push(window.apply(key, Offset(offset), message(offset)).is_first);
            }
        }
        decisions.split_off(decisions.len() - (ids.len() - from))
    }

    proptest! {
        /// A send is a repeat if there is one with its id less than a window before it, wherever the
        /// replay began, as long as that was a window or more before.
        #[test]
        fn decides_the_same_at_every_start(
            ids in proptest::collection::vec(0u8..12, 1..200),
            stride in 1u64..(DEDUP_WINDOW_RECORDS / 8),
            from in any::<proptest::sample::Index>(),
        ) {
            let is_first = |index: usize| {
                let before = ids[..index].iter().rposition(|id| *id == ids[index]);
                before.is_none_or(|before| (index - before) as u64 * stride >= DEDUP_WINDOW_RECORDS)
            };
            let expected: Vec<bool> = (0..ids.len()).map(is_first).collect();
            prop_assert_eq!(decide(&ids, stride, 0), &expected[..]);
            let from = from.index(ids.len());
            prop_assert_eq!(decide(&ids, stride, from), &expected[from..]);
        }
    }

    #[test]
    fn a_full_window_takes_no_more_than_its_bound() {
        let mut window = DedupWindow::new(7);
        for offset in 0..DEDUP_WINDOW_RECORDS + 1000 {
            window.apply(DedupKey([offset, 0]), Offset(offset), message(offset));
        }
        assert_eq!(window.applied.len() as u64, DEDUP_WINDOW_RECORDS);
        let entry = size_of::<(DedupKey, (Offset, MessageId))>() + 1;
        // A hash table of so many entries has twice the places.
        let bytes = 2 * DEDUP_WINDOW_RECORDS as usize * entry
            + window.by_offset.capacity() * size_of::<(Offset, DedupKey)>();
        assert!(window.applied.capacity() <= 2 * DEDUP_WINDOW_RECORDS as usize);
        assert!(bytes <= 212 << 20, "{bytes}");
    }

    #[test]
    fn tries_in_flight_share_one_outcome() {
        let mut window = DedupWindow::new(7);
        let key = key(&window, "a");
        assert!(!window.join(key, ASKER));
        window.begin(key, message(1), ASKER);
        assert!(window.join(key, ASKER));
        assert_eq!(window.take_askers(key).len(), 2);
        assert_eq!(window.settled(key), None, "nobody knows yet");
        assert!(window.join(key, ASKER), "it is still in flight");
        assert_eq!(window.confirm(key).len(), 1, "those who joined since");
        assert_eq!(window.settled(key), Some(message(1)));
        assert!(window.apply(key, Offset(5), message(1)).is_first);
        assert_eq!(window.settled(key), Some(message(1)));
        assert!(!window.join(key, ASKER), "it is not in flight any more");
    }

    #[test]
    fn a_repeat_in_the_log_is_answered_with_the_first_message() {
        let mut window = DedupWindow::new(7);
        let key = key(&window, "a");
        assert!(window.apply(key, Offset(5), message(1)).is_first);
        window.begin(key, message(2), ASKER);
        assert!(!window.apply(key, Offset(6), message(2)).is_first);
        assert_eq!(window.settled(key), Some(message(1)));
        assert!(!window.join(key, ASKER), "it is not in flight any more");
    }

    #[test]
    fn an_abandoned_try_can_be_made_again() {
        let mut window = DedupWindow::new(7);
        let key = key(&window, "a");
        window.begin(key, message(1), ASKER);
        assert_eq!(window.abandon(key).len(), 1);
        assert_eq!(window.settled(key), None);
        assert!(!window.join(key, ASKER));
    }
}
