//! The one rule for requests to which a browser adds credentials by itself.

use serde_json::json;

use crate::support::Server;
use crate::support::api::Api;
use crate::support::http::{Request, Response};
use crate::support::ws::{self, Ws};
use crate::{EVIL, call, credentials, start, token_at, with};

type Fields = &'static [(&'static str, &'static str)];

/// What a browser may say of the page, and whether its request is served. The harness says `host: localhost`.
const CASES: [(Fields, bool); 14] = [
    (&[], true),
    (&[("origin", "http://localhost")], true),
    (&[("origin", "https://localhost")], true),
    (&[("origin", "https://app.example")], true),
    (
        &[
            ("origin", "https://app.example"),
            ("sec-fetch-site", "cross-site"),
        ],
        true,
    ),
    (&[("origin", "capacitor://localhost")], true),
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "none")], true),
    (&[("origin", EVIL)], false),
    (&[("origin", "null")], false),
    (&[("origin", "http://localhost:1")], false),
    (&[("origin", "http://localhost.evil.example")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "same-site")], false),
];

const ALLOWED: &[(&str, &str)] = &[
    ("--allowed-origin", "https://app.example"),
    ("--allowed-origin", "capacitor://localhost"),
];

#[track_caller]
fn assert_judged(reply: &Response, is_served: bool, about: &str) {
    if is_served {
        assert!(reply.status < 300, "{about}: {}", reply.text());
    } else {
        assert_eq!(
            (reply.status, &*reply.code()),
            (403, "forbidden"),
            "{about}"
        );
    }
}

#[test]
fn a_foreign_page_can_not_use_its_user_s_cookie() {
    let (_dir, server) = start(ALLOWED);
    let token = token_at(&server, "localhost", "alice");
    let cookie = format!("session={token}");
    for (fields, is_served) in CASES {
        for request in [
            Request::get("/me"),
            Request::new("POST", "/chats").json(&json!({"name": "x", "members": []})),
            Request::new("POST", "/ws-ticket"),
        ] {
            let request = with(request.header("cookie", &cookie), fields);
            assert_judged(&call(&server, &request), is_served, &format!("{fields:?}"));
        }
    }
    let chats = call(&server, &Request::get("/chats").header("cookie", &cookie));
    let served = CASES.iter().filter(|(_, is_served)| *is_served).count();
    assert_eq!(
        chats.expect(200).as_array().unwrap().len(),
        served,
        "nothing else was done"
    );
}

#[test]
fn a_foreign_page_can_not_log_its_user_in_or_out() {
    let (_dir, server) = start(ALLOWED);
    token_at(&server, "localhost", "alice");
    for (fields, is_served) in CASES {
        let login = Request::new("POST", "/login").json(&credentials("alice"));
        let reply = call(&server, &with(login, fields));
        assert_judged(&reply, is_served, &format!("{fields:?}"));
        assert_eq!(
            reply.all("set-cookie").count(),
            if is_served { 2 } else { 0 }
        );

        // A browser sends no cookie here, and would take the empty ones all the same.
        let logout = call(&server, &with(Request::new("POST", "/logout"), fields));
        assert_eq!(
            logout.status,
            if is_served { 401 } else { 403 },
            "{fields:?}"
        );
        assert_eq!(
            logout.all("set-cookie").count(),
            if is_served { 2 } else { 0 }
        );
    }
}

#[test]
fn a_foreign_page_can_not_open_a_websocket_by_cookie() {
    let (_dir, server) = start(ALLOWED);
    let alice = Api::register(server.addr, "alice");
    let token = alice.identity[0].1.strip_prefix("Bearer ").unwrap();
    let path = format!("/ws/connect/{}", alice.user_id);
    for (fields, is_served) in CASES {
        let request = ws::upgrade(&path).header("cookie", &format!("session={token}"));
        match Ws::connect(server.addr, with(request, fields)) {
            Ok(mut ws) => {
                assert!(is_served, "{fields:?} was let in");
                ws.expect_ready(&alice.user_id);
            }
            Err(reply) => assert_judged(&reply, is_served, &format!("{fields:?}")),
        }
    }
}

#[test]
fn who_presents_a_token_or_ticket_may_come_from_anywhere() {
    let (_dir, server) = start(&[]);
    let mut alice = Api::register(server.addr, "alice");
    let bearer = alice.identity[0].1.clone();
    let path = format!("/ws/connect/{}", alice.user_id);
    for origin in ["capacitor://localhost", "null", EVIL] {
        let fields = [
            ("origin", origin),
            ("sec-fetch-site", "cross-site"),
            ("authorization", &bearer),
        ];
        // A cookie that comes along does not count, since the header wins.
        let me = with(Request::get("/me"), &fields).header("cookie", "session=x");
        call(&server, &me).expect(200);
        let ws = Ws::connect(server.addr, with(ws::upgrade(&path), &fields));
        ws.unwrap_or_else(|reply| panic!("{origin}: {}", reply.text()))
            .expect_ready(&alice.user_id);

        let ticket = alice.post("/ws-ticket", &json!({})).expect(200);
        let with_ticket = format!("{path}?ticket={}", ticket["ticket"].as_str().unwrap());
        let request = with(ws::upgrade(&with_ticket), &fields[..2]);
        let ws = Ws::connect(server.addr, request.header("cookie", "session=x"));
        ws.unwrap_or_else(|reply| panic!("{origin}: {}", reply.text()))
            .expect_ready(&alice.user_id);
    }
}

/// A post of JSON that does not say so.
fn untyped(server: &Server, bearer: &str, fields: &[(&str, &str)]) -> Response {
    let body = json!({"name": "x", "members": []}).to_string();
    let head = format!(
        "POST /chats HTTP/1.1\r\nhost: localhost\r\nauthorization: {bearer}\r\ncontent-length: {}\r\n",
        body.len()
    );
    let fields: String = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let mut http = server.http();
    http.write(format!("{head}{fields}\r\n{body}").as_bytes())
        .unwrap();
    http.receive().unwrap()
}

#[test]
fn a_body_without_a_type_is_json_but_not_a_foreign_page_s() {
    let (_dir, server) = start(&[("--allowed-origin", "https://app.example")]);
    let alice = Api::register(server.addr, "alice");
    let bearer = &alice.identity[0].1;
    for fields in [
        &[][..],
        &[("origin", "http://localhost")],
        &[("origin", "https://app.example")],
    ] {
        untyped(&server, bearer, fields).expect(201);
    }
    for fields in [
        &[("origin", EVIL)][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        untyped(&server, bearer, fields).expect_problem(415, "unsupported_media_type");
    }
    untyped(&server, bearer, &[("content-type", "")]).expect_problem(415, "unsupported_media_type");
    let typed = [("origin", EVIL), ("content-type", "application/json")];
    untyped(&server, bearer, &typed).expect(201);
}
