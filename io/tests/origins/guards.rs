//! What browsers are told not to do with a reply, and what a message's reply costs.

use serde_json::json;

use crate::support::Server;
use crate::support::http::{Request, Response};
use crate::{call, credentials, start, token_at};

#[track_caller]
fn assert_guarded(reply: &Response, about: &str) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{about}");
    }
}

#[test]
fn what_depends_on_the_caller_is_kept_by_no_cache_and_shown_by_no_browser() {
    let (_dir, server) = start(&[]);
    let token = token_at(&server, "localhost", "alice");
    let bearer = format!("Bearer {token}");
    for path in ["/me", "/chats", "/users?prefix=a", "/chats/x", "/nothing"] {
        let known = Request::get(path).header("authorization", &bearer);
        assert_guarded(&call(&server, &known), path);
        assert_guarded(&call(&server, &Request::get(path)), path);
    }
    let login = Request::new("POST", "/login").json(&credentials("alice"));
    assert_guarded(&call(&server, &login), "a login");
    let ticket = Request::new("POST", "/ws-ticket").header("authorization", &bearer);
    assert_guarded(&call(&server, &ticket), "a ticket");
    let logout = Request::new("POST", "/logout").header("authorization", &bearer);
    let logout = call(&server, &logout);
    assert_eq!((logout.status, logout.all("set-cookie").count()), (204, 2));
    assert_guarded(&logout, "a logout");
    for path in ["/livez", "/readyz", "/metrics"] {
        let reply = call(&server, &Request::get(path));
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}

/// The reply to a message, as it is on the wire.
fn receipt(server: &Server, host: &str, fields: &[(&str, &str)]) -> Response {
    let token = token_at(server, host, "alice");
    let bearer = format!("Bearer {token}");
    let chat = json!({"name": "room", "members": []});
    let chat = Request::to("POST", "/chats", host)
        .header("authorization", &bearer)
        .json(&chat);
    let chat = call(server, &chat).expect(201);
    let path = format!("/chats/{}/messages", chat["chat_id"].as_str().unwrap());
    let post = Request::to("POST", &path, host).header("authorization", &bearer);
    call(
        server,
        &crate::with(post, fields).json(&json!({"content": "x"})),
    )
}

#[test]
fn the_reply_to_a_message_carries_no_more_than_it_needs() {
    for flags in [
        &[][..],
        &[
            ("--public-url", "https://localhost"),
            ("--allowed-origin", "https://app.example"),
        ],
    ] {
        let (_dir, server) = start(flags);
        let reply = receipt(&server, "localhost", &[]);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let names: Vec<_> = reply
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["Date", "Content-Type", "Content-Length"]);
    }
}

#[test]
fn by_tls_browsers_are_told_to_stay_with_it() {
    let (_dir, server) = start(&[("--public-url", "https://localhost,http://localhost:8000")]);
    let strict = |request: &Request| {
        let reply = call(&server, request);
        reply.header("strict-transport-security").map(str::to_owned)
    };
    let login = Request::new("POST", "/login").json(&credentials("nobody"));
    for request in [Request::get("/me"), Request::get("/livez"), login] {
        let value = strict(&request).unwrap();
        let seconds: u32 = value.strip_prefix("max-age=").unwrap().parse().unwrap();
        assert!(seconds >= 365 * 24 * 3600, "{value}");
    }
    for flags in [&[][..], &[("--public-url", "http://localhost")]] {
        let (_dir, server) = start(flags);
        let reply = call(&server, &Request::get("/me"));
        assert_eq!(reply.header("strict-transport-security"), None);
    }
}
