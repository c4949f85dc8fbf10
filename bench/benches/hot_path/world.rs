//! One shard that owns everything, between a log and a store that do at once what they are asked: what remains
//! is the engine's own work.

use std::mem;

use rookery_engine::effect::ConnEffect;
use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::{EventBatch, ShardMessage};
use rookery_engine::port::{
    EndedSessions, Found, LogEvent, LogRequest, Membership, Opened, Read, StoreEvent, StoreRequest,
};
use rookery_schema::batch::{RecordBatch, RecordBatchBuilder};
use rookery_schema::record::{ChatCreated, MemberList, Record};
use rookery_schema::{Offset, PartitionId, Seq, ShardId, Timestamp, UserId};
use rookery_testing::host::{self, EPOCH_MILLIS, Host};

use crate::sample::{CHAT, MESSAGE, SENDER};

const HERE: ShardId = ShardId(0);
const PARTITION: PartitionId = PartitionId(0);
/// How far the clocks go on with each step.
const STEP_MICROS: u64 = 10;

/// A shard with one chat, and what it asked for.
pub(super) struct World {
    host: Host,
    log_end: Offset,
    /// The seq of the events that are heard next, behind those of the chat's own.
    heard: Seq,
}

impl World {
    /// A chat to which so many users listen, each by a WebSocket: a message was seen to reach all of them.
    pub(super) fn new(listeners: u32) -> Self {
        let mut world = Self {
            host: Host::new(host::config(HERE, host::routing(1, 1))),
            log_end: Offset(0),
            heard: Seq(3),
        };
        world.start();
        world.create_chat(listeners);
        world.listen(listeners);
        world.deliver(&batch([Record::MessagePosted(MESSAGE)]));
        assert_eq!(world.settle(), listeners, "each listener is sent something");
        world
    }

    fn start(&mut self) {
        let partition = PARTITION;
        let opened = Opened::default();
        let opening = LogEvent::Opened { partition, opened };
        let steps = [opening, LogEvent::CaughtUp { partition }].map(Input::Log);
        self.round(steps.into_iter().chain([Input::Tick]));
        self.settle();
        assert!(self.host.shard.is_ready(), "nothing is left to wait for");
    }

    fn create_chat(&mut self, members: u32) {
        let ids: Vec<[u8; 16]> = (0..members.max(1)).map(|n| *member(n).as_bytes()).collect();
        let created = ChatCreated {
            chat_id: CHAT,
            at: Timestamp::from_millis(EPOCH_MILLIS),
            creator_id: Some(SENDER),
            name: "bench",
            members: MemberList::new(ids.as_flattened()).expect("they are whole ids"),
        };
        self.deliver(&batch([Record::ChatCreated(created)]));
        self.settle();
    }

    fn listen(&mut self, count: u32) {
        for n in 0..count {
            let (_, arrived) = self.host.arrived(member(n), None);
            self.round([arrived]);
        }
        assert_eq!(self.settle(), count, "each is told that it is ready");
    }

    /// An HTTP connection.
    pub(super) fn accept(&mut self) -> ConnId {
        let (conn, accepted) = self.host.accepted();
        self.round([accepted]);
        conn
    }

    /// Each of the connections receives the same bytes.
    pub(super) fn receive(&mut self, connections: &[ConnId], bytes: &[u8]) {
        let received = |conn: &ConnId| Input::Received {
            conn: *conn,
            bytes,
            waited_micros: 0,
        };
        self.round(connections.iter().map(received));
    }

    /// The one append that was asked for.
    pub(super) fn take_append(&mut self) -> RecordBatch {
        let mut appends = mem::take(&mut self.host.effects.log)
            .into_iter()
            .filter_map(append);
        let only = appends.next().expect("an append was asked for");
        assert!(appends.next().is_none(), "all fits into one append");
        only
    }

    /// The log has this append, and will deliver it next.
    pub(super) fn confirm(&mut self, batch: &RecordBatch) {
        let outcome = Ok(self.log_end.plus(u64::from(batch.len())));
        let partition = PARTITION;
        self.round([Input::Log(LogEvent::Appended { partition, outcome })]);
    }

    /// The log delivers records.
    pub(super) fn deliver(&mut self, batch: &RecordBatch) {
        let base = self.log_end;
        self.log_end = base.plus(u64::from(batch.len()));
        self.round([Input::Log(LogEvent::Records {
            partition: PARTITION,
            base,
            batch: batch.clone(),
        })]);
    }

