//! Who types and who is there: told by whispers, of which some get lost, so only what is told again and again is sure to
//! arrive.

use std::collections::BTreeSet;

use rookery_testing::ws::text_frame;
use serde_json::json;

use crate::scenario::Scenario;
use crate::scenario::state::Standing;

/// Times that everything comes to its end before what got lost has been told again, with 12 seconds each.
const RENEWAL_SETTLES: usize = 3;

impl Scenario {
    /// Some client types, or follows a chat, or no longer does.
    pub(super) fn whisper(&mut self) {
        let open: Vec<usize> = (0..self.listeners.len())
            .filter(|index| self.is_listening(*index))
            .collect();
        if open.is_empty() || self.rooms.is_empty() {
            return;
        }
        let listener = *self.world.dice.pick(&open);
        let room = self.world.dice.below(self.rooms.len());
        let chat_id = self.rooms[room].id.clone();
        let text = match self.world.dice.below(5) {
            0 => json!({"type": "presence", "chat_id": chat_id, "follow": false}),
            1 | 2 => json!({"type": "presence", "chat_id": chat_id}),
            _ => json!({"type": "typing", "chat_id": chat_id}),
        };
        self.send_as(listener, &text.to_string());
    }

    fn is_listening(&mut self, listener: usize) -> bool {
        let it = &self.listeners[listener];
        it.ready && self.world.wire(it.wire).open
    }

    fn send_as(&mut self, listener: usize, text: &str) {
        let wire = self.listeners[listener].wire;
        self.world.send(wire, &text_frame(text));
    }

    /// In the end, whoever follows a room knows of each member whether they are connected, although some of what told
    /// them so got lost.
    pub(super) fn check_presence(&mut self) {
        let rooms: Vec<String> = self.rooms.iter().map(|room| room.id.clone()).collect();
        for listener in 0..self.listeners.len() {
            self.listeners[listener].presence.clear();
            for chat_id in &rooms {
                let text = json!({"type": "presence", "chat_id": chat_id}).to_string();
                self.send_as(listener, &text);
            }
        }
        self.world.settle();
        self.world.loses_whispers = false;
        (0..RENEWAL_SETTLES).for_each(|_| self.world.settle());
        self.world.loses_whispers = true;
        self.hear();
        let mut online = BTreeSet::new();
        for index in 0..self.listeners.len() {
            if self.is_listening(index) {
                online.insert(self.listeners[index].user);
            }
        }
        for device in &self.devices {
            let connection = device.connection.as_ref();
            if connection.is_some_and(|it| self.world.wire(it.wire).open) {
                online.insert(device.user);
            }
        }
        for index in 0..self.listeners.len() {
            if !self.is_listening(index) {
                continue;
            }
            let listener = &self.listeners[index];
            let theirs = self.rooms.iter();
            let theirs = theirs.filter(|room| room.standing(listener.user) == Standing::In);
            for member in theirs.flat_map(|room| room.members()) {
                let known = listener.presence.get(&self.users[member].id);
                assert_eq!(known, Some(&online.contains(&member)), "user {member}");
                self.known_presences += 1;
            }
        }
    }
}
