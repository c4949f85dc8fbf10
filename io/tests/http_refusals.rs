//! Bad input over a raw socket: each gets its status and its stable code, and the connection (where it
//! may live) or the server lives on. Numbers in the names are RFC sections.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::api::{Api, PASSWORD};
use support::http::{Http, Request, Response};
use support::rng::Rng;
use support::ws::{self, Ws};
use support::{Options, PATIENCE, Server, any_user};

/// What becomes of the connection after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Where the next request would begin can't be known: closed, and nothing behind is looked at.
    Closes,
    Lives,
}
use After::{Closes, Lives};

/// Bytes that are refused, and how.
struct Case {
    name: String,
    bytes: Vec<u8>,
    status: u16,
    code: &'static str,
    after: After,
}

fn case(
    name: impl Into<String>,
    bytes: impl Into<Vec<u8>>,
    refusal: (u16, &'static str),
    after: After,
) -> Case {
    Case {
        name: name.into(),
        bytes: bytes.into(),
        status: refusal.0,
        code: refusal.1,
        after,
    }
}

impl Case {
    /// Plays the case on a fresh connection, and again behind an honest request.
    fn play(&self, server: &Server) {
        for behind_another in [false, true] {
            let outcome = std::panic::catch_unwind(|| self.play_once(server, behind_another));
            assert!(
                outcome.is_ok(),
                "case: {}, behind another request: {behind_another}",
                self.name
            );
        }
        server.assert_lives();
    }

    fn play_once(&self, server: &Server, behind_another: bool) {
        let mut http = server.http();
        if behind_another {
            http.assert_lives();
        }
        http.send(&self.bytes);
        let reply = http.receive().unwrap();
        reply.expect_problem(self.status, self.code);
        assert!(reply.header("date").is_some(), "every reply has a date");
        match self.after {
            Closes => {
                assert_eq!(reply.header("connection"), Some("close"));
                http.send(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n");
                http.assert_closed();
            }
            Lives => http.assert_lives(),
        }
    }
}

fn play_all(server: &Server, cases: &[Case]) {
    assert!(!cases.is_empty());
    for case in cases {
        case.play(server);
    }
}

const HOST: &str = "host: localhost\r\n";

/// A head with the given fields, the host's among them, before a request that must not be answered.
fn post_with(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /users HTTP/1.1\r\n{HOST}{fields}\r\n\r\n{body}").into_bytes()
}

fn get_with(fields: &str) -> Vec<u8> {
    format!("GET /livez HTTP/1.1\r\n{fields}\r\n\r\n").into_bytes()
}

const SMUGGLED: &str = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[test]
fn the_length_of_a_body_is_beyond_doubt() {
    const LENGTH: (u16, &str) = (400, "bad_content_length");
    const CODING: (u16, &str) = (400, "bad_transfer_encoding");
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut cases = vec![
        case(
            "both framings (9112, 6.1)",
            post_with(
                "content-length: 5\r\ntransfer-encoding: chunked",
                &format!("0\r\n\r\n{SMUGGLED}"),
            ),
            (400, "conflicting_body_length"),
            Closes,
        ),
        case(
            "two lengths",
            post_with("content-length: 5\r\ncontent-length: 6", "hello!"),
            LENGTH,
            Closes,
        ),
        case(
            "a coding in HTTP/1.0 (9112, 6.1)",
            format!("POST /users HTTP/1.0\r\n{HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            CODING,
            Closes,
        ),
        case(
            "chunked in two lines",
            post_with(
                "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
                SMUGGLED,
            ),
            CODING,
            Closes,
        ),
    ];
    let lengths = [
        "5, 6",
        "+5",
        "-0",
        "-1",
        "0x5",
        "1 0",
        "",
        "1_0",
        "5.0",
        "18446744073709551616",
        "99999999999999999999999999",
    ];
    cases.extend(lengths.iter().map(|value| {
        let bytes = post_with(&format!("content-length: {value}"), SMUGGLED);
        case(format!("content-length {value:?}"), bytes, LENGTH, Closes)
    }));
    let codings = [
        ("gzip, chunked, identity", CODING),
        ("chunked, chunked", CODING),
        ("chunked, identity", CODING),
        ("", CODING),
        ("gzip", (501, "transfer_coding_not_implemented")),
        ("xchunked", (501, "transfer_coding_not_implemented")),
        ("identity", (501, "transfer_coding_not_implemented")),
        ("\x0bchunked", (400, "bad_header_value")),
        ("\x0cchunked", (400, "bad_header_value")),
        ("chunked\0", (400, "bad_header_value")),
    ];
    cases.extend(codings.iter().map(|(value, refusal)| {
        let bytes = post_with(&format!("transfer-encoding: {value}"), SMUGGLED);
        case(
            format!("transfer-encoding {value:?}"),
            bytes,
            *refusal,
            Closes,
        )
    }));
    play_all(&server, &cases);
}

#[test]
fn chunks_are_well_formed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let chunked = |body: &str| post_with("transfer-encoding: chunked", body);
    let mut cases: Vec<Case> = [
        "-1\r\na\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "g\r\n",
        "1000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;=x\r\nhello\r\n0\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ]
    .iter()
    .map(|body| {
        case(
            format!("{body:?}"),
            chunked(body),
            (400, "bad_chunk"),
            Closes,
        )
    })
    .collect();
    cases.push(case(
        "an extension of 5 KiB",
        chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5 * 1024))),
        (400, "chunk_extensions_too_large"),
        Closes,
    ));
    cases.push(case(
        "trailers of 5 KiB",
        chunked(&format!("0\r\nx: {}\r\n\r\n", "x".repeat(5 * 1024))),
        (431, "trailers_too_large"),
        Closes,
    ));
    play_all(&server, &cases);
}

