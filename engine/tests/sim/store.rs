//! A store in memory: rows in maps, as a database has them.

use std::collections::{BTreeMap, VecDeque};

use rookery_engine::port::{Found, Read, StoreEvent, StoreFault, StoreRequest, StoredChat};
use rookery_schema::event::EventKind;
use rookery_schema::message::{Message, lay_over};
use rookery_schema::row::{AmendmentRow, ChatRow, EventRow, Head, MemberRow, Row, UserRow};
use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};

use crate::world::Dice;

#[derive(Default)]
pub(crate) struct SimStore {
    events: BTreeMap<(ChatId, Seq), EventRow>,
    /// By chat, target and slot.
    amendments: BTreeMap<(ChatId, Seq, Vec<u8>), AmendmentRow>,
    chats: BTreeMap<ChatId, ChatRow>,
    members: BTreeMap<(ChatId, UserId), MemberRow>,
    users: BTreeMap<UserId, UserRow>,
    names: BTreeMap<String, UserId>,
    sessions: BTreeMap<SessionId, Timestamp>,
    /// For each shard, what was asked for and not answered.
    waiting: Vec<VecDeque<StoreRequest>>,
    /// For each shard, reads that were done and are answered later, when they may be out of date.
    late: Vec<VecDeque<StoreEvent>>,
    pub(crate) read_failures: bool,
    /// It reads, and writes nothing for now.
    pub(crate) writes_wait: bool,
}

impl SimStore {
    pub(crate) fn restart(&mut self, shards: u16) {
        self.waiting = (0..shards).map(|_| VecDeque::new()).collect();
        self.late = (0..shards).map(|_| VecDeque::new()).collect();
    }

    pub(crate) fn submit(&mut self, shard: usize, request: StoreRequest) {
        self.waiting[shard].push_back(request);
    }

    pub(crate) fn busy_shards(&self) -> Vec<usize> {
        let can_do = |request: &StoreRequest| !self.writes_wait || is_read(request);
        let is_busy = |shard: &usize| {
            self.waiting[*shard].iter().any(can_do) || !self.late[*shard].is_empty()
        };
        (0..self.waiting.len()).filter(is_busy).collect()
    }

    pub(crate) fn step(&mut self, shard: usize, dice: &mut Dice) -> Option<StoreEvent> {
        if !self.late[shard].is_empty() && (self.waiting[shard].is_empty() || dice.one_in(4)) {
            return self.late[shard].pop_front();
        }
        Some(match self.next_request(shard, dice)? {
            StoreRequest::Write { token, rows } => {
                rows.into_iter().for_each(|row| self.write(row));
                StoreEvent::Written { token, micros: 100 }
            }
            StoreRequest::Sync { token } => StoreEvent::Synced { token },
            StoreRequest::Read { token, .. } if self.read_failures && dice.one_in(5) => {
                StoreEvent::Read {
                    token,
                    outcome: Err(StoreFault),
                }
            }
            StoreRequest::Read { token, read } => {
                let outcome = Ok(self.read(read));
                let event = StoreEvent::Read { token, outcome };
                if dice.one_in(2) {
                    self.late[shard].push_back(event);
                    return None;
                }
                event
            }
        })
    }

    /// The oldest request, or the oldest read: reads overtake writes.
    fn next_request(&mut self, shard: usize, dice: &mut Dice) -> Option<StoreRequest> {
        let waiting = &mut self.waiting[shard];
        match waiting.iter().position(is_read) {
            Some(read) if self.writes_wait || dice.one_in(2) => waiting.remove(read),
            None if self.writes_wait => None,
            _ => waiting.pop_front(),
        }
    }

