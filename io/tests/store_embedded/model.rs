//! The store answers as a model in memory does, whatever was written, however often it was opened.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rookery_engine::port::Read;
use rookery_schema::event::EventKind;
use rookery_schema::names::key_of;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{
    BlockRow, ChatRow, DeletedChatRow, ErasedRow, ErasureRow, EventRow, Head, Mark, MarkRow,
    MemberRow, ProfileRow, PurgeRow, PurgeStep, RewriteRow, RoleRow, Row, SessionRow, SettingsRow,
    UserRow, UserSettingsRow,
};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

use super::support::{amendment, message_record, open, start};
use rookery_testing::store::Model;

fn chat_id() -> impl Strategy<Value = ChatId> {
    (0..4u8).prop_map(|id| match id {
        3 => direct_chat(),
        id => ChatId::from_bytes([id; 16]),
    })
}

fn user(id: u8) -> UserId {
    // Of the version that registered users have, so that an id may stand for all of their sessions.
    let mut bytes = [id; 16];
    bytes[6] = 0x70;
    UserId::from_bytes(bytes)
}

/// That of the first two users.
fn direct_chat() -> ChatId {
    ChatId::direct(user(0), user(1))
}

fn user_id() -> impl Strategy<Value = UserId> {
    (0..5u8).prop_map(user)
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Far in the future, so that no session is forgotten.
    (0..1000u64).prop_map(|n| Timestamp::from_millis(200_000_000_000_000 + n))
}

/// Consecutive events of a chat, which may have been written before, in other company.
fn events() -> impl Strategy<Value = Vec<Row>> {
    (chat_id(), 1..200u64, 1..90u64).prop_map(|(chat_id, first, count)| {
        (first..first + count)
            .map(|seq| event(chat_id, seq))
            .collect()
    })
}

fn event(chat_id: ChatId, seq: u64) -> Row {
    Row::Event(said(chat_id, seq))
}

/// What an event says once it was redacted. Some are told without their place in the log.
fn redacted(chat_id: ChatId, seq: u64) -> Row {
    let mut row = said(chat_id, seq);
    row.record = match row.kind {
        EventKind::Message => message_record(chat_id, seq, "").into(),
        EventKind::Other => vec![3].into(),
    };
    if seq.is_multiple_of(2) {
        (row.head.partition, row.head.offset) = (PartitionId(0), Offset(0));
    }
    Row::Redacted(row)
}

fn said(chat_id: ChatId, seq: u64) -> EventRow {
    let head = Head {
        seq: Seq(seq),
        messages: seq / 3 * 2,
        partition: PartitionId(seq as u32 % 4),
        offset: Offset(seq * 7),
    };
    let (kind, record) = if seq % 100 > 2 {
        let content = "x".repeat(seq as usize % 40);
        (EventKind::Message, message_record(chat_id, seq, &content))
    } else {
        (EventKind::Other, vec![3; seq as usize % 40])
    };
    EventRow {
        chat_id,
        head,
        record: record.into(),
        kind,
    }
}

