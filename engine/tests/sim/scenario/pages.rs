//! Pages of history that are read while things change.

use crate::scenario::Scenario;
use crate::scenario::shown::ShownMessage;
use crate::scenario::state::{AskedPage, From, Query, ShownPage};

/// Microseconds in which a read waits for the log to deliver what it has confirmed; one that took longer may miss it.
pub(super) const QUICK_MICROS: u64 = 400_000;

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
            asked: self.amendments.tick(),
            since_micros: self.world.micros,
        };
        let asker = self.rooms[room].host();
        if let Some(wire) = self.ask(asker, "GET", &path, None) {
            self.pages.push(AskedPage { wire, asker, query });
        }
    }

    pub(super) fn hear_pages(&mut self) {
        for asked in std::mem::take(&mut self.pages) {
            let Some(reply) = self.answer(asked.wire) else {
                self.pages.push(asked);
                continue;
            };
            if reply.status != 200 {
                // Another may be the host by now, and who asked have left.
                let room = &self.rooms[asked.query.room];
                let is_in = room.is_in_since(asked.asker, asked.query.since_micros);
                let has_left = reply.status == 404 && !is_in;
                assert!(has_left || self.is_refusal(&reply), "{reply:?}");
                continue;
            }
            let query = asked.query;
            let page = reply.json();
            let messages = page.as_array().unwrap().iter();
            self.shown.push(ShownPage {
                is_quick: self.world.micros - query.since_micros < QUICK_MICROS,
                messages: messages.map(ShownMessage::of).collect(),
                heard: self.amendments.tick(),
                query,
            });
        }
    }

    /// Each page that was shown of a room is a part of its history, as that was at some time after it was asked for,
    /// each message as it may have stood then.
    pub(super) fn check_pages(&self, room: usize, said: &[ShownMessage]) {
        for page in self.shown.iter().filter(|page| page.query.room == room) {
            page.check(said, &self.amendments);
        }
    }
}
