//! Which paths are the same, what may be asked of them, and what is told of a new one.

use serde_json::json;

use crate::cases::{Lives, case, play_all};
use crate::support::api::{Api, PASSWORD};
use crate::support::http::{Request, Response};
use crate::support::ws::{self, Ws};
use crate::support::{any_user, start_trusting, start_with_tokens};

#[test]
fn a_path_is_the_same_with_unreserved_characters_encoded() {
    let (_dir, server) = start_trusting();
    let user = any_user();
    let mut api = Api::trusted(server.addr, &user);
    let chat = api.create_chat("room", &[]);
    let encoded: String = chat.bytes().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(api.get("/%63hats").expect(200)[0]["chat_id"], chat);
    assert_eq!(api.get(&format!("/chats/{encoded}")).status, 200);
    let path = format!("/%63hats/{encoded}/mess%61ges");
    let posted = api.call(Request::new("POST", &path).json(&json!({"content": "hi"})));
    assert_eq!(posted.status, 200);
    assert_eq!(api.history(&chat).len(), 1);
    let path = format!("/ws/conn%65ct/{}", user.replace('-', "%2D"));
    Ws::connect(server.addr, ws::upgrade(&path))
        .ok()
        .unwrap()
        .expect_ready(&user);

    let slashes = [
        format!("/chats%2f{chat}"),
        format!("/chats%2F{chat}"),
        format!("/chats/{chat}%2Fmessages"),
        "/%2563hats".to_owned(),
        "/chats/%2e%2e/chats".to_owned(),
    ];
    let cases: Vec<_> = slashes
        .iter()
        .map(|path| {
            let request = Request::get(path).headers(&api.identity).encode();
            case(path, request, (404, "not_found"), Lives)
        })
        .collect();
    play_all(&server, &cases);
}

fn allowed(reply: &Response) -> Vec<&str> {
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(reply.header("content-length"), None);
    let mut methods: Vec<&str> = reply.header("allow").unwrap().split(", ").collect();
    methods.sort_unstable();
    methods
}

#[test]
fn options_says_what_a_path_takes() {
    let (_dir, server) = start_with_tokens();
    let mut nobody = Api::anonymous(server.addr);
    let mut options = |path: &str| nobody.call(Request::new("OPTIONS", path));
    for (path, methods) in [
        ("/users", &["GET", "HEAD", "OPTIONS", "POST"][..]),
        ("/login", &["OPTIONS", "POST"]),
        ("/livez", &["GET", "HEAD", "OPTIONS"]),
        (
            &format!("/chats/{}/members/{}", any_user(), any_user()),
            &["DELETE", "OPTIONS", "PUT"],
        ),
        (
            &format!("/ws/connect/{}", any_user()),
            &["GET", "HEAD", "OPTIONS"],
        ),
    ] {
        assert_eq!(allowed(&options(path)), methods, "{path}");
    }
    for whole_server in ["*", "http://localhost"] {
        assert_eq!(
            allowed(&options(whole_server)),
            ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "{whole_server}"
        );
    }
    options("/nothing").expect_problem(404, "not_found");
    let refused = nobody.call(Request::new("PUT", "/login"));
    refused.expect_problem(405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("POST, OPTIONS"));
}

#[test]
fn what_was_created_says_where_it_is() {
    let (_dir, server) = start_with_tokens();
    let credentials = json!({"username": "bob", "password": PASSWORD});
    let reply = Api::anonymous(server.addr).post("/users", &credentials);
    let at_user = reply.header("location").map(str::to_owned);
    let user = reply.expect(201)["user_id"].as_str().unwrap().to_owned();
    assert_eq!(at_user, Some(format!("/users/{user}")));

    let mut alice = Api::register(server.addr, "alice");
    assert_eq!(alice.get(&at_user.unwrap()).expect(200)["username"], "bob");
    let reply = alice.post("/chats", &json!({"name": "room", "members": []}));
    let at_chat = reply.header("location").map(str::to_owned);
    let chat = reply.expect(201)["chat_id"].as_str().unwrap().to_owned();
    assert_eq!(at_chat, Some(format!("/chats/{chat}")));
    assert_eq!(alice.get(&at_chat.unwrap()).expect(200)["name"], "room");
    let members = format!("/chats/{chat}/members");
    let added = alice.post(&members, &json!({"user_id": user}));
    assert_eq!((added.status, added.header("location")), (200, None));
}
