//! What the chats of a shard take of the process's memory, beside what the shard says that they do. A process of its
//! own, with one test: all that it measures is its own.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the kernel is asked what the process takes, and a reader told"
)]

use std::fs;

use rookery_engine::config::ShardConfig;
use rookery_engine::input::Input;
use rookery_engine::mesh::ShardMessage;
use rookery_engine::port::{
    EndedSessions, Found, LogEvent, LogRequest, Opened, Read, StoreEvent, StoreRequest,
};
use rookery_engine::stats::Stats;
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{ChatCreated, Members, MessagePosted, Record};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, ShardId, Timestamp, UserId};
use rookery_testing::host::{self, EPOCH_MILLIS, Host};

const HERE: ShardId = ShardId(0);
/// A shard that is played by nobody: it only asks for numbers.
const THERE: ShardId = ShardId(1);
const PARTITION: PartitionId = PartitionId(0);
const MIB: u64 = 1 << 20;
/// Bytes that a shard takes besides its chats: what the allocator keeps of batches that are gone, and parts.
const OTHER_BYTES: u64 = 16 * MIB;

/// Bytes of the process that are in memory.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("readable");
    let pages = statm.split_ascii_whitespace().nth(1).expect("a field");
    pages.parse::<u64>().expect("a number") * 4096
}

/// A shard between a log and a store that do at once what they are asked.
struct World {
    host: Host,
    log_end: Offset,
    /// How many of a chat's members listen to it.
    listeners: usize,
}

impl World {
    fn new(chat_bytes: u64, listeners: usize) -> Self {
        let config = ShardConfig {
            chat_bytes: chat_bytes as usize,
            ..host::config(HERE, host::routing(1, 2))
        };
        let mut world = Self {
            host: Host::new(config),
            log_end: Offset(0),
            listeners,
        };
        let (partition, opened) = (PARTITION, Opened::default());
        world.round(Input::Log(LogEvent::Opened { partition, opened }));
        world.round(Input::Log(LogEvent::CaughtUp { partition }));
        world
    }

    fn round(&mut self, input: Input<'_>) -> Vec<ShardMessage> {
        self.host.clock.pass(1000);
        let effects = self.host.round(input);
        let mut sent: Vec<ShardMessage> = effects.mesh.into_iter().flatten().collect();
        for request in effects.store {
            let event = match request {
                StoreRequest::Write { token, rows } => {
                    drop(rows);
                    StoreEvent::Written { token, micros: 1 }
                }
                StoreRequest::Sync { token } => StoreEvent::Synced { token },
                StoreRequest::Read { token, read } => {
                    let found = match read {
                        Read::EndedSessions => Found::EndedSessions(EndedSessions::default()),
                        Read::Chat { .. } => Found::Chat(None),
                        Read::Purges { .. } => Found::Purges(Vec::new()),
                        Read::Erasures { .. } => Found::Erasures(Vec::new()),
                        Read::Rewrites { .. } => Found::Rewrites(Vec::new()),
                        other => panic!("{other:?}"),
                    };
                    let outcome = Ok(found);
                    StoreEvent::Read { token, outcome }
                }
            };
            sent.extend(self.round(Input::Store(event)));
        }
        let appends = |it: &LogRequest| matches!(it, LogRequest::Append { .. });
        assert!(!effects.log.iter().any(appends));
        sent
    }

    /// The log delivers records. Homes take back that members listen who are not connected.
    fn deliver(&mut self, batch: RecordBatch) {
        let base = self.log_end;
        self.log_end = base.plus(u64::from(batch.len()));
        let partition = PARTITION;
        let sent = self.round(Input::Log(LogEvent::Records {
            partition,
            base,
            batch,
        }));
        for message in sent {
            if let ShardMessage::Joined { chat_id, users, .. } = message {
                let users = users.into_iter().skip(self.listeners).collect();
                let messages = vec![ShardMessage::Unsubscribe { chat_id, users }];
                let from = THERE;
                self.round(Input::Mesh { from, messages });
            }
        }
    }

    fn tick(&mut self) {
        self.host.clock.pass(20_000_000);
        self.round(Input::Tick);
    }

    fn stats(&mut self) -> Stats {
        let (from, ticket) = (THERE, 1);
        let messages = vec![ShardMessage::StatsWanted { from, ticket }];
        let sent = self.round(Input::Mesh { from, messages });
        let stats = sent.into_iter().find_map(|it| match it {
            ShardMessage::Stats { stats, .. } => Some(*stats),
            _ => None,
        });
        stats.expect("numbers came")
    }
}

fn chat(number: u32) -> ChatId {
    ChatId::from_bytes((u128::from(number) + 1).to_be_bytes())
}

