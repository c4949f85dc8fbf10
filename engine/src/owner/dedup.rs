//! The same client id from the same sender in a chat yields one message.
//!
//! The window is a pure function of the log: it spans the last [`DEDUP_WINDOW_RECORDS`] records of the
//! partition, so every replay of the log decides the same.

use std::collections::VecDeque;

use rookery_schema::limits::DEDUP_WINDOW_RECORDS;
use rookery_schema::{ChatId, MessageId, Offset, UserId};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::context::Map;
use crate::mesh::Asker;

/// Stands for one (chat, sender, client id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DedupKey(u128);

/// The sends of one partition that carried a client id.
#[derive(Debug, Default)]
pub(crate) struct DedupWindow {
    /// Makes keys unpredictable, so that nobody can make his id collide with another sender's.
    seed: u64,
    applied: Map<DedupKey, (Offset, MessageId)>,
    by_offset: VecDeque<(Offset, DedupKey)>,
    in_flight: Map<DedupKey, InFlightSend>,
}

/// A first try that is not known to be durable yet, and everybody who waits for it.
#[derive(Debug)]
pub(crate) struct InFlightSend {
    pub(crate) message_id: MessageId,
    pub(crate) askers: Vec<Asker>,
    /// It is in the log, and comes back from there to be applied.
    durable: bool,
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
        DedupKey(xxh3_128_with_seed(&bytes, self.seed))
    }

    /// The message that this key yielded, durably.
    pub(crate) fn settled(&self, key: DedupKey) -> Option<MessageId> {
        let applied = self.applied.get(&key).map(|&(_, message_id)| message_id);
        let durable = || self.in_flight.get(&key).filter(|send| send.durable);
        applied.or_else(|| durable().map(|send| send.message_id))
    }

    /// Joins a first try that is in flight; false where there is none.
    pub(crate) fn join(&mut self, key: DedupKey, asker: Asker) -> bool {
        let Some(send) = self.in_flight.get_mut(&key) else {
            return false;
        };
        send.askers.push(asker);
        true
    }

    /// Notes a first try.
    pub(crate) fn begin(&mut self, key: DedupKey, message_id: MessageId, asker: Asker) {
        self.in_flight.insert(
            key,
            InFlightSend {
                message_id,
                askers: vec![asker],
                durable: false,
            },
        );
    }

    /// Notes that a try is durable, and takes who waits for it.
    pub(crate) fn confirm(&mut self, key: DedupKey) -> Vec<Asker> {
        if let Some(send) = self.in_flight.get_mut(&key) {
            send.durable = true;
        }
        self.take_askers(key)
    }

    /// Takes who waits for a try; it stays in flight until it is applied or forgotten.
    pub(crate) fn take_askers(&mut self, key: DedupKey) -> Vec<Asker> {
        self.in_flight
            .get_mut(&key)
            .map(|send| std::mem::take(&mut send.askers))
            .unwrap_or_default()
    }

    /// Forgets a try that came to nothing, so that the next one is a first try again.
    pub(crate) fn abandon(&mut self, key: DedupKey) -> Vec<Asker> {
        self.in_flight
            .remove(&key)
            .map(|send| send.askers)
            .unwrap_or_default()
    }

    /// Applies a record with a client id; false where it repeats an earlier one and must yield nothing.
    pub(crate) fn apply(&mut self, key: DedupKey, offset: Offset, message_id: MessageId) -> bool {
        self.expire(offset);
        if self
            .in_flight
            .get(&key)
            .is_some_and(|send| send.message_id == message_id)
        {
            self.in_flight.remove(&key);
        }
        if self.applied.contains_key(&key) {
            return false;
        }
        self.applied.insert(key, (offset, message_id));
        self.by_offset.push_back((offset, key));
        true
    }

    fn expire(&mut self, offset: Offset) {
        while let Some(&(oldest, key)) = self.by_offset.front() {
            if oldest.0 + DEDUP_WINDOW_RECORDS >= offset.0 {
                break;
            }
            self.by_offset.pop_front();
            self.applied.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Waiting;
    use proptest::prelude::*;
    use rookery_schema::ShardId;
    use std::collections::HashMap;

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

    proptest! {
        /// Against a model that remembers everything: a repeat inside the window is never applied, and
        /// the decision does not depend on where the replay began, as long as a window precedes it.
        #[test]
        fn decides_as_the_whole_log_would(ids in proptest::collection::vec(0u8..12, 1..200), stride in 1u64..(DEDUP_WINDOW_RECORDS / 8)) {
            let mut window = DedupWindow::new(7);
            let mut model: HashMap<u8, u64> = HashMap::new();
            for (index, id) in ids.iter().enumerate() {
                let offset = index as u64 * stride;
                let expected = model.get(id).is_none_or(|&first| first + DEDUP_WINDOW_RECORDS < offset);
                let applied = window.apply(key(&window, &id.to_string()), Offset(offset), message(offset));
                prop_assert_eq!(applied, expected);
                if applied {
                    model.insert(*id, offset);
                }
            }
        }
    }

    #[test]
    fn tries_in_flight_share_one_outcome() {
        let mut window = DedupWindow::new(7);
        let key = key(&window, "a");
        assert!(!window.join(key, ASKER));
        window.begin(key, message(1), ASKER);
        assert!(window.join(key, ASKER));
        assert_eq!(window.take_askers(key).len(), 2);
        assert!(
            window.join(key, ASKER),
            "still in flight until it is applied"
        );
        assert!(window.apply(key, Offset(5), message(1)));
        assert_eq!(window.settled(key), Some(message(1)));
        assert!(!window.join(key, ASKER));
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
