//! The store answers as a model in memory does, whatever was written, however often it was opened, and
//! whether or not some of it is written again, as a replay does, or late.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rookery_engine::port::{Found, Read};
use rookery_schema::cql::bucket;
use rookery_schema::event::EventKind;
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::names::key_of;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{
    BlockRow, ChatRow, DeletedChatRow, ErasedRow, ErasureRow, EventRow, Head, Mark, MarkRow,
    MemberRow, ProfileRow, PurgeRow, PurgeStep, RewriteRow, RoleRow, Row, SessionRow, SettingsRow,
    UserRow, UserSettingsRow,
};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

use super::support::{amendment, keyspace, message_record, start};
use rookery_testing::store::Model;

/// Names of users and their keys, where those are not the names: of the third, which was registered by it, and of two that
/// are from before.
const NAMES: [(&str, Option<&str>); 7] = [
    ("a", None),
    ("ab", None),
    ("aB\u{10ffff}", Some("ab\u{10ffff}")),
    ("b", None),
    ("ba", None),
    ("AB", None),
    ("bA", None),
];
const PARTITION: PartitionId = PartitionId(2);
/// In the year 8307, so that no session is forgotten.
const FAR_MILLIS: u64 = 200_000_000_000_000;

fn chat_id() -> impl Strategy<Value = ChatId> {
    (0..4u8).prop_map(|id| match id {
        3 => direct_chat(),
        id => ChatId::from_bytes([id; 16]),
    })
}

fn user_of(id: u8) -> UserId {
    // Of the version that registered users have, so that an id may stand for all of their sessions.
    let mut bytes = [id; 16];
    bytes[6] = 0x70;
    UserId::from_bytes(bytes)
}

/// That of the first two users.
fn direct_chat() -> ChatId {
    ChatId::direct(user_of(0), user_of(1))
}

fn user_id() -> impl Strategy<Value = UserId> {
    (0..NAMES.len() as u8).prop_map(user_of)
}

/// What happens, in terms of the engine: a chat's events are dense, and tell who is a member.
#[derive(Clone, Debug)]
enum Happening {
    /// A message with this text, or where there is none, an event of another kind.
    Event(ChatId, Option<String>),
    /// Somebody joins a chat, or leaves it where they are a member.
    Joins(ChatId, UserId),
    /// An event amends one before it, which may be no message.
    Amends(ChatId, u64),
    /// An event has one before it say nothing any more.
    Redacts(ChatId, u64),
    /// Somebody has another role, and the chat other settings.
    Changes(ChatId, UserId, bool),
    /// The first user of the direct chat blocks the other, or the other the first, or no more.
    Blocks {
        by_first: bool,
        is_blocked: bool,
    },
    /// A chat is deleted; where it is already, the store removes so many parts of it.
    Deletes(ChatId, usize),
    /// All that a user said in a chat is gone; where it is already, more of it is overwritten.
    Erases(ChatId, UserId),
    /// A user has read a chat up to here.
    Reads(UserId, ChatId, u64),
    Registers(UserId),
    LogsOut(SessionId),
    /// An operator sets a password for the so many-th time, or takes it away, which ends all sessions.
    SetsPassword(UserId, u8),
    /// The account of a user is deleted; where it is already, they have left all their chats.
    Goes(UserId),
    /// A user logs in for the so many-th time, or where that was done before, their list loses it.
    LogsIn(UserId, u8),
    /// The list of a user loses all sessions up to that one.
    Forgets(UserId, u8),
    /// A user calls themselves something else, and changes their settings.
    Sets(UserId, Option<String>),
}