fn row() -> impl Strategy<Value = Row> {
    let name = "[ab]{1,3}";
    prop_oneof![
        8 => (chat_id(), 1..200u64).prop_map(|(chat_id, seq)| event(chat_id, seq)),
        4 => (chat_id(), 1..200u64).prop_map(|(chat_id, seq)| redacted(chat_id, seq)),
        6 => (chat_id(), 1..200u64, 1..999u64).prop_map(|(chat_id, target, seq)| {
            Row::Amendment(amendment(chat_id, target, seq))
        }),
        1 => (chat_id(), name, time())
            .prop_map(|(chat_id, name, created_at)| Row::Chat(ChatRow { chat_id, name, created_at })),
        2 => (chat_id(), user_id(), 0..9u32, 0..9u64).prop_map(|(chat_id, user_id, position, seq)| {
            Row::Member(MemberRow { chat_id, user_id, position, added_seq: Seq(seq) })
        }),
        1 => (chat_id(), user_id(), 0..99u64)
            .prop_map(|(chat_id, user_id, seq)| Row::NotMember {
                chat_id,
                user_id,
                added_seq: Seq(seq / 2),
                removed_seq: Seq(seq),
            }),
        2 => (chat_id(), user_id(), 0..99u64, any::<bool>(), option::of(any::<bool>())).prop_map(
            |(chat_id, user_id, seq, is_admin, was)| {
                let role = |is_admin| if is_admin { Role::Admin } else { Role::Member };
                let (seq, role, was) = (Seq(seq), role(is_admin), was.map(role));
                Row::Role(RoleRow { chat_id, user_id, seq, role, was })
            }
        ),
        1 => (chat_id(), 0..99u64, name, any::<bool>()).prop_map(
            |(chat_id, seq, name, members_may_add)| {
                let settings = Settings { members_may_add, ..Settings::new(&name) };
                Row::Settings(SettingsRow { chat_id, seq: Seq(seq), settings })
            }
        ),
        1 => (chat_id(), 1..200u64).prop_map(|(chat_id, seq)| {
            let (by, at) = (user(0), Timestamp::from_millis(seq));
            let head = said(chat_id, seq).head;
            Row::ChatDeleted(DeletedChatRow { chat_id, head, by, at })
        }),
        2 => (any::<bool>(), any::<bool>(), 0..99u64).prop_map(|(is_first, is_blocked, offset)| {
            let (one, other) = if is_first { (user(0), user(1)) } else { (user(1), user(0)) };
            Row::Block(BlockRow {
                user_id: one,
                blocked_id: other,
                chat_id: direct_chat(),
                is_blocked,
                at: Timestamp::from_millis(offset),
                offset: Offset(offset),
            })
        }),
        3 => (user_id(), chat_id(), 0..99u64).prop_map(|(user_id, chat_id, seq)| {
            let mark = Mark { seq: Seq(seq), messages: seq / 2 };
            Row::Mark(MarkRow { user_id, chat_id, mark })
        }),
        2 => (user_id(), username(), proptest::option::of(name), time()).prop_map(
            |(user_id, name, password_hash, created_at)| {
                let (username, key) = named(user_id, &name);
                let updated_at = created_at;
                let is_deleted = password_hash.is_none() && created_at.millis().is_multiple_of(2);
                Row::User(UserRow { user_id, username, key, password_hash, created_at, updated_at, is_deleted })
            }
        ),
        1 => user_id().prop_map(|user_id| Row::OwnGone { user_id }),
        2 => (0..4u32, user_id(), 0..3u64, any::<bool>()).prop_map(|(partition, user_id, at, is_done)| {
            let (partition, deleted_at) = (PartitionId(partition), Timestamp::from_millis(at));
            Row::Erasure(ErasureRow { partition, user_id, deleted_at, is_done })
        }),
        2 => (chat_id(), user_id(), 0..4u32, 0..99u64).prop_map(|(chat_id, user_id, partition, seq)| {
            let (partition, at) = (PartitionId(partition), Timestamp::from_millis(seq));
            Row::Erased(ErasedRow { chat_id, user_id, partition, seq: Seq(seq), at })
        }),
        2 => (chat_id(), user_id(), 0..4u32, 0..99u64, any::<bool>()).prop_map(
            |(chat_id, user_id, partition, seq, is_done)| {
                let (partition, seq, through) = (PartitionId(partition), Seq(seq), Seq(seq / 2));
                Row::Rewritten(RewriteRow { partition, chat_id, user_id, seq, through, is_done })
            }
        ),
        1 => (0..3u8, time()).prop_map(|(id, expires_at)| Row::EndedSession {
            session_id: SessionId::from_bytes([id; 16]),
            expires_at
        }),
        2 => (user_id(), time(), any::<bool>()).prop_map(|(user_id, expires_at, by_logout)| {
            let of = if by_logout { SessionId::up_to_logout_of } else { SessionId::all_of };
            Row::EndedSession { session_id: of(user_id), expires_at }
        }),
        4 => (user_id(), 0..4u8, time_of_session(), name).prop_map(
            |(user_id, id, expires_at, name)| Row::Session(SessionRow {
                user_id,
                session_id: SessionId::from_bytes([id; 16]),
                created_at: expires_at,
                expires_at,
                address: [192, 0, 2, id].into(),
                name,
            })
        ),
        2 => (user_id(), 0..4u8, time_of_session()).prop_map(|(user_id, id, expires_at)| {
            let session_id = SessionId::from_bytes([id; 16]);
            Row::NoSession { user_id, session_id, expires_at }
        }),
        1 => (user_id(), time_of_session())
            .prop_map(|(user_id, until)| Row::NoSessions { user_id, until }),
        2 => (user_id(), 0..99u64, option::of(name)).prop_map(|(user_id, offset, display_name)| {
            let (offset, changed_at) = (Offset(offset), Timestamp::from_millis(offset));
            Row::Profile(ProfileRow { user_id, offset, changed_at, display_name })
        }),
        1 => (user_id(), 0..99u64, name).prop_map(|(user_id, offset, settings)| {
            Row::UserSettings(UserSettingsRow { user_id, offset: Offset(offset), settings })
        }),
    ]
}

/// One of a few.
fn time_of_session() -> impl Strategy<Value = Timestamp> {
    (0..4u64).prop_map(|n| Timestamp::from_millis(200_000_000_000_000 + n))
}

fn username() -> impl Strategy<Value = String> {
    "[abAC]{1,3}"
}