#[test]
fn heads_are_well_formed() {
    const NAME: (u16, &str) = (400, "bad_header_name");
    const VALUE: (u16, &str) = (400, "bad_header_value");
    const ENDING: (u16, &str) = (400, "bad_line_ending");
    const HOSTS: (u16, &str) = (400, "bad_host");
    const LINE: (u16, &str) = (400, "bad_request_line");
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let fields = [
        ("x: a", HOSTS),
        ("host: a\r\nhost: a", HOSTS),
        ("host: a, b", HOSTS),
        ("host: user@h", HOSTS),
        ("host: h/path", HOSTS),
        ("host:", HOSTS),
        ("host: a\r\nx: 1\r\n folded", NAME),
        ("host: a\r\nx : 1", NAME),
        ("host: a\r\n: 1", NAME),
        ("host: a\r\nno colon", NAME),
        ("host: a\r\nx[]: 1", NAME),
        ("host: a\r\nx: a\0b", VALUE),
        ("host: a\r\nx: a\x07b", VALUE),
        ("host: a\nx: 1", ENDING),
    ];
    let mut cases: Vec<Case> = fields
        .iter()
        .map(|(fields, refusal)| case(format!("{fields:?}"), get_with(fields), *refusal, Closes))
        .collect();
    let lines = [
        ("GET /\r\n\r\n", LINE),
        ("GET  / HTTP/1.1\r\n\r\n", LINE),
        ("GET / HTTP/x\r\n\r\n", LINE),
        ("G(T / HTTP/1.1\r\n\r\n", LINE),
        ("GET / HTTP/9.9\r\n\r\n", (505, "version_not_supported")),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            (505, "version_not_supported"),
        ),
    ];
    cases.extend(
        lines
            .iter()
            .map(|(line, refusal)| case(format!("{line:?}"), *line, *refusal, Closes)),
    );
    let targets = [
        "/a%00b",
        "/a\\b",
        "livez",
        "ftp://a/livez",
        "http://u@h/livez",
    ];
    cases.extend(targets.iter().map(|target| {
        let bytes = format!("GET {target} HTTP/1.1\r\n{HOST}\r\n");
        case(
            format!("target {target}"),
            bytes,
            (400, "bad_target"),
            Closes,
        )
    }));
    play_all(&server, &cases);
}