fn happening() -> impl Strategy<Value = Happening> {
    let text = proptest::option::of(".{0,10}");
    prop_oneof![
        8 => (chat_id(), text).prop_map(|(chat, text)| Happening::Event(chat, text)),
        4 => (chat_id(), user_id()).prop_map(|(chat, user)| Happening::Joins(chat, user)),
        4 => (chat_id(), 0..60u64).prop_map(|(chat, target)| Happening::Amends(chat, target)),
        4 => (chat_id(), 0..60u64).prop_map(|(chat, target)| Happening::Redacts(chat, target)),
        4 => (chat_id(), user_id(), any::<bool>())
            .prop_map(|(chat, user, is_admin)| Happening::Changes(chat, user, is_admin)),
        3 => any::<(bool, bool)>()
            .prop_map(|(by_first, is_blocked)| Happening::Blocks { by_first, is_blocked }),
        2 => (chat_id(), 1..6usize).prop_map(|(chat, parts)| Happening::Deletes(chat, parts)),
        4 => (chat_id(), user_id()).prop_map(|(chat, user)| Happening::Erases(chat, user)),
        3 => (user_id(), chat_id(), 1..60u64)
            .prop_map(|(user, chat, seq)| Happening::Reads(user, chat, seq)),
        2 => user_id().prop_map(Happening::Registers),
        1 => (0..3u8).prop_map(|id| Happening::LogsOut(SessionId::from_bytes([id; 16]))),
        2 => (user_id(), 0..9u8).prop_map(|(user, n)| Happening::SetsPassword(user, n)),
        2 => user_id().prop_map(Happening::Goes),
        4 => (user_id(), 0..9u8).prop_map(|(user, n)| Happening::LogsIn(user, n)),
        1 => (user_id(), 0..9u8).prop_map(|(user, n)| Happening::Forgets(user, n)),
        2 => (user_id(), option::of("[ab]{1,3}")).prop_map(|(user, name)| Happening::Sets(user, name)),
    ]
}

