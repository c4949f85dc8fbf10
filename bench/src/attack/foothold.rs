//! What attackers have at a server before they attack it.

use std::net::SocketAddr;

use serde_json::json;

use crate::error::BenchError;
use crate::http::Client;
use crate::setup::{Target, random_id};
use crate::world::User;

/// Accounts of attackers.
const ACCOUNTS: usize = 8;
/// Chats of the first of them, so that a list of them is long.
const CHATS: usize = 200;
/// Messages in one of these chats: a full page.
const MESSAGES: usize = 100;
/// Bytes of each: as many as a server takes.
const MESSAGE_BYTES: usize = 4_096;

/// Accounts and chats of attackers, and what they know of others.
#[derive(Clone, Debug)]
pub struct Foothold {
    pub server: SocketAddr,
    /// Begins all names that attackers make up, so that they are new.
    pub run: String,
    /// The first of them has many chats.
    pub accounts: Vec<User>,
    /// The path of a page of much history, which the first account may read.
    pub history: String,
    /// The name of an honest user.
    pub victim: String,
}

impl Foothold {
    /// Makes what attackers need at a server.
    ///
    /// # Errors
    /// Where the server doesn't take it.
    pub fn gain(target: &Target, victim: &str) -> Result<Self, BenchError> {
        let accounts = target.create_users(ACCOUNTS)?;
        let alone = vec![vec![0]; CHATS];
        let chats = target.create_rooms(&accounts, &alone, 1)?;
        let path = format!("/chats/{}/messages", String::from_utf8_lossy(&chats[0].id));
        let mut client = Client::connect(target.addr)?;
        let message = json!({"content": "x".repeat(MESSAGE_BYTES)});
        for _ in 0..MESSAGES {
            client.post(&path, &accounts[0].credential, &message)?;
        }
        Ok(Self {
            server: target.addr,
            run: random_id()?.simple().to_string(),
            accounts,
            history: format!("{path}?limit={MESSAGES}"),
            victim: victim.to_owned(),
        })
    }

    /// The value of `Host`.
    pub(super) fn host(&self) -> String {
        self.server.to_string()
    }
}
