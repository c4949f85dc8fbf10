//! A world of users and chats, with what was acknowledged and heard in it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::support::any_user;
use super::support::api::{Api, Posted};
use rookery_testing::dice::Dice;

const USERS: usize = 50;
pub(super) const CHATS: usize = 20;
const MEMBERS_PER_CHAT: usize = 8;

/// A chat with those who may post and read.
pub(super) struct Room {
    pub(super) chat_id: String,
    pub(super) members: Vec<String>,
}

/// One message that a sender wants to be there, and retries until it is acknowledged.
pub(super) struct Wanted {
    pub(super) room: usize,
    pub(super) sender: String,
    pub(super) client_id: String,
}

impl Wanted {
    /// The content repeats the id, so that history shows any mix-up.
    pub(super) fn content(&self) -> String {
        format!("{} says {}", self.sender, self.client_id)
    }
}

/// What was acknowledged: client id to message, with its room and sender.
pub(super) type Ledger = HashMap<String, (Wanted, Posted)>;

/// What one connection heard of one chat: runs of (seq, message id).
pub(super) type Heard = (usize, Vec<(u64, String)>);

pub(super) struct World {
    pub(super) rooms: Vec<Room>,
    pub(super) users: Vec<String>,
    addr: Mutex<SocketAddr>,
    /// What senders wait between bursts, so that there is not more to do, and to read in the end, than needed.
    pub(super) breath: Duration,
    deadline: Instant,
    /// Senders begin nothing new.
    pub(super) finishing: AtomicBool,
    /// Listeners stop.
    pub(super) over: AtomicBool,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) heard: Mutex<Vec<Heard>>,
}

impl World {
    pub(super) fn addr(&self) -> SocketAddr {
        *self.addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether senders may begin something new. They ask before each step, so that none of them waits for ever.
    pub(super) fn goes_on(&self) -> bool {
        assert!(!self.over.load(Ordering::Relaxed), "the run has failed");
        assert!(
            Instant::now() < self.deadline,
            "something is never acknowledged"
        );
        !self.finishing.load(Ordering::Relaxed)
    }

    /// The server is elsewhere now.
    pub(super) fn move_to(&self, addr: SocketAddr) {
        *self.addr.lock().unwrap_or_else(PoisonError::into_inner) = addr;
    }

    pub(super) fn acknowledge(&self, wanted: Wanted, ack: Posted) {
        let id = wanted.client_id.clone();
        let before = self.ledger.lock().unwrap().insert(id, (wanted, ack));
        assert!(before.is_none(), "a sender's ids are unique");
    }

    pub(super) fn draw(&self, rng: &mut Dice, poster: &str, number: usize) -> Wanted {
        let room = rng.below(self.rooms.len());
        Wanted {
            room,
            sender: rng.pick(&self.rooms[room].members).clone(),
            client_id: format!("{poster}-{number}"),
        }
    }
}

pub(super) fn build_world(
    addr: SocketAddr,
    breath: Duration,
    deadline: Instant,
    rng: &mut Dice,
) -> World {
    let users: Vec<String> = (0..USERS).map(|_| any_user()).collect();
    let rooms = (0..CHATS)
        .map(|n| {
            let mut members: Vec<String> = Vec::new();
            while members.len() < MEMBERS_PER_CHAT {
                let user = rng.pick(&users);
                if !members.contains(user) {
                    members.push(user.clone());
                }
            }
            let others: Vec<&str> = members[1..].iter().map(String::as_str).collect();
            let chat_id = Api::trusted(addr, &members[0]).create_chat(&n.to_string(), &others);
            Room { chat_id, members }
        })
        .collect();
    World {
        rooms,
        users,
        addr: Mutex::new(addr),
        breath,
        deadline,
        finishing: AtomicBool::new(false),
        over: AtomicBool::new(false),
        ledger: Mutex::new(HashMap::new()),
        heard: Mutex::new(Vec::new()),
    }
}
