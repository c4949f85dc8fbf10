//! A user who deletes their account while things break, and one who stays and hears of it.

use rookery_schema::ChatId;
use rookery_schema::record::{Change, Record};
use rookery_testing::ws::{handshake_to, text_frame};
use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::scenario::state::{Known, Leaver};
use crate::scenario::view::View;
use crate::wires::WireId;

const PASSWORD: &str = "the password of both";

impl Scenario {
    /// Both register, and have a chat and their direct one.
    pub(super) fn register_leaver(&mut self) {
        if !self.has_tokens() {
            return;
        }
        let gone = self.registered("leaver");
        let stays = self.registered("stayer");
        let body = json!({"name": "left", "members": [stays.id]});
        let chat = self.told(&gone, "POST", "/chats", &body, 201);
        let path = format!("/direct/{}", stays.id);
        let direct = self.told(&gone, "POST", &path, &json!({}), 201);
        let id = |chat: &Value| chat["chat_id"].as_str().unwrap().to_owned();
        self.leaver = Leaver {
            chat: id(&chat),
            direct: id(&direct),
            gone,
            stays,
            ..Leaver::default()
        };
    }

    pub(super) fn registered(&mut self, name: &'static str) -> Known {
        let nobody = Known::default();
        let body = json!({"username": name, "password": PASSWORD});
        self.told(&nobody, "POST", "/users", &body, 201);
        let session = self.told(&nobody, "POST", "/login", &body, 200);
        let text = |field: &str| session[field].as_str().unwrap().to_owned();
        Known {
            id: text("user_id"),
            name,
            credentials: format!("Authorization: Bearer {}\r\n", text("token")),
        }
    }

    pub(super) fn told(
        &mut self,
        who: &Known,
        method: &str,
        path: &str,
        body: &Value,
        status: u16,
    ) -> Value {
        let wire = self.ask_with(&who.credentials, method, path, Some(body));
        self.world.settle();
        let reply = self.answer(wire).unwrap();
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        reply.json()
    }

    /// Both say something, and change it, or the one asks for it.
    pub(super) fn use_leaver(&mut self) {
        if !self.has_tokens() {
            return;
        }
        let who = match self.world.dice.one_in(2) {
            true => self.leaver.gone.clone(),
            false => self.leaver.stays.clone(),
        };
        match self.world.dice.below(8) {
            0..3 => self.say(who),
            3 | 4 => self.edit_or_react(&who),
            5 | 6 => self.connect_stayer(),
            _ => self.ask_to_leave(),
        }
    }

    fn say(&mut self, who: Known) {
        let path = format!("/chats/{}/messages", self.leaver.chat);
        let body = json!({"content": format!("said by {}", who.name)});
        let wire = self.ask_with(&who.credentials, "POST", &path, Some(&body));
        self.leaver.posts.push((who, wire));
    }

    /// Changes what they said, or reacts to what the other did.
    fn edit_or_react(&mut self, who: &Known) {
        if self.leaver.said.is_empty() {
            return;
        }
        let (sender, id) = self.world.dice.pick(&self.leaver.said).clone();
        let path = format!("/chats/{}/messages/{id}", self.leaver.chat);
        // Whatever comes of it.
        match sender.id == who.id {
            true => {
                let body = json!({"content": format!("edited by {}", who.name)});
                self.ask_with(&who.credentials, "PATCH", &path, Some(&body));
            }
            false => {
                let path = format!("{path}/reactions/a");
                self.ask_with(&who.credentials, "PUT", &path, None);
            }
        }
    }

    /// The one who stays connects, where they are not, and has all in order from where they were.
    fn connect_stayer(&mut self) {
        let socket = self.leaver.socket;
        if socket.is_some_and(|wire| self.world.wire(wire).open) {
            return;
        }
        let Known {
            id, credentials, ..
        } = &self.leaver.stays;
        let path = format!("/ws/connect/{id}?resume=1");
        let handshake = handshake_to(&path, credentials);
        let wire = self.world.connect();
        self.world.send(wire, &handshake);
        self.leaver.socket = Some(wire);
        self.leaver.is_accepted = false;
    }

    /// Takes what came to both.
    pub(super) fn hear_stayer(&mut self) {
        for (who, wire) in std::mem::take(&mut self.leaver.posts) {
            let is_open = self.world.wire(wire).open;
            match self.answer(wire) {
                Some(reply) if reply.status == 200 => {
                    let id = reply.json()["message_id"].as_str().unwrap().to_owned();
                    self.leaver.said.push((who, id));
                }
                None if is_open => self.leaver.posts.push((who, wire)),
                Some(_) | None => {}
            }
        }
        let Some(wire) = self.leaver.socket else {
            return;
        };
        if !self.leaver.is_accepted {
            let Some(reply) = self.world.wire(wire).next_http() else {
                return;
            };
            if reply.status != 101 {
                self.world.disconnect(wire);
                self.leaver.socket = None;
                return;
            }
            self.leaver.is_accepted = true;
        }
        for event in self.world.wire(wire).texts() {
            self.stayer_hears(wire, event);
        }
    }

