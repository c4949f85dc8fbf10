//! WebSockets and what comes over them.

use std::collections::{BTreeMap, BTreeSet};

use rookery_testing::ws::handshake;

use crate::scenario::Scenario;
use crate::scenario::state::{Acknowledgement, Listener};

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
            presence: BTreeMap::new(),
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
