//! Chats beside the rooms: some that are made by keys and deleted, and direct ones in which users block each other.

use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::scenario::spare::{Asked, KEEPERS, KEYS};

impl Scenario {
    /// Somebody does something with such a chat.
    pub(super) fn use_spare(&mut self) {
        let (user, key) = (self.world.dice.below(KEEPERS), self.world.dice.below(KEYS));
        let other = (user + 1 + self.world.dice.below(KEEPERS - 1)) % KEEPERS;
        let id = self.spares.keyed[user][key].id.clone();
        match self.world.dice.below(8) {
            0..2 => self.make(user, key, false),
            2 if id.is_some() => self.make(user, key, true),
            3 => {
                let Some(id) = id else { return };
                self.spares.keyed[user][key].may_be_gone = true;
                let asked = Asked::Delete { user, key };
                self.ask_spare(user, "DELETE", &format!("/chats/{id}"), None, asked);
            }
            4 => self.open_direct(user, other),
            5 => self.block(user, other),
            _ => {
                let (one, two) = (user.min(other), user.max(other));
                let Some(id) = self.spares.direct[one][two].clone() else {
                    return self.open_direct(user, other);
                };
                let body = json!({"content": "hello"});
                let (to, by, block) = (other, user, self.spares.blocks[other][user]);
                let asked = Asked::Post { to, by, block };
                let path = format!("/chats/{id}/messages");
                self.ask_spare(user, "POST", &path, Some(&body), asked);
            }
        }
    }

    fn ask_spare(
        &mut self,
        user: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
        asked: Asked,
    ) {
        if let Some(wire) = self.ask(user, method, path, body) {
            self.spares.asked.push((wire, asked));
        }
    }

    fn make(&mut self, user: usize, key: usize, is_other: bool) {
        let name = if is_other { "other" } else { "spare" };
        let members = [&self.users[user].id, &self.users[KEEPERS].id];
        let body = json!({"name": name, "members": members, "client_id": format!("key {key}")});
        let asked = Asked::Make {
            user,
            key,
            is_other,
        };
        self.ask_spare(user, "POST", "/chats", Some(&body), asked);
    }

    fn open_direct(&mut self, one: usize, other: usize) {
        let path = format!("/direct/{}", self.users[other].id);
        self.ask_spare(one, "POST", &path, None, Asked::Open { one, other });
    }

    fn block(&mut self, by: usize, other: usize) {
        let is_there = self.spares.direct[by.min(other)][by.max(other)].is_some();
        if self.world.settings.memberships_per_user > 0 && !is_there {
            // It would make a chat whatever the limit.
            return;
        }
        let is_blocked = self.world.dice.one_in(2);
        let method = if is_blocked { "PUT" } else { "DELETE" };
        let path = format!("/me/blocks/{}", self.users[other].id);
        let asked = Asked::Block {
            by,
            other,
            is_blocked,
        };
        if self.spares.blocks[by][other].is_doubtful {
            return;
        }
        if let Some(wire) = self.ask(by, method, &path, None) {
            self.spares.asked.push((wire, asked));
            let block = &mut self.spares.blocks[by][other];
            block.changes += 1;
            block.is_doubtful = true;
        }
    }

