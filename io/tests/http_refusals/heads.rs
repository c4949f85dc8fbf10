//! Heads, and the sizes of all parts.

use crate::cases::{Case, Closes, HOST, case, get_with, play_all, post_with};
use crate::support::start_with_tokens;
use rookery_testing::seeds;

#[test]
fn heads_are_well_formed() {
    const NAME: (u16, &str) = (400, "bad_header_name");
    const VALUE: (u16, &str) = (400, "bad_header_value");
    const ENDING: (u16, &str) = (400, "bad_line_ending");
    const HOSTS: (u16, &str) = (400, "bad_host");
    const LINE: (u16, &str) = (400, "bad_request_line");
    const VERSION: (u16, &str) = (505, "version_not_supported");
    const REPEATED: (u16, &str) = (400, "repeated_header");
    let (_dir, server) = start_with_tokens();
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
        ("host: a\r\nauthorization: x\r\nauthorization: x", REPEATED),
        ("host: a\r\ncontent-type: x\r\ncontent-type: x", REPEATED),
        (
            "host: a\r\nidempotency-key: x\r\nidempotency-key: x",
            REPEATED,
        ),
        ("host: a\r\norigin: http://a\r\norigin: http://a", REPEATED),
    ];
    let mut cases: Vec<Case> = fields
        .iter()
        .map(|(fields, refusal)| case(format!("{fields:?}"), get_with(fields), *refusal, Closes))
        .collect();
    let lines = [
        ("GET /\r\n\r\n", LINE),
        ("GET  / HTTP/1.1\r\n\r\n", LINE),
        ("GET / HTTP/x\r\n\r\n", LINE),
        ("GET / HTTP/2\r\n\r\n", LINE),
        ("GET / HTTP/1.x\r\n\r\n", LINE),
        ("GET / HTTP/11.1\r\n\r\n", LINE),
        ("G(T / HTTP/1.1\r\n\r\n", LINE),
        ("GET / HTTP/0.9\r\n\r\n", VERSION),
        ("GET / HTTP/9.9\r\n\r\n", VERSION),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION),
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
fn a_later_minor_version_is_answered_as_1_1() {
    let (_dir, server) = start_with_tokens();
    let mut http = server.http();
    for version in ["1.2", "1.9"] {
        http.send(format!("GET /livez HTTP/{version}\r\n{HOST}\r\n").as_bytes());
        let reply = http.receive().unwrap();
        assert_eq!((reply.status, reply.header("connection")), (200, None));
    }
    http.assert_lives();
}

#[test]
fn a_bare_carriage_return_ends_no_line() {
    let (_dir, server) = start_with_tokens();
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
    let (_dir, server) = start_with_tokens();
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
            "chunks over 64 KiB in sum",
            post_with(
                "transfer-encoding: chunked",
                &format!("8000\r\n{}\r\n8001\r\n", "x".repeat(0x8000)),
            ),
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
    let (_dir, server) = start_with_tokens();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let mut rng = seeds::dice();
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
