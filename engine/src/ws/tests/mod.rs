#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod closing;
mod handshake;
mod limits;
mod messages;
mod properties;
mod rules;
mod writing;

use super::{Received, WebSocket};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A client's frame, after the figure in RFC 6455, section 5.2.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = declared(first, payload.len());
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// The header alone.
fn declared(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..126 => bytes.push(FIN | len as u8),
        126..65536 => {
            bytes.push(FIN | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(FIN | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text.as_bytes())
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// What a WebSocket made of what it received.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    texts: Vec<String>,
    out: Vec<u8>,
    received: Received,
}

impl Outcome {
    /// The code of the close frame that `out` ends with.
    fn sent_close_code(&self) -> u16 {
        let frames = server_frames(&self.out);
        let (opcode, payload) = frames.last().unwrap();
        assert_eq!(*opcode, CLOSE);
        u16::from_be_bytes(*payload.first_chunk().unwrap())
    }
}

fn receive(socket: &mut WebSocket, bytes: &[u8]) -> Outcome {
    let mut texts = Vec::new();
    let mut out = Vec::new();
    let received = socket.receive(bytes, &mut out, |text, _| texts.push(text.to_owned()));
    Outcome {
        texts,
        out,
        received,
    }
}

/// Opcodes and payloads of a server's short, whole, unmasked frames.
fn server_frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [first, len, rest @ ..] = bytes {
        assert_eq!(first & 0xF0, FIN);
        assert!(*len < 126);
        let (payload, rest) = rest.split_at(usize::from(*len));
        frames.push((first & 0x0F, payload));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    frames
}
