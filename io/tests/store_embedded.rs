//! The embedded store against real files: it answers as a model in memory does, whatever was written,
//! however often it was opened.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store_support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use rookery_engine::port::{Found, Read, Store, StoreEvent, StoreRequest, StoredChat};
use rookery_io::embedded::{DataDir, Durability};
use rookery_io::lane::Lane;
use rookery_io::log::embedded::Stored;
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::store::embedded::{EmbeddedStore, Settings, StoreError, spawn_lane};
use rookery_io::vital::Shutdown;
use rookery_schema::row::{ChatRow, EventRow, Head, MemberRow, Row, UserRow};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, ShardId, Timestamp, UserId};
use store_support::SmallDisk;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);
const LOG: Uuid = Uuid::from_u128(7);

fn open(root: &Path) -> Result<EmbeddedStore, StoreError> {
    open_with(root, 0)
}

fn open_with(root: &Path, reserve_bytes: u64) -> Result<EmbeddedStore, StoreError> {
    let data_dir = DataDir::open(root).unwrap();
    let settings = Settings {
        reserve_bytes,
        ..Settings::new(Durability::Fsync)
    };
    EmbeddedStore::open(&data_dir, LOG, settings)
}

/// A shard with its store lane.
struct Shard {
    store: Box<dyn Store>,
    mailbox: Mailbox,
    receiver: Receiver<StoreEvent>,
    lane: Lane,
    shutdown: Shutdown,
    tokens: u64,
}

impl Shard {
    fn start(store: &EmbeddedStore, shard: u16) -> Self {
        let (mailbox, shutdown) = (Mailbox::new(), Shutdown::default());
        let (store, receiver, lane) =
            spawn_lane(store, ShardId(shard), None, &mailbox, &shutdown).unwrap();
        Self {
            store: Box::new(store),
            mailbox,
            receiver,
            lane,
            shutdown,
            tokens: 0,
        }
    }

    fn submit(&mut self, request: impl Fn(u64) -> StoreRequest) -> u64 {
        self.tokens += 1;
        self.store.submit(request(self.tokens)).unwrap();
        self.tokens
    }

    fn next(&mut self) -> StoreEvent {
        self.next_within(PATIENCE).expect("an answer")
    }

    fn next_within(&mut self, at_most: Duration) -> Option<StoreEvent> {
        let deadline = Instant::now() + at_most;
        loop {
            match self.receiver.pop() {
                Some(event) => return Some(event),
                None if Instant::now() >= deadline => return None,
                None => drop(self.mailbox.wait(Duration::from_millis(20))),
            }
        }
    }

    fn write(&mut self, rows: Vec<Row>) {
        let wanted = self.submit(|token| StoreRequest::Write {
            token,
            rows: rows.clone(),
        });
        match self.next() {
            StoreEvent::Written { token, .. } => assert_eq!(token, wanted),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    fn read(&mut self, read: &Read) -> Found {
        let wanted = self.submit(|token| StoreRequest::Read {
            token,
            read: read.clone(),
        });
        match self.next() {
            StoreEvent::Read { token, outcome } => {
                assert_eq!(token, wanted);
                outcome.unwrap()
            }
            other => panic!("not what was asked: {other:?}"),
        }
    }

    fn stop(self) {
        self.shutdown.begin();
        drop(self.store);
        assert!(self.lane.join(PATIENCE));
    }
}

/// What the store is to be like: rows in maps, the simplest way.
#[derive(Default)]
struct Model {
    events: BTreeMap<(ChatId, Seq), EventRow>,
    chats: BTreeMap<ChatId, ChatRow>,
    members: BTreeMap<(ChatId, UserId), MemberRow>,
    users: HashMap<UserId, UserRow>,
    names: BTreeMap<String, UserId>,
    ended: BTreeMap<SessionId, Timestamp>,
}

impl Model {
    fn write(&mut self, row: Row) {
        match row {
            Row::Event(row) => drop(self.events.insert((row.chat_id, row.head.seq), row)),
            Row::Chat(row) => drop(self.chats.insert(row.chat_id, row)),
            Row::Member(row) => drop(self.members.insert((row.chat_id, row.user_id), row)),
            Row::NotMember { chat_id, user_id } => drop(self.members.remove(&(chat_id, user_id))),
            Row::User(row) => {
                self.names.insert(row.username.clone(), row.user_id);
                self.users.insert(row.user_id, row);
            }
            Row::EndedSession {
                session_id,
                expires_at,
            } => {
                self.ended.insert(session_id, expires_at);
            }
            Row::Reached { .. } => {}
        }
    }

    fn events_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events
            .range((chat_id, Seq(0))..=(chat_id, Seq(u64::MAX)))
            .map(|(_, row)| row)
    }

    fn messages_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events_of(chat_id).filter(|row| row.is_message)
    }

