//! A client's side of WebSockets.

/// A masked pong, the mask being zero.
pub const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// The request to become the WebSocket of a user; `credentials` is a whole header line, or nothing.
pub fn handshake(user: &str, credentials: &str) -> Vec<u8> {
    handshake_to(&format!("/ws/connect/{user}"), credentials)
}

/// The same, with the whole path, which may have a query.
pub fn handshake_to(path: &str, credentials: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\n{credentials}Connection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A masked text frame, the mask being zero.
pub fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        // A length that would have fitted in the short form is a protocol error.
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// Takes the frame in front, where it is whole: its opcode and payload.
pub fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [first, second, rest @ ..] = bytes.as_slice() else {
        return None;
    };
    let opcode = first & 15;
    let (extended, length) = match second {
        126 => (
            2,
            usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().unwrap())),
        ),
        127 => (
            8,
            u64::from_be_bytes(rest.get(..8)?.try_into().unwrap()) as usize,
        ),
        short => (0, usize::from(*short)),
    };
    let payload = rest.get(extended..extended + length)?.to_vec();
    bytes.drain(..2 + extended + length);
    Some((opcode, payload))
}