#[test]
fn a_bare_carriage_return_ends_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut http = server.http();
    http.send(&get_with("host: a\r\nx: a\rb: c"));
    let reply = http.receive().unwrap();
    assert_eq!(reply.status, 400);
    let code = reply.code();
    assert!(
        ["bad_header_value", "bad_line_ending"].contains(&code.as_str()),
        "{code}"
    );
    http.assert_closed();
    server.assert_lives();
}

#[test]
fn sizes_have_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let many_fields = format!("{HOST}{}", "a: b\r\n".repeat(100));
    let big_fields = format!("{HOST}a: {}", "b".repeat(16 * 1024));
    let over = 64 * 1024 + 1;
    let cases = [
        case(
            "a request line over 8 KiB",
            format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(8 * 1024)),
            (414, "uri_too_long"),
            Closes,
        ),
        case(
            "a request line that never ends",
            format!("GET /{}", "a".repeat(9 * 1024)),
            (414, "uri_too_long"),
            Closes,
        ),
        case(
            "a head over 16 KiB",
            get_with(&big_fields),
            (431, "head_too_large"),
            Closes,
        ),
        case(
            "101 fields",
            get_with(many_fields.trim_end()),
            (431, "too_many_headers"),
            Closes,
        ),
        case(
            "a body announced over 64 KiB",
            post_with(&format!("content-length: {over}"), ""),
            (413, "body_too_large"),
            Closes,
        ),
        case(
            "a chunk announced over 64 KiB",
            post_with("transfer-encoding: chunked", &format!("{over:x}\r\n")),
            (413, "body_too_large"),
            Closes,
        ),
        case(
            "an announced body over the limit gets no leave to be sent",
            post_with(
                &format!("expect: 100-continue\r\ncontent-length: {over}"),
                "",
            ),
            (413, "body_too_large"),
            Closes,
        ),
        case(
            "another expectation",
            post_with("expect: foo\r\ncontent-length: 2", "{}"),
            (417, "expectation_failed"),
            Closes,
        ),
    ];
    play_all(&server, &cases);

    let mut http = server.http();
    let full = format!("{HOST}{}", "a: b\r\n".repeat(99));
    http.send(&get_with(full.trim_end()));
    assert_eq!(http.receive().unwrap().status, 200, "100 fields are fine");
}

#[test]
fn what_is_no_http_is_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let mut rng = Rng::from_env("ROOKERY_TEST_SEED");
    let noise = (0..64 * 1024).map(|_| rng.next() as u8).collect();
    for bytes in [hello, noise, b"\0".to_vec(), vec![b'\n'; 1000]] {
        let mut http = server.http();
        http.send(&bytes);
        // A silent close is as good as an answer, but the connection must not stay.
        match http.receive() {
            Ok(reply) => {
                assert!(
                    [400, 414, 431, 501, 505].contains(&reply.status),
                    "{reply:?}"
                );
                http.assert_closed();
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
        }
        server.assert_lives();
    }
}

#[test]
fn methods_and_paths_are_known_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    Case::play(
        &case(
            "an unknown method",
            format!("BREW /livez HTTP/1.1\r\n{HOST}\r\n"),
            (501, "method_not_implemented"),
            Closes,
        ),
        &server,
    );
    for path in [
        "/nothing",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%c0%ae%c0%ae/x",
        "/a%0d%0ab",
    ] {
        let request = Request::get(path).encode();
        case(path, request, (404, "not_found"), Lives).play(&server);
    }
    let mut api = Api::trusted(server.addr, &any_user());
    for (method, path, allowed) in [
        ("DELETE", "/users", vec!["GET", "POST"]),
        ("GET", "/login", vec!["POST"]),
        ("PUT", "/chats", vec!["GET", "POST"]),
        ("POST", "/livez", vec!["GET"]),
    ] {
        let reply = api.call(Request::new(method, path));
        reply.expect_problem(405, "method_not_allowed");
        let allow = reply.header("allow").unwrap();
        for method in allowed {
            assert!(allow.split(", ").any(|m| m == method), "{path}: {allow}");
        }
    }
}

