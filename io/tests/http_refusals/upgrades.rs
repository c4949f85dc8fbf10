//! From HTTP to WebSocket, or not.

use crate::support::http::{Request, Response};
use crate::support::ws::{self, Ws};
use crate::support::{any_user, start_trusting, start_with_tokens};

#[test]
fn another_upgrade_is_ignored() {
    let (_dir, server) = start_with_tokens();
    let mut http = server.http();
    let request = Request::get("/livez")
        .header("connection", "upgrade")
        .header("upgrade", "foo");
    http.write(&[request.encode(), Request::get("/nothing").encode()].concat())
        .unwrap();
    assert_eq!(http.receive().unwrap().status, 200);
    assert_eq!(http.receive().unwrap().status, 404);
}

#[test]
fn a_websocket_handshake_is_whole_or_refused() {
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let (_dir, server) = start_trusting();
    let path = format!("/ws/connect/{}", any_user());
    let refuse = |name: &str, request: Request, status: u16, code: &str| -> Response {
        let mut http = server.http();
        http.send(&request.encode());
        let reply = http.receive().unwrap();
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{name}"
        );
        server.assert_lives();
        reply
    };
    let version = |version: &str| {
        Request::get(&path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", version)
            .header(KEY.0, KEY.1)
    };
    let with = |headers: &[(&str, &str)]| {
        let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        headers.iter().fold(Request::get(&path), add)
    };
    let wrong = [
        ("version 8", version("8")),
        ("no upgrade", with(&[])),
        (
            "no connection: upgrade",
            with(&[
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                KEY,
            ]),
        ),
        (
            "no upgrade: websocket",
            with(&[
                ("connection", "upgrade"),
                ("sec-websocket-version", "13"),
                KEY,
            ]),
        ),
        (
            "to another protocol",
            with(&[
                ("connection", "upgrade"),
                ("upgrade", "h2c"),
                ("sec-websocket-version", "13"),
                KEY,
            ]),
        ),
    ];
    for (name, request) in wrong {
        let reply = refuse(name, request, 426, "upgrade_required");
        assert_eq!(reply.header("connection"), Some("Upgrade"), "{name}");
        assert_eq!(reply.header("upgrade"), Some("websocket"), "{name}");
        assert_eq!(reply.header("sec-websocket-version"), Some("13"), "{name}");
    }
    refuse("no key", ws::upgrade(&path), 400, "malformed_request");
    for key in [
        "",
        "short",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "dGhlIHNhbXBsZSBub25jZSE=",
    ] {
        let request = ws::upgrade(&path).header(KEY.0, key);
        refuse(key, request, 400, "malformed_request");
    }
    let unversioned = with(&[("connection", "upgrade"), ("upgrade", "websocket"), KEY]);
    refuse("no version", unversioned, 400, "malformed_request");
    let post = Request::new("POST", &path);
    refuse("POST", post, 405, "method_not_allowed");
    let with_body = version("13").body("text/plain", "frames, perhaps");
    refuse("a body", with_body, 400, "malformed_request");
}

#[test]
fn an_old_client_s_upgrade_is_ignored() {
    let (_dir, server) = start_trusting();
    let mut http = server.http();
    let handshake = ws::upgrade(&format!("/ws/connect/{}", any_user()))
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .encode();
    let handshake = String::from_utf8(handshake).unwrap();
    http.send(handshake.replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    http.receive()
        .unwrap()
        .expect_problem(426, "upgrade_required");
}

#[test]
fn frames_sent_before_the_switch_are_kept() {
    let (_dir, server) = start_trusting();
    let user = any_user();
    let mut http = server.http();
    // A masked text frame {"type":"ping"} with mask 0, sent in one piece with the request.
    let payload = br#"{"type":"ping"}"#;
    let mut bytes = ws::upgrade(&format!("/ws/connect/{user}"))
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .encode();
    bytes.extend([0x81, 0x80 | payload.len() as u8, 0, 0, 0, 0]);
    bytes.extend(payload);
    http.write(&bytes).unwrap();
    let reply = http.receive().unwrap();
    assert_eq!(
        reply.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "the example of RFC 6455, section 1.3"
    );
    let mut ws = Ws::switched(http);
    ws.expect_ready(&user);
    ws.next_of("pong", &[]);
}