    /// Takes the answers.
    pub(super) fn hear_spares(&mut self) {
        for (wire, asked) in std::mem::take(&mut self.spares.asked) {
            let Some(reply) = self.answer(wire) else {
                self.spares.asked.push((wire, asked));
                continue;
            };
            if self.is_refusal(&reply) {
                continue;
            }
            let code = match reply.status {
                400.. => reply.json()["code"].as_str().map(str::to_owned),
                _ => None,
            };
            let is_limited = self.world.settings.memberships_per_user > 0;
            match (reply.status, asked) {
                (
                    200 | 201,
                    Asked::Make {
                        user,
                        key,
                        is_other: false,
                    },
                ) => {
                    let id = reply.json()["chat_id"].as_str().unwrap().to_owned();
                    let keyed = &mut self.spares.keyed[user][key];
                    assert_eq!(*keyed.id.get_or_insert_with(|| id.clone()), id);
                }
                (422, Asked::Make { is_other: true, .. }) => {
                    assert_eq!(code.as_deref(), Some("idempotency_key_reused"));
                }
                (410, Asked::Make { user, key, .. }) => {
                    assert_eq!(code.as_deref(), Some("chat_deleted"));
                    let keyed = &mut self.spares.keyed[user][key];
                    assert!(keyed.may_be_gone);
                    keyed.is_gone = true;
                }
                (204 | 404, Asked::Delete { user, key }) => {
                    self.spares.keyed[user][key].is_gone = true;
                }
                (200 | 201, Asked::Open { one, other }) => {
                    let chat = reply.json();
                    assert_eq!(chat["direct"], json!(true));
                    let id = chat["chat_id"].as_str().unwrap().to_owned();
                    let known = &mut self.spares.direct[one.min(other)][one.max(other)];
                    assert_eq!(*known.get_or_insert_with(|| id.clone()), id);
                }
                (
                    204,
                    Asked::Block {
                        by,
                        other,
                        is_blocked,
                    },
                ) => {
                    let block = &mut self.spares.blocks[by][other];
                    block.is_set = is_blocked;
                    block.is_doubtful = false;
                }
                (200 | 403, Asked::Post { to, by, block }) => {
                    let is_refused = code.as_deref() == Some("blocked");
                    assert_eq!(is_refused, reply.status == 403);
                    let is_known = self.spares.blocks[to][by] == block && !block.is_doubtful;
                    assert!(
                        !is_known || is_refused == block.is_set,
                        "{asked:?}: {reply:?}"
                    );
                }
                (429, Asked::Make { .. } | Asked::Open { .. }) => assert!(is_limited),
                _ => panic!("{asked:?}: {reply:?}"),
            }
        }
    }

    /// The answer to a request while nothing else happens.
    fn ask_now(
        &mut self,
        user: usize,
        method: &str,
        path: &str,
    ) -> rookery_testing::http::HttpReply {
        let wire = self.ask(user, method, path, None).unwrap();
        while self.world.advance() {}
        self.answer(wire).unwrap()
    }

    /// Of what was deleted nothing is left, whoever looks; and all else is there once.
    pub(super) fn check_spares(&mut self) {
        self.world.settle();
        self.hear_spares();
        for user in 0..KEEPERS {
            for key in 0..KEYS {
                let keyed = &self.spares.keyed[user][key];
                let Some(id) = keyed.id.clone() else { continue };
                let (is_gone, may_be_gone) = (keyed.is_gone, keyed.may_be_gone);
                for reader in [user, KEEPERS] {
                    let reply = self.ask_now(reader, "GET", &format!("/chats/{id}"));
                    match reply.status {
                        200 => assert!(!is_gone, "{reply:?}"),
                        404 => assert!(may_be_gone, "{reply:?}"),
                        _ => panic!("{reply:?}"),
                    }
                    let is_there = reply.status == 200;
                    assert_eq!(self.world.store.is_purged(id.parse().unwrap()), !is_there);
                }
            }
            for other in user + 1..KEEPERS {
                let Some(id) = self.spares.direct[user][other].clone() else {
                    continue;
                };
                for (one, two) in [(user, other), (other, user)] {
                    let path = format!("/direct/{}", self.users[two].id);
                    let reply = self.ask_now(one, "POST", &path);
                    assert_eq!((reply.status, &reply.json()["chat_id"]), (200, &json!(id)));
                    let reply = self.ask_now(one, "GET", "/me/blocks");
                    let blocked = json!(self.users[two].id);
                    let list = reply.json();
                    let mut list = list.as_array().unwrap().iter();
                    let is_listed = list.any(|it| it["user_id"] == blocked);
                    let block = self.spares.blocks[one][two];
                    assert!(block.is_doubtful || is_listed == block.is_set, "{reply:?}");
                }
            }
        }
    }
}