#[test]
fn head_is_get_without_its_body() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut http = server.http();
    let get = http.call(&Request::get("/livez")).unwrap();
    http.write(&Request::new("HEAD", "/livez").encode())
        .unwrap();
    let head = http.receive_to_head().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    http.assert_lives();
}

#[test]
fn a_request_inside_a_body_is_never_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let early_errors = [
        (Request::new("POST", "/chats"), 401),
        (Request::new("POST", "/nothing"), 404),
        (Request::new("PUT", "/users"), 405),
        (Request::get("/livez"), 200),
    ];
    for (request, status) in early_errors {
        let mut http = server.http();
        let request = request.body("text/plain", SMUGGLED);
        http.send(&request.encode());
        http.send(&Request::get("/readyz").encode());
        http.send(&Request::get("/end").header("connection", "close").encode());
        let first = http.receive().unwrap();
        assert!([status, 400].contains(&first.status), "{first:?}");
        if first.header("connection") != Some("close") {
            assert_eq!(http.receive().unwrap().status, 200, "the next request's");
            assert_eq!(http.receive().unwrap().status, 404, "the last request's");
        }
        http.assert_closed();
    }
}

/// 50 requests of which each reply tells which it belongs to.
fn train(rng: &mut Rng) -> (Vec<u8>, Vec<u16>) {
    let wagons = [
        (Request::get("/livez"), 200),
        (Request::get("/nothing"), 404),
        (Request::new("DELETE", "/users"), 405),
        (Request::new("POST", "/login").body("text/plain", "x"), 415),
        (
            Request::new("POST", "/login").body("application/json", "{"),
            400,
        ),
    ];
    let mut bytes = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..50 {
        let (request, status) = rng.pick(&wagons);
        bytes.extend(request.encode());
        statuses.push(*status);
    }
    (bytes, statuses)
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let (bytes, expected) = train(&mut Rng::from_env("ROOKERY_TEST_SEED"));
    for piece in [bytes.len(), 7, 1] {
        let mut http = server.http();
        for part in bytes.chunks(piece) {
            http.write(part).unwrap();
        }
        let heard: Vec<u16> = expected
            .iter()
            .map(|_| http.receive().unwrap().status)
            .collect();
        assert_eq!(heard, expected, "in pieces of {piece}");
        http.assert_lives();
    }
}

#[test]
fn continue_is_said_to_those_who_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let body = json!({"username": "patient", "password": PASSWORD}).to_string();
    let head = |version: &str| {
        let length = body.len();
        format!(
            "POST /users HTTP/{version}\r\n{HOST}expect: 100-continue\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let mut http = server.http();
    http.write(head("1.1").as_bytes()).unwrap();
    assert_eq!(http.receive().unwrap().status, 100);
    http.write(body.as_bytes()).unwrap();
    assert_eq!(http.receive().unwrap().status, 201);

    let mut old = server.http();
    old.write(head("1.0").as_bytes()).unwrap();
    old.write(body.as_bytes()).unwrap();
    assert_eq!(old.receive().unwrap().status, 409, "no 1xx for HTTP/1.0");
    old.assert_closed();
}

#[test]
fn connections_end_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut http = server.http();
    let request = Request::get("/livez").header("connection", "close");
    let reply = http.call(&request).unwrap();
    assert_eq!(reply.header("connection"), Some("close"));
    http.assert_closed();

    let mut old = server.http();
    old.write(b"GET /livez HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(old.receive().unwrap().status, 200);
    old.assert_closed();

    let mut absolute = server.http();
    let reply = absolute.call(&Request::get("http://localhost/livez"));
    assert_eq!(reply.unwrap().status, 200, "absolute form (9112, 3.2.2)");
}

#[test]
fn another_upgrade_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
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
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
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
    let old = refuse("version 8", version("8"), 426, "upgrade_required");
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    refuse("no upgrade", Request::get(&path), 400, "malformed_request");
    let lone = Request::get(&path)
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header(KEY.0, KEY.1);
    refuse("no connection: upgrade", lone, 400, "malformed_request");
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
    let post = Request::new("POST", &path);
    refuse("POST", post, 405, "method_not_allowed");
    let with_body = version("13").body("text/plain", "frames, perhaps");
    refuse("a body", with_body, 400, "malformed_request");
}

