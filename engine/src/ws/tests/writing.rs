//! Frames of the server, read by another implementation.

use std::io::{self, Cursor, Read, Write};

use bytes::BytesMut;
use tungstenite::Message;
use tungstenite::protocol::{Role, WebSocketContext};

use super::*;
use crate::ws::{text_frame_len, write_text_frame};

/// A client's connection in memory.
struct Wire {
    to_client: Cursor<Vec<u8>>,
    to_server: Vec<u8>,
}

impl Wire {
    fn new(to_client: Vec<u8>) -> Self {
        Self {
            to_client: Cursor::new(to_client),
            to_server: Vec::new(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.to_client.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_server.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn text_frames_are_right_to_the_byte_where_the_length_changes_its_form() {
    let cases: &[(usize, &[u8])] = &[
        (0, &[0x81, 0]),
        (1, &[0x81, 1]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65535, &[0x81, 126, 0xFF, 0xFF]),
        (65536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ];
    for (len, header) in cases {
        let payload = "a".repeat(*len);
        let mut out = b"before".to_vec();
        write_text_frame(&mut out, payload.as_bytes());
        let written = &out[b"before".len()..];
        assert_eq!(written, [header, payload.as_bytes()].concat());
        assert_eq!(written.len(), text_frame_len(*len));

        let mut shared = BytesMut::new();
        write_text_frame(&mut shared, payload.as_bytes());
        assert_eq!(shared, written);

        let mut client = WebSocketContext::new(Role::Client, None);
        let message = client.read(&mut Wire::new(written.to_vec())).unwrap();
        assert_eq!(message, Message::text(payload));
    }
}

#[test]
fn another_implementations_client_is_understood_to_the_end() {
    let mut client = WebSocketContext::new(Role::Client, None);
    let mut wire = Wire::new(Vec::new());
    let long = "ü".repeat(20_000);
    for message in [
        Message::text("short"),
        Message::text(&*long),
        Message::Ping("?".into()),
    ] {
        client.write(&mut wire, message).unwrap();
    }
    client.flush(&mut wire).unwrap();
    let mut server = WebSocket::new();
    let outcome = receive(&mut server, &std::mem::take(&mut wire.to_server));
    assert_eq!(outcome.texts, ["short", &long]);

    client.close(&mut wire, None).unwrap();
    let closed = receive(&mut server, &wire.to_server);
    assert_eq!(closed.received, Received::Closed { code: 1005 });

    wire.to_client = Cursor::new([outcome.out, closed.out].concat());
    assert_eq!(client.read(&mut wire).unwrap(), Message::Pong("?".into()));
    assert_eq!(client.read(&mut wire).unwrap(), Message::Close(None));
}
