//! A user who deletes their account while things break.

use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::scenario::state::{Known, Leaver};

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

    fn registered(&mut self, name: &'static str) -> Known {
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

    fn told(&mut self, who: &Known, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let wire = self.ask_with(&who.credentials, method, path, Some(body));
        self.world.settle();
        let reply = self.answer(wire).unwrap();
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
        reply.json()
    }

    /// They ask for it, until they are told that it is done.
    pub(super) fn use_leaver(&mut self) {
        let Leaver {
            asked, is_deleted, ..
        } = self.leaver;
        if !self.has_tokens() || is_deleted {
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
            self.use_leaver();
            self.world.settle();
        }
        // Those who may be adding them have done so.
        for _ in 0..15 {
            self.world.tick(10_000_000);
            self.world.settle();
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
    }
}
