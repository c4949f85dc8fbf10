//! What outlives a request: keep-alive, pipelining, upgrades, and the end after a refusal.

use bytes::BytesMut;
use rookery_engine::http::{Progress, Refusal, Request, RequestReader};

use crate::support::{FIRST, SMUGGLED, accept, feed, feed_bytewise, get_with, post_chunks};

#[test]
fn keep_alive_follows_version_and_connection_header() {
    for (version, connection, keep_alive) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: Close\r\n", false),
        ("1.1", "Connection: foo, CLOSE ,bar\r\n", false),
        (
            "1.1",
            "Connection: keep-alive\r\nConnection: close\r\n",
            false,
        ),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let request = accept(format!(
            "GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n"
        ));
        assert_eq!(request.keep_alive, keep_alive, "{version} {connection:?}");
    }
}

#[test]
fn pipelined_requests_come_out_in_order_however_they_arrive() {
    let stream: String = (0..50)
        .map(|i| match i % 3 {
            0 => format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{i:02}"),
            _ => format!(
                "PUT /{i} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{i:02}\r\n0\r\n\r\n"
            ),
        })
        .collect();
    for outcome in [feed([stream.as_bytes()]), feed_bytewise(stream.as_bytes())] {
        assert_eq!(outcome.refusal, None);
        assert_eq!(outcome.requests.len(), 50);
        for (i, request) in outcome.requests.iter().enumerate() {
            assert_eq!(request.path(), format!("/{i}"));
            let body = if i % 3 == 0 {
                String::new()
            } else {
                format!("{i:02}")
            };
            assert_eq!(request.body, body);
        }
    }
}

#[test]
fn a_request_inside_a_body_is_never_answered() {
    let length = SMUGGLED.len();
    let announced = get_with(&format!("Content-Length: {length}\r\n")) + SMUGGLED;
    let chunked = post_chunks(&format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"));
    for stream in [announced, chunked] {
        let outcome = feed([(stream + FIRST).as_bytes()]);
        let paths: Vec<_> = outcome.requests.iter().map(Request::path).collect();
        assert_eq!(paths, ["/", "/first"]);
    }
}

#[test]
fn nothing_follows_a_refusal() {
    let mut reader = RequestReader::default();
    let mut input = BytesMut::from("GET / HTTP/1.1\r\n\r\n");
    for _ in 0..2 {
        let progress = reader.next(&mut input);
        assert!(
            matches!(progress, Progress::Refused(Refusal::BAD_HOST)),
            "{progress:?}"
        );
        assert!(input.is_empty());
        input.extend_from_slice(FIRST.as_bytes());
    }
}

#[test]
fn a_deadline_is_due_from_the_first_byte_to_the_last() {
    let mut reader = RequestReader::default();
    let mut input = BytesMut::new();
    let mut observe = |more: &str| {
        input.extend_from_slice(more.as_bytes());
        let whole = matches!(reader.next(&mut input), Progress::Request(_));
        (whole, reader.in_request(&input), reader.in_body())
    };
    assert_eq!(observe(""), (false, false, false));
    assert_eq!(observe("\r\n"), (false, false, false));
    assert_eq!(observe("P"), (false, true, false));
    assert_eq!(
        observe("UT / HTTP/1.1\r\nHost: a\r\n"),
        (false, true, false)
    );
    assert_eq!(observe("Content-Length: 2\r\n\r\n"), (false, true, true));
    assert_eq!(observe("h"), (false, true, true));
    assert_eq!(observe("i"), (true, false, false));
    assert_eq!(observe(&post_chunks("5\r\nhel")), (false, true, true));
    assert_eq!(observe("lo\r\n0\r\n"), (false, true, true));
    assert_eq!(observe("\r\nG"), (true, true, false));
}

#[test]
fn an_upgrade_does_not_disturb_what_surrounds_it() {
    let unknown = get_with("Connection: upgrade\r\nUpgrade: foo\r\n");
    let outcome = feed([(unknown + FIRST).as_bytes()]);
    assert_eq!(outcome.requests.len(), 2);

    let handshake = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let request = accept(get_with(&format!("{handshake}Content-Length: 2\r\n")) + "hi");
    assert!(request.has_body_framing());

    let mut reader = RequestReader::default();
    let mut input = BytesMut::from(get_with(handshake).as_bytes());
    input.extend_from_slice(b"\x81\x80abcd");
    assert!(matches!(reader.next(&mut input), Progress::Request(_)));
    assert_eq!(
        &input[..],
        b"\x81\x80abcd",
        "frames sent early are left for the new protocol"
    );
}