    fn stayer_hears(&mut self, wire: WireId, event: Value) {
        let heard = &mut self.leaver.heard;
        if event["type"] == "ready" {
            let last = heard.last();
            let chats = json!({ self.leaver.chat.clone(): last });
            let text = json!({"type": "resume", "chats": chats}).to_string();
            return self.world.send(wire, &text_frame(&text));
        }
        let is_here = event["chat_id"] == *self.leaver.chat;
        if is_here && event["recovered"] == false {
            heard.events.clear();
        }
        if let Some(seq) = event["seq"].as_u64().filter(|_| is_here)
            && !matches!(event["type"].as_str(), Some("resumed" | "read"))
        {
            heard.events.insert(seq, event);
        }
    }

    /// They ask for it, until they are told that it is done.
    fn ask_to_leave(&mut self) {
        let Leaver {
            asked, is_deleted, ..
        } = self.leaver;
        if is_deleted {
            return;
        }
        if let Some(wire) = asked {
            let is_open = self.world.wire(wire).open;
            match self.answer(wire).map(|reply| reply.status) {
                // It was done, and the answer was lost.
                Some(204 | 401) => self.leaver.is_deleted = true,
                Some(503) => {}
                Some(status) => panic!("who deletes their account is told {status}"),
                None if is_open => return,
                None => {}
            }
            self.leaver.asked = None;
            return;
        }
        let credentials = self.leaver.gone.credentials.clone();
        let body = json!({"password": PASSWORD});
        let wire = self.ask_with(&credentials, "DELETE", "/me", Some(&body));
        self.leaver.asked = Some(wire);
    }

    /// In the end they are in no chat but the direct one, where nobody posts any more.
    pub(super) fn check_leaver(&mut self) {
        if !self.has_tokens() {
            return;
        }
        self.world.settle();
        while !self.leaver.is_deleted {
            self.ask_to_leave();
            self.world.settle();
        }
        self.connect_stayer();
        // Those who may be adding them have done so.
        for _ in 0..15 {
            self.world.tick(10_000_000);
            self.world.settle();
            self.hear_stayer();
        }
        let Leaver {
            gone,
            stays,
            chat,
            direct,
            ..
        } = &self.leaver;
        let (gone, stays) = (gone.clone(), stays.clone());
        let (chat, direct) = (chat.clone(), direct.clone());
        let body = json!({"username": gone.name, "password": PASSWORD});
        self.told(&Known::default(), "POST", "/login", &body, 401);
        self.told(&Known::default(), "POST", "/users", &body, 409);
        self.told(&gone, "GET", "/me", &json!({}), 401);
        let path = format!("/users/{}", gone.id);
        self.told(&stays, "GET", &path, &json!({}), 404);
        let shown = self.told(&stays, "GET", &format!("/chats/{chat}"), &json!({}), 200);
        assert_eq!(shown["members"], json!([stays.id]));
        assert_eq!(shown["roles"], json!({ stays.id.clone(): "admin" }));
        let path = format!("/chats/{direct}/messages");
        let body = json!({"content": "are you there?"});
        let refused = self.told(&stays, "POST", &path, &body, 403);
        assert_eq!(refused["code"], "blocked");
        self.check_erased();
    }

    /// Nothing is left of what they said, wherever one looks; and whoever has heard all shows what history does.
    fn check_erased(&mut self) {
        let Leaver {
            gone, stays, chat, ..
        } = &self.leaver;
        let (gone, stays, chat) = (gone.clone(), stays.clone(), chat.clone());
        let path = format!("/chats/{chat}/messages?limit=100");
        let history = self.told(&stays, "GET", &path, &json!({}), 200);
        let mut history = history.as_array().unwrap().clone();
        history.reverse();
        let events = self.told(
            &stays,
            "GET",
            &format!("/chats/{chat}/events"),
            &json!({}),
            200,
        );
        let events = events.as_array().unwrap();
        let told = events.iter().filter(|it| it["type"] == "message");
        for message in history.iter().chain(told) {
            let is_theirs = message["sender_id"] == *gone.id;
            assert_eq!(message["content"] == "", is_theirs, "{message}");
            assert_eq!(message["deleted"] == true, is_theirs, "{message}");
        }
        let said = |it: &&Value| it["by"] == *gone.id && it["type"] == "message_edited";
        assert!(events.iter().filter(said).all(|it| it["content"] == ""));
        let chat_id: ChatId = chat.parse().unwrap();
        for row in self.world.store.events(chat_id) {
            let content = match Record::decode(&row.record).unwrap() {
                Record::MessagePosted(said) if said.sender_id.to_string() == gone.id => {
                    said.content.to_owned()
                }
                Record::MessageAmended(edited) if edited.by.to_string() == gone.id => {
                    match edited.change {
                        Change::Edited { content, .. } => content.to_owned(),
                        _ => continue,
                    }
                }
                _ => continue,
            };
            assert_eq!(content, "", "it is overwritten");
        }
        let members = [json!(stays.id)];
        if !self.leaver.heard.events.is_empty() {
            View::of(&self.leaver.heard).check(&history, &members);
        }
    }
}
