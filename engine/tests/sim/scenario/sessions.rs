//! The sessions of users, as they are listed, and ended one by one.

use serde_json::Value;

use crate::scenario::{Scenario, USERS};

impl Scenario {
    /// A user looks at their sessions, and ends one.
    pub(super) fn end_session(&mut self) {
        let user = self.world.dice.below(USERS);
        if self.users[user].asked.is_some() || self.users[user].passwords.asked.is_some() {
            return;
        }
        let Some(token) = self.token(user) else {
            return;
        };
        let Some(wire) = self.ask(user, "GET", "/sessions", None) else {
            return;
        };
        self.world.settle();
        let reply = self.answer(wire).unwrap();
        if reply.status != 200 {
            return assert!(self.is_refusal(&reply), "{reply:?}");
        }
        let sessions = reply.json();
        let sessions = sessions.as_array().unwrap();
        let ids: Vec<&str> = sessions
            .iter()
            .map(|it| it["session_id"].as_str().unwrap())
            .collect();
        let current = sessions.iter().find(|it| it["current"] == true);
        match current {
            Some(current) => assert_eq!(current["session_id"], session_of(&token)),
            // The log may not have taken it.
            None => assert!(self.faults, "the one that asks is listed"),
        }
        // None that has ended is listed.
        for ended in self.ended.iter().rev().take(5) {
            assert!(!ids.contains(&&*session_of(ended)), "{ended} is listed");
        }
        if ids.is_empty() {
            return;
        }
        let ending = (*self.world.dice.pick(&ids)).to_owned();
        let path = format!("/sessions/{ending}");
        let Some(wire) = self.ask(user, "DELETE", &path, None) else {
            return;
        };
        self.advance_below(40);
        self.world.settle();
        let reply = self.answer(wire).unwrap();
        let is_it = |token: &String| session_of(token) == ending;
        let passwords = &self.users[user].passwords;
        let given = passwords.tokens.iter().map(|(_, token)| token);
        let given = given.filter(|token| is_it(token)).cloned();
        if reply.status == 204 {
            self.ended.extend(given);
        } else {
            assert!(self.is_refusal(&reply), "{reply:?}");
        }
        self.users[user].token.take_if(|token| is_it(token));
    }
}

/// The id of the session that a token stands for.
fn session_of(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&from_base64url(claims)).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

fn from_base64url(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |byte: u8| DIGITS.iter().position(|it| *it == byte).unwrap() as u32;
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, byte| bits << 6 | digit(*byte));
        let bits = bits << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    text.as_bytes().chunks(4).flat_map(group).collect()
}