    fn read(&self, read: &Read) -> Found {
        match read {
            Read::Chat { chat_id, recent } => {
                let stored = |chat| Box::new(self.chat(chat, *recent));
                Found::Chat(self.chats.get(chat_id).map(stored))
            }
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let older = self
                    .messages_of(*chat_id)
                    .filter(|row| row.head.seq < *before);
                Found::Messages(older.rev().take(*limit).cloned().collect())
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let newer = self
                    .messages_of(*chat_id)
                    .filter(|row| row.head.seq > *after);
                Found::Messages(newer.take(*limit).cloned().collect())
            }
            Read::ChatsOfUser(user_id) => {
                let chats = self.members.keys().filter(|(_, user)| user == user_id);
                Found::Chats(chats.map(|(chat, _)| *chat).collect())
            }
            Read::User(user_id) => {
                Found::Users(self.users.get(user_id).cloned().into_iter().collect())
            }
            Read::UserNamed(name) => Found::Users(self.named(name).into_iter().collect()),
            Read::UsersByPrefix { prefix, limit } => {
                let names = self
                    .names
                    .keys()
                    .filter(|name| name.starts_with(prefix.as_str()));
                Found::Users(
                    names
                        .filter_map(|name| self.named(name))
                        .take(*limit)
                        .collect(),
                )
            }
            Read::EndedSessions => {
                Found::EndedSessions(self.ended.iter().map(|(id, at)| (*id, *at)).collect())
            }
        }
    }

    fn named(&self, name: &str) -> Option<UserRow> {
        let user = self.users.get(self.names.get(name)?)?;
        (user.username == name).then(|| user.clone())
    }

    fn chat(&self, chat: &ChatRow, limit: usize) -> StoredChat {
        let id = chat.chat_id;
        let mut members: Vec<_> = self
            .members
            .values()
            .filter(|row| row.chat_id == id)
            .collect();
        members.sort_by_key(|row| (row.added_seq, row.position, row.user_id));
        let mut recent: Vec<EventRow> = Vec::new();
        for row in self.events_of(id).rev().take(limit) {
            if recent
                .last()
                .is_some_and(|newer| newer.head.seq != row.head.seq.next())
            {
                break;
            }
            recent.push(row.clone());
        }
        recent.reverse();
        StoredChat {
            chat: chat.clone(),
            members: members.into_iter().map(|row| row.user_id).collect(),
            head: self
                .events_of(id)
                .next_back()
                .map(|row| row.head)
                .unwrap_or_default(),
            recent,
            latest_message: self.messages_of(id).next_back().cloned(),
        }
    }
}

fn chat_id() -> impl Strategy<Value = ChatId> {
    (0..3u8).prop_map(|id| ChatId::from_bytes([id; 16]))
}

fn user_id() -> impl Strategy<Value = UserId> {
    (0..5u8).prop_map(|id| UserId::from_bytes([id; 16]))
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Far in the future, so that no session is forgotten.
    (0..1000u64).prop_map(|n| Timestamp::from_millis(200_000_000_000_000 + n))
}

fn event() -> impl Strategy<Value = Row> {
    let record = vec(any::<u8>(), 0..40);
    (
        chat_id(),
        1..40u64,
        any::<u64>(),
        0..4u32,
        0..1000u64,
        record,
    )
        .prop_map(|(chat_id, seq, messages, partition, offset, record)| {
            let head = Head {
                seq: Seq(seq),
                messages,
                partition: PartitionId(partition),
                offset: Offset(offset),
            };
            // A seq is of one kind for good.
            Row::Event(EventRow {
                chat_id,
                head,
                record: record.into(),
                is_message: seq % 3 > 0,
            })
        })
}

fn row() -> impl Strategy<Value = Row> {
    let name = "[ab]{1,3}";
    prop_oneof![
        8 => event(),
        1 => (chat_id(), name, time())
            .prop_map(|(chat_id, name, created_at)| Row::Chat(ChatRow { chat_id, name, created_at })),
        2 => (chat_id(), user_id(), 0..9u32, 0..9u64).prop_map(|(chat_id, user_id, position, seq)| {
            Row::Member(MemberRow { chat_id, user_id, position, added_seq: Seq(seq) })
        }),
        1 => (chat_id(), user_id())
            .prop_map(|(chat_id, user_id)| Row::NotMember { chat_id, user_id }),
        2 => (user_id(), name, proptest::option::of(name), time()).prop_map(
            |(user_id, username, password_hash, created_at)| {
                let updated_at = created_at;
                Row::User(UserRow { user_id, username, password_hash, created_at, updated_at })
            }
        ),
        1 => (0..3u8, time()).prop_map(|(id, expires_at)| Row::EndedSession {
            session_id: SessionId::from_bytes([id; 16]),
            expires_at
        }),
    ]
}

