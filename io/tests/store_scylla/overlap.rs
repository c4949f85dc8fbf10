//! Two servers on one keyspace: the earlier one still writes while the later one reads.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rookery_engine::port::{Found, Read, StoreEvent, StoreRequest, StoredChat};
use rookery_schema::message::Message;
use rookery_schema::row::{Amendment, AmendmentRow, MemberRow, Row};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};
use scylla_proxy::{
    Condition, Node, Proxy, Reaction, RequestOpcode, RequestReaction, RequestRule, RunningProxy,
    ShardAwareness,
};
use tokio::runtime::Runtime;

use super::support::{CHAT, Keyspace, NEWEST, PATIENCE, Shard, chat, keyspace, message_in, start};

const HEAD: u64 = 8;
/// More than a read of a chat that nobody writes takes.
const QUERIES_MAX: usize = 12;
/// How soon the reader asks the next query, or is done.
const SOON: Duration = Duration::from_millis(1);

const STAYS: UserId = UserId::from_bytes([1; 16]);
const LEAVES: UserId = UserId::from_bytes([2; 16]);

/// A server that stops before each query that is prepared, until it is told to go on.
struct SteppedServer {
    address: SocketAddr,
    stops: Receiver<()>,
    go_on: SyncSender<()>,
    /// It ends with these.
    _proxy: RunningProxy,
    _runtime: Runtime,
}

impl SteppedServer {
    fn in_front_of(node: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let (stop, stops) = sync_channel(0);
        let (go_on, told) = sync_channel(0);
        let told = std::sync::Mutex::new(told);
        let is_ours = Condition::RequestOpcode(RequestOpcode::Execute)
            .and(Condition::not(Condition::ConnectionRegisteredAnyEvent));
        let wait = RequestReaction::transform_frame(Arc::new(move |frame| {
            // Where the test is over, nobody waits.
            if stop.send(()).is_ok() {
                let _ = told.lock().unwrap().recv();
            }
            frame
        }));
        let proxy = Proxy::new([Node::new(
            node.to_socket_addrs().unwrap().next().unwrap(),
            address,
            ShardAwareness::Unaware,
            Some(vec![RequestRule(is_ours, wait)]),
            None,
        )]);
        Self {
            address,
            stops,
            go_on,
            _proxy: runtime.block_on(proxy.run()).unwrap(),
            _runtime: runtime,
        }
    }
}

/// The later server, which reads, and the earlier one.
struct Servers {
    stepped: SteppedServer,
    reader: Shard,
    writer: Shard,
}

impl Servers {
    fn start(keyspace: &mut Keyspace) -> Self {
        let writer = start(&keyspace.open(), 0);
        let stepped = SteppedServer::in_front_of(&keyspace.node);
        keyspace.settings.nodes = vec![stepped.address.to_string()];
        // What a start asks for is let through.
        let reader = std::thread::scope(|scope| {
            let opening = scope.spawn(|| keyspace.open());
            while !opening.is_finished() {
                if stepped.stops.recv_timeout(SOON).is_ok() {
                    stepped.go_on.send(()).unwrap();
                }
            }
            start(&opening.join().unwrap(), 1)
        });
        let mut servers = Self {
            stepped,
            reader,
            writer,
        };
        // Until its lane has a session.
        while servers.ask(NEWEST, |_, _| {}).is_none() {}
        servers
    }

    fn read(
        &mut self,
        chat_id: ChatId,
        write: impl FnMut(&mut Shard, usize),
    ) -> Option<StoredChat> {
        match self.ask(Read::Chat { chat_id, recent: 4 }, write)? {
            Found::Chat(chat) => Some(*chat.unwrap()),
            other => panic!("not what was asked: {other:?}"),
        }
    }

    /// Reads, and lets something be written before each query of the read, which have numbers.
    fn ask(&mut self, read: Read, mut write: impl FnMut(&mut Shard, usize)) -> Option<Found> {
        let _token = self
            .reader
            .submit(|token| StoreRequest::Read { token, read });
        let deadline = Instant::now() + PATIENCE;
        let mut query = 0;
        loop {
            assert!(Instant::now() < deadline, "no answer");
            if self.stepped.stops.recv_timeout(SOON).is_ok() {
                write(&mut self.writer, query);
                query += 1;
                self.stepped.go_on.send(()).unwrap();
            }
            match self.reader.next_within(Duration::ZERO) {
                Some(StoreEvent::Read { outcome, .. }) => return outcome.ok(),
                Some(other) => panic!("not what was asked: {other:?}"),
                None => {}
            }
        }
    }
}

fn member(chat_id: ChatId, user_id: UserId, position: u32) -> Row {
    Row::Member(MemberRow {
        chat_id,
        user_id,
        added_seq: Seq(1),
        position,
    })
}

