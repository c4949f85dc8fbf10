//! The same client id from the same sender in a chat yields one message; with other content it is refused.
//!
//! The window is a pure function of the log: it spans the last [`DEDUP_WINDOW_RECORDS`] records of the
//! partition, so every replay of the log decides the same.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use rookery_schema::limits::DEDUP_WINDOW_RECORDS;
use rookery_schema::{ChatId, MessageId, Offset, UserId};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::map::Map;
use crate::mesh::Asker;

/// Tries whose outcome in the log is unknown, per partition; above it, the oldest counts as not in the log.
const DOUBTFUL_MAX: usize = 65_536;

/// Stands for one (chat, sender, client id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DedupKey([u64; 2]);

/// Stands for what a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ContentHash(u64);

/// A send with a client id: which one it is, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyedSend {
    pub(crate) key: DedupKey,
    content: ContentHash,
}

/// A record with a client id.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    offset: Offset,
    key: DedupKey,
    /// Of the message that its client id yields.
    content: ContentHash,
}

/// What a send is to those before it with its client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is the first of which anything is known.
    None,
    /// It repeats this message.
    Of(MessageId),
    /// It repeats one that is in flight, and has joined it.
    Joined,
    /// An earlier one said something else.
    Conflicting,
}

/// The sends of one partition that carried a client id.
#[derive(Debug, Default)]
pub(crate) struct DedupWindow {
    /// Makes keys unpredictable, so that nobody can make their id collide with another sender's.
    seed: u64,
    /// The newest record of each key, and the message that the first one yielded.
    applied: Map<DedupKey, (Offset, MessageId)>,
    /// The same, oldest record first. Contents are here, since few are looked for: the map has two places for each.
    by_offset: VecDeque<Remembered>,
    in_flight: Map<DedupKey, InFlightSend>,
    /// Those in flight that are doubtful, or were once, oldest first.
    doubtful: VecDeque<DedupKey>,
    /// Those that are durable, and repeat perhaps what is in front of them; and since when, oldest first.
    undecided: VecDeque<(u64, DedupKey)>,
}

/// A try that was not applied yet, and everybody who waits for it.
#[derive(Debug)]
struct InFlightSend {
    message_id: MessageId,
    content: ContentHash,
    askers: Vec<Asker>,
    fate: Fate,
    /// An earlier try may be in the log: which of them is the first there shows when it is applied.
    was_doubtful: bool,
}

/// What is known of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The log has not answered yet, or that does not tell which message it yields.
    Open,
    /// It is in the log, comes back from there to be applied, and yields its message.
    Durable,
    /// It may be in the log or not.
    Doubtful,
}

/// What applying a record with a client id came to.
pub(crate) struct Applied {
    /// It repeats no earlier one, and yields a message.
    pub(crate) is_first: bool,
    /// The message that its client id yields; none for it where that says something else.
    pub(crate) yields: Option<MessageId>,
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

    pub(crate) fn keyed(
        &self,
        chat: ChatId,
        sender: UserId,
        client_id: &str,
        content: &str,
    ) -> KeyedSend {
        let mut bytes = Vec::with_capacity(32 + client_id.len());
        bytes.extend_from_slice(chat.as_bytes());
        bytes.extend_from_slice(sender.as_bytes());
        bytes.extend_from_slice(client_id.as_bytes());
        let hash = xxh3_128_with_seed(&bytes, self.seed);
        KeyedSend {
            key: DedupKey([hash as u64, (hash >> 64) as u64]),
            content: ContentHash(xxh3_64_with_seed(content.as_bytes(), self.seed)),
        }
    }

    /// The message that a key yielded where it was applied, and what that says.
    fn applied(&self, key: DedupKey) -> Option<(MessageId, ContentHash)> {
        let &(offset, message_id) = self.applied.get(&key)?;
        let records = &self.by_offset;
        let index = records.binary_search_by_key(&offset, |record| record.offset);
        Some((message_id, records.get(index.ok()?)?.content))
    }

