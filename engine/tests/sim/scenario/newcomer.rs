//! A chat that shows its members what was said since they joined, and somebody who joins and leaves it while things break.

use rookery_schema::ChatId;
use rookery_schema::record::{MembershipChange, Record};
use rookery_testing::http::user_cookie;
use rookery_testing::ws::{handshake_to, text_frame};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scenario::Scenario;
use crate::scenario::state::{Known, Newcomer, Socket};
use crate::wires::WireId;

/// Microseconds after which a socket may be let in before it resumes.
const HELD_MICROS: u64 = 5_000_000;

impl Scenario {
    /// Both are there, and the one makes the chat.
    pub(super) fn register_newcomer(&mut self) {
        let [host, user] = match self.has_tokens() {
            true => ["host", "newcomer"].map(|name| self.registered(name)),
            false => [0xdef0, 0xdef1].map(|id| {
                let id = Uuid::from_u128(id).to_string();
                let credentials = user_cookie(&id);
                Known {
                    id,
                    name: "",
                    credentials,
                }
            }),
        };
        let body = json!({"name": "since joining", "members": []});
        let chat = self.told(&host, "POST", "/chats", &body, 201);
        let chat = chat["chat_id"].as_str().unwrap().to_owned();
        let body = json!({"history": "joined"});
        self.told(&host, "PATCH", &format!("/chats/{chat}"), &body, 200);
        self.newcomer = Newcomer {
            host,
            user,
            chat,
            ..Newcomer::default()
        };
    }

    /// The host says something, or the other joins, leaves, or connects; whatever comes of it.
    pub(super) fn use_newcomer(&mut self) {
        let Newcomer {
            host, user, chat, ..
        } = &self.newcomer;
        let (method, path, credentials, body) = match self.world.dice.below(8) {
            0..3 => (
                "POST",
                format!("/chats/{chat}/messages"),
                host.credentials.clone(),
                Some(json!({"content": "said by the host"})),
            ),
            3 | 4 => (
                "POST",
                format!("/chats/{chat}/members"),
                host.credentials.clone(),
                Some(json!({"user_id": user.id})),
            ),
            5 => (
                "DELETE",
                format!("/chats/{chat}/members/{}", user.id),
                user.credentials.clone(),
                None,
            ),
            6 => return self.connect_newcomer(),
            _ => return self.disconnect_newcomer(),
        };
        self.ask_with(&credentials, method, &path, body.as_ref());
    }

    fn connect_newcomer(&mut self) {
        let socket = self.newcomer.socket.as_ref();
        if socket.is_some_and(|it| self.world.wire(it.wire).open) {
            return;
        }
        let Known {
            id, credentials, ..
        } = &self.newcomer.user;
        let handshake = handshake_to(&format!("/ws/connect/{id}?resume=1"), credentials);
        let wire = self.world.connect();
        self.world.send(wire, &handshake);
        self.newcomer.socket = Some(Socket {
            wire,
            is_accepted: false,
            is_resumed: false,
            last: self.newcomer.has,
            began_micros: self.world.micros,
        });
    }

    fn disconnect_newcomer(&mut self) {
        if let Some(socket) = self.newcomer.socket.take() {
            self.world.disconnect(socket.wire);
        }
    }

    /// Takes what came to the user.
    pub(super) fn hear_newcomer(&mut self) {
        let Some(socket) = &mut self.newcomer.socket else {
            return;
        };
        let wire = socket.wire;
        if !socket.is_accepted {
            let Some(reply) = self.world.wire(wire).next_http() else {
                return;
            };
            if reply.status != 101 {
                return self.disconnect_newcomer();
            }
            socket.is_accepted = true;
        }
        for event in self.world.wire(wire).texts() {
            self.newcomer_hears(wire, event);
        }
    }