fn read() -> impl Strategy<Value = Read> {
    let place = || prop_oneof![0..42u64, Just(u64::MAX)].prop_map(Seq);
    prop_oneof![
        3 => (chat_id(), 0..12usize).prop_map(|(chat_id, recent)| Read::Chat { chat_id, recent }),
        2 => (chat_id(), place(), 0..12usize)
            .prop_map(|(chat_id, before, limit)| Read::MessagesBefore { chat_id, before, limit }),
        2 => (chat_id(), place(), 0..12usize)
            .prop_map(|(chat_id, after, limit)| Read::MessagesAfter { chat_id, after, limit }),
        1 => user_id().prop_map(Read::ChatsOfUser),
        1 => user_id().prop_map(Read::User),
        1 => "[ab]{1,3}".prop_map(Read::UserNamed),
        1 => ("[ab]{0,2}", 0..6usize)
            .prop_map(|(prefix, limit)| Read::UsersByPrefix { prefix, limit }),
        1 => Just(Read::EndedSessions),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_model_does(
        lives in vec((vec(vec(row(), 1..12), 1..12), vec(read(), 1..30)), 1..4),
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        for (writes, reads) in lives {
            let store = open(root.path()).unwrap();
            let mut shard = Shard::start(&store, 0);
            for rows in writes {
                rows.iter().cloned().for_each(|row| model.write(row));
                shard.write(rows);
            }
            for read in &reads {
                prop_assert_eq!(shard.read(read), model.read(read), "{:?}", read);
            }
            shard.stop();
        }
        let store = open(root.path()).unwrap();
        let mut shard = Shard::start(&store, 1);
        for chat in 0..3 {
            let read = Read::Chat { chat_id: ChatId::from_bytes([chat; 16]), recent: 50 };
            prop_assert_eq!(shard.read(&read), model.read(&read));
        }
        shard.stop();
    }
}

fn message(seq: u64, bytes: usize) -> Row {
    let head = Head {
        seq: Seq(seq),
        messages: seq,
        partition: PartitionId(3),
        offset: Offset(seq + 10),
    };
    let chat_id = ChatId::from_bytes([9; 16]);
    Row::Event(EventRow {
        chat_id,
        head,
        record: vec![7; bytes].into(),
        is_message: true,
    })
}

const NEWEST: Read = Read::MessagesBefore {
    chat_id: ChatId(Uuid::from_bytes([9; 16])),
    before: Seq(u64::MAX),
    limit: 1,
};

fn newest_seq(found: &Found) -> Option<u64> {
    match found {
        Found::Messages(rows) => rows.first().map(|row| row.head.seq.0),
        other => panic!("not what was asked: {other:?}"),
    }
}

#[test]
fn writes_and_syncs_are_answered_in_order() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::start(&open(root.path()).unwrap(), 0);
    let mut expected = Vec::new();
    for seq in 1..=200 {
        let rows = vec![message(seq, 100)];
        let token = shard.submit(|token| StoreRequest::Write {
            token,
            rows: rows.clone(),
        });
        expected.push((token, false));
        if seq % 50 == 0 {
            expected.push((shard.submit(|token| StoreRequest::Sync { token }), true));
        }
    }
    for wanted in expected {
        let answer = match shard.next() {
            StoreEvent::Written { token, .. } => (token, false),
            StoreEvent::Synced { token } => (token, true),
            other => panic!("not what was asked: {other:?}"),
        };
        assert_eq!(answer, wanted);
    }
    shard.stop();
}

#[test]
fn a_read_does_not_wait_for_a_long_queue_of_writes() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::start(&open(root.path()).unwrap(), 0);
    let rows = |n: u64| {
        (n * 500..(n + 1) * 500)
            .map(|seq| message(seq + 1, 300))
            .collect()
    };
    for n in 0..200 {
        shard.submit(|token| StoreRequest::Write {
            token,
            rows: rows(n),
        });
    }
    let read = shard.submit(|token| StoreRequest::Read {
        token,
        read: NEWEST,
    });
    let mut before = 0;
    loop {
        match shard.next() {
            StoreEvent::Read { token, outcome } => {
                assert_eq!((token, outcome.is_ok()), (read, true));
                break;
            }
            _ => before += 1,
        }
    }
    assert!(before < 150, "{before} of 200 writes came first");
    shard.stop();
}

#[test]
fn the_lanes_of_all_shards_share_the_rows() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    let mut shards = [0, 1, 2].map(|shard| Shard::start(&store, shard));
    for round in 0..30 {
        let seq = round + 1;
        shards[round as usize % 3].write(vec![message(seq, 10)]);
        for shard in &mut shards {
            assert_eq!(newest_seq(&shard.read(&NEWEST)), Some(seq));
        }
    }
    shards.into_iter().for_each(Shard::stop);
}

