//! Pages of history that are read while things change.

use serde_json::Value;

use crate::scenario::Scenario;
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
    /// What had been acknowledged before.
    acknowledged: Vec<String>,
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
    messages: Vec<(u64, String)>,
}

/// A message as history shows it.
pub(super) fn shown(message: &Value) -> (u64, String) {
    let content = message["content"].as_str().unwrap();
    (message["seq"].as_u64().unwrap(), content.to_owned())
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
        let in_room =
            |(content, it): (&String, &(usize, String))| (it.0 == room).then(|| content.clone());
        let query = Query {
            room,
            from,
            limit,
            acknowledged: self.acknowledged.iter().filter_map(in_room).collect(),
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
            let messages = reply.json().as_array().unwrap().iter().map(shown).collect();
            self.shown.push(ShownPage {
                is_quick: self.world.micros - query.since_micros < QUICK_MICROS,
                query,
                messages,
            });
        }
    }

    /// Each page that was shown of a room is a part of its history, as that was at some time after it was asked for.
    pub(super) fn check_pages(&self, room: usize, history: &[(u64, String)]) {
        for page in self.shown.iter().filter(|page| page.query.room == room) {
            page.check(history);
        }
    }
}

impl ShownPage {
    fn check(&self, history: &[(u64, String)]) {
        let Query { from, limit, .. } = self.query;
        let is_old = |it: &&(u64, String)| self.query.acknowledged.contains(&it.1);
        let least = history.iter().filter(is_old).map(|it| it.0).max();
        let least = least.filter(|_| self.is_quick).unwrap_or(0);
        // The newest message that there was is one of those from `least` on.
        let heads = history.iter().map(|it| it.0).chain([0]);
        let as_of = |head: u64| -> Vec<(u64, String)> {
            let known = history.iter().filter(|it| it.0 <= head).cloned();
            match from {
                From::After(after) => known.filter(|it| it.0 > after).take(limit).collect(),
                From::Newest => known.rev().take(limit).collect(),
                From::Before(before) => {
                    known.rev().filter(|it| it.0 < before).take(limit).collect()
                }
            }
        };
        let is_possible = heads
            .filter(|head| *head >= least)
            .any(|head| as_of(head) == self.messages);
        assert!(
            is_possible,
            "{:?}: {:?} of {history:?}",
            self.query, self.messages
        );
    }
}
