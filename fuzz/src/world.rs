//! A shard by itself, with a log and a store that do at once what they are asked for.

use std::sync::Arc;

use bytes::Bytes;
use rookery_engine::config::{AuthMode, ShardConfig};
use rookery_engine::effect::{Notice, Turn};
use rookery_engine::ids::ConnId;
use rookery_engine::input::{Entrance, Input};
use rookery_engine::port::{
    LogEvent, LogRequest, Opened, PasswordCheck, PasswordJob, PasswordOutcome, StoreEvent,
    StoreRequest,
};
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::limits::RECORD_BYTES_MAX;
use rookery_schema::record::{ChatCreated, Members, Record, UserRegistered};
use rookery_schema::{ChatId, Offset, PartitionId, ShardId, Timestamp, UserId};
use rookery_testing::host::{self, EPOCH_MILLIS, Host};
use rookery_testing::http::HttpReply;
use rookery_testing::store::Model;
use rookery_testing::ws::take_frame;

const P0: PartitionId = PartitionId(0);
/// Who calls.
pub const USER: UserId = UserId::from_bytes([1; 16]);
/// Their name.
const USERNAME: &str = "ada";
/// A chat that they are a member of, as the only one.
pub const CHAT: ChatId = ChatId::from_bytes([2; 16]);
/// What operators call with.
pub const OPERATOR_TOKEN: &str = "of an operator, in sixteen bytes and more";
/// What passwords are hashed to.
const HASH: &str = "$hash";

/// See the module.
pub struct World {
    host: Host,
    store: Model,
    end: Offset,
}

impl Default for World {
    /// In trust mode.
    fn default() -> Self {
        Self::new(AuthMode::Trust)
    }
}

impl World {
    /// A shard that serves, where a user has a chat.
    ///
    /// # Panics
    /// Where it does not come to that.
    pub fn new(auth: AuthMode) -> Self {
        let config = ShardConfig {
            auth,
            operator_token: Some(Arc::new(OPERATOR_TOKEN)),
            ..host::config(ShardId(0), host::routing(1, 1))
        };
        let mut world = Self {
            host: Host::new(config),
            store: Model::default(),
            end: Offset(0),
        };
        let (partition, opened) = (P0, Opened::default());
        world.step(Input::Log(LogEvent::Opened { partition, opened }));
        world.step(Input::Log(LogEvent::CaughtUp { partition }));
        world.step(Input::Tick);
        assert!(world.host.shard.is_ready());
        let at = Timestamp::from_millis(EPOCH_MILLIS);
        let mut records = RecordBatchBuilder::default();
        records.push(&Record::UserRegistered(UserRegistered {
            user_id: USER,
            at,
            username: USERNAME,
            key: None,
            password_hash: Some(HASH),
        }));
        records.push(&Record::ChatCreated(ChatCreated {
            chat_id: CHAT,
            at,
            creator_id: Some(USER),
            name: "chat",
            members: Members::from_iter([USER]).as_list(),
        }));
        world.deliver(records.take());
        world
    }

