//! A WebSocket listener that counts messages and checks their numbers, without parsing JSON: it walks
//! frame headers over large reads, and looks for one mark in each object.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use memchr::memmem;

/// The subprotocol with which one frame may hold several objects, in lines.
const BATCH_PROTOCOL: &str = "rookery.v1.batch";

/// Bytes of one read: some milliseconds of a busy room.
const READ_BYTES: usize = 256 * 1024;

/// Any 16 bytes in base64 (RFC 6455, section 4.1); the server's answer to it is not checked here.
const KEY: &str = "cm9va2VyeSBsaXN0ZW5lcg==";

/// Text, close and ping (RFC 6455, section 5.2).
const OPCODE_TEXT: u8 = 1;
const OPCODE_CLOSE: u8 = 8;
const OPCODE_PING: u8 = 9;
/// A whole pong, masked.
const PONG_START: u8 = 0x8a;
const MASKED: u8 = 0x80;

/// What a listener has heard of one chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages.
    pub messages: u64,
    /// The number of the last of them.
    pub last_seq: u64,
    /// Numbers that were passed over.
    pub lost: u64,
    /// Messages with the number of the one before.
    pub duplicated: u64,
    /// Messages with a lower number than the one before.
    pub reordered: u64,
}

impl Tally {
    fn count(&mut self, seq: u64) {
        self.messages += 1;
        if self.messages > 1 {
            self.lost += seq.saturating_sub(self.last_seq + 1);
            self.duplicated += u64::from(seq == self.last_seq);
            self.reordered += u64::from(seq < self.last_seq);
        }
        self.last_seq = self.last_seq.max(seq);
    }

    /// Counts the messages among the objects of one frame.
    fn hear(&mut self, objects: &[u8], mark: &memmem::Finder<'_>) {
        // A quote inside a JSON string is escaped, so content can't look like the mark.
        for at in mark.find_iter(objects) {
            let digits = &objects[at + mark.needle().len()..];
            self.count(leading_number(digits));
        }
    }
}

fn leading_number(text: &[u8]) -> u64 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// One connection.
pub struct Listener {
    stream: TcpStream,
    mark: memmem::Finder<'static>,
    buffer: Vec<u8>,
    filled: usize,
    tally: Tally,
}

impl Listener {
    /// Connects as a user of trust mode, and waits for the server's `ready`.
    ///
    /// # Errors
    /// Where there is no connection, or the server doesn't switch protocols.
    pub fn connect(addr: SocketAddr, user: &str, batch: bool) -> io::Result<Self> {
        let mut stream = TcpStream::connect(addr)?;
        let protocol = if batch {
            format!("Sec-WebSocket-Protocol: {BATCH_PROTOCOL}\r\n")
        } else {
            String::new()
        };
        let request = format!(
            "GET /ws/connect/{user} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             {protocol}\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut listener = Self {
            stream,
            mark: memmem::Finder::new(b"\"seq\":"),
            buffer: vec![0; READ_BYTES],
            filled: 0,
            tally: Tally::default(),
        };
        listener.take_handshake()?;
        listener.stream.set_nonblocking(true)?;
        Ok(listener)
    }

    /// What was heard so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes in what has come since the last time; says whether there was anything.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn poll(&mut self) -> io::Result<bool> {
        let mut any = false;
        loop {
            match self.stream.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    any = true;
                    self.filled += count;
                    self.take_frames()?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(any),
                Err(error) => return Err(error),
            }
        }
    }

    fn take_handshake(&mut self) -> io::Result<()> {
        loop {
            let count = self.stream.read(&mut self.buffer[self.filled..])?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.filled += count;
            let input = &self.buffer[..self.filled];
            let Some(head) = memmem::find(input, b"\r\n\r\n") else {
                continue;
            };
            if !input.starts_with(b"HTTP/1.1 101") {
                let reply = String::from_utf8_lossy(input);
                return Err(io::Error::other(format!("no WebSocket: {reply}")));
            }
            // The first frame says `ready`.
            if input.len() > head + 4 {
                self.discard(head + 4);
                return self.take_frames();
            }
        }
    }

    fn take_frames(&mut self) -> io::Result<()> {
        let mut taken = 0;
        while let Some(frame) = Frame::split(&self.buffer[taken..self.filled]) {
            let payload = &self.buffer[taken + frame.start..taken + frame.end];
            match frame.opcode {
                OPCODE_TEXT => self.tally.hear(payload, &self.mark),
                OPCODE_PING => self.stream.write_all(&pong(payload))?,
                OPCODE_CLOSE => {
                    let code = payload
                        .first_chunk()
                        .map_or(1005, |b| u16::from_be_bytes(*b));
                    return Err(io::Error::other(format!("closed with {code}")));
                }
                _ => {}
            }
            taken += frame.end;
        }
        self.discard(taken);
        // A frame that is larger than the buffer would never be whole.
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        Ok(())
    }

    fn discard(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}

/// Where a frame's payload is (RFC 6455, section 5.2). Servers don't mask.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    opcode: u8,
    start: usize,
    end: usize,
}

impl Frame {
    /// The first frame, if it is there as a whole.
    fn split(bytes: &[u8]) -> Option<Self> {
        let (first, length) = (bytes.first()?, bytes.get(1)? & 0x7f);
        let (start, length) = match length {
            126 => (
                4,
                u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            ),
            127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            short => (2, u64::from(short)),
        };
        let end = start + usize::try_from(length).ok()?;
        (bytes.len() >= end).then_some(Self {
            opcode: first & 0x0f,
            start,
            end,
        })
    }
}

/// The answer to a ping, under a mask of zeros.
fn pong(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![PONG_START, MASKED | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(frames: &[&str]) -> Tally {
        let mut tally = Tally::default();
        let mark = memmem::Finder::new(b"\"seq\":");
        for frame in frames {
            tally.hear(frame.as_bytes(), &mark);
        }
        tally
    }

    #[test]
    fn lines_of_a_batch_are_counted_like_frames() {
        let batch = heard(&["{\"seq\":2,\"content\":\"\\\"seq\\\":9\"}\n{\"seq\":3}\n"]);
        assert_eq!(batch, heard(&["{\"seq\":2}", "{\"seq\":3}"]));
        assert_eq!((batch.messages, batch.last_seq), (2, 3));
        assert_eq!((batch.lost, batch.duplicated, batch.reordered), (0, 0, 0));
    }

    #[test]
    fn gaps_repeats_and_steps_back_are_told_apart() {
        let tally = heard(&[
            "\"seq\":2,",
            "\"seq\":5,",
            "\"seq\":5,",
            "\"seq\":4,",
            "\"seq\":6,",
        ]);
        assert_eq!((tally.lost, tally.duplicated, tally.reordered), (2, 1, 1));
        assert_eq!((tally.messages, tally.last_seq), (5, 6));
    }

    #[test]
    fn frames_of_every_length_are_split_when_they_are_whole() {
        for (length, header) in [
            (3, vec![0x81, 3]),
            (200, vec![0x81, 126, 0, 200]),
            (70_000, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
        ] {
            let mut bytes = header.clone();
            bytes.resize(header.len() + length, b'x');
            assert_eq!(Frame::split(&bytes[..bytes.len() - 1]), None);
            let expected = Frame {
                opcode: OPCODE_TEXT,
                start: header.len(),
                end: bytes.len(),
            };
            assert_eq!(Frame::split(&bytes), Some(expected));
        }
    }
}
