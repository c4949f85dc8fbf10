//! The closing handshake.

use super::*;
use crate::ws::CloseCode;

#[test]
fn a_clients_close_is_answered_with_its_code() {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999,
    ] {
        let mut socket = WebSocket::new();
        let outcome = receive(&mut socket, &close(code, "à bientôt".as_bytes()));
        assert_eq!(outcome.received, Received::Closed { code });
        assert_eq!(
            server_frames(&outcome.out),
            [(CLOSE, &code.to_be_bytes()[..])]
        );
        assert!(socket.is_closing());
    }
}

#[test]
fn a_close_without_code_is_answered_without_code() {
    let outcome = receive(&mut WebSocket::new(), &frame(FIN | CLOSE, b""));
    assert_eq!(outcome.received, Received::Closed { code: 1005 });
    assert_eq!(server_frames(&outcome.out), [(CLOSE, &b""[..])]);
}

#[test]
fn a_code_that_no_client_may_send_is_a_breach() {
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let outcome = receive(&mut WebSocket::new(), &close(code, b""));
        assert_eq!(outcome.received, Received::Closed { code: 1002 }, "{code}");
        assert_eq!(outcome.sent_close_code(), 1002);
    }
}

#[test]
fn nothing_after_a_clients_close_is_read() {
    let bytes = [close(1000, b""), text("too late"), frame(FIN | PING, b"")].concat();
    let outcome = receive(&mut WebSocket::new(), &bytes);
    assert!(outcome.texts.is_empty());
    assert_eq!(server_frames(&outcome.out).len(), 1);
}

#[test]
fn the_server_closes_once_and_waits_for_the_answer() {
    let mut socket = WebSocket::new();
    let mut out = Vec::new();
    socket.close(CloseCode::SlowReader, "too slow", &mut out);
    socket.close(CloseCode::GoingAway, "again", &mut out);
    socket.ping(&mut out);
    assert_eq!(server_frames(&out), [(CLOSE, &b"\x0F\xA8too slow"[..])]);
    assert!(socket.is_closing());

    let late = [
        text("late"),
        frame(FIN | BINARY, b"late"),
        frame(FIN | PING, b"late"),
        frame(FIN | CONTINUATION, &vec![0xFF; 100_000]),
    ];
    let ignored = receive(&mut socket, &late.concat());
    assert_eq!(ignored.received, Received::Open);
    assert!(ignored.texts.is_empty());
    assert!(ignored.out.is_empty());
    assert_eq!(socket.heap_bytes(), 0);

    let answered = receive(&mut socket, &close(1000, b""));
    assert_eq!(answered.received, Received::Closed { code: 4008 });
    assert!(answered.out.is_empty());
}

#[test]
fn a_close_amid_a_clients_frame_skips_its_rest() {
    let mut socket = WebSocket::new();
    let message = text("a message that is cut in two");
    receive(&mut socket, &message[..10]);
    socket.close(CloseCode::Restart, "", &mut Vec::new());
    assert_eq!(socket.heap_bytes(), 0);
    let rest = [&message[10..], &close(1012, b"")].concat();
    let outcome = receive(&mut socket, &rest);
    assert_eq!(outcome.received, Received::Closed { code: 1012 });
    assert!(outcome.texts.is_empty());
}

#[test]
fn a_breach_while_closing_ends_it_without_another_frame() {
    let mut socket = WebSocket::new();
    socket.close(CloseCode::GoingAway, "", &mut Vec::new());
    let outcome = receive(&mut socket, &frame(FIN | 0x40 | TEXT, b""));
    assert_eq!(outcome.received, Received::Closed { code: 1001 });
    assert!(outcome.out.is_empty());
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let mut out = Vec::new();
    WebSocket::new().close(CloseCode::Restart, &"é".repeat(100), &mut out);
    let frames = server_frames(&out);
    let (_, payload) = frames[0];
    assert_eq!(payload[2..], *"é".repeat(61).as_bytes());
}