/// A chat of two members at [`HEAD`].
fn rows(chat_id: ChatId) -> Vec<Row> {
    let mut rows = vec![
        chat(chat_id),
        member(chat_id, STAYS, 0),
        member(chat_id, LEAVES, 1),
    ];
    rows.extend((1..=HEAD).map(|seq| message_in(chat_id, seq, 10)));
    rows
}

#[test]
fn a_chat_is_read_as_it_was_at_one_moment_whenever_somebody_leaves_it() {
    let Some(mut keyspace) = keyspace("overlap") else {
        return;
    };
    let mut servers = Servers::start(&mut keyspace);
    let mut heads = Vec::new();
    for moment in 0..QUERIES_MAX {
        let chat_id = ChatId::from_bytes([moment as u8; 16]);
        servers.writer.write(rows(chat_id));
        let leave = vec![
            message_in(chat_id, HEAD + 1, 10),
            Row::NotMember {
                chat_id,
                user_id: LEAVES,
                added_seq: Seq(1),
                removed_seq: Seq(HEAD + 1),
            },
        ];
        let read = servers.read(chat_id, |writer, query| {
            if query == moment {
                writer.write(leave.clone());
            }
        });
        let read = read.unwrap();
        let members: &[_] = if read.head.seq.0 > HEAD {
            &[STAYS]
        } else {
            &[STAYS, LEAVES]
        };
        let found: Vec<_> = read.members.iter().map(|it| it.user_id).collect();
        assert_eq!(found, members, "at {:?}, query {moment}", read.head);
        heads.push(read.head.seq.0);
    }
    assert!(
        heads.contains(&HEAD) && heads.contains(&(HEAD + 1)),
        "{heads:?}"
    );
    servers.reader.stop();
    servers.writer.stop();
}

/// A deleted message is shown as it was, or as deleted: never without its content for no reason.
#[test]
fn events_are_read_with_what_amends_them_whenever_one_is_redacted() {
    let Some(mut keyspace) = keyspace("overlap_redacted") else {
        return;
    };
    // A server that starts knows that there are amendments.
    let mut earlier = start(&keyspace.open(), 2);
    earlier.write(deletion(CHAT));
    earlier.stop();
    let mut servers = Servers::start(&mut keyspace);
    let mut seen = HashSet::new();
    for moment in 0..QUERIES_MAX {
        let chat_id = ChatId::from_bytes([moment as u8; 16]);
        servers.writer.write(rows(chat_id));
        let read = Read::EventsAfter {
            chat_id,
            after: Seq(2),
            limit: 3,
        };
        let found = servers.ask(read, |writer, query| {
            if query == moment {
                writer.write(deletion(chat_id));
            }
        });
        let Some(Found::Events(events)) = found else {
            panic!("not what was asked: {found:?}")
        };
        let message = events[0].message.as_ref().unwrap();
        let said = Message::of(&events[0].row).unwrap().unwrap();
        let is_deleted = message.deleted().is_some();
        assert_eq!(message.content.is_empty(), is_deleted, "query {moment}");
        assert!(is_deleted || !said.content.is_empty(), "query {moment}");
        seen.insert((is_deleted, said.content.is_empty()));
    }
    assert!(seen.len() > 1, "{seen:?}");
    servers.reader.stop();
    servers.writer.stop();
}

/// The event that deletes message 3.
fn deletion(chat_id: ChatId) -> Vec<Row> {
    let Row::Event(redacted) = message_in(chat_id, 3, 0) else {
        unreachable!("it is an event")
    };
    vec![
        message_in(chat_id, HEAD + 1, 10),
        Row::Amendment(AmendmentRow {
            chat_id,
            target: Seq(3),
            seq: Seq(HEAD + 1),
            by: STAYS,
            at: Timestamp::from_millis(1_700_000_000_000),
            change: Amendment::Deleted,
        }),
        Row::Redacted(redacted),
    ]
}

#[test]
fn a_chat_that_is_written_all_the_time_is_not_read_and_is_later() {
    let Some(mut keyspace) = keyspace("overlap_for_long") else {
        return;
    };
    let mut servers = Servers::start(&mut keyspace);
    let chat_id = ChatId::from_bytes([1; 16]);
    servers.writer.write(rows(chat_id));
    let mut head = HEAD;
    let read = servers.read(chat_id, |writer, _| {
        head += 1;
        writer.write(vec![message_in(chat_id, head, 10)]);
    });
    assert!(read.is_none(), "{read:?}");
    let read = servers.read(chat_id, |_, _| {}).unwrap();
    assert_eq!(read.head.seq, Seq(head));
    servers.reader.stop();
    servers.writer.stop();
}