/// The rows that the engine makes of what happens.
fn rows_of(model: &Model, happening: &Happening) -> Vec<Row> {
    match happening {
        Happening::Event(chat_id, _)
        | Happening::Joins(chat_id, _)
        | Happening::Amends(chat_id, _)
        | Happening::Redacts(chat_id, _)
        | Happening::Erases(chat_id, _)
        | Happening::Changes(chat_id, ..)
            if deletion(model, *chat_id).is_some() =>
        {
            Vec::new()
        }
        Happening::Event(chat_id, text) => event(model, *chat_id, text.as_deref()),
        Happening::Joins(chat_id, user_id) => {
            let (chat_id, mut user_id) = (*chat_id, *user_id);
            if chat_id == direct_chat() {
                user_id = user_of(user_id.as_bytes()[0] % 2);
            }
            let mut rows = event(model, chat_id, None);
            let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
            let change = if model.members.contains_key(&(chat_id, user_id)) {
                Row::NotMember {
                    chat_id,
                    user_id,
                    added_seq: model.members[&(chat_id, user_id)].added_seq,
                    removed_seq: seq,
                }
            } else {
                let position = u32::from(user_id.as_bytes()[0] % 2);
                Row::Member(MemberRow {
                    chat_id,
                    user_id,
                    position,
                    added_seq: seq,
                })
            };
            rows.push(change);
            rows
        }
        Happening::Amends(chat_id, target) => {
            let mut rows = event(model, *chat_id, None);
            let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
            rows.push(Row::Amendment(amendment(*chat_id, target % seq.0, seq.0)));
            rows
        }
        Happening::Redacts(chat_id, target) => {
            let mut rows = event(model, *chat_id, None);
            let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
            let wanted = Seq(1 + target % seq.0);
            let said = |row: &&EventRow| row.head.seq == wanted;
            let stored = model.events_of(*chat_id).find(said);
            rows.extend(stored.map(redacted));
            rows
        }
        Happening::Changes(chat_id, user_id, is_admin) => {
            let mut rows = event(model, *chat_id, None);
            let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
            rows.push(Row::Role(RoleRow {
                chat_id: *chat_id,
                user_id: *user_id,
                seq,
                role: if *is_admin { Role::Admin } else { Role::Member },
                was: None,
            }));
            rows.push(Row::Settings(SettingsRow {
                chat_id: *chat_id,
                seq,
                settings: Settings::new(&seq.to_string()),
            }));
            rows
        }
        Happening::Blocks {
            by_first,
            is_blocked,
        } => {
            let (one, other) = (user_of(0), user_of(1));
            let (user_id, blocked_id) = if *by_first {
                (one, other)
            } else {
                (other, one)
            };
            let offset = model.blocks().map(|row| row.offset.0 + 1).max();
            let offset = offset.unwrap_or_default();
            vec![Row::Block(BlockRow {
                user_id,
                blocked_id,
                chat_id: direct_chat(),
                is_blocked: *is_blocked,
                at: Timestamp::from_millis(offset),
                offset: Offset(offset),
            })]
        }
        Happening::Deletes(chat_id, parts) => match deletion(model, *chat_id) {
            Some(head) => parts_of(model, *chat_id, head).take(*parts).collect(),
            None => deleted(model, *chat_id),
        },
        Happening::Erases(chat_id, user_id) => erased(model, *chat_id, *user_id),
        Happening::Reads(user_id, chat_id, seq) => vec![Row::Mark(MarkRow {
            user_id: *user_id,
            chat_id: *chat_id,
            mark: Mark {
                seq: Seq(*seq),
                messages: seq / 2,
            },
        })],
        Happening::Registers(user_id) => {
            let row = user(*user_id);
            let of_key = Read::UsersOfKey(key_of(row.name()).into_owned());
            match model.read(&of_key) {
                Found::Users(users) if users.iter().all(|it| it.user_id != *user_id) => {
                    vec![Row::User(row)]
                }
                _ => Vec::new(),
            }
        }
        Happening::Goes(user_id) => {
            let row = match model.read(&Read::User(*user_id)) {
                Found::Users(users) => users.into_iter().next(),
                other => panic!("not what was asked: {other:?}"),
            };
            let user_id = *user_id;
            let Some(row) = row else {
                return left_all_chats(model, user_id).into_iter().collect();
            };
            let deleted_at = Timestamp::from_millis(row.updated_at.millis() + 1);
            vec![
                Row::User(UserRow {
                    password_hash: None,
                    updated_at: deleted_at,
                    is_deleted: true,
                    ..row
                }),
                Row::OwnGone { user_id },
                Row::Erasure(ErasureRow {
                    partition: PARTITION,
                    user_id,
                    deleted_at,
                    is_done: false,
                }),
            ]
        }
        Happening::SetsPassword(user_id, n) => {
            let row = match model.read(&Read::User(*user_id)) {
                Found::Users(users) => users.into_iter().next(),
                other => panic!("not what was asked: {other:?}"),
            };
            let Some(row) = row else { return Vec::new() };
            let updated_at = Timestamp::from_millis(row.updated_at.millis() + 1);
            vec![
                Row::User(UserRow {
                    password_hash: (!n.is_multiple_of(3)).then(|| format!("hash {n}")),
                    updated_at,
                    is_deleted: false,
                    ..row
                }),
                Row::EndedSession {
                    session_id: SessionId::all_of(*user_id),
                    expires_at: login_expiry(updated_at.millis()),
                },
                Row::EndedSession {
                    session_id: SessionId::up_to_logout_of(*user_id),
                    expires_at: login_expiry(updated_at.millis() / 2),
                },
            ]
        }
        Happening::LogsIn(user_id, n) => {
            let session = session(*user_id, *n);
            let listed = Read::SessionsOfUser {
                user_id: *user_id,
                limit: 99,
            };
            match model.read(&listed) {
                Found::Sessions(listed) if listed.contains(&session) => vec![Row::NoSession {
                    user_id: *user_id,
                    session_id: session.session_id,
                    expires_at: session.expires_at,
                }],
                _ => vec![Row::Session(session)],
            }
        }
        Happening::Forgets(user_id, n) => vec![Row::NoSessions {
            user_id: *user_id,
            until: session(*user_id, *n).expires_at,
        }],
        Happening::Sets(user_id, display_name) => {
            let before = match model.read(&Read::UserSettings(*user_id)) {
                Found::UserSettings(before) => before.map_or(0, |row| row.offset.0),
                other => panic!("not what was asked: {other:?}"),
            };
            let (user_id, offset) = (*user_id, Offset(before + 1));
            vec![
                Row::Profile(ProfileRow {
                    user_id,
                    offset,
                    changed_at: Timestamp::from_millis(offset.0),
                    display_name: display_name.clone(),
                }),
                Row::UserSettings(UserSettingsRow {
                    user_id,
                    offset,
                    settings: format!("{{\"n\":{}}}", offset.0),
                }),
            ]
        }
        Happening::LogsOut(session_id) => vec![Row::EndedSession {
            session_id: *session_id,
            expires_at: Timestamp::from_millis(FAR_MILLIS),
        }],
    }
}

