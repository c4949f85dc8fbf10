//! The two ends that clients hold: HTTP requests and replies, WebSocket frames.

use std::collections::VecDeque;

use serde_json::Value;

/// Bytes from the server, taken apart as they come.
#[derive(Default)]
pub(crate) struct Replies {
    bytes: Vec<u8>,
}

/// An HTTP reply.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl HttpReply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Replies {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole HTTP reply.
    pub(crate) fn next_http(&mut self) -> Option<HttpReply> {
        let end = self
            .bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")?
            + 4;
        let head = String::from_utf8(self.bytes[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        if self.bytes.len() < end + length {
            return None;
        }
        let body = self.bytes[end..end + length].to_vec();
        self.bytes.drain(..end + length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(HttpReply { status, head, body })
    }

    /// The texts of the whole frames that have come.
    pub(crate) fn texts(&mut self) -> VecDeque<Value> {
        let mut texts = VecDeque::new();
        while let Some((opcode, payload)) = self.next_frame() {
            match opcode {
                1 => texts.push_back(serde_json::from_slice(&payload).unwrap()),
                8 => assert!(
                    !payload.starts_with(&1002u16.to_be_bytes()),
                    "a client broke the protocol"
                ),
                _ => {}
            }
        }
        texts
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let [first, second, rest @ ..] = self.bytes.as_slice() else {
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
        self.bytes.drain(..2 + extended + length);
        Some((opcode, payload))
    }
}

pub(crate) fn request(
    method: &str,
    path: &str,
    user: Option<&str>,
    body: Option<&Value>,
) -> Vec<u8> {
    let cookie = user
        .map(|user| format!("Cookie: user_id={user}\r\n"))
        .unwrap_or_default();
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: chat\r\n{cookie}{content}\r\n{body}").into_bytes()
}

pub(crate) fn handshake(user: &str) -> Vec<u8> {
    format!(
        "GET /ws/connect/{user} HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A masked text frame, the mask being zero.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
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
