//! The NATS client protocol (docs.nats.io, "Client Protocol"), as far as publishing to a JetStream and
//! subscribing need it.

use memchr::memmem;
use rookery_schema::event::put_number;

use crate::load::codec::{Broken, Codec};
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::stamp::{STAMP_BYTES, Stamp};

const LINE_END: &[u8] = b"\r\n";
/// What a client says first. Without headers no message has any.
pub const CONNECT: &[u8] =
    b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\nPING\r\n";
/// Acknowledgement subjects of consumers say a message's place: `$JS.ACK.stream.consumer.deliveries.seq.…`
const CONSUMER_SUBJECT: &[u8] = b"$JS.ACK.";
/// The stream's sequence in it, counted in parts.
const STREAM_SEQ_PART: usize = 5;
const ERROR: &[u8] = b"\"error\"";
/// JetStream's own "try again later" (503) is all that counts as load.
const UNAVAILABLE: &[u8] = b"\"code\":503";

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub enum Op<'a> {
    Info,
    Ping,
    Pong,
    Ok,
    Error(&'a [u8]),
    Message {
        subject: &'a [u8],
        reply: Option<&'a [u8]>,
        payload: &'a [u8],
    },
}

impl<'a> Op<'a> {
    /// The first operation and its bytes, if it is there as a whole.
    ///
    /// # Errors
    /// Where it is none.
    pub fn split(input: &'a [u8]) -> Result<Option<(Self, usize)>, Broken> {
        let Some(line_bytes) = memmem::find(input, LINE_END) else {
            return Ok(None);
        };
        let (line, end) = (&input[..line_bytes], line_bytes + LINE_END.len());
        let op = match line {
            [b'M', b'S', b'G', b' ', rest @ ..] => return Self::split_message(rest, input, end),
            b"PING" => Self::Ping,
            b"PONG" => Self::Pong,
            b"+OK" => Self::Ok,
            [b'I', b'N', b'F', b'O', ..] => Self::Info,
            [b'-', b'E', b'R', b'R', why @ ..] => Self::Error(why),
            _ => return Err(Broken::Malformed("an operation of NATS")),
        };
        Ok(Some((op, end)))
    }

    /// `MSG subject sid [reply] bytes`, then the payload.
    fn split_message(
        line: &'a [u8],
        input: &'a [u8],
        start: usize,
    ) -> Result<Option<(Self, usize)>, Broken> {
        let malformed = || Broken::Malformed("a message of NATS");
        let mut parts = line.split(|byte| *byte == b' ');
        let subject = parts.next().ok_or_else(malformed)?;
        let (third, fourth) = (parts.nth(1).ok_or_else(malformed)?, parts.next());
        let (reply, length) = match fourth {
            Some(length) => (Some(third), length),
            None => (None, third),
        };
        let length: usize = number(length).ok_or_else(malformed)? as usize;
        let end = start + length + LINE_END.len();
        Ok((input.len() >= end).then(|| {
            let payload = &input[start..start + length];
            let message = Self::Message {
                subject,
                reply,
                payload,
            };
            (message, end)
        }))
    }
}

/// What a connection is for.
#[derive(Clone, Debug)]
pub enum Role {
    /// Publishes to `subject`, and is answered at subjects below `inbox`.
    Publish { subject: String, inbox: String },
    /// Takes what comes at `subject`, which is of the first room.
    Subscribe { subject: String },
}

/// A connection to a NATS server.
pub struct NatsCodec {
    role: Role,
    size: usize,
}

impl NatsCodec {
    /// `size`: bytes of each message.
    pub fn new(role: Role, size: usize) -> Self {
        Self {
            role,
            size: size.max(STAMP_BYTES),
        }
    }

    fn take_message(
        &self,
        subject: &[u8],
        reply: Option<&[u8]>,
        payload: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) {
        match &self.role {
            Role::Subscribe { .. } => {
                ledger.delivered(link, 0, reply.and_then(stream_seq), payload);
            }
            Role::Publish { inbox, .. } => {
                let index = subject
                    .get(inbox.len() + 1..)
                    .and_then(Stamp::read)
                    .map(|stamp| stamp.index);
                if memmem::find(payload, ERROR).is_none() {
                    ledger.accepted(link, index);
                } else {
                    let busy = memmem::find(payload, UNAVAILABLE).is_some();
                    ledger.refused(link, index, if busy { 503 } else { 500 }, payload);
                }
            }
        }
    }
}

impl Codec for NatsCodec {
    /// The `PONG` comes when the subscription is known.
    fn open(&mut self, link: &mut Link) {
        let subject = match &self.role {
            Role::Publish { inbox, .. } => format!("{inbox}.*"),
            Role::Subscribe { subject } => subject.clone(),
        };
        let (connect, ping) = CONNECT.split_at(CONNECT.len() - b"PING\r\n".len());
        link.out.extend_from_slice(connect);
        link.out
            .extend_from_slice(format!("SUB {subject} 1\r\n").as_bytes());
        link.out.extend_from_slice(ping);
    }

    fn publish(&mut self, message: &Message, out: &mut Vec<u8>) {
        let Role::Publish { subject, inbox } = &self.role else {
            return;
        };
        let stamp = message.stamp.letters();
        for part in [
            b"PUB ",
            subject.as_bytes(),
            b" ",
            inbox.as_bytes(),
            b".",
            stamp.as_slice(),
            b" ",
        ] {
            out.extend_from_slice(part);
        }
        put_number(out, self.size as u64);
        out.extend_from_slice(LINE_END);
        message.put_content(self.size, out);
        out.extend_from_slice(LINE_END);
    }

    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken> {
        let Some((op, bytes)) = Op::split(input)? else {
            return Ok(None);
        };
        match op {
            Op::Ping => link.out.extend_from_slice(b"PONG\r\n"),
            Op::Pong => link.opened = true,
            Op::Error(why) => {
                return Err(Broken::Refused(String::from_utf8_lossy(why).into_owned()));
            }
            Op::Message {
                subject,
                reply,
                payload,
            } => self.take_message(subject, reply, payload, link, ledger),
            Op::Info | Op::Ok => {}
        }
        Ok(Some(bytes))
    }
}

/// The number of a message in its stream, if a consumer has sent it.
fn stream_seq(reply: &[u8]) -> Option<u64> {
    if !reply.starts_with(CONSUMER_SUBJECT) {
        return None;
    }
    number(reply.split(|byte| *byte == b'.').nth(STREAM_SEQ_PART)?)
}

fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_split_when_they_are_whole() {
        let input = b"MSG room 1 $JS.ACK.s.c.1.7.7.123.0 3\r\nabc\r\nPING\r\n";
        let whole = input.len() - b"PING\r\n".len();
        for cut in 0..whole {
            assert!(matches!(Op::split(&input[..cut]), Ok(None)), "{cut}");
        }
        let message = Op::Message {
            subject: b"room",
            reply: Some(b"$JS.ACK.s.c.1.7.7.123.0"),
            payload: b"abc",
        };
        assert_eq!(Op::split(input).ok().flatten(), Some((message, whole)));
        assert!(matches!(
            Op::split(&input[whole..]),
            Ok(Some((Op::Ping, 6)))
        ));
    }

    #[test]
    fn the_number_is_that_of_the_stream() {
        assert_eq!(
            stream_seq(b"$JS.ACK.stream.consumer.1.42.7.123.0"),
            Some(42)
        );
        assert_eq!(stream_seq(b"_INBOX.rb.0.abc"), None);
    }
}
