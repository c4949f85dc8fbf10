//! What a shard does for the partitions it serves. The owner only routes: to the partition that something is for, or
//! back to the asker if that is not here.

mod admissions;
mod amending;
mod appends;
mod budget;
mod changes;
mod chat;
mod chats;
mod decide;
mod dedup;
mod delivery;
mod endings;
mod erased;
mod erasing;
mod events;
mod filling;
mod finding;
mod fold;
mod history;
mod logins;
mod message_queues;
mod names;
mod new_sessions;
mod partition;
mod progress;
mod purging;
mod readings;
mod retries;
mod rewriting;
mod rounds;
mod seeking;
mod settings;

use rookery_schema::{ChatId, PartitionId, UserId};

use crate::auth::gate::Gate;
use crate::context::Context;
use crate::edge::port::{
    Found, LogEvent, Opened, Part, PasswordOutcome, StoreFault, StoreRequest, Token,
};
use crate::map::Map;
use crate::mesh::problem::Problem;
use crate::mesh::{
    AdmissionId, Asker, ChatCommand, EndingId, NameCommand, NotAdmitted, Outcome, ShardMessage,
    Subscription, SubscriptionAnswer, UserCommand,
};
use crate::owner::budget::{Budget, Swept};
use crate::owner::partition::Partition;

/// Microseconds between two commits of what was stored.
const COMMIT_INTERVAL_MICROS: u64 = 1_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    partitions: Map<PartitionId, Partition>,
    /// How often a partition was opened.
    openings: u64,
    sync: Sync,
    budget: Budget,
}

/// The store's syncs, which commits wait for.
#[derive(Debug, Default)]
struct Sync {
    running: bool,
    last_micros: u64,
}

impl Owner {
    /// Whether every partition that is routed to this shard is here, and was replayed.
    pub(crate) fn is_ready(&self, cx: &Context<'_>) -> bool {
        let mut mine = cx.routing.served_by(cx.id());
        mine.all(|id| self.partitions.get(&id).is_some_and(Partition::is_ready))
    }

    /// Whether all that was accepted is stored and committed.
    pub(crate) fn is_drained(&self) -> bool {
        self.partitions.values().all(Partition::is_drained)
    }

    /// Serves a command on a chat.
    pub(crate) fn chat_command(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &mut Context<'_>,
    ) {
        let id = cx.placement().of_chat(chat_id);
        if let Some(partition) = self.serving(id, asker, cx) {
            partition.chat_command(asker, chat_id, command, cx);
        }
    }

    /// Serves a command on a username.
    pub(crate) fn name_command(
        &mut self,
        asker: Asker,
        username: &str,
        command: NameCommand,
        cx: &mut Context<'_>,
    ) {
        let id = cx.placement().of_name(username);
        let is_ready = self.partitions.get(&id).is_some_and(Partition::is_ready);
        if command.ends_what_was_begun() && !is_ready {
            return cx.refuse(asker, Problem::OUTCOME_UNKNOWN);
        }
        if let Some(partition) = self.serving(id, asker, cx) {
            partition.name_command(asker, username, command, cx);
        }
    }

    /// Serves a command on a user's own records.
    pub(crate) fn user_command(
        &mut self,
        asker: Asker,
        user_id: UserId,
        command: UserCommand,
        gate: &mut Gate,
        cx: &mut Context<'_>,
    ) {
        let id = cx.placement().of_user(user_id);
        if let Some(partition) = self.serving(id, asker, cx) {
            partition.user_command(asker, user_id, command, gate, cx);
        }
    }

    /// The partition that serves a command; where none does, the asker is answered.
    fn serving(
        &mut self,
        id: PartitionId,
        asker: Asker,
        cx: &mut Context<'_>,
    ) -> Option<&mut Partition> {
        match self.partitions.get_mut(&id) {
            Some(partition) if partition.is_ready() => Some(partition),
            Some(_) => {
                cx.refuse(asker, Problem::STARTING);
                None
            }
            None => {
                cx.answer(asker, Outcome::Elsewhere);
                None
            }
        }
    }

    /// A home knows whether users may become members.
    pub(crate) fn admitted(
        &mut self,
        id: AdmissionId,
        outcome: Result<(), NotAdmitted>,
        cx: &mut Context<'_>,
    ) {
        // A partition that was closed meanwhile waits for nothing.
        if let Some(partition) = self.partitions.get_mut(&id.partition) {
            partition.admitted(id.number, outcome, cx);
        }
    }

