//! Users who chat while things break, and what must be true in the end.

use std::collections::{BTreeMap, BTreeSet};

use rookery_schema::ChatId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{handshake, request, text_frame};
use crate::world::{WireId, World};

const USERS: usize = 8;
const CHATS: usize = 4;
const ROUNDS: usize = 250;

/// A chat as its users know it.
struct Room {
    id: String,
    members: Vec<usize>,
}

/// A WebSocket and what came over it.
struct Listener {
    wire: WireId,
    user: usize,
    ready: bool,
    /// For each chat, the seqs and contents in the order in which they came.
    seen: BTreeMap<String, Vec<(u64, Option<String>)>>,
    /// Chats whose every event must come, from the seq that is first.
    acks: BTreeSet<String>,
}

/// A message that a user wants posted, until he knows that it was.
struct Draft {
    content: String,
    room: usize,
    sender: usize,
    /// Over HTTP, and since when it is waited for.
    wire: Option<WireId>,
}

/// A change of a room that was asked for and not answered.
struct Asked {
    wire: WireId,
    change: Change,
}

enum Change {
    /// A room with these members.
    Create(Vec<usize>),
    /// A user joins a room.
    Add { room: usize, user: usize },
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Partitions move, and nothing fails.
    Calm,
    /// Besides, the process crashes, and log and store fail.
    Faulty,
}

pub(crate) struct Scenario {
    world: World,
    faults: bool,
    users: Vec<String>,
    rooms: Vec<Room>,
    listeners: Vec<Listener>,
    asked: Vec<Asked>,
    /// Changes of which nobody knows whether they came about.
    doubtful: Vec<Change>,
    drafts: Vec<Draft>,
    acknowledged: BTreeMap<String, (usize, String)>,
    /// How often somebody heard what was said last.
    heard_live: usize,
    last: usize,
}

impl Scenario {
    pub(crate) fn new(seed: u64, kind: Kind) -> Self {
        let mut world = World::new(seed, 1 + (seed % 4) as u32, 1 + (seed / 4 % 4) as u16);
        world.settle();
        assert!(world.is_ready());
        let users = (0..USERS)
            .map(|n| Uuid::from_u128(0xabc0 + n as u128).to_string())
            .collect();
        Self {
            world,
            faults: kind == Kind::Faulty,
            users,
            rooms: Vec::new(),
            listeners: Vec::new(),
            asked: Vec::new(),
            doubtful: Vec::new(),
            drafts: Vec::new(),
            acknowledged: BTreeMap::new(),
            heard_live: 0,
            last: 0,
        }
    }

    pub(crate) fn run(mut self) {
        self.create_room();
        self.world.settle();
        self.hear_changes();
        self.world.log.append_failures = self.faults;
        self.world.store.read_failures = self.faults;
        for _ in 0..ROUNDS {
            self.round();
        }
        self.world.log.append_failures = false;
        self.world.store.read_failures = false;
        // A shard that begins after a crash refuses them.
        self.world.settle();
        (0..USERS).for_each(|user| self.listen_as(user));
        self.finish();
        self.check();
        assert!(self.heard_live > 0);
    }

    fn create_room(&mut self) {
        let members: Vec<usize> = (0..USERS).filter(|_| !self.world.dice.one_in(3)).collect();
        let members = if members.is_empty() { vec![0] } else { members };
        let ids: Vec<&String> = members.iter().map(|user| &self.users[*user]).collect();
        let body = json!({"name": "room", "members": ids});
        let wire = self.world.connect();
        self.world
            .send(wire, &request("POST", "/chats", None, Some(&body)));
        self.asked.push(Asked {
            wire,
            change: Change::Create(members),
        });
    }

