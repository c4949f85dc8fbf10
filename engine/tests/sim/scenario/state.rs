//! What the users know, and what they wait for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::scenario::device::Chat;
use crate::scenario::shown::{Amendments, ShownMessage};
use crate::wires::WireId;

pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) token: Option<String>,
    /// A login or logout that was not answered.
    pub(super) asked: Option<AskedLogin>,
    pub(super) passwords: Passwords,
}

/// See [`User::asked`].
pub(super) struct AskedLogin {
    pub(super) wire: WireId,
    /// What a login was tried with.
    pub(super) password: Option<String>,
    /// It is a logout from everywhere.
    pub(super) everywhere: bool,
}

/// A user's passwords, as far as anybody but the server can know which one is right.
pub(super) struct Passwords {
    /// The last one that is known to have been set.
    pub(super) current: String,
    /// One that is being set.
    pub(super) asked: Option<AskedPassword>,
    /// Those of which nobody knows whether they were set; in the end only one of all is right.
    pub(super) doubtful: Vec<String>,
    /// Those that were replaced.
    pub(super) replaced: Vec<String>,
    /// All tokens that logins gave, each with the password that it was given for.
    pub(super) tokens: Vec<(String, String)>,
}

/// See [`Passwords::asked`].
pub(super) struct AskedPassword {
    pub(super) wire: WireId,
    pub(super) password: String,
    /// The token of a user who sets it themselves, which stays good; none where an operator does.
    pub(super) kept: Option<String>,
}

impl User {
    pub(super) fn new(n: usize) -> Self {
        Self {
            id: Uuid::from_u128(0xabc0 + n as u128).to_string(),
            name: format!("User{n}"),
            token: None,
            asked: None,
            passwords: Passwords {
                current: format!("password of user{n}"),
                asked: None,
                doubtful: Vec::new(),
                replaced: Vec::new(),
                tokens: Vec::new(),
            },
        }
    }

    /// What registers them.
    pub(super) fn registration(&self, password: &str) -> Value {
        json!({"username": self.name, "password": password})
    }

    /// What logs them in, in other letters.
    pub(super) fn login(&self, password: &str) -> Value {
        json!({"username": self.name.to_uppercase(), "password": password})
    }
}

/// A chat as its users know it.
pub(super) struct Room {
    pub(super) id: String,
    pub(super) standing: BTreeMap<usize, Standing>,
    /// When it was heard that somebody had joined, in microseconds.
    pub(super) joined: BTreeMap<usize, u64>,
}

/// What is known of a user who was in a room once, or should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    In,
    Out,
    /// A change of it was asked for and not answered, or nobody knows what became of it.
    Unknown,
}

impl Room {
    pub(super) fn standing(&self, user: usize) -> Standing {
        self.standing.get(&user).copied().unwrap_or(Standing::Out)
    }

    /// Whether a user is in it, and was so at this time and ever since.
    pub(super) fn is_in_since(&self, user: usize, micros: u64) -> bool {
        let joined = self.joined.get(&user).copied().unwrap_or_default();
        self.standing(user) == Standing::In && joined <= micros
    }

    pub(super) fn members(&self) -> Vec<usize> {
        let is_in = |(_, standing): &(&usize, &Standing)| **standing == Standing::In;
        self.standing
            .iter()
            .filter(is_in)
            .map(|(user, _)| *user)
            .collect()
    }

    /// A member who does not leave while they are this.
    pub(super) fn host(&self) -> usize {
        self.members()[0]
    }
}

/// A change of a room that was asked for and not answered.
pub(super) struct AskedChange {
    pub(super) wire: WireId,
    pub(super) change: Change,
}

pub(super) enum Change {
    /// A room with these members.
    Create(Vec<usize>),
    /// Somebody has another role.
    Role,
    /// A user joins a room, or leaves it.
    Membership {
        room: usize,
        user: usize,
        wanted: Standing,
    },
}

/// A change of a message that was asked for and not answered.
pub(super) struct AskedAmend {
    pub(super) wire: WireId,
    pub(super) message_id: String,
    pub(super) since_micros: u64,
    /// Among the changes of that message.
    pub(super) index: usize,
    pub(super) room: usize,
    pub(super) user: usize,
    /// They were a member when they asked.
    pub(super) was_in: bool,
}

/// What users have said that they have read.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) asked: Vec<AskedMark>,
    /// By room and user, the furthest that was done, and the furthest that may have been done.
    pub(super) done: BTreeMap<(usize, usize), u64>,
    pub(super) tried: BTreeMap<(usize, usize), u64>,
}

/// A wish to mark what was read, that was not answered.
pub(super) struct AskedMark {
    pub(super) wire: WireId,
    pub(super) room: usize,
    pub(super) user: usize,
    pub(super) seq: u64,
    /// The newest event that the store had by then.
    pub(super) head: u64,
    /// They were a member when they asked.
    pub(super) was_in: bool,
    pub(super) since_micros: u64,
}

/// A message that a user wants posted, until they know that it was.
pub(super) struct Draft {
    pub(super) content: String,
    pub(super) room: usize,
    pub(super) sender: usize,
    /// On which connection it is waited for.
    pub(super) wire: Option<WireId>,
}

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
    /// Whether others are there, as it was told last.
    pub(super) presence: BTreeMap<String, bool>,
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

