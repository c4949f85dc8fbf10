//! A shard with its store, whichever it is.

use std::time::{Duration, Instant};

use rookery_engine::port::{Found, Part, Read, Store, StoreEvent, StoreRequest, Token};
use rookery_io::lane::Lane;
use rookery_io::mailbox::{Mailbox, Receiver};
use rookery_io::vital::Shutdown;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::{Amendment, AmendmentRow, Row};
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The chat of tests that need only one.
pub(crate) const CHAT: ChatId = ChatId::from_bytes([9; 16]);

pub(crate) const NEWEST: Read = Read::MessagesBefore {
    chat_id: CHAT,
    before: Seq(u64::MAX),
    limit: 1,
};

/// A shard with its store lane.
pub(crate) struct Shard {
    /// First to go, so that a test that fails does not end the process along with its lane.
    shutdown: ShutdownOnDrop,
    store: Box<dyn Store>,
    mailbox: Mailbox,
    receiver: Receiver<StoreEvent>,
    lane: Lane,
    tokens: u64,
}

struct ShutdownOnDrop(Shutdown);

impl Drop for ShutdownOnDrop {
    fn drop(&mut self) {
        self.0.begin();
    }
}

impl Shard {
    /// With the lane that `spawn` makes, whichever store's that is.
    pub(crate) fn new<S: Store + 'static>(
        spawn: impl FnOnce(&Mailbox, &Shutdown) -> (S, Receiver<StoreEvent>, Lane),
    ) -> Self {
        let (mailbox, shutdown) = (Mailbox::new(), Shutdown::default());
        let (store, receiver, lane) = spawn(&mailbox, &shutdown);
        Self {
            store: Box::new(store),
            mailbox,
            receiver,
            lane,
            shutdown: ShutdownOnDrop(shutdown),
            tokens: 0,
        }
    }

    /// Submits a request, when the ring has room, and tells its token.
    pub(crate) fn submit(&mut self, request: impl FnOnce(Token) -> StoreRequest) -> Token {
        self.tokens += 1;
        let token = Token {
            part: Part::Owner,
            number: self.tokens,
        };
        let mut request = request(token);
        let deadline = Instant::now() + PATIENCE;
        while let Err(back) = self.store.submit(request) {
            assert!(Instant::now() < deadline, "the ring stays full");
            request = back;
            std::thread::sleep(Duration::from_micros(100));
        }
        token
    }

    pub(crate) fn submit_write(&mut self, rows: Vec<Row>) -> Token {
        self.submit(|token| StoreRequest::Write { token, rows })
    }

    pub(crate) fn next(&mut self) -> StoreEvent {
        self.next_within(PATIENCE).expect("an answer")
    }

    pub(crate) fn next_within(&mut self, at_most: Duration) -> Option<StoreEvent> {
        let deadline = Instant::now() + at_most;
        loop {
            match self.receiver.pop() {
                Some(event) => return Some(event),
                None if Instant::now() >= deadline => return None,
                None => drop(self.mailbox.wait(Duration::from_millis(20))),
            }
        }
    }

    pub(crate) fn write(&mut self, rows: Vec<Row>) {
        let wanted = self.submit_write(rows);
        match self.next() {
            StoreEvent::Written { token, .. } => assert_eq!(token, wanted),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    pub(crate) fn read(&mut self, read: &Read) -> Found {
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

    /// How many writes are answered before a read that is asked for behind them.
    pub(crate) fn writes_before_a_read(&mut self) -> usize {
        let read = self.submit(|token| StoreRequest::Read {
            token,
            read: NEWEST,
        });
        let mut before = 0;
        loop {
            match self.next() {
                StoreEvent::Read { token, outcome } => {
                    assert_eq!((token, outcome.is_ok()), (read, true));
                    return before;
                }
                _ => before += 1,
            }
        }
    }

    pub(crate) fn stop(self) {
        drop(self.shutdown);
        drop(self.store);
        assert!(self.lane.join(PATIENCE));
    }
}

pub(crate) fn seqs(found: &Found) -> Vec<u64> {
    match found {
        Found::Messages(messages) => messages.iter().map(|message| message.seq.0).collect(),
        other => panic!("not what was asked: {other:?}"),
    }
}

/// The log record of a message.
pub(crate) fn message_record(chat_id: ChatId, seq: u64, content: &str) -> Vec<u8> {
    let mut record = Vec::new();
    Record::MessagePosted(MessagePosted {
        chat_id,
        message_id: MessageId::from_bytes(u128::from(seq).to_be_bytes()),
        sender_id: UserId::from_bytes([4; 16]),
        at: Timestamp::from_millis(1_700_000_000_000 + seq),
        client_id: seq.is_multiple_of(2).then_some("a client's id"),
        content,
    })
    .encode(&mut record);
    record
}

/// How the event with this seq amends a message: each seq in a way of its own, as each is one event.
pub(crate) fn amendment(chat_id: ChatId, target: u64, seq: u64) -> AmendmentRow {
    let change = match seq {
        _ if seq.is_multiple_of(29) => Amendment::Deleted,
        _ if seq.is_multiple_of(3) => Amendment::Edited {
            content: format!("edit {seq}"),
        },
        _ => Amendment::Reaction {
            emoji: ["👍", "é"][seq as usize % 2].to_owned(),
            added: seq % 5 > 1,
        },
    };
    AmendmentRow {
        chat_id,
        target: Seq(target),
        seq: Seq(seq),
        by: UserId::from_bytes([(seq % 3) as u8; 16]),
        at: Timestamp::from_millis(1_700_000_000_000 + seq),
        change,
    }
}