    fn add_member(&mut self) {
        let room = self.world.dice.below(self.rooms.len());
        let user = self.world.dice.below(USERS);
        let caller = self.users[self.rooms[room].members[0]].clone();
        let path = format!("/chats/{}/members", self.rooms[room].id);
        let body = json!({"user_id": self.users[user]});
        // To connect while the membership is on its way is what is hardest to get right.
        let connects = self.world.dice.one_in(2);
        if connects {
            self.hang_up(user);
        }
        let wire = self.world.connect();
        self.world
            .send(wire, &request("POST", &path, Some(&caller), Some(&body)));
        self.asked.push(Asked {
            wire,
            change: Change::Add { room, user },
        });
        if connects {
            self.world.store.writes_wait = self.world.dice.one_in(2);
            for _ in 0..self.world.dice.below(50) {
                self.world.advance();
            }
            self.listen_as(user);
            for _ in 0..self.world.dice.below(50) {
                self.world.advance();
            }
            self.world.store.writes_wait = false;
        }
    }

    /// A user closes all his WebSockets.
    fn hang_up(&mut self, user: usize) {
        for listener in self.listeners.iter().filter(|it| it.user == user) {
            self.world.disconnect(listener.wire);
        }
    }

    /// Takes the answers to changes; what is not answered may or may not have come about.
    fn hear_changes(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            match (
                self.world.wire(asked.wire).from_server.next_http(),
                asked.change,
            ) {
                (None, change) => self.asked.push(Asked {
                    wire: asked.wire,
                    change,
                }),
                (Some(reply), Change::Create(members)) if reply.status == 201 => {
                    let id = reply.json()["chat_id"].as_str().unwrap().to_owned();
                    self.rooms.push(Room { id, members });
                }
                (Some(reply), Change::Add { room, user }) if reply.status == 200 => {
                    if !self.rooms[room].members.contains(&user) {
                        self.rooms[room].members.push(user);
                    }
                }
                (Some(reply), change) => {
                    assert_eq!(reply.status, 503, "{reply:?}");
                    self.doubtful.push(change);
                }
            }
        }
    }

    fn round(&mut self) {
        match self.world.dice.below(18) {
            0 | 14 => self.listen(),
            1 if !self.listeners.is_empty() => {
                let index = self.world.dice.below(self.listeners.len());
                let wire = self.listeners[index].wire;
                self.world.disconnect(wire);
            }
            2 if self.faults && self.world.dice.one_in(4) => {
                let shards = 1 + self.world.dice.below(4) as u16;
                self.world.crash(shards);
            }
            3 => self.world.tick(100_000),
            4 if self.rooms.len() < CHATS => self.create_room(),
            5 => self.add_member(),
            7 | 8 => self.world.begin_move(),
            9 | 10 | 11 => self.retry(),
            6 if !self.faults => {
                self.world.settle();
                self.hear();
                self.check_live();
            }
            _ => self.post(),
        }
        for _ in 0..self.world.dice.below(30) {
            self.world.advance();
        }
        self.hear();
    }

    fn listen(&mut self) {
        let user = self.world.dice.below(USERS);
        self.listen_as(user);
    }

    fn listen_as(&mut self, user: usize) {
        let wire = self.world.connect();
        let hello = handshake(&self.users[user]);
        self.world.send(wire, &hello);
        let (seen, acks) = (BTreeMap::new(), BTreeSet::new());
        self.listeners.push(Listener {
            wire,
            user,
            ready: false,
            seen,
            acks,
        });
    }

    fn post(&mut self) {
        self.last += 1;
        let room = self.world.dice.below(self.rooms.len());
        let members = &self.rooms[room].members;
        let sender = members[self.world.dice.below(members.len())];
        let content = format!("m{}", self.last);
        self.drafts.push(Draft {
            content,
            room,
            sender,
            wire: None,
        });
        let index = self.drafts.len() - 1;
        self.send_draft(index);
    }

    /// Sends some draft again, of which nobody may know what became of it.
    fn retry(&mut self) {
        if !self.drafts.is_empty() {
            let index = self.world.dice.below(self.drafts.len());
            let wire = self.drafts[index].wire;
            if wire.is_none_or(|wire| !self.world.wire(wire).open) {
                self.send_draft(index);
            }
        }
    }

    /// Sends a draft over HTTP, or over a WebSocket of its sender where he has one.
    fn send_draft(&mut self, index: usize) {
        let draft = &self.drafts[index];
        let room = &self.rooms[draft.room].id;
        let body = json!({"content": draft.content, "client_id": draft.content});
        let (sender, content) = (draft.sender, draft.content.clone());
        let is_open = |it: &&Listener| it.user == sender && it.ready;
        let socket = self.listeners.iter().find(is_open).map(|it| it.wire);
        if let Some(wire) = socket.filter(|wire| self.world.wire(*wire).open)
            && self.world.dice.one_in(2)
        {
            let text = json!({
                "type": "send", "chat_id": room, "content": content, "client_id": content
            });
            self.world.send(wire, &text_frame(&text.to_string()));
            self.drafts[index].wire = Some(wire);
            return;
        }
        let path = format!("/chats/{room}/messages");
        let bytes = request("POST", &path, Some(&self.users[sender]), Some(&body));
        let wire = self.world.connect();
        self.world.send(wire, &bytes);
        self.drafts[index].wire = Some(wire);
    }

    /// Takes what came from the server: replies to drafts, events, acknowledgements.
    fn hear(&mut self) {
        self.hear_changes();
        let mut acknowledged = Vec::new();
        for listener in &mut self.listeners {
            let wire = self.world.wire(listener.wire);
            if !listener.ready {
                match wire.from_server.next_http() {
                    Some(reply) => assert!(reply.status == 101 || reply.status == 503),
                    None => continue,
                }
                listener.ready = true;
            }
            for event in wire.from_server.texts() {
                acknowledged.extend(listener.take(&event));
            }
        }
        for draft in &mut self.drafts {
            let Some(wire) = draft.wire else { continue };
            if self.listeners.iter().any(|listener| listener.wire == wire) {
                continue;
            }
            if let Some(reply) = self.world.wire(wire).from_server.next_http() {
                match reply.status {
                    200 => {
                        let id = reply.json()["message_id"].as_str().unwrap().to_owned();
                        acknowledged.push((draft.content.clone(), id));
                    }
                    503 => draft.wire = None,
                    _ => panic!("{reply:?}"),
                }
            }
        }
        for (content, id) in acknowledged {
            if let Some(index) = self
                .drafts
                .iter()
                .position(|draft| draft.content == content)
            {
                let draft = self.drafts.remove(index);
                self.acknowledged.insert(content, (draft.room, id));
            } else {
                assert_eq!(
                    self.acknowledged[&content].1, id,
                    "a repeat has the first one's id"
                );
            }
        }
    }

    /// Retries every draft with its client id until all are acknowledged.
    fn finish(&mut self) {
        for _ in 0..20 {
            self.world.settle();
            self.hear();
            if self.drafts.is_empty() {
                return;
            }
            for index in 0..self.drafts.len() {
                self.send_draft(index);
            }
        }
        panic!("{} drafts were never acknowledged", self.drafts.len());
    }

    fn check(&mut self) {
        self.world.settle();
        self.hear();
        self.check_live();
        for index in 0..self.rooms.len() {
            let history = self.history(index);
            let mine = self
                .acknowledged
                .iter()
                .filter(|(_, (room, _))| *room == index);
            let expected: BTreeSet<(&str, &str)> = mine
                .map(|(content, (_, id))| (content.as_str(), id.as_str()))
                .collect();
            let found: BTreeSet<(&str, &str)> = history
                .iter()
                .map(|it| {
                    (
                        it["content"].as_str().unwrap(),
                        it["message_id"].as_str().unwrap(),
                    )
                })
                .collect();
            assert_eq!(found.len(), history.len(), "no message is shown twice");
            assert_eq!(found, expected, "history is what was acknowledged");
            self.check_stored(index, &history);
            self.check_listeners(index, &history);
        }
    }

    /// Everybody who is connected hears a last message in every room of his.
    fn check_live(&mut self) {
        for room in 0..self.rooms.len() {
            self.last += 1;
            let (content, sender) = (format!("m{}", self.last), self.rooms[room].members[0]);
            self.drafts.push(Draft {
                content,
                room,
                sender,
                wire: None,
            });
            self.send_draft(self.drafts.len() - 1);
            let content = format!("m{}", self.last);
            self.world.settle();
            self.hear();
            let room = &self.rooms[room];
            for listener in &self.listeners {
                let open = self.world.wire(listener.wire).open;
                if open && room.members.contains(&listener.user) {
                    let seen = listener.seen.get(&room.id).and_then(|seen| seen.last());
                    let seen = seen.and_then(|(_, content)| content.as_ref());
                    assert_eq!(seen, Some(&content), "user {} listens", listener.user);
                    self.heard_live += 1;
                }
            }
        }
    }

    /// The whole history of a room, oldest first, read page by page as its first member.
    fn history(&mut self, index: usize) -> Vec<Value> {
        let room = &self.rooms[index];
        let user = self.users[room.members[0]].clone();
        let mut path = Some(format!("/chats/{}/messages?limit=7", room.id));
        let mut messages = Vec::new();
        while let Some(next) = path {
            let wire = self.world.connect();
            self.world
                .send(wire, &request("GET", &next, Some(&user), None));
            self.world.settle();
            let reply = self.world.wire(wire).from_server.next_http().unwrap();
            assert_eq!(reply.status, 200, "{reply:?}");
            messages.extend(reply.json().as_array().unwrap().clone());
            let link = reply
                .head
                .lines()
                .find_map(|line| line.strip_prefix("Link: <"));
            path = link.map(|link| link.split_once('>').unwrap().0.to_owned());
        }
        messages.reverse();
        let seqs: Vec<u64> = messages
            .iter()
            .map(|it| it["seq"].as_u64().unwrap())
            .collect();
        assert!(
            seqs.is_sorted_by(|a, b| a < b),
            "in order, each once: {seqs:?}"
        );
        messages
    }

    fn check_stored(&self, index: usize, history: &[Value]) {
        let id: ChatId = self.rooms[index].id.parse().unwrap();
        let stored = self.world.store.messages(id);
        assert_eq!(stored.len(), history.len());
        for (n, ((seq, row), shown)) in stored.iter().zip(history).enumerate() {
            assert_eq!(seq.0, shown["seq"].as_u64().unwrap());
            assert_eq!(row.head.messages, n as u64 + 1);
        }
    }

    fn check_listeners(&self, index: usize, history: &[Value]) {
        let room = &self.rooms[index];
        for listener in &self.listeners {
            let seen = listener
                .seen
                .get(&room.id)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let gapless = seen.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
            assert!(gapless, "events come in order without a gap: {seen:?}");
            for (seq, content) in seen {
                let shown = history.iter().find(|it| it["seq"].as_u64() == Some(*seq));
                let shown = shown
                    .and_then(|it| it["content"].as_str())
                    .map(str::to_owned);
                assert_eq!(&shown, content, "live and history agree on seq {seq}");
            }
            let unanswered = self.asked.iter().map(|asked| &asked.change);
            let may_be_member = unanswered.chain(&self.doubtful).any(|change| match change {
                Change::Add { room, user } => *room == index && *user == listener.user,
                Change::Create(_) => false,
            });
            assert!(seen.is_empty() || may_be_member || room.members.contains(&listener.user));
        }
    }
}

impl Listener {
    /// Notes an event; gives what an acknowledgement acknowledges.
    fn take(&mut self, event: &Value) -> Option<(String, String)> {
        match event["type"].as_str().unwrap() {
            "message" | "chat_created" | "member_added" => {
                let chat = event["chat_id"].as_str().unwrap().to_owned();
                let content = event["content"].as_str().map(str::to_owned);
                let seq = event["seq"].as_u64().unwrap();
                self.seen.entry(chat).or_default().push((seq, content));
                None
            }
            "ack" => {
                self.acks
                    .insert(event["client_id"].as_str().unwrap().to_owned());
                let id = event["message_id"].as_str().unwrap().to_owned();
                Some((event["client_id"].as_str().unwrap().to_owned(), id))
            }
            "ready" | "error" => None,
            other => panic!("unexpected {other}: {event}"),
        }
    }
}
