//! What is read, and what of it may differ.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rookery_engine::port::{Found, Read};
use rookery_schema::Seq;
use rookery_schema::names::key_of;

use super::ids::{NAMES, PARTITION, chat_id, user_id};

pub(super) fn read() -> impl Strategy<Value = Read> {
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
        2 => Just(Read::Purges { partition: PARTITION, after: None, limit: 9 }),
        2 => Just(Read::Erasures { partition: PARTITION, limit: 9 }),
        2 => Just(Read::Rewrites { partition: PARTITION, after: None, limit: 99 }),
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
pub(super) fn sorted(found: Found) -> Found {
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
