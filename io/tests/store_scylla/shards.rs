//! That requests go to the right shard of a server that has shards.

use std::collections::HashSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use rookery_engine::port::{Read, StoreEvent, StoreRequest};
use rookery_io::startup::Startup;
use rookery_io::store::scylla::{ScyllaStore, Settings};
use rookery_schema::row::{
    ErasedRow, Mark, MarkRow, MemberRow, ProfileRow, Row, SessionRow, UserRow, UserSettingsRow,
};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};
use scylla::routing::{Shard as ServerShard, Sharder};

use super::proxy::{MSB_IGNORE, Request, SHARDS, ShardedServer};
use super::support::{LOG, PATIENCE, Shard, chat, keyspace, message_in, reached, start};

/// Chats, and users who are each a member of one.
const CHATS: u64 = 300;
/// Messages of each chat: enough for batches.
const MESSAGES: u64 = 5;
const READ_AT_A_TIME: usize = 10;

#[test]
fn requests_come_on_the_connection_of_the_shard_that_has_their_partition() {
    let Some(keyspace) = keyspace("shards") else {
        return;
    };
    // The format is raised by a statement that has its key in its text.
    let mut shard = start(&keyspace.open(), 0);
    shard.write(vec![redaction(0)]);
    shard.stop();
    let server = ShardedServer::in_front_of(&keyspace.settings.nodes[0]);
    let settings = Settings {
        nodes: vec![server.address.to_string()],
        ..keyspace.settings.clone()
    };
    let store = ScyllaStore::connect(&settings, LOG, &Startup::default()).unwrap();
    let mut shards = [0, 1, 2].map(|shard| {
        let mut shard = start(&store, shard);
        use_all_connections(&server, &mut shard);
        shard
    });

    for n in 0..CHATS {
        shards[n as usize % 3].submit_write(rows(n));
    }
    await_writes(&mut shards);
    for n in 0..CHATS {
        shards[n as usize % 3].submit_write(vec![redaction(n)]);
    }
    await_writes(&mut shards);
    let written = server.take_requests();
    for first in (0..CHATS).step_by(READ_AT_A_TIME) {
        let chats = first..first + READ_AT_A_TIME as u64;
        read_all(&mut shards[first as usize % 3], chats);
    }
    shards[0].read(&Read::EndedSessions);
    shards[0].read(&Read::UsersByPrefix {
        prefix: "user-1".to_owned(),
        after: None,
        limit: 10,
    });
    let read = server.take_requests();
    shards.into_iter().for_each(Shard::stop);

    assert!(written.iter().any(|request| request.tokens.len() > 1));
    for requests in [&written, &read] {
        assert!(requests.len() as u64 > CHATS * 4, "{}", requests.len());
        all_are_right(requests);
    }
}

fn await_writes(shards: &mut [Shard; 3]) {
    for shard in shards {
        (0..CHATS / 3).for_each(|_| drop(shard.next()));
    }
}

/// A session makes a connection, goes on, and makes those to the other shards beside. Until they are there,
/// what is theirs goes to another.
fn use_all_connections(server: &ShardedServer, shard: &mut Shard) {
    // Only this one has something to do, so whatever comes now comes from its session.
    server.take_requests();
    let deadline = Instant::now() + PATIENCE;
    while server.used_shards() != all_shards() {
        assert!(Instant::now() < deadline, "{:?}", server.used_shards());
        shard.write((0..CHATS).map(|n| chat(chat_id(n))).collect());
        std::thread::sleep(Duration::from_millis(10));
    }
    server.take_requests();
}

fn all_shards() -> HashSet<ServerShard> {
    (0..SHARDS.get()).map(ServerShard::from).collect()
}

/// All at once: through the proxy, each takes long.
fn read_all(shard: &mut Shard, chats: Range<u64>) {
    let wanted: Vec<_> = chats.flat_map(reads).collect();
    for read in &wanted {
        shard.submit(|token| StoreRequest::Read {
            token,
            read: read.clone(),
        });
    }
    for _ in wanted {
        match shard.next() {
            StoreEvent::Read { outcome, .. } => drop(outcome.unwrap()),
            other => panic!("not what was asked: {other:?}"),
        }
    }
}

fn all_are_right(requests: &[Request]) {
    let wrong = misdirected(requests, &Sharder::new(SHARDS, MSB_IGNORE));
    let (count, first) = (wrong.len(), wrong.first());
    assert_eq!(count, 0, "of {} requests, as {first:?}", requests.len());
    let used: HashSet<_> = requests.iter().map(|request| request.shard).collect();
    assert_eq!(used, all_shards());
    // Had they been routed by anything else, it would have been seen.
    assert_ne!(misdirected(requests, &Sharder::new(SHARDS, 0)).len(), 0);
}

