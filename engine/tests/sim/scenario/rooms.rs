//! Rooms, and who is in them.

use std::collections::BTreeMap;

use serde_json::json;

use crate::scenario::state::{AskedChange, Change, Room, Standing};
use crate::scenario::{Scenario, USERS};
use crate::wires::WireId;

const ROOMS: usize = 4;

impl Scenario {
    /// Somebody makes a room; where they may not make many, some make several at once.
    pub(super) fn create_rooms(&mut self) {
        let is_limited = self.world.settings.chats_per_user > 0;
        let count = if is_limited {
            1 + self.world.dice.below(4)
        } else {
            1
        };
        if self.rooms.len() < ROOMS {
            (0..count).for_each(|_| self.create_room());
        }
    }

    fn create_room(&mut self) {
        let mut members: Vec<usize> = (0..USERS).filter(|_| !self.world.dice.one_in(3)).collect();
        if members.is_empty() {
            members.push(0);
        }
        let ids: Vec<&String> = members.iter().map(|user| &self.users[*user].id).collect();
        let body = json!({"name": "room", "members": ids});
        if let Some(wire) = self.ask(members[0], "POST", "/chats", Some(&body)) {
            let change = Change::Create(members);
            self.changes.push(AskedChange { wire, change });
        }
    }

    pub(super) fn add_member(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let user = self.world.dice.below(USERS);
        if self.rooms[room].standing(user) != Standing::Out {
            return;
        }
        // To connect while the membership is on its way is what is hardest to get right.
        let connects = self.world.dice.one_in(2);
        if connects {
            self.hang_up(user);
        }
        let path = format!("/chats/{}/members", self.rooms[room].id);
        let body = json!({"user_id": self.users[user].id});
        let host = self.rooms[room].host();
        let wire = self.ask(host, "POST", &path, Some(&body));
        self.change(wire, room, user, Standing::In);
        if connects {
            self.world.store.writes_wait = self.world.dice.one_in(2);
            self.advance_below(50);
            self.listen_as(user);
            self.advance_below(50);
            self.world.store.writes_wait = false;
        }
    }

    /// Takes somebody out of a room who has nothing left to say there.
    pub(super) fn remove_member(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let members = self.rooms[room].members();
        let user = *self.world.dice.pick(&members);
        let host = self.rooms[room].host();
        // Who is no admin may ask for it in vain, but leaves.
        let asker = match self.world.dice.one_in(3) {
            true => user,
            false => *self.world.dice.pick(&members),
        };
        let is_busy = self
            .drafts
            .iter()
            .any(|it| it.room == room && it.sender == user);
        if user == host || is_busy {
            return;
        }
        let path = format!(
            "/chats/{}/members/{}",
            self.rooms[room].id, self.users[user].id
        );
        let wire = self.ask(asker, "DELETE", &path, None);
        self.change(wire, room, user, Standing::Out);
    }

    /// Somebody gives somebody a role, or tries to.
    pub(super) fn set_role(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let members = self.rooms[room].members();
        let (asker, user) = (
            *self.world.dice.pick(&members),
            *self.world.dice.pick(&members),
        );
        let path = format!(
            "/chats/{}/members/{}",
            self.rooms[room].id, self.users[user].id
        );
        let role = *self.world.dice.pick(&["admin", "admin", "member"]);
        let body = json!({"role": role});
        if let Some(wire) = self.ask(asker, "PUT", &path, Some(&body)) {
            let change = Change::Role;
            self.changes.push(AskedChange { wire, change });
        }
    }

    fn change(&mut self, wire: Option<WireId>, room: usize, user: usize, wanted: Standing) {
        if let Some(wire) = wire {
            self.rooms[room].standing.insert(user, Standing::Unknown);
            let change = Change::Membership { room, user, wanted };
            self.changes.push(AskedChange { wire, change });
        }
    }

    /// Takes the answers to changes; what is not answered may or may not have come about.
    pub(super) fn hear_changes(&mut self) {
        for asked in std::mem::take(&mut self.changes) {
            let Some(reply) = self.answer(asked.wire) else {
                self.changes.push(asked);
                continue;
            };
            match (reply.status, asked.change) {
                (201, Change::Create(members)) => {
                    let id = reply.json()["chat_id"].as_str().unwrap().to_owned();
                    let standing = members.into_iter().map(|user| (user, Standing::In));
                    let standing = standing.collect();
                    let joined = BTreeMap::new();
                    self.rooms.push(Room {
                        id,
                        standing,
                        joined,
                    });
                }
                (200 | 204, Change::Membership { room, user, wanted }) => {
                    self.rooms[room].standing.insert(user, wanted);
                    self.rooms[room].joined.insert(user, self.world.micros);
                }
                // Whoever asked is no admin, or was removed meanwhile.
                (403 | 404, Change::Membership { room, user, wanted }) => {
                    assert_eq!(wanted, Standing::Out, "{reply:?}");
                    self.rooms[room].standing.insert(user, Standing::In);
                }
                (200 | 403 | 404 | 409, Change::Role) => {}
                (429, change) => {
                    assert!(self.world.settings.memberships_per_user > 0, "{reply:?}");
                    if let Change::Membership { room, user, .. } = change {
                        self.rooms[room].standing.insert(user, Standing::Out);
                    }
                }
                _ => assert!(self.is_refusal(&reply), "{reply:?}"),
            }
        }
    }
}
