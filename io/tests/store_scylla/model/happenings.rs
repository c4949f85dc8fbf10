//! What happens, and what the engine writes of it.

use proptest::option;
use proptest::prelude::*;
use rookery_schema::row::{Mark, MarkRow, Row};
use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};
use rookery_testing::store::Model;

use super::ids::{FAR_MILLIS, chat_id, user_id};
use super::{chats, users};

/// What happens, in terms of the engine: a chat's events are dense, and tell who is a member.
#[derive(Clone, Debug)]
pub(super) enum Happening {
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

pub(super) fn happening() -> impl Strategy<Value = Happening> {
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
pub(super) fn rows_of(model: &Model, happening: &Happening) -> Vec<Row> {
    match happening {
        Happening::Event(chat_id, _)
        | Happening::Joins(chat_id, _)
        | Happening::Amends(chat_id, _)
        | Happening::Redacts(chat_id, _)
        | Happening::Erases(chat_id, _)
        | Happening::Changes(chat_id, ..)
            if chats::deletion(model, *chat_id).is_some() =>
        {
            Vec::new()
        }
        Happening::Event(chat_id, text) => chats::event(model, *chat_id, text.as_deref()),
        Happening::Joins(chat_id, user_id) => chats::joins(model, *chat_id, *user_id),
        Happening::Amends(chat_id, target) => chats::amends(model, *chat_id, *target),
        Happening::Redacts(chat_id, target) => chats::redacts(model, *chat_id, *target),
        Happening::Changes(chat_id, user_id, is_admin) => {
            chats::changes(model, *chat_id, *user_id, *is_admin)
        }
        Happening::Blocks {
            by_first,
            is_blocked,
        } => chats::blocks(model, *by_first, *is_blocked),
        Happening::Deletes(chat_id, parts) => chats::deletes(model, *chat_id, *parts),
        Happening::Erases(chat_id, user_id) => chats::erases(model, *chat_id, *user_id),
        Happening::Reads(user_id, chat_id, seq) => vec![Row::Mark(MarkRow {
            user_id: *user_id,
            chat_id: *chat_id,
            mark: Mark {
                seq: Seq(*seq),
                messages: seq / 2,
            },
        })],
        Happening::Registers(user_id) => users::registers(model, *user_id),
        Happening::Goes(user_id) => users::goes(model, *user_id),
        Happening::SetsPassword(user_id, n) => users::sets_password(model, *user_id, *n),
        Happening::LogsIn(user_id, n) => users::logs_in(model, *user_id, *n),
        Happening::Forgets(user_id, n) => vec![Row::NoSessions {
            user_id: *user_id,
            until: users::session(*user_id, *n).expires_at,
        }],
        Happening::Sets(user_id, display_name) => {
            users::sets(model, *user_id, display_name.as_deref())
        }
        Happening::LogsOut(session_id) => vec![Row::EndedSession {
            session_id: *session_id,
            expires_at: Timestamp::from_millis(FAR_MILLIS),
        }],
    }
}