/// A user who is called so, and by which key: those with a C were registered by theirs, and others are from before. A name
/// that is no key is one user's for good.
fn named(user_id: UserId, name: &str) -> (String, Option<String>) {
    let key = key_of(name);
    if key == name {
        return (name.to_owned(), None);
    }
    let username = format!("{name}{}", user_id.as_bytes()[0]);
    let key = name.contains('C').then(|| key_of(&username).into_owned());
    (username, key)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![4 => vec(row(), 1..12), 2 => events(), 1 => purge()]
}

/// What is removed of a deleted chat comes alone.
fn purge() -> impl Strategy<Value = Vec<Row>> {
    (chat_id(), 1..200u64, 0..3i32).prop_map(|(chat_id, seq, step)| {
        let step = match step {
            2 => PurgeStep::Rest,
            bucket => PurgeStep::Events { bucket },
        };
        let (partition, seq) = (said(chat_id, seq).head.partition, Seq(seq));
        vec![Row::Purged(PurgeRow {
            chat_id,
            partition,
            seq,
            step,
        })]
    })
}

fn read() -> impl Strategy<Value = Read> {
    let place = || prop_oneof![0..300u64, Just(u64::MAX)].prop_map(Seq);
    prop_oneof![
        3 => (chat_id(), 0..99usize).prop_map(|(chat_id, recent)| Read::Chat { chat_id, recent }),
        2 => (chat_id(), place(), 0..99usize)
            .prop_map(|(chat_id, before, limit)| Read::MessagesBefore { chat_id, before, limit }),
        2 => (chat_id(), place(), 0..99usize)
            .prop_map(|(chat_id, after, limit)| Read::MessagesAfter { chat_id, after, limit }),
        3 => (chat_id(), place(), 0..99usize)
            .prop_map(|(chat_id, after, limit)| Read::EventsAfter { chat_id, after, limit }),
        2 => (chat_id(), user_id())
            .prop_map(|(chat_id, user_id)| Read::Membership { chat_id, user_id }),
        1 => (chat_id(), option::of(user_id()), 1..4usize)
            .prop_map(|(chat_id, after, limit)| Read::MembersAfter { chat_id, after, limit }),
        1 => (0..4u32, option::of(chat_id()), 1..4usize).prop_map(|(partition, after, limit)| {
            Read::Purges { partition: PartitionId(partition), after, limit }
        }),
        1 => (0..4u32, 1..4usize).prop_map(|(partition, limit)| {
            Read::Erasures { partition: PartitionId(partition), limit }
        }),
        1 => (0..4u32, option::of(chat_id()), 1..9usize).prop_map(|(partition, after, limit)| {
            Read::Rewrites { partition: PartitionId(partition), after, limit }
        }),
        1 => (user_id(), 1..4usize).prop_map(|(user_id, limit)| Read::Blocks { user_id, limit }),
        1 => user_id().prop_map(Read::ChatsOfUser),
        1 => (user_id(), option::of(chat_id()), 1..4usize)
            .prop_map(|(user_id, after, limit)| Read::FormerChats { user_id, after, limit }),
        2 => (user_id(), chat_id()).prop_map(|(user_id, chat_id)| Read::Mark { user_id, chat_id }),
        2 => user_id().prop_map(Read::MarksOfUser),
        1 => user_id().prop_map(Read::User),
        1 => vec(user_id(), 0..6).prop_map(|ids| Read::Users(ids.into())),
        2 => (user_id(), username()).prop_map(|(user_id, name)| {
            Read::UsersOfKey(key_of(&named(user_id, &name).0).into_owned())
        }),
        2 => ("[abc]{0,2}", option::of("[abAC]{0,3}[0-4]?"), 0..6usize)
            .prop_map(|(prefix, after, limit)| Read::UsersByPrefix { prefix, after, limit }),
        1 => Just(Read::EndedSessions),
        3 => (user_id(), 0..9usize)
            .prop_map(|(user_id, limit)| Read::SessionsOfUser { user_id, limit }),
        1 => vec(user_id(), 0..6).prop_map(|ids| Read::Profiles(ids.into())),
        1 => user_id().prop_map(Read::UserSettings),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_model_does(
        lives in vec((vec(rows(), 1..12), vec(read(), 1..30)), 1..4),
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        for (writes, reads) in lives {
            let store = open(root.path()).unwrap();
            let mut shard = start(&store, 0);
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
        let mut shard = start(&store, 1);
        let others = (0..3).map(|id| ChatId::from_bytes([id; 16]));
        for chat_id in others.chain([direct_chat()]) {
            let read = Read::Chat { chat_id, recent: 500 };
            prop_assert_eq!(shard.read(&read), model.read(&read));
        }
        shard.stop();
    }
}