#[test]
fn frames_sent_before_the_switch_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
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

#[test]
fn bodies_are_what_they_say() {
    const JSON: (u16, &str) = (400, "malformed_json");
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let path = format!("/chats/{chat}/messages");
    let identity = api.identity.clone();
    let post = |media_type: &str, body: &[u8]| {
        Request::new("POST", &path)
            .headers(&identity)
            .body(media_type, body)
            .encode()
    };
    let deep = format!(
        r#"{{"content":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let bodies: [&[u8]; 16] = [
        b"",
        b"{",
        b"null",
        b"[]",
        br#"["content"]"#,
        b"\"content\"",
        b"{\"content\":1}",
        b"{\"content\":null}",
        b"{}",
        br#"{"content":"a"} x"#,
        br#"{"content":"a","content":"b"}"#,
        br#"{"content":NaN}"#,
        br#"{"content":"\ud800"}"#,
        b"{\"content\":\"\xff\"}",
        br#"{"content":1e400}"#,
        deep.as_bytes(),
    ];
    let mut cases: Vec<Case> = bodies
        .iter()
        .map(|body| {
            let name = String::from_utf8_lossy(&body[..body.len().min(60)]);
            case(name, post("application/json", body), JSON, Lives)
        })
        .collect();
    let media_types = [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
    ];
    cases.extend(media_types.iter().map(|media_type| {
        let bytes = post(media_type, br#"{"content":"a"}"#);
        let refusal = (415, "unsupported_media_type");
        case(format!("media type {media_type:?}"), bytes, refusal, Lives)
    }));
    let form = post("application/x-www-form-urlencoded", b"contents=a");
    cases.push(case(
        "a form without content",
        form,
        (400, "malformed_json"),
        Lives,
    ));
    play_all(&server, &cases);

    let history = api.history(&chat);
    assert_eq!(
        history,
        Vec::<Value>::new(),
        "what was refused left no trace"
    );
    let mut http = server.http();
    http.write(&post(
        "application/json; charset=utf-8",
        br#"{"content":"a"}"#,
    ))
    .unwrap();
    assert_eq!(http.receive().unwrap().status, 200);
}

#[test]
fn values_are_within_their_bounds() {
    const BOUNDS: (u16, &str) = (422, "out_of_bounds");
    let dir = tempfile::tempdir().unwrap();
    let server = Options::trusting(dir.path()).shards(2).start();
    let mut api = Api::trusted(server.addr, &any_user());
    let chat = api.create_chat("room", &[]);
    let messages = format!("/chats/{chat}/messages");
    let posts = [
        (messages.clone(), json!({"content": ""})),
        (messages.clone(), json!({"content": "x".repeat(4097)})),
        (messages.clone(), json!({"content": "é".repeat(2049)})),
        (messages.clone(), json!({"content": "x", "client_id": ""})),
        (
            messages.clone(),
            json!({"content": "x", "client_id": "x".repeat(65)}),
        ),
        ("/chats".to_owned(), json!({"name": "", "members": []})),
        (
            "/chats".to_owned(),
            json!({"name": "x".repeat(129), "members": []}),
        ),
        ("/users".to_owned(), json!({"username": ""})),
        ("/users".to_owned(), json!({"username": "x".repeat(65)})),
    ];
    let mut cases: Vec<Case> = posts
        .iter()
        .map(|(path, body)| {
            let request = Request::new("POST", path).headers(&api.identity).json(body);
            let name = format!("{path} {:.80}", body.to_string());
            case(name, request.encode(), BOUNDS, Lives)
        })
        .collect();
    let queries = [
        ("limit=0", BOUNDS),
        ("limit=101", BOUNDS),
        ("limit=x", (400, "malformed_request")),
        ("limit=-1", (400, "malformed_request")),
        ("before=x", (400, "malformed_request")),
        ("after=99999999999999999999", (400, "malformed_request")),
        ("before=5&after=5", (400, "malformed_request")),
    ];
    cases.extend(queries.iter().map(|(query, refusal)| {
        let request = Request::get(&format!("{messages}?{query}")).headers(&api.identity);
        case(*query, request.encode(), *refusal, Lives)
    }));
    let long_key = Request::new("POST", &messages)
        .headers(&api.identity)
        .header("idempotency-key", &"x".repeat(65))
        .json(&json!({"content": "x"}));
    cases.push(case("a long key", long_key.encode(), BOUNDS, Lives));
    for (path, member) in [("/chats", "nobody"), ("/chats", "")] {
        let body = json!({"name": "x", "members": [member]});
        let request = Request::new("POST", path)
            .headers(&api.identity)
            .json(&body);
        cases.push(case(
            format!("member {member:?}"),
            request.encode(),
            (400, "malformed_json"),
            Lives,
        ));
    }
    play_all(&server, &cases);
    assert_eq!(api.history(&chat), Vec::<Value>::new());

    api.say(&chat, &"x".repeat(4096));
    api.say_as(&chat, "x", Some(&"x".repeat(64)));
    api.create_chat(&"x".repeat(128), &[]);
}

#[test]
fn callers_prove_who_they_are() {
    const NOBODY: (u16, &str) = (401, "unauthenticated");
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut api = Api::register(server.addr, "alice");
    let token = api.identity[0]
        .1
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    let (head_and_claims, signature) = token.rsplit_once('.').unwrap();
    let (_, claims) = head_and_claims.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"} in base64url.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let credentials = [
        ("authorization", "Bearer x".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", "Basic YTpi".to_owned()),
        ("authorization", token.clone()),
        ("authorization", format!("Bearer {none}.{claims}.")),
        (
            "authorization",
            format!("Bearer {none}.{claims}.{signature}"),
        ),
        (
            "authorization",
            format!("Bearer {head_and_claims}.{flipped}{}", &signature[1..]),
        ),
        ("authorization", format!("Bearer {}", "x".repeat(8 * 1024))),
        ("cookie", "session=x".to_owned()),
        ("cookie", format!("user_id={}", api.user_id)),
    ];
    let mut cases = vec![case("nothing", Request::get("/me").encode(), NOBODY, Lives)];
    cases.extend(credentials.iter().map(|(name, value)| {
        let request = Request::get("/me").header(name, value);
        case(
            format!("{name}: {value:.60}"),
            request.encode(),
            NOBODY,
            Lives,
        )
    }));
    let calls = [
        ("GET", "/chats".to_owned()),
        ("POST", "/chats".to_owned()),
        ("POST", "/ws-ticket".to_owned()),
        ("GET", format!("/users/{}", api.user_id)),
        ("GET", format!("/chats/{}/messages", any_user())),
    ];
    cases.extend(calls.iter().map(|(method, path)| {
        let request = Request::new(method, path).json(&json!({}));
        case(format!("{method} {path}"), request.encode(), NOBODY, Lives)
    }));
    play_all(&server, &cases);
    assert_eq!(api.get("/me").expect(200)["username"], "alice");

    let login = |username: &str, password: &str| {
        let reply = Api::anonymous(server.addr).post(
            "/login",
            &json!({"username": username, "password": password}),
        );
        (reply.status, reply.json())
    };
    let wrong = login("alice", "wrong");
    assert_eq!(wrong.0, 401);
    assert_eq!(wrong.1["code"], "wrong_credentials");
    assert_eq!(wrong, login("nobody", PASSWORD), "no telling who exists");
}

#[test]
fn what_is_another_s_looks_like_what_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let mut alice = Api::register(server.addr, "alice");
    let mut eve = Api::register(server.addr, "eve");
    let chat = alice.create_chat("secret", &[]);
    alice.say(&chat, "psst");
    let (alice_id, eve_id) = (alice.user_id.clone(), eve.user_id.clone());
    let mut answers = |chat: &str| {
        let paths = [
            ("GET", format!("/chats/{chat}"), Value::Null),
            ("GET", format!("/chats/{chat}/messages"), Value::Null),
            (
                "POST",
                format!("/chats/{chat}/messages"),
                json!({"content": "hi"}),
            ),
            (
                "POST",
                format!("/chats/{chat}/members"),
                json!({"user_id": eve_id}),
            ),
            (
                "DELETE",
                format!("/chats/{chat}/members/{alice_id}"),
                Value::Null,
            ),
        ];
        paths.map(|(method, path, body)| {
            let mut request = Request::new(method, &path);
            if !body.is_null() {
                request = request.json(&body);
            }
            let reply = eve.call(request);
            reply.expect_problem(404, "not_found");
            reply.body
        })
    };
    assert_eq!(answers(&chat), answers(&any_user()));
    assert_eq!(alice.history(&chat).len(), 1, "nothing came of it");

    let path = format!("/ws/connect/{}", alice.user_id);
    let as_another = Ws::connect(server.addr, ws::upgrade(&path).headers(&eve.identity));
    as_another.err().unwrap().expect_problem(403, "forbidden");
    for path in [
        "/chats/no-uuid",
        "/chats/no-uuid/messages",
        "/users/no-uuid",
    ] {
        eve.get(path).expect_problem(404, "not_found");
    }
    eve.get(&format!("/users/{}", any_user()))
        .expect_problem(404, "not_found");
}