impl Listener {
    /// Notes an event; gives what an acknowledgement acknowledges.
    pub(super) fn take(&mut self, event: &Value) -> Option<Acknowledgement> {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let kind = text("type").unwrap();
        match kind.as_str() {
            "message" | "message_edited" | "message_deleted" | "reaction_added"
            | "reaction_removed" | "chat_created" | "member_added" | "member_removed"
            | "role_changed" | "chat_deleted" | "messages_erased" => {
                let heard = Heard {
                    seq: event["seq"].as_u64().unwrap(),
                    content: text("content").filter(|_| kind == "message"),
                    kind,
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
            "typing" => {
                assert!(event["user_id"].is_string() && event["chat_id"].is_string());
                None
            }
            "presence" => {
                let online = event["online"].as_bool().unwrap();
                self.presence.insert(text("user_id").unwrap(), online);
                None
            }
            "ready" | "read" => None,
            other => panic!("unexpected {other}: {event}"),
        }
    }
}

/// Which messages are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    Newest,
    Before(u64),
    After(u64),
}

#[derive(Debug)]
pub(super) struct Query {
    pub(super) room: usize,
    pub(super) from: From,
    pub(super) limit: usize,
    /// The ids of what had been acknowledged before.
    pub(super) acknowledged: Vec<String>,
    /// When it was asked for, as a tick.
    pub(super) asked: u64,
    pub(super) since_micros: u64,
}

/// A page that was asked for and not answered.
pub(super) struct AskedPage {
    pub(super) wire: WireId,
    pub(super) asker: usize,
    pub(super) query: Query,
}

/// A page that was shown.
pub(super) struct ShownPage {
    pub(super) query: Query,
    /// Everything that was acknowledged must be among them, as far as they reach.
    pub(super) is_quick: bool,
    pub(super) messages: Vec<ShownMessage>,
    /// When it was heard, as a tick.
    pub(super) heard: u64,
}

impl ShownPage {
    pub(super) fn check(&self, said: &[ShownMessage], amendments: &Amendments) {
        let Query {
            from, limit, asked, ..
        } = self.query;
        let is_old = |it: &&ShownMessage| self.query.acknowledged.contains(&it.id);
        let least = said.iter().filter(is_old).map(|it| it.seq).max();
        let least = least.filter(|_| self.is_quick).unwrap_or(0);
        // The newest message that there was is one of those from `least` on.
        let heads = said.iter().map(|it| it.seq).chain([0]);
        let as_of = |head: u64| -> Vec<&ShownMessage> {
            let known = said.iter().filter(|it| it.seq <= head);
            match from {
                From::After(after) => known.filter(|it| it.seq > after).take(limit).collect(),
                From::Newest => known.rev().take(limit).collect(),
                From::Before(before) => known
                    .rev()
                    .filter(|it| it.seq < before)
                    .take(limit)
                    .collect(),
            }
        };
        let is_shown = |said: &[&ShownMessage]| {
            let mut pairs = said.iter().zip(&self.messages);
            let may_be = |said, shown| amendments.allow(said, shown, (asked, self.heard));
            said.len() == self.messages.len() && pairs.all(|(said, shown)| may_be(said, shown))
        };
        let is_possible = heads
            .filter(|head| *head >= least)
            .any(|head| is_shown(&as_of(head)));
        assert!(
            is_possible,
            "{:?}: {:?} of {said:?}",
            self.query, self.messages
        );
    }
}

/// Somebody who will be gone, and who stays.
#[derive(Default)]
pub(super) struct Leaver {
    pub(super) gone: Known,
    pub(super) stays: Known,
    pub(super) chat: String,
    pub(super) direct: String,
    /// What both have said in the chat, as far as they were told: who, and the message's id.
    pub(super) said: Vec<(Known, String)>,
    /// Who has asked to post what was not answered yet.
    pub(super) posts: Vec<(Known, WireId)>,
    /// The socket of the one who stays, and the events of the chat that came over it.
    pub(super) socket: Option<WireId>,
    pub(super) is_accepted: bool,
    pub(super) heard: Chat,
    /// They asked for it, and were not answered.
    pub(super) asked: Option<WireId>,
    /// They were told that it is done.
    pub(super) is_deleted: bool,
}

#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) credentials: String,
}

/// Somebody who joins and leaves a chat that shows its members what was said since they joined.
#[derive(Default)]
pub(super) struct Newcomer {
    /// Who made the chat.
    pub(super) host: Known,
    pub(super) user: Known,
    pub(super) chat: String,
    /// Of the user.
    pub(super) socket: Option<Socket>,
    pub(super) heard: Chat,
    /// The seq up to which they have heard all that is for them.
    pub(super) has: u64,
    /// They missed more than was sent to them.
    pub(super) has_gap: bool,
}

/// A WebSocket on which nothing is heard before its user resumes, for a while.
pub(super) struct Socket {
    pub(super) wire: WireId,
    pub(super) is_accepted: bool,
    /// What was missed has come.
    pub(super) is_resumed: bool,
    /// The seq of the event that came last.
    pub(super) last: u64,
    pub(super) began_micros: u64,
}