/// All that a user said in a chat is gone, or more of it is overwritten, or nothing is left to do.
fn erased(model: &Model, chat_id: ChatId, user_id: UserId) -> Vec<Row> {
    let is_erased = match model.read(&Read::Chat { chat_id, recent: 0 }) {
        Found::Chat(chat) => {
            chat.is_some_and(|it| it.erased.iter().any(|it| it.user_id == user_id))
        }
        other => panic!("not what was asked: {other:?}"),
    };
    if is_erased {
        let all = Read::Rewrites {
            partition: PARTITION,
            limit: 99,
        };
        let Found::Rewrites(rewrites) = model.read(&all) else {
            panic!("not what was asked")
        };
        let mut theirs = rewrites.into_iter();
        let theirs = theirs.find(|row| (row.chat_id, row.user_id) == (chat_id, user_id));
        let step = theirs.map(|row| {
            let through = Seq(row.through.0 + 3);
            Row::Rewritten(RewriteRow {
                through: through.min(row.seq),
                is_done: through >= row.seq,
                ..row
            })
        });
        return step.into_iter().collect();
    }
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    rows.push(Row::Erased(ErasedRow {
        chat_id,
        user_id,
        partition: PARTITION,
        seq,
        at: Timestamp::from_millis(seq.0),
    }));
    rows
}

/// A user who was deleted is in no chat any more, where they were.
fn left_all_chats(model: &Model, user_id: UserId) -> Option<Row> {
    let all = Read::Erasures {
        partition: PARTITION,
        limit: 99,
    };
    let users = match model.read(&all) {
        Found::Erasures(users) => users,
        other => panic!("not what was asked: {other:?}"),
    };
    let (_, deleted_at) = users.into_iter().find(|(it, _)| *it == user_id)?;
    Some(Row::Erasure(ErasureRow {
        partition: PARTITION,
        user_id,
        deleted_at,
        is_done: true,
    }))
}

/// The last event of a chat, where it is deleted.
fn deletion(model: &Model, chat_id: ChatId) -> Option<Head> {
    match model.read(&Read::Chat { chat_id, recent: 0 }) {
        Found::Chat(chat) => chat.filter(|it| it.deleted.is_some()).map(|it| it.head),
        other => panic!("not what was asked: {other:?}"),
    }
}

/// The end of a chat, whose event is in no row but this one.
fn deleted(model: &Model, chat_id: ChatId) -> Vec<Row> {
    let mut rows = event(model, chat_id, None);
    let Some(Row::Event(last)) = rows.pop() else {
        panic!("not an event: {rows:?}")
    };
    rows.push(Row::ChatDeleted(DeletedChatRow {
        chat_id,
        head: last.head,
        by: user_of(0),
        at: Timestamp::from_millis(last.head.seq.0),
    }));
    rows
}

/// All that is to be removed of a deleted chat, in the order in which that is done.
fn parts_of(model: &Model, chat_id: ChatId, head: Head) -> impl Iterator<Item = Row> {
    let members = model
        .members
        .keys()
        .filter(move |(chat, _)| *chat == chat_id);
    let members = members.map(move |(_, user_id)| Row::NotMember {
        chat_id,
        user_id: *user_id,
        added_seq: head.seq,
        removed_seq: head.seq,
    });
    let buckets = (0..=bucket(head.seq)).map(|bucket| PurgeStep::Events { bucket });
    let others = buckets.chain([PurgeStep::Rest]).map(move |step| {
        Row::Purged(PurgeRow {
            chat_id,
            partition: head.partition,
            seq: head.seq,
            step,
        })
    });
    members.chain(others)
}

/// When what began some milliseconds behind a moment of a while ago expires.
fn login_expiry(millis: u64) -> Timestamp {
    static WHILE_AGO: LazyLock<Duration> = LazyLock::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        since_epoch - Duration::from_secs(1000)
    });
    let at = WHILE_AGO.as_millis() as u64 + millis;
    Timestamp::from_millis(at + SESSION_MILLIS)
}

