//! A WebSocket listener that counts messages and checks their numbers, without parsing JSON: it walks
//! frame headers over large reads, and looks for one mark in each object.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use memchr::memmem;

use crate::check::Tally;
use crate::frame::{self, Frame, OPCODE_CLOSE, OPCODE_PING, OPCODE_TEXT};

/// The subprotocol with which one frame may hold several objects, in lines.
const BATCH_PROTOCOL: &str = "rookery.v1.batch";

/// Bytes of one read: some milliseconds of a busy room.
const READ_BYTES: usize = 256 * 1024;

/// Any 16 bytes in base64 (RFC 6455, section 4.1); the server's answer to it is not checked here.
const KEY: &str = "cm9va2VyeSBsaXN0ZW5lcg==";

/// Counts the messages among the objects of one frame.
fn count(tally: &mut Tally, objects: &[u8], mark: &memmem::Finder<'_>) {
    // A quote inside a JSON string is escaped, so content can't look like the mark.
    for at in mark.find_iter(objects) {
        let digits = &objects[at + mark.needle().len()..];
        tally.count(leading_number(digits));
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
                OPCODE_TEXT => count(&mut self.tally, payload, &self.mark),
                OPCODE_PING => {
                    let mut pong = Vec::new();
                    frame::put_pong(payload, &mut pong);
                    self.stream.write_all(&pong)?;
                }
                OPCODE_CLOSE => {
                    let code = frame::close_code(payload);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(frames: &[&str]) -> Tally {
        let mut tally = Tally::default();
        let mark = memmem::Finder::new(b"\"seq\":");
        for frame in frames {
            count(&mut tally, frame.as_bytes(), &mark);
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
}
