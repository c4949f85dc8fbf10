//! Passwords that operators set, which ends all logins of a user, or that users change, which ends all others.

use rookery_testing::http::request;
use serde_json::json;

use crate::scenario::state::{AskedPassword, User};
use crate::scenario::{Scenario, USERS};
use crate::wires::WireId;
use crate::world::OPERATOR_TOKEN;

impl Scenario {
    /// An operator sets somebody's password.
    pub(super) fn set_password(&mut self) {
        let user = self.world.dice.below(USERS);
        if !self.has_tokens() || self.users[user].passwords.asked.is_some() {
            return;
        }
        // A login that is compared with the old one is what is hardest to get right.
        if self.world.dice.one_in(2) {
            self.users[user].token = None;
            self.log_in(user);
            self.advance_below(20);
        }
        self.last += 1;
        let password = format!("password {}", self.last);
        let wire = self.world.connect_as_operator();
        let path = format!("/users/{}/password", self.users[user].id);
        let credentials = format!("Authorization: Bearer {OPERATOR_TOKEN}\r\n");
        let body = json!({"password": password});
        let bytes = request("PUT", &path, &credentials, Some(&body));
        self.world.send(wire, &bytes);
        self.users[user].passwords.asked = Some(AskedPassword {
            wire,
            password,
            kept: None,
        });
    }

    /// Somebody changes their password.
    pub(super) fn change_password(&mut self) {
        let user = self.world.dice.below(USERS);
        if self.users[user].passwords.asked.is_some() {
            return;
        }
        let old = self.any_password(user);
        self.last += 1;
        let password = format!("password {}", self.last);
        let body = json!({"old": old, "new": password});
        let kept = self.token(user);
        if let Some(kept) = kept
            && let Some(wire) = self.ask(user, "PUT", "/me/password", Some(&body))
        {
            self.users[user].passwords.asked = Some(AskedPassword {
                wire,
                password,
                kept: Some(kept),
            });
        }
    }

    /// Takes what became of passwords that are being set.
    pub(super) fn hear_passwords(&mut self) {
        for user in 0..USERS {
            let Some(AskedPassword { wire, .. }) = self.users[user].passwords.asked else {
                continue;
            };
            let is_open = self.world.wire(wire).open;
            let reply = self.answer(wire);
            if reply.is_none() && is_open {
                continue;
            }
            let asked = self.users[user].passwords.asked.take().unwrap();
            let AskedPassword { password, kept, .. } = asked;
            let status = reply.map(|reply| reply.status);
            if let Some(kept) = kept {
                self.was_changed(user, password, kept, status);
                continue;
            }
            // Whatever was answered, all logins may be over.
            self.users[user].token = None;
            match status {
                Some(204) => self.was_set(user, password),
                Some(503) | None => self.users[user].passwords.doubtful.push(password),
                Some(status) => panic!("an operator is told {status}"),
            }
        }
    }

    /// A user's own change of their password was answered, or their connection was closed.
    fn was_changed(&mut self, user: usize, password: String, kept: String, status: Option<u16>) {
        match status {
            Some(204) => {
                let tokens = &mut self.users[user].passwords.tokens;
                let given = tokens.iter_mut().filter(|(_, token)| *token == kept);
                given.for_each(|(given_for, _)| given_for.clone_from(&password));
                self.was_set(user, password);
                // They may have logged out meanwhile.
                let user_has = self.users[user].token.as_ref();
                if self.users[user].asked.is_none() && user_has == Some(&kept) {
                    let status = self.status_of_me(&kept);
                    assert!(matches!(status, 200 | 503), "who changed it: {status}");
                }
            }
            // The one that they knew was not right any more, or their login has ended.
            Some(401 | 403 | 429) => {}
            Some(503) | None => {
                let User {
                    passwords, token, ..
                } = &mut self.users[user];
                // It is good or not, depending on how they log in next.
                passwords.tokens.retain(|(_, token)| *token != kept);
                token.take_if(|token| *token == kept);
                passwords.doubtful.push(password);
            }
            Some(status) => panic!("a user is told {status}"),
        }
    }