/// Two of each user expire together.
fn session(user_id: UserId, n: u8) -> SessionRow {
    let expires_at = Timestamp::from_millis(FAR_MILLIS + u64::from(n / 2));
    SessionRow {
        user_id,
        session_id: SessionId::from_bytes([n; 16]),
        created_at: expires_at,
        expires_at,
        address: [192, 0, 2, n].into(),
        name: format!("client {n}"),
    }
}

fn user(user_id: UserId) -> UserRow {
    let id = user_id.as_bytes()[0];
    let at = Timestamp::from_millis(u64::from(id));
    UserRow {
        user_id,
        username: NAMES[usize::from(id)].0.to_owned(),
        key: NAMES[usize::from(id)].1.map(str::to_owned),
        password_hash: id.is_multiple_of(2).then(|| "a hash".to_owned()),
        created_at: at,
        updated_at: at,
        is_deleted: false,
    }
}

/// An event, behind that of the chat's creation where there is none yet.
fn event(model: &Model, chat_id: ChatId, text: Option<&str>) -> Vec<Row> {
    let last = model.events_of(chat_id).next_back().map(|row| row.head);
    let mut head = last.unwrap_or_default();
    let mut rows = Vec::new();
    if last.is_none() {
        let created_at = Timestamp::from_millis(7);
        rows.push(next_event(chat_id, &mut head, None));
        rows.push(Row::Chat(ChatRow {
            chat_id,
            name: "chat".to_owned(),
            created_at,
        }));
    }
    rows.push(next_event(chat_id, &mut head, text));
    rows
}

fn next_event(chat_id: ChatId, head: &mut Head, text: Option<&str>) -> Row {
    let seq = head.seq.next();
    *head = Head {
        seq,
        messages: head.messages + u64::from(text.is_some()),
        partition: PARTITION,
        offset: Offset(3 * seq.0),
    };
    let record = text.map_or_else(|| vec![2; 9], |text| message_record(chat_id, seq.0, text));
    Row::Event(EventRow {
        chat_id,
        head: *head,
        record: record.into(),
        kind: if text.is_some() {
            EventKind::Message
        } else {
            EventKind::Other
        },
    })
}

/// Told without its place in the log.
fn redacted(row: &EventRow) -> Row {
    let seq = row.head.seq;
    let head = Head {
        seq,
        messages: row.head.messages,
        ..Head::default()
    };
    let record = match row.kind {
        EventKind::Message => message_record(row.chat_id, seq.0, "").into(),
        EventKind::Other => vec![2].into(),
    };
    Row::Redacted(EventRow {
        head,
        record,
        ..row.clone()
    })
}

fn seq_of(row: &Row) -> Option<Seq> {
    match row {
        Row::Event(row) => Some(row.head.seq),
        _ => None,
    }
}

fn read() -> impl Strategy<Value = Read> {
    let place = || prop_oneof![0..42u64, Just(u64::MAX)].prop_map(Seq);
    let name = || proptest::sample::select(&NAMES[..]).prop_map(|name| name.0.to_owned());
    let key = || name().prop_map(|name| key_of(&name).into_owned());
    prop_oneof![
        3 => (chat_id(), 0..12usize).prop_map(|(chat_id, recent)| Read::Chat { chat_id, recent }),
        2 => (chat_id(), place(), 0..12usize)
            .prop_map(|(chat_id, before, limit)| Read::MessagesBefore { chat_id, before, limit }),
        2 => (chat_id(), place(), 0..12usize)
            .prop_map(|(chat_id, after, limit)| Read::MessagesAfter { chat_id, after, limit }),
        3 => (chat_id(), place(), 0..12usize)
            .prop_map(|(chat_id, after, limit)| Read::EventsAfter { chat_id, after, limit }),
        2 => (chat_id(), user_id())
            .prop_map(|(chat_id, user_id)| Read::Membership { chat_id, user_id }),
        2 => (chat_id(), option::of(user_id()), 0..4usize)
            .prop_map(|(chat_id, after, limit)| Read::MembersAfter { chat_id, after, limit }),
        2 => Just(Read::Purges { partition: PARTITION, limit: 9 }),
        2 => Just(Read::Erasures { partition: PARTITION, limit: 9 }),
        2 => Just(Read::Rewrites { partition: PARTITION, limit: 99 }),
        2 => (user_id(), 0..4usize).prop_map(|(user_id, limit)| Read::Blocks { user_id, limit }),
        1 => user_id().prop_map(Read::ChatsOfUser),
        1 => user_id().prop_map(|user_id| Read::FormerChats { user_id, after: None, limit: 99 }),
        2 => (user_id(), chat_id()).prop_map(|(user_id, chat_id)| Read::Mark { user_id, chat_id }),
        2 => user_id().prop_map(Read::MarksOfUser),
        1 => user_id().prop_map(Read::User),
        1 => vec(user_id(), 0..6).prop_map(|ids| Read::Users(ids.into())),
        2 => key().prop_map(Read::UsersOfKey),
        2 => (prop_oneof![key(), Just(String::new())], option::of(name()), 0..6usize)
            .prop_map(|(prefix, after, limit)| Read::UsersByPrefix { prefix, after, limit }),
        1 => Just(Read::EndedSessions),
        3 => (user_id(), 0..9usize)
            .prop_map(|(user_id, limit)| Read::SessionsOfUser { user_id, limit }),
        1 => vec(user_id(), 0..6).prop_map(|ids| Read::Profiles(ids.into())),
        1 => user_id().prop_map(Read::UserSettings),
    ]
}

