//! What every part of a shard works with during one step.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::Rng;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, PartitionId, ShardId, Topology, UserId};

use crate::effect::Effects;
use crate::http::HttpDate;
use crate::input::{ConnId, Now};
use crate::mesh::{Asker, Command, Outcome, Post, ShardMessage};
use crate::owner::history::PageKey;
use crate::port::{Read, StoreRequest};
use crate::problem::Problem;
use crate::shard::ShardConfig;
use crate::stats::Stats;

/// A map keyed by ids, with a hash that is fast and can't be predicted from outside.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set of ids; see [`Map`].
pub(crate) type Set<K> = std::collections::HashSet<K, RandomState>;

/// One step's surroundings.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a ShardConfig,
    pub(crate) effects: &'a mut Effects,
    pub(crate) stats: &'a mut Stats,
    pub(crate) random: &'a mut ChaCha12Rng,
    /// Messages from this shard to itself, handled before the step ends.
    pub(crate) local: &'a mut VecDeque<ShardMessage>,
    pub(crate) pending: &'a mut PendingStore,
    /// The current date, as replies carry it.
    pub(crate) date: &'a HttpDate,
    /// How long the bytes that this step is about waited to be read.
    pub(crate) input_waited_micros: u64,
}

impl Context<'_> {
    pub(crate) const fn id(&self) -> ShardId {
        self.config.id
    }

    pub(crate) const fn topology(&self) -> Topology {
        self.config.topology
    }

    /// Sends a message to a shard, this one included.
    pub(crate) fn send(&mut self, to: ShardId, message: ShardMessage) {
        if to == self.config.id {
            self.local.push_back(message);
        } else {
            self.stats.mesh_messages += 1;
            self.effects.mesh[to.index()].push(message);
        }
    }

    pub(crate) fn send_to_all(&mut self, message: impl Fn() -> ShardMessage) {
        for shard in self.topology().all_shards() {
            self.send(shard, message());
        }
    }

    pub(crate) fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.send(asker.shard, ShardMessage::Answer { asker, outcome });
    }

    /// Whether a new message may be taken from what is being read: a shard that reads too late has more than it
    /// can do, and to refuse is less work.
    pub(crate) fn admit_message(&self) -> Result<(), Problem> {
        if self.is_over_lag_limit(self.input_waited_micros) {
            return Err(Problem::LATE);
        }
        Ok(())
    }

    /// Whether something has waited for longer than messages may.
    pub(crate) fn is_over_lag_limit(&self, waited_micros: u64) -> bool {
        u128::from(waited_micros) > self.config.lag_limit.as_micros()
    }

    /// Where a post goes first: to the sender's home where that limits his rate, else to the owner.
    pub(crate) fn route_post(&self, post: Post) -> (ShardId, Command) {
        if self.config.user_rate > 0 {
            (
                self.topology().home(post.sender_id),
                Command::PostWithinRate(post),
            )
        } else {
            (
                self.topology().owner_of_chat(post.chat_id),
                Command::PostMessage(post),
            )
        }
    }

    pub(crate) fn read(&mut self, read: Read, reader: Reader) {
        let token = self.pending.add_read(reader);
        self.effects.store.push(StoreRequest::Read { token, read });
    }

    pub(crate) fn write(&mut self, rows: Vec<Row>, span: SpanId) {
        let token = self.pending.add_write(span);
        self.effects.store.push(StoreRequest::Write { token, rows });
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill_bytes(&mut bytes);
        bytes
    }
}

/// A run of log records of one partition that is on its way into the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId {
    pub(crate) partition: PartitionId,
    /// Counts up from the start of the process.
    pub(crate) number: u64,
}

/// Who waits for a read of the store.
#[derive(Debug)]
pub(crate) enum Reader {
    Chat(ChatId),
    Page(ChatId, PageKey),
    Account(Box<str>),
    /// A connected user's chats, to subscribe to.
    Subscriptions {
        user_id: UserId,
        stay: u64,
    },
    /// A user's chats, to list.
    Inbox {
        gather: u64,
    },
    /// One user, or several as a list, to show on a connection.
    Users {
        conn: ConnId,
        ticket: u64,
        list: bool,
    },
    EndedSessions,
}

/// What was asked of the store and is not answered yet.
#[derive(Debug, Default)]
pub(crate) struct PendingStore {
    last_token: u64,
    reads: Map<u64, Reader>,
    writes: Map<u64, SpanId>,
}

impl PendingStore {
    fn next_token(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    fn add_read(&mut self, reader: Reader) -> u64 {
        let token = self.next_token();
        self.reads.insert(token, reader);
        token
    }

    fn add_write(&mut self, span: SpanId) -> u64 {
        let token = self.next_token();
        self.writes.insert(token, span);
        token
    }

    pub(crate) fn take_read(&mut self, token: u64) -> Option<Reader> {
        self.reads.remove(&token)
    }

    pub(crate) fn take_write(&mut self, token: u64) -> Option<SpanId> {
        self.writes.remove(&token)
    }
}
