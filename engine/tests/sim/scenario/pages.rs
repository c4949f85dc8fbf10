//! Pages of history that are read while things change.

use serde_json::Value;

use crate::scenario::Scenario;
use crate::scenario::amendments::{Amendments, Written};
use crate::wires::WireId;

/// Microseconds in which a read waits for the log to deliver what it has confirmed; one that took longer may miss it.
const QUICK_MICROS: u64 = 400_000;

/// Which messages are asked for.
#[derive(Clone, Copy, Debug)]
enum From {
    Newest,
    Before(u64),
    After(u64),
}

#[derive(Debug)]
struct Query {
    room: usize,
    from: From,
    limit: usize,
    /// The ids of what had been acknowledged before.
    acknowledged: Vec<String>,
    /// How many amendments there were when the process began that is asked.
    amendments: usize,
    since_micros: u64,
}

/// A page that was asked for and not answered.
pub(super) struct AskedPage {
    wire: WireId,
    query: Query,
}

/// A page that was shown.
pub(super) struct ShownPage {
    query: Query,
    /// Everything that was acknowledged must be among them, as far as they reach.
    is_quick: bool,
    messages: Vec<ShownMessage>,
    written: Written,
}

/// A message as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownMessage {
    pub(super) seq: u64,
    pub(super) id: String,
    pub(super) content: String,
    pub(super) is_edited: bool,
    pub(super) is_deleted: bool,
}

impl ShownMessage {
    pub(super) fn of(message: &Value) -> Self {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        Self {
            seq: message["seq"].as_u64().unwrap(),
            id: text("message_id"),
            content: text("content"),
            is_edited: message.get("edited_at").is_some(),
            is_deleted: message.get("deleted").is_some(),
        }
    }
}

impl Scenario {
    pub(super) fn ask_page(&mut self) {
        let dice = &mut self.world.dice;
        let room = dice.below(self.rooms.len());
        let limit = 1 + dice.below(10);
        let id = &self.rooms[room].id;
        let heard = self
            .listeners
            .iter()
            .filter_map(|it| it.heard.get(id)?.last());
        let newest = heard.map(|it| it.seq).max().unwrap_or(1);
        let cursor = 1 + dice.below(newest as usize) as u64;
        let (from, query) = match dice.below(3) {
            0 => (From::Newest, String::new()),
            1 => (From::Before(cursor), format!("&before={cursor}")),
            _ => (From::After(cursor), format!("&after={cursor}")),
        };
        let path = format!("/chats/{id}/messages?limit={limit}{query}");
        let in_room = |it: &(usize, String)| (it.0 == room).then(|| it.1.clone());
        let query = Query {
            room,
            from,
            limit,
            acknowledged: self.acknowledged.values().filter_map(in_room).collect(),
            amendments: self.amendments.before(),
            since_micros: self.world.micros,
        };
        let host = self.rooms[room].host();
        if let Some(wire) = self.ask(host, "GET", &path, None) {
            self.pages.push(AskedPage { wire, query });
        }
    }

    pub(super) fn hear_pages(&mut self) {
        for asked in std::mem::take(&mut self.pages) {
            let Some(reply) = self.answer(asked.wire) else {
                self.pages.push(asked);
                continue;
            };
            if reply.status != 200 {
                assert!(self.is_refusal(&reply), "{reply:?}");
                continue;
            }
            let query = asked.query;
            let page = reply.json();
            let messages = page.as_array().unwrap().iter();
            self.shown.push(ShownPage {
                is_quick: self.world.micros - query.since_micros < QUICK_MICROS,
                messages: messages.map(ShownMessage::of).collect(),
                written: self.amendments.written_since(query.amendments),
                query,
            });
        }
    }

    /// Each page that was shown of a room is a part of its history, as that was at some time after it was asked for,
    /// each message as it stood at some time since the process began.
    pub(super) fn check_pages(&self, room: usize, said: &[ShownMessage]) {
        for page in self.shown.iter().filter(|page| page.query.room == room) {
            page.check(said, &self.rooms[room].id, &self.amendments);
        }
    }
}

impl ShownPage {
    fn check(&self, said: &[ShownMessage], chat_id: &str, amendments: &Amendments) {
        let Query { from, limit, .. } = self.query;
        let is_old = |it: &&ShownMessage| self.query.acknowledged.contains(&it.id);
        let least = said.iter().filter(is_old).map(|it| it.seq).max();
        let least = least.filter(|_| self.is_quick).unwrap_or(0);
        // The newest message that there was is one of those from `least` on.
        let heads = said.iter().map(|it| it.seq).chain([0]);
        let as_of = |head: u64| -> Vec<&ShownMessage> {
            let known = said.iter().filter(|it| it.seq <= head);
            match from {
                From::After(after) => known.filter(|it| it.seq > after).take(limit).collect(),
                From::Newest => known.rev().take(limit).collect(),
                From::Before(before) => known
                    .rev()
                    .filter(|it| it.seq < before)
                    .take(limit)
                    .collect(),
            }
        };
        let is_shown = |said: &[&ShownMessage]| {
            let mut pairs = said.iter().zip(&self.messages);
            let written = || self.written.clone();
            let may_be = |said, shown| amendments.allow(chat_id, said, shown, written());
            said.len() == self.messages.len() && pairs.all(|(said, shown)| may_be(said, shown))
        };
        let is_possible = heads
            .filter(|head| *head >= least)
            .any(|head| is_shown(&as_of(head)));
        assert!(
            is_possible,
            "{:?}: {:?} of {said:?}",
            self.query, self.messages
        );
    }
}
