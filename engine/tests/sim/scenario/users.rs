//! Who the users are, and how the server knows them.

use rookery_engine::config::AuthMode;
use rookery_testing::http::user_cookie;

use crate::scenario::state::AskedLogin;
use crate::scenario::{Scenario, USERS};

impl Scenario {
    pub(super) fn has_tokens(&self) -> bool {
        self.world.settings.auth == AuthMode::Token
    }

    /// Registers all users, where the server wants to know them, and logs them in.
    pub(super) fn register(&mut self) {
        if !self.has_tokens() {
            return;
        }
        for user in 0..USERS {
            let password = self.users[user].passwords.current.clone();
            let body = self.users[user].registration(&password);
            let wire = self.ask_with("", "POST", "/users", Some(&body));
            self.world.settle();
            assert_eq!(self.answer(wire).unwrap().status, 201);
        }
        self.log_all_in();
    }

    /// Logs everybody in who is not.
    pub(super) fn log_all_in(&mut self) {
        for user in 0..USERS {
            if self.users[user].token.is_none() {
                self.log_in(user);
            }
        }
        self.world.settle();
        self.hear_users();
    }

    pub(super) fn are_all_in(&self) -> bool {
        !self.has_tokens() || self.users.iter().all(|user| user.token.is_some())
    }

    pub(super) fn log_in(&mut self, user: usize) {
        if self.has_tokens() && self.users[user].asked.is_none() {
            let password = self.any_password(user);
            let wire = self.ask_login(user, &password);
            self.users[user].asked = Some(AskedLogin {
                wire,
                password: Some(password),
                everywhere: false,
            });
        }
    }

    /// What tells the server who a user is; nothing while they are not logged in.
    pub(super) fn credentials(&self, user: usize) -> Option<String> {
        let user = &self.users[user];
        if !self.has_tokens() {
            return Some(user_cookie(&user.id));
        }
        let token = user.token.as_ref()?;
        Some(format!("Authorization: Bearer {token}\r\n"))
    }

    pub(super) fn token(&self, user: usize) -> Option<String> {
        self.users[user].token.clone()
    }

    pub(super) fn log_in_or_out(&mut self) {
        let user = self.world.dice.below(USERS);
        if !self.has_tokens() || self.users[user].asked.is_some() {
            return;
        }
        // A WebSocket that is on its way when its login ends is what is hardest to get right.
        if self.world.dice.one_in(2) {
            self.listen_as(user);
            self.advance_below(40);
            self.world.put_off_hand_offs();
        }
        let everywhere = self.world.dice.one_in(3);
        let path = if everywhere {
            "/logout?all=true"
        } else {
            "/logout"
        };
        match self.ask(user, "POST", path, None) {
            Some(wire) => {
                self.users[user].asked = Some(AskedLogin {
                    wire,
                    password: None,
                    everywhere,
                });
            }
            None => self.log_in(user),
        }
    }

    pub(super) fn hear_users(&mut self) {
        for user in 0..USERS {
            let Some(AskedLogin { wire, .. }) = self.users[user].asked else {
                continue;
            };
            let is_open = self.world.wire(wire).open;
            let reply = self.answer(wire);
            if reply.is_none() && is_open {
                continue;
            }
            let asked = self.users[user].asked.take().unwrap();
            let AskedLogin {
                password,
                everywhere,
                ..
            } = asked;
            // Whatever was answered to a logout, the login may be over.
            let token = self.users[user].token.take();
            match reply {
                Some(reply) if reply.status == 200 => {
                    let shown = reply.json();
                    self.users[user].id = shown["user_id"].as_str().unwrap().to_owned();
                    let token = shown["token"].as_str().unwrap().to_owned();
                    self.given(user, password.unwrap(), token);
                }
                Some(reply) if reply.status == 204 => {
                    self.ended.extend(token);
                    if everywhere {
                        let given = self.users[user].passwords.tokens.drain(..);
                        self.ended.extend(given.map(|(_, token)| token));
                    }
                }
                // Their password was set so often that the login would be ahead of the clock.
                Some(reply) if reply.status == 429 => {
                    assert_eq!(reply.json()["limit"], "logouts-per-user");
                }
                Some(reply) => assert!(self.is_refusal(&reply), "{reply:?}"),
                None => {}
            }
        }
    }

    /// Tokens whose logins were ended are worth nothing, and their WebSockets are closed.
    pub(super) fn check_ended(&mut self) {
        for token in self.ended.clone().iter().rev().take(3) {
            let credentials = format!("Authorization: Bearer {token}\r\n");
            let wire = self.ask_with(&credentials, "GET", "/chats", None);
            self.world.settle();
            let reply = self.answer(wire).unwrap();
            assert_eq!(reply.status, 401, "a login that was ended: {reply:?}");
        }
        for index in 0..self.listeners.len() {
            let listener = &self.listeners[index];
            let is_ended = listener
                .token
                .as_ref()
                .is_some_and(|it| self.ended.contains(it));
            let wire = listener.wire;
            assert!(!is_ended || !self.world.wire(wire).open, "it is logged out");
        }
        let user = self.world.dice.below(USERS);
        self.check_passwords(user);
    }
}
