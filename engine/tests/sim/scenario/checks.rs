//! What must be true.

use std::collections::BTreeSet;

use rookery_schema::ChatId;
use serde_json::Value;

use crate::scenario::listeners::Heard;
use crate::scenario::pages::shown;
use crate::scenario::rooms::Standing;
use crate::scenario::{Scenario, USERS};

impl Scenario {
    pub(super) fn check(&mut self) {
        (0..USERS).for_each(|user| self.listen_as(user));
        self.world.settle();
        self.hear();
        self.check_live();
        for room in 0..self.rooms.len() {
            let history = self.history(room);
            let mine = self.acknowledged.iter().filter(|(_, it)| it.0 == room);
            let expected: BTreeSet<(&str, &str)> = mine
                .map(|(content, (_, id))| (content.as_str(), id.as_str()))
                .collect();
            let text = |it: &'static str| {
                move |message: &'_ Value| message[it].as_str().unwrap().to_owned()
            };
            let (contents, ids) = (text("content"), text("message_id"));
            let found: Vec<(String, String)> =
                history.iter().map(|it| (contents(it), ids(it))).collect();
            let found: BTreeSet<(&str, &str)> = found
                .iter()
                .map(|it| (it.0.as_str(), it.1.as_str()))
                .collect();
            assert_eq!(found.len(), history.len(), "no message is shown twice");
            assert_eq!(found, expected, "history is what was acknowledged");
            self.check_stored(room, &history);
            let history: Vec<(u64, String)> = history.iter().map(shown).collect();
            self.check_listeners(room, &history);
            self.check_pages(room, &history);
        }
    }

    /// Everybody who is connected hears a last message in every room of theirs, and nobody else does.
    pub(super) fn check_live(&mut self) {
        self.check_ended();
        self.check_answered();
        for room in 0..self.rooms.len() {
            let content = self.post_as(self.rooms[room].host(), room);
            self.world.settle();
            self.hear();
            if !self.acknowledged.contains_key(&content) {
                continue;
            }
            for listener in &self.listeners {
                if !self.world.wire(listener.wire).open {
                    continue;
                }
                let room = &self.rooms[room];
                let last = listener.heard.get(&room.id).and_then(|heard| heard.last());
                let hears = last.is_some_and(|it| it.content.as_ref() == Some(&content));
                match room.standing(listener.user) {
                    Standing::In => assert!(hears, "user {} listens: {last:?}", listener.user),
                    Standing::Out => assert!(!hears, "user {} has left", listener.user),
                    Standing::Unknown => {}
                }
                self.heard_live += usize::from(hears);
            }
        }
    }

    /// The whole history of a room, oldest first, read page by page as its first member.
    fn history(&mut self, room: usize) -> Vec<Value> {
        let host = self.rooms[room].host();
        let mut path = Some(format!("/chats/{}/messages?limit=7", self.rooms[room].id));
        let mut messages = Vec::new();
        while let Some(next) = path {
            let wire = self.ask(host, "GET", &next, None).unwrap();
            while self.world.advance() {}
            let reply = self.answer(wire).unwrap();
            assert_eq!(reply.status, 200, "{reply:?}");
            messages.extend(reply.json().as_array().unwrap().clone());
            path = reply.next_page().map(str::to_owned);
        }
        messages.reverse();
        let seqs: Vec<u64> = messages.iter().map(|it| shown(it).0).collect();
        let is_in_order = seqs.is_sorted_by(|a, b| a < b);
        assert!(is_in_order, "in order, each once: {seqs:?}");
        messages
    }

    fn check_stored(&self, room: usize, history: &[Value]) {
        let id: ChatId = self.rooms[room].id.parse().unwrap();
        self.world.store.check_members(id);
        let stored = self.world.store.messages(id);
        assert_eq!(stored.len(), history.len());
        for (n, ((seq, row), message)) in stored.iter().zip(history).enumerate() {
            assert_eq!(seq.0, shown(message).0);
            assert_eq!(row.head.messages, n as u64 + 1);
        }
    }

    fn check_listeners(&self, room: usize, history: &[(u64, String)]) {
        let room = &self.rooms[room];
        for listener in &self.listeners {
            let heard = listener.heard.get(&room.id).map(Vec::as_slice);
            let heard = heard.unwrap_or_default();
            let id = &self.users[listener.user].id;
            let follows = |pair: &[Heard]| {
                let is_about_them = pair.iter().all(|it| it.user_id.as_ref() == Some(id));
                let kinds = (pair[0].kind.as_str(), pair[1].kind.as_str());
                let is_back = is_about_them && kinds == ("member_removed", "member_added");
                pair[0].seq + 1 == pair[1].seq || (is_back && pair[0].seq < pair[1].seq)
            };
            let gapless = heard.windows(2).all(follows);
            assert!(gapless, "events come in order without a gap: {heard:?}");
            for it in heard {
                let shown = history.iter().find(|(seq, _)| *seq == it.seq);
                let shown = shown.map(|(_, content)| content);
                let seq = it.seq;
                assert_eq!(
                    shown,
                    it.content.as_ref(),
                    "live and history agree on {seq}"
                );
            }
            let was_in = room.standing.contains_key(&listener.user);
            assert!(
                heard.is_empty() || was_in,
                "user {} was never in",
                listener.user
            );
        }
    }
}