    /// What a send repeats. It joins what is in flight.
    pub(crate) fn repeat(&mut self, send: KeyedSend, asker: Asker) -> Repeat {
        let KeyedSend { key, content } = send;
        if let Some((message_id, said)) = self.applied(key) {
            return match said == content {
                true => Repeat::Of(message_id),
                false => Repeat::Conflicting,
            };
        }
        match self.in_flight.get_mut(&key) {
            None => Repeat::None,
            Some(first) if first.content != content => Repeat::Conflicting,
            Some(first) => match first.fate {
                Fate::Durable => Repeat::Of(first.message_id),
                Fate::Doubtful => Repeat::None,
                Fate::Open => {
                    first.askers.push(asker);
                    Repeat::Joined
                }
            },
        }
    }

    /// Whether it is not known what became of a try.
    fn is_doubtful(&self, key: DedupKey) -> bool {
        let send = self.in_flight.get(&key);
        send.is_some_and(|send| send.fate == Fate::Doubtful)
    }

    /// Notes a first try.
    pub(crate) fn begin(&mut self, send: KeyedSend, message_id: MessageId, asker: Asker) {
        let KeyedSend { key, content } = send;
        let was_doubtful = self.is_doubtful(key);
        self.in_flight.insert(
            key,
            InFlightSend {
                message_id,
                content,
                askers: vec![asker],
                fate: Fate::Open,
                was_doubtful,
            },
        );
    }

    /// A try is durable. Takes its askers, and tells which message it yields: none where an earlier record, of which this
    /// shard did not know when it began, says something else. Where one that is not applied may be in front of it, all wait
    /// until it is applied itself: `follows` tells that no other owner's is.
    pub(crate) fn confirm(
        &mut self,
        key: DedupKey,
        follows: bool,
        now_micros: u64,
    ) -> (Option<MessageId>, Vec<Asker>) {
        let earlier = self.applied(key);
        let Some(send) = self.in_flight.get_mut(&key) else {
            return (None, Vec::new());
        };
        if earlier.is_none() && (send.was_doubtful || !follows) {
            self.undecided.push_back((now_micros, key));
            return (None, Vec::new());
        }
        send.fate = Fate::Durable;
        let (message_id, said) = earlier.unwrap_or((send.message_id, send.content));
        let yields = (said == send.content).then_some(message_id);
        (yields, std::mem::take(&mut send.askers))
    }

    /// Takes who has waited since before a time for a durable try to be applied.
    pub(crate) fn take_overdue(&mut self, began_before: u64, now_micros: u64) -> Vec<Asker> {
        let mut overdue = Vec::new();
        let is_old = |(since, _): &mut (u64, DedupKey)| *since < began_before;
        while let Some((_, key)) = self.undecided.pop_front_if(is_old) {
            overdue.extend(self.take_askers(key));
            // Others may join it.
            if self.in_flight.contains_key(&key) {
                self.undecided.push_back((now_micros, key));
            }
        }
        overdue
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
            && self.is_doubtful(oldest)
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
        send: KeyedSend,
        offset: Offset,
        message_id: MessageId,
    ) -> Applied {
        let KeyedSend { key, content } = send;
        self.expire(offset);
        let mut askers = Vec::new();
        // A try in doubt does not matter any more, whether it is this one or not.
        let is_over = |it: &InFlightSend| it.message_id == message_id || it.fate == Fate::Doubtful;
        if let Entry::Occupied(send) = self.in_flight.entry(key)
            && is_over(send.get())
        {
            askers = send.remove().askers;
        }
        let first = self.applied(key);
        let (yields, said) = first.unwrap_or((message_id, content));
        self.by_offset.push_back(Remembered {
            offset,
            key,
            content: said,
        });
        self.applied.insert(key, (offset, yields));
        Applied {
            is_first: first.is_none(),
            yields: (said == content).then_some(yields),
            askers,
        }
    }

    /// Forgets what came [`DEDUP_WINDOW_RECORDS`] before this record, so that with it no more are known.
    fn expire(&mut self, offset: Offset) {
        let is_old = |at: Offset| at.0 + DEDUP_WINDOW_RECORDS <= offset.0;
        while let Some(old) = self.by_offset.pop_front_if(|it| is_old(it.offset)) {
            let newest = self.applied.get(&old.key);
            if newest.is_some_and(|&(newest, _)| newest == old.offset) {
                self.applied.remove(&old.key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
