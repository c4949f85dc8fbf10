//! OpenAPI.

use std::collections::BTreeSet;

use rookery_io::web::ASSETS;
use rookery_testing::json_schema::Schemas;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::examples::{BOB, Bindings, CYD, HASH, TOKEN};
use crate::support::api::{Api, PASSWORD};
use crate::support::documented::HTTP;
use crate::support::http::{Http, Request, Response};
use crate::support::operator::{self, token_file};
use crate::support::ws::{Ws, upgrade};
use crate::support::{Options, Server};

/// Each operation, in an order in which its example holds; twice where it gives another reply then.
const STORY: &[&str] = &[
    "register",
    "logIn",
    "me",
    "showUser",
    "findUsers",
    "changeProfile",
    "changeSettings",
    "showSettings",
    "listSessions",
    "endSession",
    "changePassword",
    "createChat",
    "createChat",
    "postMessage",
    "showMessages",
    "showEvents",
    "listChats",
    "showChat",
    "showMembers",
    "markRead",
    "addMember",
    "setRole",
    "changeChat",
    "editMessage",
    "addReaction",
    "removeReaction",
    "deleteMessage",
    "removeMember",
    "deleteChat",
    "openDirectChat",
    "openDirectChat",
    "block",
    "listBlocks",
    "unblock",
    "ticket",
    "connect",
    "chatPage",
    "asset",
    "about",
    "openApi",
    "asyncApi",
    "live",
    "ready",
    "metrics",
    "opsPage",
    "makeInvite",
    "setPassword",
    "deleteUser",
    "logOut",
    "deleteAccount",
];

struct Stage {
    server: Server,
    bindings: Bindings,
    _dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::new(dir.path())
            .shards(2)
            .flag("--operator-token-file", token_file(dir.path()).display())
            .with_admin();
        Self {
            server: options.start(),
            bindings: Bindings::default(),
            _dir: dir,
        }
    }

    /// What happens besides, so that the example of an operation holds.
    fn prepare(&mut self, id: &str) {
        match id {
            // Members of a direct chat are shown in the order of their ids, which is that of registration.
            "logIn" => {
                for (example, name) in [(BOB, "bob"), (CYD, "cyd")] {
                    let user = Api::register(self.server.addr, name);
                    self.bindings.bind(example, &user.user_id);
                }
            }
            "listSessions" => {
                let login =
                    json!({"username": "ann", "password": PASSWORD, "device": "Ann's tablet"});
                let mut tablet = Api::anonymous(self.server.addr);
                tablet.post("/login", &login).expect(200);
            }
            "asset" => self.bindings.bind(HASH, ASSETS.hash),
            // She has logged out.
            "deleteAccount" => {
                let login = json!({"username": "ann", "password": "another correct horse"});
                let mut again = Api::anonymous(self.server.addr);
                let login = again.post("/login", &login).expect(200);
                self.bindings
                    .rebind(TOKEN, login["token"].as_str().unwrap());
            }
            _ => {}
        }
    }

    /// Does what the example of an operation does, and compares what it gives.
    fn act(&mut self, path: &str, method: &str, operation: &'static Value) {
        let request = self.request(path, method, operation);
        let Some(reply) = self.call(request, operation) else {
            return;
        };
        assert!(reply.status < 300, "{reply:?}");
        let described = &operation["responses"][reply.status.to_string()];
        let response = Schemas::of(&HTTP).resolved(described);
        let media_type = reply.header("content-type").unwrap_or_default();
        let example = response
            .pointer("/content")
            .and_then(|it| it[media_type].get("example"));
        match example {
            Some(Value::String(text)) => assert!(reply.text().contains(text), "{}", reply.text()),
            Some(example) => self.bindings.assert_like(example, &reply.json()),
            None => {}
        }
    }

    fn request(&self, path: &str, method: &str, operation: &'static Value) -> Request {
        let mut target = path.to_owned();
        let mut query = Vec::new();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.map(|it| Schemas::of(&HTTP).resolved(it)) {
            let Some(example) = parameter.get("example") else {
                continue;
            };
            let (name, example) = (parameter["name"].as_str().unwrap(), encoded(example));
            match parameter["in"].as_str() {
                Some("path") => target = target.replace(&format!("{{{name}}}"), &example),
                Some("query") => query.push(format!("{name}={example}")),
                other => panic!("an example of a parameter in {other:?}"),
            }
        }
        let target = match query.is_empty() {
            true => target,
            false => format!("{target}?{}", query.join("&")),
        };
        let request = Request::new(&method.to_uppercase(), &self.bindings.in_text(&target));
        match operation.pointer("/requestBody/content/application~1json/example") {
            Some(body) => request.json(&self.bindings.in_value(body)),
            None => request,
        }
    }

    /// Makes the call as whoever may make it, where it is served; `None` where it becomes a WebSocket.
    fn call(&self, request: Request, operation: &Value) -> Option<Response> {
        let tag = operation["tags"][0].as_str().unwrap();
        let token = match tag {
            "operators" => Some(operator::TOKEN),
            _ if operation["security"][0] == json!({}) => None,
            _ => Some(self.bindings.real(TOKEN)),
        };
        let addr = match tag {
            "operators" | "operations" => self.server.admin,
            _ => self.server.addr,
        };
        let request = match token {
            Some(token) => request.header("authorization", &format!("Bearer {token}")),
            None => request,
        };
        if operation["responses"].get("101").is_some() {
            let handshake = upgrade(&request.target).headers(&request.headers[1..]);
            Ws::connect(addr, handshake)
                .map_err(|it| it.text())
                .unwrap();
            return None;
        }
        let reply = Http::connect(addr).unwrap().call(&request);
        Some(reply.unwrap())
    }
}

fn encoded(example: &Value) -> String {
    let text = example.as_str().map_or(example.to_string(), str::to_owned);
    let bytes = text.bytes().map(|byte| match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[test]
fn every_example_holds_on_a_server() {
    let mut all = BTreeSet::new();
    let mut operations = Vec::new();
    for (path, methods) in HTTP["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.insert(operation["operationId"].as_str().unwrap());
            operations.push((path, method, operation));
        }
    }
    assert_eq!(
        BTreeSet::from_iter(STORY.iter().copied()),
        all,
        "each is in the story"
    );
    let mut stage = Stage::new();
    for id in STORY {
        let (path, method, operation) = operations
            .iter()
            .find(|it| it.2["operationId"] == *id)
            .unwrap();
        stage.prepare(id);
        stage.act(path, method, operation);
    }
}

#[test]
fn a_document_that_a_client_has_is_not_sent_again() {
    let (_dir, server) = crate::support::start_with_tokens();
    let mut http = server.http();
    for path in ["/openapi.json", "/asyncapi.json"] {
        let first = http.call(&Request::get(path)).unwrap();
        let etag = first.header("etag").unwrap().to_owned();
        assert_eq!(first.status, 200);
        let again = Request::get(path).header("if-none-match", &etag);
        let again = http.call(&again).unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(&*etag));
    }
    let document = http.call(&Request::get("/openapi.json")).unwrap();
    assert_eq!(document.json(), *HTTP);
}
