//! What must be true.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::shown::ShownMessage;
use crate::scenario::spare::KEEPERS;
use crate::scenario::state::{Heard, Standing};
use crate::scenario::{Scenario, USERS};
use rookery_schema::{ChatId, UserId};
use serde_json::Value;

impl Scenario {
    pub(super) fn check(&mut self) {
        (0..USERS).for_each(|user| self.listen_as(user));
        self.world.settle();
        self.hear();
        self.check_live();
        for room in 0..self.rooms.len() {
            let said = self.check_history(room);
            self.check_stored(room, &said);
            self.check_listeners(room, &said);
            self.check_pages(room, &said);
            self.check_roles(room);
        }
        (0..USERS).for_each(|user| self.check_limits(user));
        self.check_marks();
    }

    /// Nobody is in more chats of others than they may be in at all, nor in more of their own; but for direct chats that are
    /// there since the other has blocked them.
    fn check_limits(&self, user: usize) {
        let user_id = self.id_of(user);
        let blocked_by = (0..KEEPERS.min(self.users.len()))
            .filter(|&by| user < KEEPERS && by != user && self.spares.blocks[by][user].changes > 0);
        let spared: Vec<_> = blocked_by
            .map(|by| ChatId::direct(self.id_of(by), user_id))
            .collect();
        let mut chats = self.world.store.chats_of(user_id);
        chats.retain(|it| !spared.contains(it));
        let made = chats.iter().filter(|it| it.is_made_by(user_id)).count();
        let settings = self.world.settings;
        for (count, max) in [
            (made, settings.chats_per_user),
            (chats.len() - made, settings.memberships_per_user),
        ] {
            assert!(max == 0 || count <= max, "user {user}: {count} of {max}");
        }
    }

    fn id_of(&self, user: usize) -> UserId {
        self.users[user].id.parse().unwrap()
    }

    /// Chats that are read from the store show what they showed from memory.
    pub(super) fn check_restarted(&mut self) {
        let rooms = 0..self.rooms.len();
        let before: Vec<Vec<Value>> = rooms.clone().map(|room| self.history(room)).collect();
        let shards = 1 + self.world.dice.below(4) as u16;
        self.world.restart(shards);
        self.world.settle();
        for (room, before) in rooms.zip(before) {
            assert_eq!(self.history(room), before);
            self.check_history(room);
            self.check_roles(room);
        }
        self.check_marks();
    }

    /// Gives a room's messages as they were said. History shows what was acknowledged, and the list of chats the newest
    /// of it, each as it stands.
    fn check_history(&mut self, room: usize) -> Vec<ShownMessage> {
        let shown = self.history(room);
        let shown: Vec<_> = shown.iter().map(ShownMessage::of).collect();
        let acknowledged = self.acknowledged.iter().filter(|(_, it)| it.0 == room);
        let mut contents: BTreeMap<&str, &String> = acknowledged
            .map(|(content, (_, id))| (id.as_str(), content))
            .collect();
        let mut said = Vec::new();
        for message in &shown {
            let content = contents.remove(message.id.as_str());
            assert!(content.is_some(), "not posted, or shown twice: {message:?}");
            said.push(ShownMessage {
                content: content.unwrap().clone(),
                is_edited: false,
                is_deleted: false,
                ..message.clone()
            });
        }
        assert!(contents.is_empty(), "history lacks {contents:?}");
        for (said, shown) in said.iter().zip(&shown) {
            self.check_standing(said, shown);
        }
        let last = self.last_message(room);
        assert_eq!(last.is_some(), !said.is_empty());
        if let Some((said, last)) = said.last().zip(last) {
            self.check_standing(said, &last);
            assert_eq!(shown.last(), Some(&last));
        }
        said
    }

    fn check_standing(&mut self, said: &ShownMessage, shown: &ShownMessage) {
        let now = self.amendments.tick();
        let is_possible = self.amendments.allow(said, shown, (now, now));
        let changes = self.amendments.of(&said.id);
        assert!(is_possible, "{shown:?} was {said:?}: {changes:?}");
    }

    /// The newest message of a room in its first member's list of chats.
    fn last_message(&mut self, room: usize) -> Option<ShownMessage> {
        let host = self.rooms[room].host();
        let limit = 1 + self.world.dice.below(4);
        let chats = self.pages(host, format!("/chats?limit={limit}"));
        let ids: BTreeSet<&str> = chats
            .iter()
            .map(|it| it["chat_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), chats.len(), "each once");
        let id = self.rooms[room].id.as_str();
        let chat = chats.iter().find(|it| it["chat_id"] == id);
        let last = &chat.unwrap()["last_message"];
        (!last.is_null()).then(|| ShownMessage::of(last))
    }

    /// All that a list has, page by page, while nothing else happens.
    pub(super) fn pages(&mut self, user: usize, first: String) -> Vec<Value> {
        let mut path = Some(first);
        let mut found = Vec::new();
        while let Some(next) = path {
            let wire = self.ask(user, "GET", &next, None).unwrap();
            while self.world.advance() {}
            let reply = self.answer(wire).unwrap();
            assert_eq!(reply.status, 200, "{reply:?}");
            found.extend(reply.json().as_array().unwrap().iter().cloned());
            path = reply.next_page().map(str::to_owned);
        }
        found
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
    pub(super) fn history(&mut self, room: usize) -> Vec<Value> {
        let host = self.rooms[room].host();
        let first = format!("/chats/{}/messages?limit=7", self.rooms[room].id);
        let mut messages = self.pages(host, first);
        messages.reverse();
        let seqs: Vec<u64> = messages
            .iter()
            .filter_map(|it| it["seq"].as_u64())
            .collect();
        let is_in_order = seqs.is_sorted_by(|a, b| a < b);
        assert!(is_in_order, "in order, each once: {seqs:?}");
        messages
    }

    /// The members of a room, as its first one is shown them.
    pub(super) fn listed(&mut self, room: usize) -> Vec<Value> {
        let path = format!("/chats/{}/members?limit=3", self.rooms[room].id);
        self.pages(self.rooms[room].host(), path)
    }

    /// A room has an admin, and shows those of whom its events tell.
    fn check_roles(&mut self, room: usize) {
        let path = format!("/chats/{}", self.rooms[room].id);
        let host = self.rooms[room].host();
        let wire = self.ask(host, "GET", &path, None).unwrap();
        self.world.settle();
        let chat = self.answer(wire).unwrap().json();
        let shown = chat["roles"].as_object().unwrap();
        let shown: BTreeSet<UserId> = shown.keys().map(|id| id.parse().unwrap()).collect();
        let told = self
            .world
            .store
            .admins(self.rooms[room].id.parse().unwrap());
        assert!(!told.is_empty());
        assert_eq!(shown, told);
    }

    fn check_stored(&self, room: usize, said: &[ShownMessage]) {
        let id: ChatId = self.rooms[room].id.parse().unwrap();
        self.world.store.check_members(id);
        let stored = self.world.store.messages(id);
        assert_eq!(stored.len(), said.len());
        for (n, ((seq, row), message)) in stored.iter().zip(said).enumerate() {
            assert_eq!(seq.0, message.seq);
            assert_eq!(row.head.messages, n as u64 + 1);
        }
    }

    fn check_listeners(&self, room: usize, said: &[ShownMessage]) {
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
                let message = said.iter().find(|message| message.seq == it.seq);
                let content = message.map(|message| &message.content);
                assert_eq!(content, it.content.as_ref(), "what was said as {}", it.seq);
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
