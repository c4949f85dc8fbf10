//! What a client sends over an open WebSocket.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rookery_engine::ws::limits::{CONTROL_BYTES_MAX, MESSAGE_BYTES_MAX};
use rookery_engine::ws::{Received, WebSocket};
use rookery_fuzz::pieces;

fuzz_target!(|stream: &[u8]| {
    let whole = receive([stream]);
    assert_eq!(receive(pieces(stream)), whole);
    assert_eq!(receive(stream.chunks(1)), whole);
    // Answers to pings are no longer than these, and a close frame comes at most once.
    assert!(whole.out.len() <= stream.len() + CONTROL_BYTES_MAX + 2);
    assert!(
        whole
            .texts
            .iter()
            .all(|text| text.len() <= MESSAGE_BYTES_MAX)
    );
    check_frames(&whole.out, whole.received);
});

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    texts: Vec<String>,
    out: Vec<u8>,
    received: Received,
}

fn receive<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut socket = WebSocket::new();
    let (mut texts, mut out, mut received) = (Vec::new(), Vec::new(), Received::Open);
    for piece in pieces {
        received = socket.receive(piece, &mut out, |text, _| texts.push(text.to_owned()));
        assert_eq!(
            matches!(received, Received::Closed { .. }),
            socket.is_closing()
        );
    }
    Outcome {
        texts,
        out,
        received,
    }
}

/// Whole control frames without a mask; the last, and no other, is a close frame where the socket is closed.
fn check_frames(mut out: &[u8], received: Received) {
    let mut is_closed = false;
    while let [first, length, rest @ ..] = out {
        assert!(!is_closed, "nothing follows a close frame");
        assert!(matches!(first, 0x88 | 0x8a) && usize::from(*length) <= CONTROL_BYTES_MAX);
        is_closed = *first == 0x88;
        out = &rest[usize::from(*length)..];
    }
    assert!(out.is_empty());
    assert_eq!(is_closed, received != Received::Open);
}
