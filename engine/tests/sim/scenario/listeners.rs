//! WebSockets and what comes over them.

use std::collections::{BTreeMap, BTreeSet};

use rookery_testing::ws::handshake;
use serde_json::Value;

use crate::scenario::Scenario;
use crate::wires::WireId;

/// A WebSocket and what came over it.
pub(super) struct Listener {
    pub(super) wire: WireId,
    pub(super) user: usize,
    /// The login that it was opened with.
    pub(super) token: Option<String>,
    /// It has become a WebSocket.
    pub(super) ready: bool,
    /// For each chat, its events in the order in which they came.
    pub(super) heard: BTreeMap<String, Vec<Heard>>,
    /// What was refused of what was sent here.
    pub(super) refused: BTreeSet<String>,
}

/// An event of a chat.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) seq: u64,
    pub(super) kind: String,
    /// Of a message.
    pub(super) content: Option<String>,
    /// Whom it is about.
    pub(super) user_id: Option<String>,
}

/// That a message was acknowledged: its content and its id.
pub(super) type Acknowledgement = (String, String);

impl Scenario {
    pub(super) fn listen_as(&mut self, user: usize) {
        let Some(credentials) = self.credentials(user) else {
            return;
        };
        let wire = self.world.connect();
        let hello = handshake(&self.users[user].id, &credentials);
        self.world.send(wire, &hello);
        let token = self.token(user);
        self.listeners.push(Listener {
            wire,
            user,
            token,
            ready: false,
            heard: BTreeMap::new(),
            refused: BTreeSet::new(),
        });
    }

    pub(super) fn stop_listening(&mut self) {
        if !self.listeners.is_empty() {
            let index = self.world.dice.below(self.listeners.len());
            self.world.disconnect(self.listeners[index].wire);
        }
    }

    /// A user closes all their WebSockets.
    pub(super) fn hang_up(&mut self, user: usize) {
        for listener in self.listeners.iter().filter(|it| it.user == user) {
            self.world.disconnect(listener.wire);
        }
    }

    /// Takes what came over WebSockets; what it acknowledges.
    pub(super) fn hear_listeners(&mut self) -> Vec<Acknowledgement> {
        let mut acknowledged = Vec::new();
        for index in 0..self.listeners.len() {
            let wire = self.listeners[index].wire;
            if !self.listeners[index].ready {
                let Some(reply) = self.world.wire(wire).next_http() else {
                    continue;
                };
                let is_accepted = reply.status == 101;
                assert!(is_accepted || self.is_refusal(&reply), "{reply:?}");
                self.listeners[index].ready = is_accepted;
                if !is_accepted {
                    self.world.disconnect(wire);
                    continue;
                }
            }
            for event in self.world.wire(wire).texts() {
                acknowledged.extend(self.listeners[index].take(&event));
            }
        }
        acknowledged
    }
}

impl Listener {
    /// Notes an event; gives what an acknowledgement acknowledges.
    fn take(&mut self, event: &Value) -> Option<Acknowledgement> {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let kind = text("type").unwrap();
        match kind.as_str() {
            "message" | "chat_created" | "member_added" | "member_removed" => {
                let heard = Heard {
                    seq: event["seq"].as_u64().unwrap(),
                    kind,
                    content: text("content"),
                    user_id: text("user_id"),
                };
                let chat = text("chat_id").unwrap();
                self.heard.entry(chat).or_default().push(heard);
                None
            }
            "ack" => text("client_id").zip(text("message_id")),
            "error" => {
                self.refused.extend(text("client_id"));
                None
            }
            "ready" => None,
            other => panic!("unexpected {other}: {event}"),
        }
    }
}
