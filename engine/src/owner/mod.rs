//! What a shard does for the partitions it owns: takes commands, appends records, applies what the log
//! delivers, and sees it into the store.

pub(crate) mod accounts;
mod appends;
mod apply;
pub(crate) mod chat;
pub(crate) mod commands;
mod dedup;
mod failures;
pub(crate) mod history;
mod memory;
mod partition;
mod retries;

use rookery_schema::{ChatId, Offset, PartitionId, UserId};

use crate::context::{Context, Map, Reader};
use crate::mesh::{Asker, Command, Outcome, ShardMessage, Subscription};
use crate::owner::accounts::Accounts;
use crate::owner::apply::ParkedRecord;
use crate::owner::chat::{Chat, RECENT_EVENTS_LOADED};
use crate::owner::history::{PageKey, PageWait};
use crate::owner::partition::{ChangeKey, OnStored, Partition, Pending};
use crate::owner::retries::Retries;
use crate::port::{AppendFault, Found, Opened, Read, StoreFault, StoreRequest};
use crate::problem::Problem;
use crate::shard::ShardConfig;

/// Commands that may wait for one chat to be read from the store.
const PARKED_COMMANDS_MAX: usize = 1024;
/// Microseconds between two commits of what was stored.
const COMMIT_INTERVAL_MICROS: u64 = 1_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    partitions: Map<PartitionId, Partition>,
    chats: Map<ChatId, Slot>,
    /// Chats that could not be read.
    unread: Retries<ChatId>,
    accounts: Accounts,
    /// Who waits for a change to be in the store.
    changes: Map<ChangeKey, Vec<Asker>>,
    pages: Map<(ChatId, PageKey), Vec<PageWait>>,
    /// Chats with events that were applied and not sent yet.
    touched: Vec<ChatId>,
    sync: Sync,
    /// How many chats were looked at in this round of forgetting some.
    swept: usize,
    draining: bool,
}

/// What is known of a chat.
#[derive(Debug)]
enum Slot {
    /// It is being read from the store, or will be again after a pause.
    Loading(Parking),
    /// It was made here and its creation is on its way through the log.
    Fresh,
    Active(Box<Chat>),
}

/// Everything that waits for a chat to be read, in the order in which it came.
#[derive(Debug, Default)]
struct Parking {
    parked: Vec<Parked>,
    /// How many of them are commands.
    commands: usize,
}

/// What waits for a chat to be read.
#[derive(Debug)]
enum Parked {
    /// At most [`PARKED_COMMANDS_MAX`].
    Command { asker: Asker, command: Command },
    /// At most one for each connected member: a home asks once, and takes it back when he is gone.
    Subscribe(Subscription),
    /// Bounded as all records that are on their way into the store.
    Record(ParkedRecord),
}

/// The store's syncs, which commits wait for.
#[derive(Debug, Default)]
struct Sync {
    running: bool,
    last_micros: u64,
}

impl Owner {
    /// Whether every partition that this shard owns was replayed.
    pub(crate) fn is_ready(&self, config: &ShardConfig) -> bool {
        config.topology.owned_by(config.id).all(|id| {
            self.partitions
                .get(&id)
                .is_some_and(|partition| partition.caught_up)
        })
    }

    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether all that was accepted is stored and committed.
    pub(crate) fn is_drained(&self) -> bool {
        self.partitions
            .values()
            .all(|p| p.is_idle() && p.is_committed())
    }

    pub(crate) fn partition_opened(
        &mut self,
        id: PartitionId,
        opened: Opened,
        cx: &mut Context<'_>,
    ) {
        let seed = u64::from_le_bytes(cx.random());
        self.partitions
            .insert(id, Partition::opened(id, opened, seed));
    }