#[test]
fn it_knows_up_to_where_the_log_is_stored() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(3)), Stored::Nothing);
    let mut shard = Shard::start(&store, 0);
    let reached = |partition, behind| Row::Reached {
        partition: PartitionId(partition),
        behind: Offset(behind),
    };
    shard.write(vec![message(5, 1), reached(3, 16)]);
    shard.write(vec![message(2, 1), reached(3, 13)]);
    shard.stop();
    drop(store);
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
    assert_eq!(store.stored(PartitionId(0)), Stored::Unknown);
    let mut shard = Shard::start(&store, 0);
    shard.write(vec![reached(0, 8)]);
    shard.stop();
    drop(store);
    let store = open(root.path()).unwrap();
    assert_eq!(store.stored(PartitionId(0)), Stored::Below(Offset(8)));
    assert_eq!(store.stored(PartitionId(3)), Stored::Below(Offset(16)));
}

#[test]
fn sessions_whose_tokens_have_expired_are_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let ended = |id: u8, millis| Row::EndedSession {
        session_id: SessionId::from_bytes([id; 16]),
        expires_at: Timestamp::from_millis(millis),
    };
    let mut shard = Shard::start(&open(root.path()).unwrap(), 0);
    shard.write(vec![
        ended(1, 1_600_000_000_000),
        ended(2, 200_000_000_000_000),
    ]);
    shard.stop();
    let mut shard = Shard::start(&open(root.path()).unwrap(), 0);
    let kept = (
        SessionId::from_bytes([2; 16]),
        Timestamp::from_millis(200_000_000_000_000),
    );
    assert_eq!(
        shard.read(&Read::EndedSessions),
        Found::EndedSessions(vec![kept])
    );
    shard.stop();
}

#[test]
fn the_store_of_another_log_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()).unwrap());
    let data_dir = DataDir::open(root.path()).unwrap();
    let other = Uuid::from_u128(8);
    let opened = EmbeddedStore::open(&data_dir, other, Settings::new(Durability::Fsync));
    let text = opened.err().unwrap().to_string();
    assert!(
        text.contains(&LOG.to_string()) && text.contains(&other.to_string()),
        "{text}"
    );
}

#[test]
fn a_flipped_bit_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let mut shard = Shard::start(&open(root.path()).unwrap(), 0);
    (1..9).for_each(|seq| shard.write(vec![message(seq, 200)]));
    shard.stop();
    let path = root.path().join("store/0.jnl");
    let mut bytes = fs::read(&path).unwrap();
    bytes[700] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let text = open(root.path()).err().unwrap().to_string();
    assert!(
        text.contains(&*path.to_string_lossy()) && text.contains("is corrupt"),
        "{text}"
    );
}

/// With a reserve, and without one, where the database itself fails in the middle of writing.
#[test]
fn on_a_full_disk_writes_wait_and_reads_go_on() {
    for (reserve_bytes, leave_bytes) in [(16 << 20, 8 << 20), (0, 60_000)] {
        let Some(disk) = SmallDisk::mount(96) else {
            return;
        };
        let root = disk.path().join("data");
        let store = open_with(&root, reserve_bytes).unwrap();
        let (mut writer, mut reader) = (Shard::start(&store, 0), Shard::start(&store, 1));
        writer.write(vec![message(1, 100)]);
        disk.fill(leave_bytes);
        let mut waiting = Vec::new();
        for seq in 2..40 {
            let rows = vec![message(seq, 5000)];
            waiting.push(writer.submit(|token| StoreRequest::Write {
                token,
                rows: rows.clone(),
            }));
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(newest_seq(&reader.read(&NEWEST)).is_some());
        let answered = std::iter::from_fn(|| writer.next_within(Duration::from_millis(10)));
        let answered = answered.count();
        assert!(answered < waiting.len(), "the disk was not full");
        disk.free();
        for wanted in &waiting[answered..] {
            match writer.next() {
                StoreEvent::Written { token, .. } => assert_eq!(token, *wanted),
                other => panic!("not what was asked: {other:?}"),
            }
        }
        reader.write(vec![message(40, 1)]);
        assert_eq!(newest_seq(&writer.read(&NEWEST)), Some(40));
        writer.stop();
        reader.stop();
        drop(store);
        let mut shard = Shard::start(&open(&root).unwrap(), 0);
        let chat_id = ChatId::from_bytes([9; 16]);
        let all = Read::MessagesAfter {
            chat_id,
            after: Seq(0),
            limit: 100,
        };
        let Found::Messages(rows) = shard.read(&all) else {
            panic!("not what was asked")
        };
        let seqs: Vec<u64> = rows.iter().map(|row| row.head.seq.0).collect();
        assert_eq!(seqs, Vec::from_iter(1..=40));
        shard.stop();
    }
}