/// Chats and sessions come in whatever order a store likes.
fn sorted(found: Found) -> Found {
    match found {
        Found::Chats(mut chats) => {
            chats.sort_unstable();
            Found::Chats(chats)
        }
        Found::Purges(mut purges) => {
            purges.sort_unstable();
            Found::Purges(purges)
        }
        Found::Erasures(mut users) => {
            users.sort_unstable();
            Found::Erasures(users)
        }
        Found::Rewrites(mut rewrites) => {
            rewrites.sort_unstable_by_key(|row| (row.chat_id, row.user_id));
            Found::Rewrites(rewrites)
        }
        Found::Chat(Some(mut chat)) => {
            chat.erased.sort_unstable();
            Found::Chat(Some(chat))
        }
        Found::Marks(mut marks) => {
            marks.sort_unstable();
            Found::Marks(marks)
        }
        Found::EndedSessions(mut ended) => {
            ended.sessions.sort_unstable();
            Found::EndedSessions(ended)
        }
        other => other,
    }
}

/// Each takes some ten seconds, most of it to make the tables.
fn cases() -> u32 {
    const CASES: u32 = 6;
    let wanted = std::env::var("PROPTEST_CASES");
    wanted.map_or(CASES, |cases| cases.parse().expect("a number"))
}

#[test]
fn it_answers_as_the_model_does() {
    let lives = vec(
        (vec(vec(happening(), 1..12), 1..12), vec(read(), 1..30)),
        1..4,
    );
    let config = ProptestConfig {
        cases: cases(),
        max_shrink_iters: 40,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&lives, |lives| {
        let Some(keyspace) = keyspace("model") else {
            return Ok(());
        };
        let mut model = Model::default();
        model.chats_need_events = true;
        model.late_rows_undo_nothing = true;
        let mut written: Vec<Vec<Row>> = Vec::new();
        for (life, (writes, reads)) in lives.iter().enumerate() {
            let mut shard = start(&keyspace.open(), life as u16);
            // What the log had not been told to be stored comes again.
            let again = written.split_off(written.len() / 2);
            again.iter().for_each(|rows| shard.write(rows.clone()));
            written.extend(again);
            for happenings in writes {
                let mut rows = Vec::new();
                for happening in happenings {
                    let new = rows_of(&model, happening);
                    new.iter().cloned().for_each(|row| model.write(row));
                    rows.extend(new);
                }
                shard.write(rows.clone());
                written.push(rows);
            }
            // Some of what was written before comes late, by one who does not know that others have taken over.
            for rows in written.iter().step_by(3) {
                shard.write(rows.clone());
            }
            for read in reads {
                let (found, wanted) = (sorted(shard.read(read)), sorted(model.read(read)));
                prop_assert_eq!(found, wanted, "{:?}", read);
            }
            shard.stop();
        }
        Ok(())
    });
    outcome.unwrap();
}
