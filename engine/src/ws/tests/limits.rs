//! What a client can't make the server spend.

use super::*;
use crate::ws::limits::{CONTROL_FRAMES_MAX, MESSAGE_BYTES_MAX, MESSAGE_FRAGMENTS_MAX};

#[test]
fn a_silent_socket_is_small_and_owns_nothing_else() {
    assert!(size_of::<WebSocket>() <= 104, "{}", size_of::<WebSocket>());
    let mut socket = WebSocket::new();
    let big = "x".repeat(MESSAGE_BYTES_MAX);
    receive(&mut socket, &text(&big));
    receive(&mut socket, &frame(FIN | PING, &[0; 125]));
    assert_eq!(socket.heap_bytes(), 0);
}

#[test]
fn a_message_of_the_largest_size_passes() {
    let big = "x".repeat(MESSAGE_BYTES_MAX);
    let outcome = receive(&mut WebSocket::new(), &text(&big));
    assert_eq!(outcome.texts, [big]);
    assert_eq!(outcome.received, Received::Open);
}

#[test]
fn a_bigger_message_is_refused_by_its_header() {
    for declared_len in [MESSAGE_BYTES_MAX + 1, 1 << 30, i64::MAX as usize] {
        let mut socket = WebSocket::new();
        let outcome = receive(&mut socket, &declared(FIN | TEXT, declared_len));
        assert_eq!(outcome.received, Received::Closed { code: 1009 });
        assert_eq!(outcome.sent_close_code(), 1009);
        assert_eq!(socket.heap_bytes(), 0);
    }
}

#[test]
fn a_declared_length_costs_nothing_until_its_bytes_come() {
    let mut socket = WebSocket::new();
    let header = declared(FIN | TEXT, MESSAGE_BYTES_MAX);
    receive(&mut socket, &[&header[..], b"ten bytes."].concat());
    assert!(socket.heap_bytes() < 100);
}

#[test]
fn fragments_together_are_no_bigger_than_a_message() {
    let mut socket = WebSocket::new();
    let half = vec![b'x'; MESSAGE_BYTES_MAX / 2];
    assert_eq!(
        receive(&mut socket, &frame(TEXT, &half)).received,
        Received::Open
    );
    assert_eq!(
        receive(&mut socket, &frame(CONTINUATION, &half)).received,
        Received::Open
    );
    assert!(socket.heap_bytes() <= 2 * MESSAGE_BYTES_MAX);
    let one_more = receive(&mut socket, &declared(FIN | CONTINUATION, 1));
    assert_eq!(one_more.received, Received::Closed { code: 1009 });
    assert_eq!(socket.heap_bytes(), 0);
}

#[test]
fn a_message_has_a_bounded_number_of_fragments() {
    let most = MESSAGE_FRAGMENTS_MAX as usize - 1;
    let mut socket = WebSocket::new();
    let begun = [frame(TEXT, b"x"), frame(CONTINUATION, b"").repeat(most)].concat();
    assert_eq!(receive(&mut socket, &begun).received, Received::Open);
    assert!(socket.heap_bytes() < 100);
    let flood = receive(&mut socket, &frame(CONTINUATION, b"").repeat(1000));
    assert_eq!(flood.received, Received::Closed { code: 1008 });
    assert_eq!(flood.sent_close_code(), 1008);

    let mut patient = WebSocket::new();
    let last = frame(FIN | CONTINUATION, b"y");
    let whole = [
        frame(TEXT, b"x"),
        frame(CONTINUATION, b"").repeat(most - 1),
        last,
    ]
    .concat();
    assert_eq!(receive(&mut patient, &whole).texts, ["xy"]);
    assert_eq!(receive(&mut patient, &whole).texts, ["xy"]);
}

#[test]
fn a_flood_of_pings_is_cut_off_and_a_steady_beat_is_not() {
    let ping = frame(FIN | PING, b"beat");
    let allowed = CONTROL_FRAMES_MAX as usize;
    let mut steady = WebSocket::new();
    for _ in 0..3 {
        let outcome = receive(&mut steady, &ping.repeat(allowed));
        assert_eq!(outcome.received, Received::Open);
        assert_eq!(
            server_frames(&outcome.out),
            vec![(PONG, &b"beat"[..]); allowed]
        );
        steady.reset_control_frames();
    }
    for flooding in [ping, frame(FIN | PONG, b"")] {
        let flood = receive(&mut WebSocket::new(), &flooding.repeat(1000));
        assert_eq!(flood.received, Received::Closed { code: 1008 });
        assert!(server_frames(&flood.out).len() <= allowed + 1);
    }
}
