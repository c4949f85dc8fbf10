//! What breaks the protocol, and the code it is closed with.

use super::*;

fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

#[test]
fn a_breach_is_closed_with_its_code() {
    let long_form = [&[FIN | TEXT, FIN | 126, 0, 5][..], &MASK].concat();
    let longer_form = [
        &[FIN | TEXT, FIN | 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF][..],
        &MASK,
    ]
    .concat();
    let top_bit = [
        &[FIN | TEXT, FIN | 127, 0x80, 0, 0, 0, 0, 0, 0, 5][..],
        &MASK,
    ]
    .concat();
    let cases: &[(&str, u16, Vec<u8>)] = &[
        ("unmasked text", 1002, unmasked(FIN | TEXT, b"hi")),
        ("unmasked ping", 1002, unmasked(FIN | PING, b"")),
        ("unmasked close", 1002, unmasked(FIN | CLOSE, b"")),
        ("RSV1", 1002, frame(FIN | 0x40 | TEXT, b"hi")),
        ("RSV2", 1002, frame(FIN | 0x20 | TEXT, b"hi")),
        ("RSV3", 1002, frame(FIN | 0x10 | TEXT, b"hi")),
        ("RSV on a ping", 1002, frame(FIN | 0x40 | PING, b"")),
        ("reserved opcode 3", 1002, frame(FIN | 3, b"")),
        ("reserved opcode 7", 1002, frame(FIN | 7, b"x")),
        ("reserved opcode 11", 1002, frame(FIN | 11, b"")),
        ("reserved opcode 15", 1002, frame(FIN | 15, b"x")),
        ("ping of 126 bytes", 1002, declared(FIN | PING, 126)),
        ("pong of 64 KiB", 1002, declared(FIN | PONG, 65536)),
        ("close of 126 bytes", 1002, declared(FIN | CLOSE, 126)),
        ("fragmented ping", 1002, frame(PING, b"")),
        ("fragmented close", 1002, frame(CLOSE, b"")),
        ("lone continuation", 1002, frame(FIN | CONTINUATION, b"x")),
        ("lone first continuation", 1002, frame(CONTINUATION, b"x")),
        (
            "new message amid another",
            1002,
            [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(),
        ),
        (
            "continuation after the last",
            1002,
            [frame(FIN | TEXT, b"a"), frame(FIN | CONTINUATION, b"b")].concat(),
        ),
        ("length longer than need be", 1002, long_form),
        ("64-bit length below 64 KiB", 1002, longer_form),
        ("64-bit length with the top bit", 1002, top_bit),
        ("binary message", 1003, frame(FIN | BINARY, b"x")),
        (
            "header of a binary message",
            1003,
            declared(FIN | BINARY, 9),
        ),
        ("not UTF-8", 1007, frame(FIN | TEXT, b"\xFF")),
        ("surrogate", 1007, frame(FIN | TEXT, b"\xED\xA0\x80")),
        ("overlong", 1007, frame(FIN | TEXT, b"\xC0\xAF")),
        ("truncated UTF-8", 1007, frame(FIN | TEXT, b"caf\xC3")),
        (
            "UTF-8 broken across fragments",
            1007,
            [frame(TEXT, b"caf\xC3"), frame(FIN | CONTINUATION, b"(")].concat(),
        ),
        (
            "UTF-8 truncated across fragments",
            1007,
            [frame(TEXT, b"\xE2\x82"), frame(FIN | CONTINUATION, b"")].concat(),
        ),
        ("close code of one byte", 1002, frame(FIN | CLOSE, b"\x03")),
        ("close reason not UTF-8", 1007, close(1000, b"\xFF")),
    ];
    for (name, code, bytes) in cases {
        let outcome = receive(&mut WebSocket::new(), bytes);
        assert_eq!(outcome.received, Received::Closed { code: *code }, "{name}");
        assert_eq!(outcome.sent_close_code(), *code, "{name}");
    }
}

#[test]
fn a_breach_is_found_bytewise_too() {
    let bytes = [text("good"), frame(FIN | 0x40 | TEXT, b"hi")].concat();
    let mut socket = WebSocket::new();
    let closed_at = bytes
        .iter()
        .position(|&byte| receive(&mut socket, &[byte]).received != Received::Open)
        .unwrap();
    // The header's last byte gives it away; the payload isn't waited for.
    assert_eq!(closed_at, bytes.len() - 3);
}

#[test]
fn bad_text_is_refused_before_its_frame_is_complete() {
    let bytes = frame(FIN | TEXT, b"ok\xF4\x90and more");
    let mut socket = WebSocket::new();
    let begun = receive(&mut socket, &bytes[..6 + 3]);
    assert_eq!(begun.received, Received::Open);
    let refused = receive(&mut socket, &bytes[9..10]);
    assert_eq!(refused.received, Received::Closed { code: 1007 });
}

#[test]
fn what_came_before_a_breach_is_delivered_and_nothing_after() {
    let bytes = [
        text("one"),
        frame(FIN | 3, b""),
        text("two"),
        frame(FIN | PING, b""),
    ]
    .concat();
    let mut socket = WebSocket::new();
    let outcome = receive(&mut socket, &bytes);
    assert_eq!(outcome.texts, ["one"]);
    assert_eq!(server_frames(&outcome.out).len(), 1);

    let later = receive(&mut socket, &text("three"));
    assert_eq!(later.received, Received::Closed { code: 1002 });
    assert!(later.texts.is_empty());
    assert!(later.out.is_empty());
}