    /// A home wants the events of a chat for one of its users.
    pub(crate) fn subscribe(&mut self, wanted: Subscription, cx: &mut Context<'_>) {
        let id = cx.placement().of_chat(wanted.chat_id);
        match self.partitions.get_mut(&id) {
            Some(partition) => partition.subscribe(wanted, cx),
            None => {
                let answer = SubscriptionAnswer::Elsewhere;
                let home = cx.routing.home(wanted.user_id);
                cx.send(home, ShardMessage::Subscribed { wanted, answer });
            }
        }
    }

    /// A home has no connection of these users any more.
    pub(crate) fn unsubscribe(&mut self, chat_id: ChatId, users: &[UserId], cx: &Context<'_>) {
        let id = cx.placement().of_chat(chat_id);
        // A partition that is no longer here has no subscribers here either.
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.unsubscribe(chat_id, users, cx);
        }
    }

    /// A connected user types in a chat. What is not here is not told.
    pub(crate) fn types(&self, chat_id: ChatId, user_id: UserId, cx: &mut Context<'_>) {
        let id = cx.placement().of_chat(chat_id);
        if let Some(partition) = self.partitions.get(&id) {
            partition.types(chat_id, user_id, cx);
        }
    }

    /// The log has news.
    pub(crate) fn log_event(&mut self, event: LogEvent, cx: &mut Context<'_>) {
        match event {
            LogEvent::Opened { partition, opened } => self.open(partition, opened, cx),
            LogEvent::Closed { partition } => match self.partitions.remove(&partition) {
                Some(partition) => partition.close(cx),
                None => cx.bug("a partition was closed that was not open"),
            },
            LogEvent::Appended { partition, outcome } => {
                if let Some(partition) = self.opened(partition, cx) {
                    partition.appended(outcome, cx);
                }
            }
            LogEvent::Records {
                partition,
                base,
                batch,
            } => {
                if let Some(partition) = self.opened(partition, cx) {
                    partition.records(base, &batch, cx);
                }
            }
            LogEvent::DeadLettered { partition } => {
                if let Some(partition) = self.opened(partition, cx) {
                    partition.dead_lettered(cx);
                }
            }
            LogEvent::CaughtUp { partition } => {
                if let Some(partition) = self.opened(partition, cx) {
                    partition.caught_up(cx);
                }
            }
        }
    }

    fn open(&mut self, id: PartitionId, opened: Opened, cx: &mut Context<'_>) {
        self.openings += 1;
        let seed = u64::from_le_bytes(cx.random());
        let partition = Partition::open(id, opened, self.openings, seed);
        if self.partitions.insert(id, partition).is_some() {
            cx.bug("a partition was opened that was open");
        }
    }

    /// A partition that the log has news of.
    fn opened(&mut self, id: PartitionId, cx: &mut Context<'_>) -> Option<&mut Partition> {
        let partition = self.partitions.get_mut(&id);
        if partition.is_none() {
            cx.bug("the log has news of a partition that is not open");
        }
        partition
    }

    /// The store answered a partition's read. A partition that was closed meanwhile waits for none.
    pub(crate) fn store_read(
        &mut self,
        id: PartitionId,
        number: u64,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.store_read(number, outcome, cx);
        }
    }

    /// The store has rows of a partition.
    pub(crate) fn written(&mut self, id: PartitionId, number: u64, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.written(number, cx);
        }
    }

    /// A step of removing deleted chats is in the store.
    pub(crate) fn purge_written(&mut self, id: PartitionId, number: u64, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.purge_written(number, cx);
        }
    }

    /// A deleted user has left all their chats, which is in the store.
    pub(crate) fn erasure_written(&mut self, id: PartitionId, number: u64, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.erasure_written(number, cx);
        }
    }

    /// What a deleted user said in a chat is overwritten in the store, up to some event.
    pub(crate) fn rewrite_written(&mut self, id: PartitionId, number: u64, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.rewrite_written(number, cx);
        }
    }

    /// A deleted user has left a chat, or could not.
    pub(crate) fn erasure_answered(
        &mut self,
        id: PartitionId,
        question: u64,
        outcome: &Outcome,
        cx: &mut Context<'_>,
    ) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.erasure_answered(question, outcome, cx);
        }
    }

    /// Sessions that were ended are void on one more shard.
    pub(crate) fn sessions_void(&mut self, ending: EndingId, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&ending.partition) {
            partition.sessions_void(ending.number, cx);
        }
    }

    /// The hashers are done with a password.
    pub(crate) fn password_done(
        &mut self,
        id: PartitionId,
        number: u64,
        outcome: PasswordOutcome,
        cx: &mut Context<'_>,
    ) {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.password_done(number, outcome, cx);
        }
    }

    /// What was written before the sync survives a power cut.
    pub(crate) fn synced(&mut self, cx: &mut Context<'_>) {
        if !std::mem::take(&mut self.sync.running) {
            return cx.bug("the store has synced, and nobody asked for it");
        }
        for partition in self.partitions.values_mut() {
            partition.end_sync(cx);
        }
    }

    /// Lets chats that were read go on on their way into memory, as far as one round may.
    pub(crate) fn go_on_with_chats(&mut self, cx: &mut Context<'_>) {
        let partitions = self.partitions.len();
        for partition in self.partitions.values_mut() {
            partition.go_on_filling(partitions, cx);
        }
    }

    /// Hands over what this round gathered, and keeps chats within the memory that they may take.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) {
        let (mut chat_bytes, mut kept_bytes) = (0, 0);
        for partition in self.partitions.values_mut() {
            partition.flush(cx);
            chat_bytes += partition.chat_bytes();
            kept_bytes += partition.kept_bytes();
        }
        let bytes_max = budget::left_for_chats(cx.config.chat_bytes, kept_bytes);
        let now_micros = cx.now.micros;
        if let Some(excess) = self.budget.excess(chat_bytes, bytes_max, now_micros) {
            self.sweep_chats(excess, chat_bytes, cx);
        }
    }

    /// Has chats give up so many of the bytes that they take, as far as one round may.
    fn sweep_chats(&mut self, excess: usize, bytes: usize, cx: &mut Context<'_>) {
        let mut all = Swept::default();
        let partitions = self.partitions.len();
        for partition in self.partitions.values_mut() {
            let sweep = Budget::sweep(excess, partition.chat_bytes(), bytes, partitions);
            let swept = partition.sweep_chats(sweep, cx);
            all.bytes += swept.bytes;
            all.looked_at += swept.looked_at;
            all.forgotten += swept.forgotten;
        }
        cx.stats.chats_forgotten += all.forgotten as u64;
        let (chats, now_micros) = (self.chats(), cx.now.micros);
        self.budget
            .swept(all, chats, bytes.saturating_sub(all.bytes), now_micros);
    }

    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        self.begin_sync_when_due(cx);
        for partition in self.partitions.values_mut() {
            partition.tick(cx);
        }
    }

    fn begin_sync_when_due(&mut self, cx: &mut Context<'_>) {
        let elapsed = self.sync.last_micros + COMMIT_INTERVAL_MICROS <= cx.now.micros;
        let due = cx.readiness.is_draining() || elapsed;
        if self.sync.running || !due || self.partitions.values().all(Partition::is_committed) {
            return;
        }
        self.sync = Sync {
            running: true,
            last_micros: cx.now.micros,
        };
        self.partitions.values_mut().for_each(Partition::begin_sync);
        let token = Token {
            part: Part::Owner,
            number: 0,
        };
        cx.effects.store.push(StoreRequest::Sync { token });
    }

    /// Refreshes the gauges.
    pub(crate) fn measure(&self, cx: &mut Context<'_>) {
        let partitions = self.partitions.values();
        cx.stats.lag_messages = partitions.clone().map(Partition::lag_messages).sum();
        let lags = partitions.map(|it| it.lag_micros(cx.now.micros));
        cx.stats.lag_micros = lags.max().unwrap_or_default();
        cx.stats.lag_limit_micros = cx.config.lag_limit.as_micros() as u64;
        cx.stats.chats_loaded = self.chats() as u64;
        let bytes = |it: &Partition| (it.chat_bytes() + it.kept_bytes()) as u64;
        cx.stats.chats_bytes = self.partitions.values().map(bytes).sum();
    }

    fn chats(&self) -> usize {
        self.partitions.values().map(Partition::chats).sum()
    }
}