    pub(crate) fn partition_caught_up(&mut self, id: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.caught_up = true;
        }
    }

    /// Hands over what this round gathered.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        for partition in self.partitions.values_mut() {
            partition.submit(cx);
        }
    }

    /// An append was answered.
    pub(crate) fn appended(
        &mut self,
        id: PartitionId,
        outcome: Result<Offset, AppendFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(partition) = self.partitions.get_mut(&id) else {
            return;
        };
        let Some(in_flight) = partition.take_answered() else {
            return;
        };
        if let Ok(end) = outcome {
            partition.confirm(end, cx.now.micros);
        }
        cx.stats
            .append
            .observe(cx.now.micros.saturating_sub(in_flight.submitted_micros));
        for pending in in_flight.pending {
            match outcome {
                Ok(_) => self.durable(id, pending, cx),
                Err(AppendFault::Unavailable) => {
                    self.not_appended(id, pending, Problem::LOG_UNAVAILABLE, cx);
                }
                Err(AppendFault::Unknown) => self.doubtful(id, pending, cx),
            }
        }
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.submit(cx);
        }
    }

    fn durable(&mut self, id: PartitionId, pending: Pending, cx: &mut Context<'_>) {
        match pending {
            Pending::Message {
                asker,
                message_id,
                chat_id,
                at,
            } => {
                cx.stats.messages_posted += 1;
                cx.answer(
                    asker,
                    Outcome::Posted {
                        message_id,
                        chat_id,
                        created_at: at,
                    },
                );
            }
            Pending::KeyedMessage {
                key,
                message_id,
                chat_id,
                at,
            } => {
                cx.stats.messages_posted += 1;
                let Some(partition) = self.partitions.get_mut(&id) else {
                    return;
                };
                for asker in partition.dedup.confirm(key) {
                    cx.answer(
                        asker,
                        Outcome::Posted {
                            message_id,
                            chat_id,
                            created_at: at,
                        },
                    );
                }
            }
            Pending::Nobody => cx.stats.messages_posted += 1,
            Pending::Change(..) => {}
        }
    }

    /// It may be in the log or not: a retry with the same client id makes no second message.
    fn doubtful(&mut self, id: PartitionId, pending: Pending, cx: &mut Context<'_>) {
        let problem = Problem::OUTCOME_UNKNOWN;
        let Pending::KeyedMessage { key, .. } = pending else {
            return self.not_appended(id, pending, problem, cx);
        };
        let Some(partition) = self.partitions.get_mut(&id) else {
            return;
        };
        for asker in partition.dedup.doubt(key) {
            cx.answer(asker, Outcome::Refused(problem));
        }
    }

    fn not_appended(
        &mut self,
        id: PartitionId,
        pending: Pending,
        problem: Problem,
        cx: &mut Context<'_>,
    ) {
        let askers = match pending {
            Pending::Message { asker, .. } => vec![asker],
            Pending::Nobody => Vec::new(),
            Pending::KeyedMessage { key, .. } => self
                .partitions
                .get_mut(&id)
                .map(|partition| partition.dedup.abandon(key))
                .unwrap_or_default(),
            Pending::Change(key, asker) => {
                self.forget_change(key);
                self.take_waiting(key, asker)
            }
        };
        for asker in askers {
            cx.answer(asker, Outcome::Refused(problem));
        }
    }

    /// Takes one of those who wait for a change: others may have asked for the same with better luck.
    fn take_waiting(&mut self, key: ChangeKey, asker: Asker) -> Vec<Asker> {
        let Some(waiting) = self.changes.get_mut(&key) else {
            return Vec::new();
        };
        let taken = waiting.extract_if(.., |it| *it == asker).collect();
        if waiting.is_empty() {
            self.changes.remove(&key);
        }
        taken
    }

    /// Undoes what was reserved for a change that did not come about.
    fn forget_change(&mut self, key: ChangeKey) {
        match key {
            ChangeKey::Chat(chat_id) => {
                if matches!(self.chats.get(&chat_id), Some(Slot::Fresh)) {
                    self.chats.remove(&chat_id);
                }
            }
            ChangeKey::User(user_id) => self.accounts.release(user_id),
            ChangeKey::Added(..) | ChangeKey::Removed(..) | ChangeKey::Session(_) => {}
        }
    }

    /// A record that can't be understood is where an operator finds it.
    pub(crate) fn buried(&mut self, id: PartitionId, cx: &mut Context<'_>) {
        if let Some(span) = self.partitions.get_mut(&id).and_then(Partition::buried) {
            self.written(span, cx);
        }
    }

    /// A write is in the store.
    pub(crate) fn written(&mut self, span: crate::context::SpanId, cx: &mut Context<'_>) {
        let Some(partition) = self.partitions.get_mut(&span.partition) else {
            return;
        };
        if let Some(on_stored) = partition.release(span, cx) {
            self.stored(on_stored, cx);
        }
    }

    /// Tells everybody who waited for a span to be in the store.
    fn stored(&mut self, on_stored: OnStored, cx: &mut Context<'_>) {
        for username in on_stored.names {
            self.accounts.stored(&username);
        }
        for (chat_id, users) in on_stored.joins {
            send_to_homes(&users, cx, |users| ShardMessage::JoinsStored {
                chat_id,
                users,
            });
        }
        for (asker, outcome) in on_stored.answers {
            cx.answer(asker, outcome);
        }
    }

    /// The store can survive a power cut up to what was written before.
    pub(crate) fn synced(&mut self, cx: &mut Context<'_>) {
        self.sync.running = false;
        for partition in self.partitions.values_mut() {
            partition.commit(cx);
        }
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.begin_sync_when_due(cx);
        self.answer_overdue(cx);
        for id in cx.topology().owned_by(cx.id()) {
            self.serve_waiting_reads(id, cx);
        }
        while let Some(chat_id) = self.unread.next(cx.now.micros) {
            read_chat(chat_id, cx);
        }
        self.sweep_chats(cx);
        self.accounts.tick(cx);
    }

    fn begin_sync_when_due(&mut self, cx: &mut Context<'_>) {
        let due = self.draining || self.sync.last_micros + COMMIT_INTERVAL_MICROS <= cx.now.micros;
        if self.sync.running || !due || self.partitions.values().all(Partition::is_committed) {
            return;
        }
        self.sync = Sync {
            running: true,
            last_micros: cx.now.micros,
        };
        self.partitions.values_mut().for_each(Partition::begin_sync);
        cx.effects.store.push(StoreRequest::Sync { token: 0 });
    }

    fn answer_overdue(&mut self, cx: &mut Context<'_>) {
        let ids: Vec<PartitionId> = self.partitions.keys().copied().collect();
        for id in ids {
            let Some(partition) = self.partitions.get_mut(&id) else {
                continue;
            };
            let (mut overdue, changes) = partition.take_overdue(cx.now.micros);
            overdue.extend(partition.take_overdue_answers(cx.now.micros));
            for key in changes {
                overdue.extend(self.changes.remove(&key).unwrap_or_default());
            }
            for asker in overdue {
                cx.answer(asker, Outcome::Refused(Problem::OUTCOME_UNKNOWN));
            }
        }
    }

    /// Refreshes the numbers that are read off rather than counted.
    pub(crate) fn measure(&self, cx: &mut Context<'_>) {
        let partitions = self.partitions.values();
        cx.stats.lag_messages = partitions.clone().map(Partition::lag_messages).sum();
        cx.stats.lag_micros = partitions
            .map(|p| p.lag_micros(cx.now.micros))
            .max()
            .unwrap_or_default();
        cx.stats.chats_loaded = self.chats.len() as u64;
    }

    /// A chat was read from the store.
    pub(crate) fn chat_read(
        &mut self,
        chat_id: ChatId,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(Slot::Loading(Parking { parked, .. })) = self.chats.remove(&chat_id) else {
            return;
        };
        let chat = match outcome {
            Ok(Found::Chat(chat)) => chat,
            Ok(_) | Err(StoreFault) => return self.chat_not_read(chat_id, parked, cx),
        };
        if let Some(stored) = chat {
            self.chats
                .insert(chat_id, Slot::Active(Box::new(Chat::stored(*stored))));
        }
        for waiting in parked {
            match waiting {
                Parked::Record(record) => self.apply_parked(chat_id, record, cx),
                Parked::Command { asker, command } => self.on_loaded(chat_id, asker, command, cx),
                Parked::Subscribe(wanted) => self.subscribe_loaded(wanted, cx),
            }
        }
        self.flush_touched(cx);
    }

    /// Refuses what can be refused; records stay until the chat can be read.
    fn chat_not_read(&mut self, chat_id: ChatId, parked: Vec<Parked>, cx: &mut Context<'_>) {
        let mut kept = Vec::new();
        for waiting in parked {
            match waiting {
                Parked::Command { asker, .. } => {
                    cx.answer(asker, Outcome::Refused(Problem::STORE_UNAVAILABLE));
                }
                Parked::Subscribe(_) | Parked::Record(_) => kept.push(waiting),
            }
        }
        if !kept.is_empty() {
            self.unread.add(chat_id, cx.now.micros);
            let parking = Parking {
                parked: kept,
                commands: 0,
            };
            self.chats.insert(chat_id, Slot::Loading(parking));
        }
    }

    /// Puts something behind the reading of a chat, beginning that where it is not under way.
    fn park(&mut self, chat_id: ChatId, parked: Parked, cx: &mut Context<'_>) {
        let slot = self.chats.entry(chat_id).or_insert_with(|| {
            read_chat(chat_id, cx);
            Slot::Loading(Parking::default())
        });
        if let Slot::Loading(parking) = slot {
            parking.commands += usize::from(matches!(parked, Parked::Command { .. }));
            parking.parked.push(parked);
        }
    }

    /// A page of older messages was read from the store.
    pub(crate) fn page_read(
        &mut self,
        chat_id: ChatId,
        key: PageKey,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        for wait in self.pages.remove(&(chat_id, key)).unwrap_or_default() {
            let (asker, outcome) = match &outcome {
                Ok(Found::Messages(messages)) => wait.complete(messages),
                Ok(_) | Err(StoreFault) => {
                    (wait.asker(), Outcome::Refused(Problem::STORE_UNAVAILABLE))
                }
            };
            cx.answer(asker, outcome);
        }
    }
}

fn read_chat(chat_id: ChatId, cx: &mut Context<'_>) {
    cx.read(
        Read::Chat {
            chat_id,
            recent: RECENT_EVENTS_LOADED,
        },
        Reader::Chat(chat_id),
    );
}

/// Sends each home one message about its users.
fn send_to_homes(
    users: &[UserId],
    cx: &mut Context<'_>,
    message: impl Fn(Vec<UserId>) -> ShardMessage,
) {
    let topology = cx.topology();
    let mut by_home = vec![Vec::new(); usize::from(topology.shards())];
    for &user in users {
        by_home[topology.home(user).index()].push(user);
    }
    for (shard, users) in topology.all_shards().zip(by_home) {
        if !users.is_empty() {
            cx.send(shard, message(users));
        }
    }
}