    fn newcomer_hears(&mut self, wire: WireId, event: Value) {
        let Newcomer {
            chat,
            socket,
            heard,
            has,
            has_gap,
            ..
        } = &mut self.newcomer;
        let socket = socket.as_mut().unwrap();
        match (event["type"].as_str().unwrap(), event["seq"].as_u64()) {
            ("ready", _) => {
                let chats = json!({ chat.clone(): has });
                let text = json!({"type": "resume", "chats": chats}).to_string();
                self.world.send(wire, &text_frame(&text));
            }
            // Without a seq, they are not in the chat yet, or not any more.
            ("resumed", seq) => {
                *has_gap |= event["recovered"] == false && seq > Some(0);
                // They were removed, and don't learn what came before what they heard live.
                *has_gap |= seq.is_none() && *has < heard.last();
                *has = heard.last();
                socket.is_resumed = true;
            }
            ("read", _) => {}
            (_, Some(seq)) => {
                let held_until = socket.began_micros + HELD_MICROS;
                let is_in_order = self.world.micros < held_until;
                assert!(!is_in_order || socket.last < seq, "out of order: {event}");
                socket.last = seq;
                heard.events.insert(seq, event);
                // What comes live before "resumed" may come before what was missed.
                if socket.is_resumed || *has == 0 || seq == *has + 1 {
                    *has = heard.last();
                }
            }
            other => panic!("unexpected {other:?}: {event}"),
        }
    }

    /// In the end they have all that was to be seen, and nothing else, and pages show the same.
    pub(super) fn check_newcomer(&mut self) {
        let Newcomer {
            host, user, chat, ..
        } = &self.newcomer;
        let (host, user, chat) = (host.clone(), user.clone(), chat.clone());
        let body = json!({"user_id": user.id});
        self.told(&host, "POST", &format!("/chats/{chat}/members"), &body, 200);
        self.disconnect_newcomer();
        self.connect_newcomer();
        for _ in 0..2 {
            self.world.settle();
            self.hear_newcomer();
        }
        let body = json!({"content": "the last"});
        let path = format!("/chats/{chat}/messages");
        self.told(&host, "POST", &path, &body, 200);
        self.world.settle();
        self.hear_newcomer();
        let (visible, joined) = self.visible_to_newcomer();
        let heard: Vec<u64> = self.newcomer.heard.events.keys().copied().collect();
        let unseen = heard.iter().find(|seq| !visible.contains(seq));
        assert_eq!(unseen, None, "{heard:?} of {visible:?}");
        assert_eq!(heard.last(), visible.last());
        if !self.newcomer.has_gap {
            let missed = visible.iter().filter(|seq| !heard.contains(seq));
            let missed: Vec<&u64> = missed
                .filter(|seq| !self.is_before_a_return(**seq))
                .collect();
            assert!(missed.is_empty(), "{missed:?} of {visible:?}");
        }
        for path in ["messages?limit=100", "events"] {
            let path = format!("/chats/{chat}/{path}");
            let page = self.told(&user, "GET", &path, &json!({}), 200);
            let seqs = page.as_array().unwrap().iter();
            let least = seqs.map(|it| it["seq"].as_u64().unwrap()).min();
            assert!(least.is_some_and(|seq| seq >= joined), "{path}: {page}");
        }
    }

    /// Whether what they heard next is that they were back: what was said until they left is not shown any more.
    fn is_before_a_return(&self, seq: u64) -> bool {
        let mut later = self.newcomer.heard.events.range(seq..);
        later.next().is_some_and(|(_, event)| {
            event["type"] == "member_added" && event["user_id"] == *self.newcomer.user.id
        })
    }

    /// The events that the user was to see, and the one by which they joined last.
    fn visible_to_newcomer(&self) -> (Vec<u64>, u64) {
        let chat_id: ChatId = self.newcomer.chat.parse().unwrap();
        let is_them = |it: &MembershipChange| it.user_id.to_string() == self.newcomer.user.id;
        let (mut is_in, mut joined, mut visible) = (false, 0, Vec::new());
        for row in self.world.store.events(chat_id) {
            let record = Record::decode(&row.record).unwrap();
            if let Record::MemberAdded(change) = &record
                && is_them(change)
            {
                (is_in, joined) = (true, row.head.seq.0);
            }
            if is_in {
                visible.push(row.head.seq.0);
            }
            if let Record::MemberRemoved(change) = &record {
                is_in &= !is_them(change);
            }
        }
        (visible, joined)
    }
}
