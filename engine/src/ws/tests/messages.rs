//! What clients send in good faith.

use super::*;
use crate::ws::write_text_frame;

#[test]
fn messages_of_one_read_come_in_order() {
    let bytes = [text("one"), text(""), text("drei — три — 三"), text("🎉")].concat();
    let outcome = receive(&mut WebSocket::new(), &bytes);
    assert_eq!(outcome.texts, ["one", "", "drei — три — 三", "🎉"]);
    assert_eq!(outcome.received, Received::Open);
    assert!(outcome.out.is_empty());
}

#[test]
fn fragments_are_joined_around_control_frames() {
    let bytes = [
        frame(TEXT, b"caf\xC3"),
        frame(FIN | PING, b"1"),
        frame(CONTINUATION, b""),
        frame(FIN | PONG, b"unasked"),
        frame(FIN | PING, &[7; 125]),
        frame(FIN | CONTINUATION, b"\xA9"),
        text("next"),
    ];
    let outcome = receive(&mut WebSocket::new(), &bytes.concat());
    assert_eq!(outcome.texts, ["café", "next"]);
    assert_eq!(
        server_frames(&outcome.out),
        [(PONG, &b"1"[..]), (PONG, &[7; 125])]
    );
}

#[test]
fn the_example_of_the_rfc_is_understood() {
    // RFC 6455, section 5.7: a single-frame masked text message.
    let bytes = [
        0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(receive(&mut WebSocket::new(), &bytes).texts, ["Hello"]);
}

#[test]
fn a_ping_of_the_server_is_one() {
    let mut out = Vec::new();
    WebSocket::new().ping(&mut out);
    assert_eq!(out, [0x89, 0x00]);
}

#[test]
fn a_reply_keeps_its_place_among_pongs_and_the_close() {
    let bytes = [
        frame(FIN | PING, b"1"),
        text("hello"),
        frame(FIN | PING, b"2"),
        close(1000, b""),
    ];
    let mut out = Vec::new();
    WebSocket::new().receive(&bytes.concat(), &mut out, |text, out| {
        write_text_frame(out, text.as_bytes());
    });
    let opcodes = server_frames(&out).into_iter().map(|frame| frame.0);
    assert_eq!(opcodes.collect::<Vec<_>>(), [PONG, TEXT, PONG, CLOSE]);
}
