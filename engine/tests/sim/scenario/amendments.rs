//! Users who edit, delete and react to messages.

use rookery_testing::http::HttpReply;
use serde_json::{Value, json};

use crate::scenario::pages::QUICK_MICROS;
use crate::scenario::shown::{Change, Fate, What};
use crate::scenario::state::{AskedAmend, Standing};
use crate::scenario::{Scenario, USERS};

const EMOJI: [&str; 3] = ["%F0%9F%91%8D", "a", "%2F"];

impl Scenario {
    /// Somebody changes a message that was acknowledged, often the same one a few times at once.
    pub(super) fn amend(&mut self) {
        let acknowledged: Vec<_> = self.acknowledged.values().cloned().collect();
        if acknowledged.is_empty() {
            return;
        }
        // Often one of the newest.
        let (room, message_id) = match self.world.dice.one_in(2) {
            true => self.world.dice.pick(&acknowledged).clone(),
            false => acknowledged[acknowledged.len() - 1].clone(),
        };
        for _ in 0..=self.world.dice.below(3) {
            self.amend_message(room, &message_id);
        }
    }

    fn amend_message(&mut self, room: usize, message_id: &str) {
        let path = format!("/chats/{}/messages/{message_id}", self.rooms[room].id);
        let author = self.amendments.authors[message_id];
        let anybody = self.world.dice.below(USERS);
        let emoji = *self.world.dice.pick(&EMOJI);
        let reaction = format!("{path}/reactions/{emoji}");
        let (user, what, wire) = match self.world.dice.below(8) {
            0 => (
                author,
                What::Delete,
                self.ask(author, "DELETE", &path, None),
            ),
            1 | 2 => (
                anybody,
                What::React,
                self.ask(anybody, "PUT", &reaction, None),
            ),
            3 => (
                anybody,
                What::React,
                self.ask(anybody, "DELETE", &reaction, None),
            ),
            _ => {
                let content = self.amendments.new_content();
                let body = json!({"content": content});
                let wire = self.ask(author, "PATCH", &path, Some(&body));
                (author, What::Edit(content), wire)
            }
        };
        if let Some(wire) = wire {
            let index = self.amendments.ask(message_id, what);
            self.asked_amends.push(AskedAmend {
                wire,
                message_id: message_id.to_owned(),
                since_micros: self.world.micros,
                index,
                room,
                user,
                was_in: self.rooms[room].standing(user) == Standing::In,
            });
        }
    }

    /// Takes the answers to changes of messages; what is not answered may or may not have come about.
    pub(super) fn hear_amendments(&mut self) {
        for asked in std::mem::take(&mut self.asked_amends) {
            let Some(reply) = self.answer(asked.wire) else {
                self.asked_amends.push(asked);
                continue;
            };
            let fate = self.fate(&asked, &reply);
            let now = self.amendments.tick();
            let change = self.amendments.change(&asked.message_id, asked.index);
            change.answered = Some(now);
            change.fate = fate;
            let what = change.what.clone();
            if let (Fate::Done, What::Edit(content)) = (fate, what) {
                let shown = &reply.json()["content"];
                let content = Value::from(content);
                let changes = self.amendments.of(&asked.message_id);
                assert_eq!(shown, &content, "{} of {changes:?}", asked.index);
            }
        }
    }

    fn fate(&self, asked: &AskedAmend, reply: &HttpReply) -> Fate {
        let is_in = self.rooms[asked.room].is_in_since(asked.user, asked.since_micros);
        match reply.status {
            200 | 204 => Fate::Done,
            409 => {
                let is_deleted = |it: &Change| it.what == What::Delete;
                let changes = self.amendments.of(&asked.message_id);
                assert!(changes.iter().any(is_deleted), "{reply:?}");
                Fate::Refused
            }
            404 => {
                let is_quick = self.world.micros - asked.since_micros < QUICK_MICROS;
                assert!(!is_in || !asked.was_in || !is_quick, "{reply:?}");
                Fate::Refused
            }
            _ => {
                assert!(self.is_refusal(reply), "{reply:?}");
                Fate::Unknown
            }
        }
    }
}