fn user(number: u32) -> UserId {
    UserId::from_bytes((u128::from(number) + 1).to_le_bytes())
}

fn create(batch: &mut RecordBatchBuilder, chat_id: ChatId, members: u32) {
    let members: Members = (0..members).map(user).collect();
    batch.push(&Record::ChatCreated(ChatCreated {
        chat_id,
        at: Timestamp::from_millis(EPOCH_MILLIS),
        creator_id: Some(user(0)),
        name: "chat",
        members: members.as_list(),
    }));
}

fn post(batch: &mut RecordBatchBuilder, chat_id: ChatId, content: &str) {
    batch.push(&Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes([1; 16]),
        sender_id: user(0),
        at: Timestamp::from_millis(EPOCH_MILLIS),
        client_id: None,
        content,
    }));
}

/// So many chats, each of which has 700 kB of messages in one batch.
fn large_batches(world: &mut World, chats: u32) {
    let content = "x".repeat(700);
    for group in 0..chats / 2 {
        let mut batch = RecordBatchBuilder::default();
        let chats = || [2 * group, 2 * group + 1].into_iter().map(chat);
        chats().for_each(|chat_id| create(&mut batch, chat_id, 2));
        for _ in 0..700 {
            chats().for_each(|chat_id| post(&mut batch, chat_id, &content));
        }
        let batch = batch.take();
        world.deliver(batch);
    }
}

/// So many chats of 1,640 members: as many as fit into a request of 64 kB.
fn crowds(world: &mut World, chats: u32) {
    for number in 0..chats {
        let mut batch = RecordBatchBuilder::default();
        create(&mut batch, chat(number), 1640);
        let batch = batch.take();
        world.deliver(batch);
    }
}

/// What the process takes, from one moment on.
struct Meter {
    before: u64,
}

impl Meter {
    /// Feeds a shard of whose chats so many members listen, and says what it counts, and by how much the process has
    /// grown then.
    fn counted(
        &self,
        what: &str,
        chat_bytes: u64,
        listeners: usize,
        feed: impl FnOnce(&mut World),
    ) -> Stats {
        let mut world = World::new(chat_bytes, listeners);
        feed(&mut world);
        (0..3).for_each(|_| world.tick());
        let stats = world.stats();
        let (chats, counted) = (stats.chats_loaded, stats.chats_bytes);
        let grown = resident().saturating_sub(self.before);
        println!("{what}: {chats} chats, {counted} bytes counted, {grown} resident");
        let most = counted + counted / 4 + OTHER_BYTES;
        assert!(grown <= most, "{what}: {grown} resident, {counted} counted");
        stats
    }

    /// The same, where they count within what they may take.
    fn bounded(
        &self,
        what: &str,
        chat_bytes: u64,
        listeners: usize,
        feed: impl FnOnce(&mut World),
    ) -> Stats {
        let stats = self.counted(what, chat_bytes, listeners, feed);
        let counted = stats.chats_bytes;
        assert!(counted <= chat_bytes, "{what}: {counted} of {chat_bytes}");
        stats
    }
}

#[test]
fn the_chats_of_a_shard_take_what_it_says_and_no_more_than_they_may() {
    // What takes more comes later: a process seldom gives back what it had.
    let meter = Meter { before: resident() };
    let batches = |world: &mut World| large_batches(world, 300);
    let crowds = |world: &mut World| crowds(world, 1000);
    for listeners in [0, 1] {
        let what = format!("300 chats in 16 MiB, {listeners} listen");
        let stats = meter.bounded(&what, 16 * MIB, listeners, batches);
        assert_eq!(stats.chats_loaded, 300, "events go before chats do");
        let what = format!("1,000 crowds in 16 MiB, {listeners} listen");
        let stats = meter.bounded(&what, 16 * MIB, listeners, crowds);
        assert!(stats.chats_loaded > 100, "they fill what they may have");
    }
    let stats = meter.bounded("300 chats in 256 MiB", 256 * MIB, 0, batches);
    let each = stats.chats_bytes / 300;
    assert!((60_000..90_000).contains(&each), "{each} bytes a chat");
    let stats = meter.counted("1,000 crowds in 16 MiB, all listen", 16 * MIB, 1640, crowds);
    assert!(stats.chats_loaded > 10, "they fill what is left for them");
    let all = 1000 * 40_000 + 16 * MIB / 4;
    assert!(stats.chats_bytes < all, "{} bytes", stats.chats_bytes);
    let stats = meter.bounded("1,000 crowds in 256 MiB", 256 * MIB, 0, crowds);
    assert_eq!(stats.chats_loaded, 1000);
}