#[test]
fn a_username_is_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let taken = json!({"username": "alice", "password": PASSWORD});
    let replies: Vec<Response> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Api::anonymous(server.addr).post("/users", &taken)))
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 3));
    for reply in lost {
        reply.expect_problem(409, "username_taken");
    }
}

#[test]
fn too_fast_is_told_when_to_retry() {
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path())
        .shards(2)
        .flag("--login-rate", 3)
        .flag("--user-rate", 5)
        .start();
    let mut alice = Api::register(server.addr, "alice");
    let chat = alice.create_chat("room", &[]);
    let refused = (0..50)
        .map(|_| alice.call(alice.message(&chat, "hi", None)))
        .find(|reply| reply.status != 200)
        .expect("50 messages at once are more than 5 a second");
    refused.expect_problem(429, "too_many_requests");
    assert_retry_after(&refused);

    let wrong = json!({"username": "alice", "password": "wrong"});
    let mut guesser = Api::anonymous(server.addr);
    for _ in 0..3 {
        assert_eq!(guesser.post("/login", &wrong).status, 401);
    }
    let refused = guesser.post("/login", &wrong);
    refused.expect_problem(429, "too_many_requests");
    assert_retry_after(&refused);
    let other = json!({"username": "bob", "password": "wrong"});
    assert_eq!(
        guesser.post("/login", &other).status,
        401,
        "bob is not alice"
    );
}

