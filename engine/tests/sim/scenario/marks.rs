//! Up to where users have read, as they say, and as their lists of chats show it.

use rookery_schema::event::EventKind;
use rookery_schema::record::Record;
use rookery_schema::row::EventRow;
use rookery_schema::{ChatId, UserId};
use serde_json::{Value, json};

use crate::scenario::pages::QUICK_MICROS;
use crate::scenario::state::{AskedMark, Standing};
use crate::scenario::{Kind, Scenario, USERS};

/// Events of a chat in which posts are found again after a crash.
const EVENTS_LOADED: u64 = 32;

impl Scenario {
    /// Somebody has read a chat, or says so.
    pub(super) fn mark(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let user = self.world.dice.below(USERS);
        let seq = self.world.dice.below(60) as u64;
        let path = format!("/chats/{}/read", self.rooms[room].id);
        if let Some(wire) = self.ask(user, "PUT", &path, Some(&json!({"seq": seq}))) {
            let id: ChatId = self.rooms[room].id.parse().unwrap();
            let head = self.world.store.head(id).0;
            let tried = self.marks.tried.entry((room, user)).or_default();
            *tried = seq.max(*tried);
            self.marks.asked.push(AskedMark {
                wire,
                room,
                user,
                seq,
                head,
                was_in: self.rooms[room].standing(user) == Standing::In,
                since_micros: self.world.micros,
            });
        }
    }

    pub(super) fn hear_marks(&mut self) {
        for asked in std::mem::take(&mut self.marks.asked) {
            let Some(reply) = self.answer(asked.wire) else {
                self.marks.asked.push(asked);
                continue;
            };
            let AskedMark {
                room,
                user,
                seq,
                head,
                ..
            } = asked;
            match reply.status {
                204 => {
                    let done = self.marks.done.entry((room, user)).or_default();
                    *done = seq.min(head).max(*done);
                }
                404 => {
                    let is_in = self.rooms[room].standing(user) == Standing::In;
                    let is_quick = self.world.micros - asked.since_micros < QUICK_MICROS;
                    assert!(!is_in || !asked.was_in || !is_quick, "{reply:?}");
                }
                _ => assert!(self.is_refusal(&reply), "{reply:?}"),
            }
        }
    }

    /// Every line of every user's list tells what they have not read.
    pub(super) fn check_marks(&mut self) {
        for user in 0..USERS {
            let lines = self.pages(user, "/chats?limit=1000".to_owned());
            for room in 0..self.rooms.len() {
                let id = self.rooms[room].id.clone();
                if let Some(line) = lines.iter().find(|it| it["chat_id"] == id.as_str()) {
                    self.check_line(user, room, line);
                }
            }
        }
    }

    fn check_line(&self, user: usize, room: usize, line: &Value) {
        let chat_id: ChatId = self.rooms[room].id.parse().unwrap();
        let user_id: UserId = self.users[user].id.parse().unwrap();
        let events = self.world.store.events(chat_id);
        let head = events.len() as u64;
        let found_again = match self.kind {
            Kind::Calm => 0,
            // What was noted is lost with the process.
            Kind::Faulty => head.saturating_sub(EVENTS_LOADED),
        };
        let own = |row: &EventRow| match Record::decode(&row.record).unwrap() {
            Record::MessagePosted(message) => message.sender_id == user_id,
            Record::MemberAdded(change) => change.user_id == user_id,
            _ => false,
        };
        let own: Vec<u64> = events
            .iter()
            .filter(|row| own(row))
            .map(|row| row.head.seq.0)
            .collect();
        let joined = |row: &&EventRow| match Record::decode(&row.record).unwrap() {
            Record::MemberAdded(change) => change.user_id == user_id,
            _ => false,
        };
        let joined = events.iter().filter(joined).map(|row| row.head.seq.0).max();
        let known = own.iter().copied().filter(|seq| *seq > found_again).max();
        let done = self.marks.done.get(&(room, user)).copied();
        let tried = self.marks.tried.get(&(room, user)).copied();
        let least = [joined, known, done].into_iter().flatten().max();
        let most = [own.last().copied(), tried.map(|tried| tried.min(head))];
        let most = most.into_iter().flatten().max();
        let read = line["read_seq"].as_u64().unwrap();
        // Everybody has read the creation, also who marks nothing.
        let range = least.unwrap_or(1).max(1)..=most.unwrap_or(1).max(1);
        assert!(
            range.contains(&read),
            "user {user}, room {room}: {line} of {range:?}"
        );
        let is_unread = |row: &&EventRow| row.kind == EventKind::Message && row.head.seq.0 > read;
        let unread = events.iter().filter(is_unread).count() as u64;
        assert_eq!(line["unread"], unread, "user {user}, room {room}: {line}");
    }
}
