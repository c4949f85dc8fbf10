//! Rows that come late, from one who does not know that another has taken over: they bring nothing back.

use std::time::UNIX_EPOCH;

use rookery_engine::port::{Found, Read};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{
    DeletedChatRow, ErasedRow, Head, MemberRow, PurgeRow, PurgeStep, RoleRow, Row, SessionRow,
    SettingsRow,
};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

use super::support::{CHAT, amendment, chat, keyspace, message, start};

const PARTITION: PartitionId = PartitionId(3);
const LAST: Seq = Seq(4);
/// All tables that have something of a chat but that it was deleted, and who was a member.
const TABLES: [&str; 9] = [
    "messages",
    "amendments",
    "chats",
    "members_by_chat",
    "chats_by_user",
    "roles",
    "chat_settings",
    "erased_senders",
    "purges",
];

fn user(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

fn rows_of_chat() -> Vec<Row> {
    let members = [1, 2].map(|n| MemberRow {
        chat_id: CHAT,
        user_id: user(n),
        position: u32::from(n),
        added_seq: Seq(1),
    });
    let role = RoleRow {
        chat_id: CHAT,
        user_id: user(1),
        seq: Seq(2),
        role: Role::Admin,
        was: None,
    };
    let settings = SettingsRow {
        chat_id: CHAT,
        seq: Seq(2),
        settings: Settings::new("another name"),
    };
    let mut rows = vec![chat(CHAT), Row::Role(role), Row::Settings(settings)];
    rows.extend(members.map(Row::Member));
    rows.extend([1, 2, 3].map(|seq| message(seq, 9)));
    rows.push(Row::Amendment(amendment(CHAT, 1, 3)));
    rows.push(Row::Erased(ErasedRow {
        chat_id: CHAT,
        user_id: user(1),
        partition: PARTITION,
        seq: Seq(3),
        at: Timestamp::from_millis(3),
    }));
    rows
}

fn deletion() -> Row {
    Row::ChatDeleted(DeletedChatRow {
        chat_id: CHAT,
        head: Head {
            seq: LAST,
            messages: 3,
            partition: PARTITION,
            offset: Offset(14),
        },
        by: user(1),
        at: Timestamp::from_millis(1_700_000_000_000),
    })
}

/// What is removed of the chat, write by write.
fn purges() -> Vec<Vec<Row>> {
    let members = [1, 2].map(|n| Row::NotMember {
        chat_id: CHAT,
        user_id: user(n),
        added_seq: LAST,
        removed_seq: LAST,
    });
    let steps = [PurgeStep::Events { bucket: 0 }, PurgeStep::Rest].map(|step| {
        vec![Row::Purged(PurgeRow {
            chat_id: CHAT,
            partition: PARTITION,
            seq: LAST,
            step,
        })]
    });
    [members.to_vec()].into_iter().chain(steps).collect()
}

#[test]
fn of_a_deleted_chat_nothing_is_left_or_comes_back() {
    let Some(keyspace) = keyspace("late_chats") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let count = |table: &str| {
        let text = format!("SELECT CAST(COUNT(*) AS text) FROM KEYSPACE_NAME.{table}");
        keyspace.select(&text).concat()
    };
    shard.write(rows_of_chat());
    shard.write(vec![deletion()]);
    let purges_behind = |after| Read::Purges {
        partition: PARTITION,
        after,
        limit: 9,
    };
    let first = ChatId::from_bytes([0; 16]);
    for (after, found) in [
        (None, vec![(CHAT, LAST)]),
        (Some(first), vec![(CHAT, LAST)]),
        (Some(CHAT), Vec::new()),
    ] {
        assert_eq!(shard.read(&purges_behind(after)), Found::Purges(found));
    }
    let behind = |after, limit| Read::MembersAfter {
        chat_id: CHAT,
        after,
        limit,
    };
    assert_eq!(shard.read(&behind(None, 1)), Found::Members(vec![user(1)]));
    let rest = shard.read(&behind(Some(user(1)), 9));
    assert_eq!(rest, Found::Members(vec![user(2)]));
    purges().into_iter().for_each(|rows| shard.write(rows));
    assert_eq!(shard.read(&behind(None, 9)), Found::Members(Vec::new()));
    let left: Vec<_> = TABLES.map(count).to_vec();
    assert_eq!(left, ["0"; TABLES.len()], "{TABLES:?}");

    shard.write(rows_of_chat());
    shard.write(vec![deletion()]);
    let left: Vec<_> = TABLES.map(count).to_vec();
    assert_eq!(left, ["0"; TABLES.len()], "{TABLES:?}");
    let read = Read::Chat {
        chat_id: CHAT,
        recent: 9,
    };
    let Found::Chat(Some(found)) = shard.read(&read) else {
        panic!("it is known that it was deleted")
    };
    assert!(found.deleted.is_some());
    assert_eq!(found.head.seq, LAST);
    shard.stop();
}

#[test]
fn a_session_that_has_ended_stays_so() {
    let Some(keyspace) = keyspace("late_sessions") else {
        return;
    };
    let mut shard = start(&keyspace.open(), 0);
    let now = UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let expiry = |seconds_ago| Timestamp::from_millis(now - seconds_ago * 1000 + SESSION_MILLIS);
    let ended = |seconds_ago| Row::EndedSession {
        session_id: SessionId::up_to_logout_of(user(1)),
        expires_at: expiry(seconds_ago),
    };
    let session = |n: u8| SessionRow {
        user_id: user(1),
        session_id: SessionId::from_bytes([n; 16]),
        created_at: Timestamp::from_millis(now),
        expires_at: expiry(u64::from(n)),
        address: [192, 0, 2, n].into(),
        name: "a client".to_owned(),
    };
    let sessions = [1, 2, 3].map(|n| Row::Session(session(n))).to_vec();
    shard.write(sessions.clone());
    let listed = Read::SessionsOfUser {
        user_id: user(1),
        limit: 9,
    };
    let all = [1, 2, 3].map(session).to_vec();
    assert_eq!(shard.read(&listed), Found::Sessions(all));
    shard.write(vec![
        Row::NoSession {
            user_id: user(1),
            session_id: session(1).session_id,
            expires_at: session(1).expires_at,
        },
        Row::NoSessions {
            user_id: user(1),
            until: session(3).expires_at,
        },
        ended(50),
    ]);
    shard.write(vec![ended(9)]);
    shard.write(sessions);
    shard.write(vec![ended(50)]);
    let left = vec![session(2)];
    assert_eq!(shard.read(&listed), Found::Sessions(left));
    let Found::EndedSessions(found) = shard.read(&Read::EndedSessions) else {
        panic!("not what was asked")
    };
    let until = (SessionId::up_to_logout_of(user(1)), expiry(9));
    assert_eq!(found.sessions, [until]);
    shard.stop();
}