    /// The process dies: of what was not confirmed, a part has reached the store.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for shard in 0..self.waiting.len() {
            while let Some(request) = self.waiting[shard].pop_front() {
                if dice.one_in(2) {
                    self.waiting[shard].clear();
                }
                if let StoreRequest::Write { rows, .. } = request {
                    rows.into_iter().for_each(|row| self.write(row));
                }
            }
        }
    }

    fn write(&mut self, row: Row) {
        match row {
            Row::Event(row) => {
                let before = self.events.insert((row.chat_id, row.head.seq), row.clone());
                assert!(
                    before.is_none_or(|it| it == row),
                    "a seq never gets another event"
                );
            }
            Row::Amendment(row) => {
                let key = (row.chat_id, row.target, row.slot());
                let before = self.amendments.get(&key);
                if before.is_none_or(|before| before.seq < row.seq) {
                    self.amendments.insert(key, row);
                }
            }
            Row::Chat(row) => drop(self.chats.insert(row.chat_id, row)),
            Row::Member(row) => drop(self.members.insert((row.chat_id, row.user_id), row)),
            Row::NotMember {
                chat_id, user_id, ..
            } => drop(self.members.remove(&(chat_id, user_id))),
            Row::User(row) => {
                let before = self.names.insert(row.username.clone(), row.user_id);
                assert!(
                    before.is_none_or(|id| id == row.user_id),
                    "a name has one user"
                );
                self.users.insert(row.user_id, row);
            }
            Row::EndedSession {
                session_id,
                expires_at,
            } => {
                self.sessions.insert(session_id, expires_at);
            }
            Row::Reached { .. } => {}
        }
    }

    fn read(&self, read: Read) -> Found {
        match read {
            Read::Chat { chat_id, recent } => Found::Chat(self.chat(chat_id, recent).map(Box::new)),
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let range = (chat_id, Seq(0))..(chat_id, before);
                let rows = self.events.range(range).rev().map(|(_, row)| row);
                Found::Messages(self.as_they_stand(rows).take(limit).collect())
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let range = (chat_id, after.next())..=(chat_id, Seq(u64::MAX));
                let rows = self.events.range(range).map(|(_, row)| row);
                Found::Messages(self.as_they_stand(rows).take(limit).collect())
            }
            Read::ChatsOfUser(user) => {
                let mine = self.members.keys().filter(|(_, member)| *member == user);
                Found::Chats(mine.map(|(chat, _)| *chat).collect())
            }
            Read::User(id) => Found::Users(self.users.get(&id).into_iter().cloned().collect()),
            Read::UserNamed(name) => {
                let id = self.names.get(&name);
                Found::Users(id.into_iter().map(|id| self.users[id].clone()).collect())
            }
            Read::UsersByPrefix { prefix, limit } => {
                let names = self.names.range(prefix.clone()..);
                let found = names
                    .take_while(|(name, _)| name.starts_with(&prefix))
                    .take(limit);
                Found::Users(found.map(|(_, id)| self.users[id].clone()).collect())
            }
            Read::EndedSessions => {
                Found::EndedSessions(self.sessions.iter().map(|(id, at)| (*id, *at)).collect())
            }
        }
    }

    fn chat(&self, chat_id: ChatId, recent: usize) -> Option<StoredChat> {
        let chat = self.chats.get(&chat_id)?.clone();
        let of_chat = (chat_id, Seq(0))..=(chat_id, Seq(u64::MAX));
        let rows: Vec<&EventRow> = self.events.range(of_chat).map(|(_, row)| row).collect();
        let mut members: Vec<&MemberRow> = self
            .members
            .values()
            .filter(|row| row.chat_id == chat_id)
            .collect();
        members.sort_by_key(|row| (row.added_seq, row.position));
        let newest = &rows[rows.len().saturating_sub(recent)..];
        Some(StoredChat {
            chat,
            members: members.iter().map(|row| row.user_id).collect(),
            head: rows.last().map_or(Head::default(), |row| row.head),
            messages: self.as_they_stand(newest.iter().copied()).collect(),
            recent: newest.iter().map(|row| (*row).clone()).collect(),
            latest_message: self.as_they_stand(rows.iter().rev().copied()).next(),
        })
    }

    /// The messages among events, amended.
    fn as_they_stand<'a>(
        &'a self,
        rows: impl Iterator<Item = &'a EventRow>,
    ) -> impl Iterator<Item = Message> {
        rows.filter_map(Message::of).map(|mut message| {
            let range = (message.chat_id, message.seq, Vec::new())
                ..(message.chat_id, message.seq.next(), Vec::new());
            let amendments = self.amendments.range(range).map(|(_, row)| row.clone());
            let amendments: Vec<_> = amendments.collect();
            lay_over(std::slice::from_mut(&mut message), &amendments);
            message
        })
    }

    /// All message ids of a chat by seq, with the seqs of all its events checked for gaps.
    pub(crate) fn messages(&self, chat_id: ChatId) -> Vec<(Seq, EventRow)> {
        let of_chat = (chat_id, Seq(0))..=(chat_id, Seq(u64::MAX));
        let rows = self.events.range(of_chat);
        let mut expected = Seq(1);
        let mut messages = Vec::new();
        for ((_, seq), row) in rows {
            assert_eq!(*seq, expected, "the seqs of a chat are dense");
            expected = seq.next();
            if row.kind == EventKind::Message {
                messages.push((*seq, row.clone()));
            }
        }
        messages
    }
}

const fn is_read(request: &StoreRequest) -> bool {
    matches!(request, StoreRequest::Read { .. })
}
