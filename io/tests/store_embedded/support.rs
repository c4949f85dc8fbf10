//! A shard with its store, and what it writes into it.

use std::path::Path;
use std::time::{Duration, Instant};

use rookery_engine::port::{Found, Read, Store, StoreEvent, StoreRequest};
use rookery_io::embedded::{DataDir, Durability};
use rookery_io::lane::Lane;
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::store::embedded::{EmbeddedStore, Settings, StoreError, spawn_lane};
use rookery_io::vital::Shutdown;
use rookery_schema::row::{EventRow, Head, Row};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, ShardId};
use uuid::Uuid;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const LOG: Uuid = Uuid::from_u128(0x8c1d_77e0_53ab_4f96_b2c8_06f4_9d35_ea71);

pub(super) fn open(root: &Path) -> Result<EmbeddedStore, StoreError> {
    open_with(root, 0)
}

pub(super) fn open_with(root: &Path, reserve_bytes: u64) -> Result<EmbeddedStore, StoreError> {
    let data_dir = DataDir::open(root).unwrap();
    let settings = Settings {
        reserve_bytes,
        ..Settings::new(Durability::Fsync)
    };
    EmbeddedStore::open(&data_dir, LOG, settings)
}

/// A shard with its store lane.
pub(super) struct Shard {
    store: Box<dyn Store>,
    mailbox: Mailbox,
    receiver: Receiver<StoreEvent>,
    lane: Lane,
    shutdown: Shutdown,
    tokens: u64,
}

impl Shard {
    pub(super) fn start(store: &EmbeddedStore, shard: u16) -> Self {
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

    pub(super) fn submit(&mut self, request: impl Fn(u64) -> StoreRequest) -> u64 {
        self.tokens += 1;
        self.store.submit(request(self.tokens)).unwrap();
        self.tokens
    }

    pub(super) fn next(&mut self) -> StoreEvent {
        self.next_within(PATIENCE).expect("an answer")
    }

    pub(super) fn next_within(&mut self, at_most: Duration) -> Option<StoreEvent> {
        let deadline = Instant::now() + at_most;
        loop {
            match self.receiver.pop() {
                Some(event) => return Some(event),
                None if Instant::now() >= deadline => return None,
                None => drop(self.mailbox.wait(Duration::from_millis(20))),
            }
        }
    }

    pub(super) fn write(&mut self, rows: Vec<Row>) {
        let wanted = self.submit(|token| StoreRequest::Write {
            token,
            rows: rows.clone(),
        });
        match self.next() {
            StoreEvent::Written { token, .. } => assert_eq!(token, wanted),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    pub(super) fn read(&mut self, read: &Read) -> Found {
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

    pub(super) fn stop(self) {
        self.shutdown.begin();
        drop(self.store);
        assert!(self.lane.join(PATIENCE));
    }
}

pub(super) fn message(seq: u64, bytes: usize) -> Row {
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

pub(super) const NEWEST: Read = Read::MessagesBefore {
    chat_id: ChatId(Uuid::from_bytes([9; 16])),
    before: Seq(u64::MAX),
    limit: 1,
};

pub(super) fn newest_seq(found: &Found) -> Option<u64> {
    match found {
        Found::Messages(rows) => rows.first().map(|row| row.head.seq.0),
        other => panic!("not what was asked: {other:?}"),
    }
}
