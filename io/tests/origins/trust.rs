//! Trust mode: anybody is anybody, but no page is.

use serde_json::json;

use crate::support::http::{Request, Response};
use crate::support::server::rookery;
use crate::support::ws::{self, Ws};
use crate::support::{any_user, start_trusting};
use crate::{EVIL, call, start, with};

/// A host, what a browser says of the page, and the status that it gets.
type Case = (&'static str, &'static [(&'static str, &'static str)], u16);

const FOREIGN: [Case; 11] = [
    ("localhost", &[("origin", EVIL)], 403),
    ("localhost", &[("origin", "null")], 403),
    ("localhost", &[("sec-fetch-site", "cross-site")], 403),
    (
        "127.0.0.1:8000",
        &[("origin", "http://127.0.0.1:9000")],
        403,
    ),
    (
        "localhost:8000",
        &[("origin", "http://localhost:3000")],
        403,
    ),
    (
        "localhost:8000",
        &[("origin", "http://127.0.0.1:8000")],
        403,
    ),
    ("10.1.2.3:8000", &[("origin", "http://10.1.2.3")], 403),
    ("evil.example", &[("origin", "http://evil.example")], 421),
    ("evil.example", &[], 421),
    ("localhost.evil.example", &[], 421),
    ("127.0.0.1.evil.example:8000", &[], 421),
];

#[track_caller]
fn assert_refused(reply: &Response, status: u16) {
    let code = if status == 403 {
        "forbidden"
    } else {
        "misdirected_request"
    };
    reply.expect_problem(status, code);
}

#[test]
fn a_page_can_neither_write_nor_read() {
    let (_dir, server) = start_trusting();
    let user = any_user();
    let form = format!("name=spam&members={user}&sender_id={user}");
    for (host, fields, status) in FOREIGN {
        for request in [
            Request::to("POST", "/chats", host).form(&form),
            Request::to("GET", "/chats", host).header("cookie", &format!("user_id={user}")),
            Request::to("GET", "/nothing", host).header("authorization", "Bearer x"),
        ] {
            let reply = call(&server, &with(request, fields));
            if reply.status != 404 {
                assert_refused(&reply, status);
            }
        }
        let path = format!("/ws/connect/{user}");
        let request = ws::upgrade_at(&path, host);
        let refused = Ws::connect(server.addr, with(request, fields)).err();
        assert_refused(
            &refused.unwrap_or_else(|| panic!("{host} {fields:?} was let in")),
            status,
        );
    }
    let chats = Request::get("/chats").header("cookie", &format!("user_id={user}"));
    assert_eq!(
        call(&server, &chats).expect(200),
        json!([]),
        "nothing was written"
    );
}

#[test]
fn addresses_and_localhost_are_never_foreign() {
    let (_dir, server) = start_trusting();
    let body = json!({"name": "x", "members": [any_user()]});
    for host in [
        "localhost",
        "LocalHost:8000",
        "127.0.0.1",
        "10.1.2.3:8000",
        "[::1]:8000",
    ] {
        let post = || Request::to("POST", "/chats", host).json(&body);
        call(&server, &post()).expect(201);
        let own = format!("http://{}", host.to_ascii_lowercase());
        call(&server, &post().header("origin", &own)).expect(201);
    }
    let mut http = server.http();
    http.write(b"GET /users/x HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(
        http.receive().unwrap().status,
        401,
        "a program of old, and no browser"
    );
}

#[test]
fn the_operator_can_name_hosts_and_pages() {
    let (_dir, server) = start(&[
        ("--auth", "trust"),
        ("--public-url", "http://chat.example"),
        ("--allowed-origin", "https://app.example"),
    ]);
    let body = json!({"name": "x", "members": [any_user()]});
    let status = |host: &str, fields: &[(&str, &str)]| {
        let request = Request::to("POST", "/chats", host).json(&body);
        call(&server, &with(request, fields)).status
    };
    assert_eq!(status("chat.example", &[]), 201);
    assert_eq!(
        status("chat.example", &[("origin", "http://chat.example")]),
        201
    );
    assert_eq!(
        status("chat.example", &[("origin", "https://app.example")]),
        201
    );
    assert_eq!(status("chat.example", &[("origin", EVIL)]), 403);
    assert_eq!(status("localhost", &[]), 421, "the list is exact");
}

#[test]
fn trust_beyond_this_machine_must_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = rookery(&log);
        command
            .current_dir(dir.path())
            .envs(variables.iter().copied());
        command.args(["--auth", "trust", "--listen", "0.0.0.0:0"]);
        let status = command.args(args).status().unwrap();
        (status.code(), std::fs::read_to_string(&log).unwrap())
    };
    let (code, text) = run(&["config"], &[]);
    assert_eq!(code, Some(64), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("--trust-anyone") && text.contains("127.0.0.1"),
        "{text}"
    );
    for (args, variables) in [
        (&["config", "--trust-anyone"][..], &[][..]),
        (&["--trust-anyone", "config"], &[]),
        (&["config"], &[("ROOKERY_TRUST_ANYONE", "true")]),
    ] {
        let (code, text) = run(args, variables);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("trust-anyone = true"), "{text}");
    }
}