    /// A password is right, and the one before is not any more.
    fn was_set(&mut self, user: usize, password: String) {
        let passwords = &mut self.users[user].passwords;
        let before = std::mem::replace(&mut passwords.current, password);
        self.was_replaced(user, before);
    }

    /// A password is not right any more, and what it was good for is worth nothing.
    fn was_replaced(&mut self, user: usize, password: String) {
        let passwords = &mut self.users[user].passwords;
        let is_its = |(given_for, _): &(String, String)| *given_for == password;
        let tokens = passwords.tokens.iter().filter(|token| is_its(token));
        self.ended.extend(tokens.map(|(_, token)| token.clone()));
        passwords.replaced.push(password);
        let is_ended = |token: &String| self.ended.contains(token);
        self.users[user].token.take_if(|token| is_ended(token));
    }

    /// A login gave a token.
    pub(super) fn given(&mut self, user: usize, password: String, token: String) {
        let passwords = &mut self.users[user].passwords;
        // The login was right before the password was set, and was answered after that.
        let is_over = passwords.replaced.contains(&password);
        passwords.tokens.push((password, token.clone()));
        if is_over {
            self.ended.push(token);
        } else if passwords.asked.is_none() {
            self.users[user].token = Some(token);
        }
    }

    /// One that may be right.
    pub(super) fn any_password(&mut self, user: usize) -> String {
        let passwords = &self.users[user].passwords;
        let mut all = vec![&passwords.current];
        all.extend(passwords.asked.iter().map(|asked| &asked.password));
        all.extend(&passwords.doubtful);
        (*self.world.dice.pick(&all)).clone()
    }

    pub(super) fn ask_login(&mut self, user: usize, password: &str) -> WireId {
        let body = self.users[user].login(password);
        self.ask_with("", "POST", "/login", Some(&body))
    }

    /// Once all has come to its end, one password is right, and the last one that was set for sure where that is the
    /// last that was asked for.
    pub(super) fn check_passwords(&mut self, user: usize) {
        let passwords = &self.users[user].passwords;
        if passwords.asked.is_some()
            || passwords.replaced.is_empty() && passwords.doubtful.is_empty()
        {
            return;
        }
        if let Some(replaced) = passwords.replaced.last().cloned() {
            let status = self.try_password(user, &replaced);
            assert!(matches!(status, 401 | 503), "it was replaced: {status}");
        }
        let passwords = &self.users[user].passwords;
        let candidates = [
            std::slice::from_ref(&passwords.current),
            &passwords.doubtful,
        ]
        .concat();
        let statuses = Vec::from_iter(candidates.iter().map(|it| self.try_password(user, it)));
        if statuses.contains(&503) {
            return;
        }
        let is_right = |index: &usize| statuses[*index] == 200;
        let right = Vec::from_iter((0..candidates.len()).filter(is_right));
        let [right] = right[..] else {
            panic!("one password is right of {candidates:?}: {statuses:?}");
        };
        self.users[user].passwords.doubtful.clear();
        for (index, candidate) in candidates.into_iter().enumerate() {
            if index == right {
                self.users[user].passwords.current = candidate;
            } else {
                self.was_replaced(user, candidate);
            }
        }
    }

    /// The status of a login; the token that it gives is good.
    fn try_password(&mut self, user: usize, password: &str) -> u16 {
        let wire = self.ask_login(user, password);
        self.world.settle();
        let reply = self.answer(wire).unwrap();
        if reply.status == 200 {
            let token = reply.json()["token"].as_str().unwrap().to_owned();
            let shown = self.status_of_me(&token);
            assert!(matches!(shown, 200 | 503), "a new login: {shown}");
            self.users[user]
                .passwords
                .tokens
                .push((password.to_owned(), token));
        }
        reply.status
    }

    /// How whoever has a token is told who they are.
    fn status_of_me(&mut self, token: &str) -> u16 {
        let credentials = format!("Authorization: Bearer {token}\r\n");
        let shown = self.ask_with(&credentials, "GET", "/me", None);
        self.world.settle();
        self.answer(shown).unwrap().status
    }
}