    /// The field that says that the user calls.
    ///
    /// # Panics
    /// Where they can't log in.
    pub fn credentials(&mut self, auth: AuthMode) -> String {
        if auth == AuthMode::Trust {
            return format!("Cookie: user_id={USER}");
        }
        let body = format!(r#"{{"username":"{USERNAME}","password":"x"}}"#);
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let entrance = Entrance::Public { operations: false };
        let mut reply = self.call(entrance, [request.as_bytes()]);
        let reply = HttpReply::take(&mut reply).expect("a login is answered");
        let token = reply.json()["token"].clone();
        format!("Authorization: Bearer {}", token.as_str().expect("a token"))
    }

    /// What a new connection is sent when these pieces came from it.
    ///
    /// # Panics
    /// Where the shard finds a bug of its own.
    pub fn call<'a>(
        &mut self,
        entrance: Entrance,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Vec<u8> {
        let conn = self.host.next_conn();
        self.step(Input::Accepted {
            conn,
            peer: ([127, 0, 0, 1], 9).into(),
            entrance,
        });
        let mut replies = Vec::new();
        for bytes in pieces {
            replies.extend(self.receive(conn, bytes));
        }
        replies
    }

    /// A WebSocket of the user, who has read that it is ready.
    pub fn listen(&mut self) -> ConnId {
        let (conn, arrived) = self.host.arrived(USER, None);
        self.step(arrived);
        let ready = self.read(conn);
        assert!(ready.windows(7).any(|it| it == b"\"ready\""));
        conn
    }

    /// What a connection is sent when these bytes came from it.
    pub fn receive(&mut self, conn: ConnId, bytes: &[u8]) -> Vec<u8> {
        if self.host.wants_input(conn) {
            self.step(Input::Received {
                conn,
                bytes,
                waited_micros: 0,
            });
        }
        let mut read = self.read(conn);
        // What had to wait for room in the outbox is answered once there is some.
        while self.host.shard.turn(conn) == Turn::GoOn {
            self.step(Input::GoOn { conn });
            read.extend(self.read(conn));
        }
        read
    }

    fn read(&mut self, conn: ConnId) -> Vec<u8> {
        match self.host.shard.outbox(conn) {
            Some(_) => self.host.read(conn, usize::MAX),
            None => Vec::new(),
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.host.step(input);
        self.settle();
    }

    /// Does all that was asked for, until nothing more is.
    fn settle(&mut self) {
        loop {
            self.host.flush();
            let effects = self.host.take();
            for notice in effects.notices {
                let is_harmless = matches!(
                    notice,
                    Notice::Security(_) | Notice::UntrustedForward { .. }
                );
                assert!(is_harmless, "{notice:?}");
            }
            let is_done = effects.log.is_empty()
                && effects.store.is_empty()
                && effects.passwords.is_empty()
                && !effects.another_round;
            if is_done {
                return;
            }
            for request in effects.log {
                if let LogRequest::Append { batch, .. } = request {
                    self.append(batch);
                }
            }
            for request in effects.store {
                let event = self.serve(request);
                self.host.step(Input::Store(event));
            }
            for job in effects.passwords {
                self.host.step(outcome(&job));
            }
        }
    }

    fn append(&mut self, batch: RecordBatch) {
        for record in batch.slices() {
            assert!(record.len() <= RECORD_BYTES_MAX);
            let mut again = Vec::new();
            let decoded = Record::decode(record).expect("what is appended can be applied");
            decoded.encode(&mut again);
            assert_eq!(again, record);
        }
        let end = self.end.plus(u64::from(batch.len()));
        let (partition, outcome) = (P0, Ok(end));
        self.host
            .step(Input::Log(LogEvent::Appended { partition, outcome }));
        self.deliver(batch);
    }

    fn deliver(&mut self, batch: RecordBatch) {
        let (partition, base) = (P0, self.end);
        self.end = base.plus(u64::from(batch.len()));
        self.step(Input::Log(LogEvent::Records {
            partition,
            base,
            batch,
        }));
    }

    fn serve(&mut self, request: StoreRequest) -> StoreEvent {
        match request {
            StoreRequest::Write { token, rows } => {
                rows.into_iter().for_each(|row| self.store.write(row));
                StoreEvent::Written { token, micros: 1 }
            }
            StoreRequest::Sync { token } => StoreEvent::Synced { token },
            StoreRequest::Read { token, read } => StoreEvent::Read {
                token,
                outcome: Ok(self.store.read(&read)),
            },
        }
    }
}

fn outcome(job: &PasswordJob) -> Input<'static> {
    let outcome = match &job.against {
        PasswordCheck::Hash => PasswordOutcome::Hashed(HASH.to_owned()),
        PasswordCheck::Verify(_) => PasswordOutcome::Verified(true),
        PasswordCheck::VerifyNobody => PasswordOutcome::Verified(false),
    };
    Input::Password {
        token: job.token,
        outcome,
    }
}

/// The texts of whole frames.
///
/// # Panics
/// Where there is any other.
pub fn texts(mut frames: Vec<u8>) -> Vec<Bytes> {
    let mut texts = Vec::new();
    while let Some((opcode, payload)) = take_frame(&mut frames) {
        assert_eq!(opcode, 1);
        texts.push(payload.into());
    }
    assert!(frames.is_empty());
    texts
}