/// Those with a statement that belongs to another shard than that of their connection.
fn misdirected<'a>(requests: &'a [Request], sharder: &Sharder) -> Vec<&'a Request> {
    let is_wrong = |request: &&Request| {
        let mut owners = request.tokens.iter().map(|token| sharder.shard_of(*token));
        owners.any(|owner| owner != request.shard)
    };
    requests.iter().filter(is_wrong).collect()
}

fn chat_id(n: u64) -> ChatId {
    ChatId::from_bytes(u128::from(n).to_be_bytes())
}

fn user_id(n: u64) -> UserId {
    UserId::from_bytes(u128::from(n + CHATS).to_be_bytes())
}

/// Of each kind.
fn rows(n: u64) -> Vec<Row> {
    let at = Timestamp::from_millis(1_700_000_000_000);
    let mut rows = vec![
        chat(chat_id(n)),
        Row::User(UserRow {
            user_id: user_id(n),
            username: format!("user-{n}"),
            key: None,
            password_hash: None,
            created_at: at,
            updated_at: at,
            is_deleted: false,
        }),
        Row::Member(MemberRow {
            chat_id: chat_id(n),
            user_id: user_id(n),
            position: 0,
            added_seq: Seq(1),
        }),
        Row::EndedSession {
            session_id: SessionId::from_bytes(u128::from(n).to_be_bytes()),
            expires_at: Timestamp::from_millis(200_000_000_000_000),
        },
        Row::NotMember {
            chat_id: chat_id(n),
            user_id: user_id(n + 1),
            added_seq: Seq(1),
            removed_seq: Seq(2),
        },
        Row::Mark(MarkRow {
            user_id: user_id(n),
            chat_id: chat_id(n),
            mark: Mark {
                seq: Seq(2),
                messages: 1,
            },
        }),
        Row::Session(SessionRow {
            user_id: user_id(n),
            session_id: SessionId::from_bytes([1; 16]),
            created_at: at,
            expires_at: Timestamp::from_millis(200_000_000_000_000),
            address: [192, 0, 2, 1].into(),
            name: "client".to_owned(),
        }),
        Row::NoSession {
            user_id: user_id(n),
            session_id: SessionId::from_bytes([2; 16]),
            expires_at: at,
        },
        Row::NoSessions {
            user_id: user_id(n),
            until: at,
        },
        Row::Profile(ProfileRow {
            user_id: user_id(n),
            offset: Offset(1),
            changed_at: at,
            display_name: None,
        }),
        Row::UserSettings(UserSettingsRow {
            user_id: user_id(n),
            offset: Offset(1),
            settings: "{}".to_owned(),
        }),
        Row::Erased(ErasedRow {
            chat_id: chat_id(n),
            user_id: user_id(n),
            partition: PartitionId(n as u32),
            seq: Seq(2),
            at,
        }),
        reached(n as u32, 1),
    ];
    rows.extend((1..=MESSAGES).map(|seq| message_in(chat_id(n), seq, 100)));
    rows
}

fn redaction(n: u64) -> Row {
    match message_in(chat_id(n), 1, 0) {
        Row::Event(row) => Row::Redacted(row),
        other => unreachable!("not an event: {other:?}"),
    }
}

fn reads(n: u64) -> [Read; 16] {
    let (chat_id, user_id) = (chat_id(n), user_id(n));
    [
        Read::Chat { chat_id, recent: 3 },
        Read::MessagesBefore {
            chat_id,
            before: Seq(MESSAGES),
            limit: 3,
        },
        Read::MessagesAfter {
            chat_id,
            after: Seq(1),
            limit: 3,
        },
        Read::EventsAfter {
            chat_id,
            after: Seq(1),
            limit: 3,
        },
        Read::Membership { chat_id, user_id },
        Read::ChatsOfUser(user_id),
        Read::Mark { user_id, chat_id },
        Read::MarksOfUser(user_id),
        Read::User(user_id),
        Read::Users([user_id].into()),
        Read::UsersOfKey(format!("user-{n}")),
        Read::SessionsOfUser { user_id, limit: 3 },
        Read::Profiles([user_id].into()),
        Read::UserSettings(user_id),
        Read::FormerChats {
            user_id,
            after: None,
            limit: 3,
        },
        Read::Rewrites {
            partition: PartitionId(n as u32),
            after: None,
            limit: 3,
        },
    ]
}
