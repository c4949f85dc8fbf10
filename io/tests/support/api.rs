//! The API's calls, in short, as one user over one connection.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http::{Http, Request, Response};
use super::ws::{self, Ws};

/// A password good enough for tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// The acknowledgement of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub message_id: String,
    pub created_at: String,
}

/// One caller. Reconnects where the server has closed the connection after a reply.
pub struct Api {
    pub addr: SocketAddr,
    http: Http,
    /// What identifies the caller in each request.
    pub identity: Vec<(String, String)>,
    pub user_id: String,
}

impl Api {
    /// A user of trust mode.
    pub fn trusted(addr: SocketAddr, user: &str) -> Self {
        let cookie = ("cookie".to_owned(), format!("user_id={user}"));
        Self::new(addr, vec![cookie], user)
    }

    /// Nobody.
    pub fn anonymous(addr: SocketAddr) -> Self {
        Self::new(addr, Vec::new(), "")
    }

    /// Registers a user of token mode and logs in.
    #[track_caller]
    pub fn register(addr: SocketAddr, username: &str) -> Self {
        let mut api = Self::anonymous(addr);
        let credentials = json!({"username": username, "password": PASSWORD});
        api.post("/users", &credentials).expect(201);
        api.login(username);
        api
    }

    /// Logs in with [`PASSWORD`], as a new session.
    #[track_caller]
    pub fn login(&mut self, username: &str) {
        let credentials = json!({"username": username, "password": PASSWORD});
        let session = self.post("/login", &credentials).expect(200);
        let token = session["token"].as_str().unwrap();
        self.identity = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        self.user_id = session["user_id"].as_str().unwrap().to_owned();
    }

    fn new(addr: SocketAddr, identity: Vec<(String, String)>, user: &str) -> Self {
        Self {
            addr,
            http: Http::connect(addr).unwrap(),
            identity,
            user_id: user.to_owned(),
        }
    }

    /// The same caller at another address.
    pub fn at(self, addr: SocketAddr) -> Self {
        Self::new(addr, self.identity, &self.user_id)
    }

    pub fn try_call(&mut self, request: Request) -> io::Result<Response> {
        let reply = self.http.call(&request.headers(&self.identity))?;
        if reply.header("connection") == Some("close") {
            self.http = Http::connect(self.addr)?;
        }
        Ok(reply)
    }

    #[track_caller]
    pub fn call(&mut self, request: Request) -> Response {
        self.try_call(request).unwrap()
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.call(Request::get(path))
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: &Value) -> Response {
        self.call(Request::new("POST", path).json(body))
    }

    #[track_caller]
    pub fn patch(&mut self, path: &str, body: &Value) -> Response {
        self.call(Request::new("PATCH", path).json(body))
    }

    #[track_caller]
    pub fn put(&mut self, path: &str) -> Response {
        self.call(Request::new("PUT", path))
    }

    #[track_caller]
    pub fn delete(&mut self, path: &str) -> Response {
        self.call(Request::new("DELETE", path))
    }

    /// Creates a chat, and gives its id.
    #[track_caller]
    pub fn create_chat(&mut self, name: &str, members: &[&str]) -> String {
        let body = json!({"name": name, "members": members});
        let chat = self.post("/chats", &body).expect(201);
        chat["chat_id"].as_str().unwrap().to_owned()
    }

    /// A request that posts a message, as this caller.
    pub fn message(&self, chat: &str, content: &str, client_id: Option<&str>) -> Request {
        let mut body = json!({"content": content});
        if let Some(id) = client_id {
            body["client_id"] = id.into();
        }
        Request::new("POST", &format!("/chats/{chat}/messages")).json(&body)
    }

    /// Posts a message that must be accepted.
    #[track_caller]
    pub fn say(&mut self, chat: &str, content: &str) -> Posted {
        self.say_as(chat, content, None)
    }

    #[track_caller]
    pub fn say_as(&mut self, chat: &str, content: &str, client_id: Option<&str>) -> Posted {
        let reply = self.call(self.message(chat, content, client_id));
        assert_eq!(reply.status, 200, "{}", reply.text());
        posted(&reply)
    }

    /// Posts many messages with all requests written before the first reply is read.
    #[track_caller]
    pub fn say_all(&mut self, chat: &str, contents: &[String]) -> Vec<Posted> {
        let requests: Vec<u8> = contents
            .iter()
            .flat_map(|content| {
                self.message(chat, content, None)
                    .headers(&self.identity)
                    .encode()
            })
            .collect();
        self.http.write(&requests).unwrap();
        contents
            .iter()
            .map(|_| {
                let reply = self.http.receive().unwrap();
                assert_eq!(reply.status, 200, "{}", reply.text());
                posted(&reply)
            })
            .collect()
    }

    /// Every message of the chat, newest first, page by page through `Link`.
    #[track_caller]
    pub fn history(&mut self, chat: &str) -> Vec<Value> {
        self.pages(&format!("/chats/{chat}/messages?limit=100"))
    }

    /// All that pages from this one on hold.
    #[track_caller]
    pub fn pages(&mut self, first: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = Some(first.to_owned());
        while let Some(path) = next {
            let reply = self.get(&path);
            next = next_link(&reply);
            let page = reply.expect(200);
            let page = page.as_array().unwrap();
            assert!(
                next.is_none() || !page.is_empty(),
                "an empty page has no next"
            );
            found.extend(page.iter().cloned());
        }
        found
    }

    /// Connects a device of this caller, and takes the `ready`.
    #[track_caller]
    pub fn listen(&self) -> Ws {
        let mut ws = self.try_listen().unwrap();
        ws.expect_ready(&self.user_id);
        ws
    }

    pub fn try_listen(&self) -> Result<Ws, Response> {
        let path = format!("/ws/connect/{}", self.user_id);
        Ws::connect(self.addr, ws::upgrade(&path).headers(&self.identity))
    }
}

/// Reads the acknowledgement.
#[track_caller]
pub fn posted(reply: &Response) -> Posted {
    let body = reply.json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Posted {
        message_id: text("message_id"),
        created_at: text("created_at"),
    }
}

/// The target of `Link: <…>; rel="next"` (RFC 8288), as path and query.
pub fn next_link(reply: &Response) -> Option<String> {
    let target = reply.all("link").find_map(|value| {
        let (target, parameters) = value.strip_prefix('<')?.split_once('>')?;
        let is_next = |p: &str| p.trim() == r#"rel="next""# || p.trim() == "rel=next";
        parameters
            .split(';')
            .any(is_next)
            .then(|| target.to_owned())
    })?;
    match target.split_once("://") {
        None => Some(target),
        Some((_, rest)) => rest.find('/').map(|slash| rest[slash..].to_owned()),
    }
}