fn assert_retry_after(reply: &Response) {
    let seconds: u32 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds > 0);
}

#[test]
fn a_request_that_never_ends_is_timed_out() {
    const AT_MOST: Duration = Duration::from_secs(20);
    let dir = tempfile::tempdir().unwrap();
    let server = Options::new(dir.path()).shards(2).start();
    let starts = [
        b"GET /livez HT".to_vec(),
        b"GET /livez HTTP/1.1\r\nhost: a\r\n".to_vec(),
        post_with("content-length: 10\r\ncontent-type: application/json", "{"),
        post_with("transfer-encoding: chunked", "5\r\nhe"),
    ];
    let time_out = |start: &[u8]| {
        let began = Instant::now();
        let mut http: Http = server.http();
        http.set_read_timeout(AT_MOST);
        http.send(start);
        let reply = http.receive().unwrap();
        reply.expect_problem(408, "request_timeout");
        http.assert_closed();
        assert!(
            began.elapsed() > Duration::from_secs(1),
            "the slow get a chance"
        );
    };
    std::thread::scope(|scope| {
        for start in &starts {
            scope.spawn(|| time_out(start));
        }
        // Meanwhile others are served.
        let until = Instant::now() + PATIENCE / 2;
        while Instant::now() < until {
            server.assert_lives();
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}