    /// The owner of a chat, as if it were another shard, sends events for those who listen here.
    pub(super) fn hear(&mut self, mut events: EventBatch) {
        events.first = self.heard;
        self.heard = Seq(self.heard.0 + u64::from(events.count));
        self.round([Input::Mesh {
            from: HERE,
            messages: vec![ShardMessage::Events(events)],
        }]);
    }

    /// Does all that log and store are asked for, and takes what connections have to send, as sockets that never
    /// block. Says how many had something.
    pub(super) fn settle(&mut self) -> u32 {
        let mut sent = 0;
        loop {
            sent += self.send();
            let log = mem::take(&mut self.host.effects.log);
            let store = mem::take(&mut self.host.effects.store);
            if log.is_empty() && store.is_empty() {
                assert!(self.host.effects.notices.is_empty(), "no record is poison");
                return sent;
            }
            for batch in log.into_iter().filter_map(append) {
                self.confirm(&batch);
                self.deliver(&batch);
            }
            for request in store {
                self.round([Input::Store(served(request))]);
            }
        }
    }

    fn send(&mut self) -> u32 {
        self.host.effects.broadcasts.clear();
        let mut sent = 0;
        let now_micros = self.host.clock.now().micros;
        for (conn, effect) in self.host.effects.connections.drain(..) {
            let flushes = matches!(effect, ConnEffect::Flush | ConnEffect::FlushInTurn);
            if flushes && let Some(outbox) = self.host.shard.outbox(conn) {
                let waiting = outbox.len();
                outbox.advance(waiting, now_micros);
                sent += u32::from(waiting > 0);
            }
        }
        sent
    }

    fn round<'a>(&mut self, inputs: impl IntoIterator<Item = Input<'a>>) {
        for input in inputs {
            self.host.clock.pass(STEP_MICROS);
            self.host.step(input);
        }
        self.host.flush();
    }
}

/// The members of the chat. The first one sends.
fn member(n: u32) -> UserId {
    match n {
        0 => SENDER,
        _ => UserId::from_bytes(u128::from(n).to_be_bytes()),
    }
}

/// Commits are of no concern.
fn append(request: LogRequest) -> Option<RecordBatch> {
    match request {
        LogRequest::Append { batch, .. } => Some(batch),
        _ => None,
    }
}

/// The store has written what it was told to, and has nothing from before; whoever asks is a member of the chat.
fn served(request: StoreRequest) -> StoreEvent {
    let (token, read) = match request {
        StoreRequest::Write { token, .. } => return StoreEvent::Written { token, micros: 1 },
        StoreRequest::Sync { token } => return StoreEvent::Synced { token },
        StoreRequest::Read { token, read } => (token, read),
    };
    let found = match read {
        Read::Chat { .. } => Found::Chat(None),
        Read::MessagesBefore { .. } | Read::MessagesAfter { .. } => Found::Messages(Vec::new()),
        Read::EventsAfter { .. } => Found::Events(Vec::new()),
        Read::Membership { .. } => Found::Membership(Membership::Never),
        Read::MembersAfter { .. } => Found::Members(Vec::new()),
        Read::Purges { .. } => Found::Purges(Vec::new()),
        Read::Erasures { .. } => Found::Erasures(Vec::new()),
        Read::Rewrites { .. } => Found::Rewrites(Vec::new()),
        Read::Blocks { .. } => Found::Blocks(Vec::new()),
        Read::ChatsOfUser(_) => Found::Chats(vec![CHAT]),
        Read::FormerChats { .. } => Found::Chats(Vec::new()),
        Read::Mark { .. } | Read::MarksOfUser(_) => Found::Marks(Vec::new()),
        Read::User(_) | Read::Users(_) | Read::UsersOfKey(_) | Read::UsersByPrefix { .. } => {
            Found::Users(Vec::new())
        }
        Read::EndedSessions => Found::EndedSessions(EndedSessions::default()),
        Read::SessionsOfUser { .. } => Found::Sessions(Vec::new()),
        Read::Profiles(_) => Found::Profiles(Vec::new()),
        Read::UserSettings(_) => Found::UserSettings(None),
    };
    StoreEvent::Read {
        token,
        outcome: Ok(found),
    }
}

/// Records as the log delivers them.
pub(super) fn batch<'a>(records: impl IntoIterator<Item = Record<'a>>) -> RecordBatch {
    let mut builder = RecordBatchBuilder::default();
    records.into_iter().for_each(|record| builder.push(&record));
    builder.take()
}
