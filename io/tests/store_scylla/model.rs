//! The store answers as a model in memory does, whatever was written, however often it was opened, and
//! whether or not some of it is written again, as a replay does.

use std::collections::{BTreeMap, HashMap};

use proptest::collection::vec;
use proptest::prelude::*;
use rookery_engine::port::{Found, Read, StoredChat};
use rookery_schema::row::{ChatRow, EventRow, Head, MemberRow, Row, UserRow};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

use super::support::{Shard, keyspace, message_record};

/// What the store is to be like: rows in maps, the simplest way.
#[derive(Default)]
struct Model {
    events: BTreeMap<(ChatId, Seq), EventRow>,
    chats: BTreeMap<ChatId, ChatRow>,
    members: BTreeMap<(ChatId, UserId), MemberRow>,
    users: HashMap<UserId, UserRow>,
    names: BTreeMap<String, UserId>,
    ended: BTreeMap<SessionId, Timestamp>,
}

impl Model {
    fn write(&mut self, row: Row) {
        match row {
            Row::Event(row) => drop(self.events.insert((row.chat_id, row.head.seq), row)),
            Row::Chat(row) => drop(self.chats.insert(row.chat_id, row)),
            Row::Member(row) => drop(self.members.insert((row.chat_id, row.user_id), row)),
            Row::NotMember {
                chat_id, user_id, ..
            } => drop(self.members.remove(&(chat_id, user_id))),
            Row::User(row) => {
                self.names.insert(row.username.clone(), row.user_id);
                self.users.insert(row.user_id, row);
            }
            Row::EndedSession {
                session_id,
                expires_at,
            } => {
                self.ended.insert(session_id, expires_at);
            }
            Row::Reached { .. } => {}
        }
    }

    fn events_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events
            .range((chat_id, Seq(0))..=(chat_id, Seq(u64::MAX)))
            .map(|(_, row)| row)
    }

    fn messages_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events_of(chat_id).filter(|row| row.is_message)
    }

    fn read(&self, read: &Read) -> Found {
        match read {
            Read::Chat { chat_id, recent } => {
                // One without events is still to be made by the record that says so.
                let chat = self.chats.get(chat_id);
                let chat = chat.filter(|chat| self.events_of(chat.chat_id).next().is_some());
                Found::Chat(chat.map(|chat| Box::new(self.chat(chat, *recent))))
            }
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let older = self
                    .messages_of(*chat_id)
                    .filter(|row| row.head.seq < *before);
                Found::Messages(older.rev().take(*limit).cloned().collect())
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let newer = self
                    .messages_of(*chat_id)
                    .filter(|row| row.head.seq > *after);
                Found::Messages(newer.take(*limit).cloned().collect())
            }
            Read::ChatsOfUser(user_id) => {
                let chats = self.members.keys().filter(|(_, user)| user == user_id);
                Found::Chats(chats.map(|(chat, _)| *chat).collect())
            }
            Read::User(user_id) => {
                Found::Users(self.users.get(user_id).cloned().into_iter().collect())
            }
            Read::UserNamed(name) => Found::Users(self.named(name).into_iter().collect()),
            Read::UsersByPrefix { prefix, limit } => {
                let names = self
                    .names
                    .keys()
                    .filter(|name| name.starts_with(prefix.as_str()));
                Found::Users(
                    names
                        .filter_map(|name| self.named(name))
                        .take(*limit)
                        .collect(),
                )
            }
            Read::EndedSessions => {
                Found::EndedSessions(self.ended.iter().map(|(id, at)| (*id, *at)).collect())
            }
        }
    }

    fn named(&self, name: &str) -> Option<UserRow> {
        let user = self.users.get(self.names.get(name)?)?;
        (user.username == name).then(|| user.clone())
    }

    fn chat(&self, chat: &ChatRow, limit: usize) -> StoredChat {
        let id = chat.chat_id;
        let mut members: Vec<_> = self
            .members
            .values()
            .filter(|row| row.chat_id == id)
            .collect();
        members.sort_by_key(|row| (row.added_seq, row.position, row.user_id));
        let mut recent: Vec<EventRow> = Vec::new();
        for row in self.events_of(id).rev().take(limit) {
            if recent
                .last()
                .is_some_and(|newer| newer.head.seq != row.head.seq.next())
            {
                break;
            }
            recent.push(row.clone());
        }
        recent.reverse();
        StoredChat {
            chat: chat.clone(),
            members: members.into_iter().map(|row| row.user_id).collect(),
            head: self
                .events_of(id)
                .next_back()
                .map(|row| row.head)
                .unwrap_or_default(),
            recent,
            latest_message: self.messages_of(id).next_back().cloned(),
        }
    }
}

const CHATS: u8 = 3;
const USERS: u8 = 5;

fn chat_id() -> impl Strategy<Value = ChatId> {
    (0..CHATS).prop_map(|id| ChatId::from_bytes([id; 16]))
}

fn user_id() -> impl Strategy<Value = UserId> {
    (0..USERS).prop_map(|id| UserId::from_bytes([id; 16]))
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Far in the future, so that no session is forgotten.
    (0..1000u64).prop_map(|n| Timestamp::from_millis(200_000_000_000_000 + n))
}

/// What happens, in terms of the engine: a chat's events are dense, and tell who is a member.
#[derive(Clone, Debug)]
enum Happening {
    /// A message, or where it has bytes, some other event.
    Event(ChatId, Option<Vec<u8>>),
    /// Somebody joins a chat, or leaves it where he is a member.
    Joins(ChatId, UserId),
    /// A row that depends on no other.
    Row(Row),
}

fn happening() -> impl Strategy<Value = Happening> {
    let other = proptest::option::of(vec(any::<u8>(), 0..40));
    let name = "[ab]{1,3}";
    prop_oneof![
        8 => (chat_id(), other).prop_map(|(chat, other)| Happening::Event(chat, other)),
        4 => (chat_id(), user_id()).prop_map(|(chat, user)| Happening::Joins(chat, user)),
        2 => (user_id(), name, proptest::option::of(name), time()).prop_map(
            |(user_id, username, password_hash, created_at)| {
                let updated_at = created_at;
                // A user keeps what he registered with.
                let username = format!("{username}{}", user_id.as_bytes()[0]);
                let password_hash = password_hash.map(|_| username.clone());
                let created_at = Timestamp::from_millis(5);
                let _ = updated_at;
                Happening::Row(Row::User(UserRow {
                    user_id, username, password_hash, created_at, updated_at: created_at,
                }))
            }
        ),
        1 => (0..3u8, time()).prop_map(|(id, _)| Happening::Row(Row::EndedSession {
            session_id: SessionId::from_bytes([id; 16]),
            expires_at: Timestamp::from_millis(200_000_000_000_000 + u64::from(id)),
        })),
    ]
}
