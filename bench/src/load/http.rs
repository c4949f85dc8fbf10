//! Posting over HTTP: pipelined requests, and replies that are mostly recognised rather than parsed.

use std::sync::Arc;

use memchr::memmem;
use rookery_schema::event::put_number;

use crate::load::codec::{Broken, Codec};
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::world::World;

const HEADERS_MAX: usize = 32;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Where the parts of a reply are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Where the body starts, and the head ends.
    pub body: usize,
    /// Where the body ends.
    pub end: usize,
}

impl Reply {
    /// The reply that begins here, if its head is there as a whole; the body may not be.
    ///
    /// # Errors
    /// Where it is no reply with a length.
    pub fn read(input: &[u8]) -> Result<Option<Self>, Broken> {
        let malformed = Broken::Malformed("an HTTP reply");
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let body = match response.parse(input) {
            Ok(httparse::Status::Complete(body)) => body,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(malformed),
        };
        let status = response.code.ok_or(malformed)?;
        let length = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok())
            .unwrap_or(0);
        Ok(Some(Self {
            status,
            body,
            end: body + length,
        }))
    }
}

/// Splits replies off a stream. Heads repeat, but for a date once a second, and are not parsed again.
#[derive(Debug, Default)]
pub struct Replies {
    head: Vec<u8>,
    last: Option<Reply>,
}

impl Replies {
    /// The first reply, if it is there as a whole.
    ///
    /// # Errors
    /// Where it is no reply with a length.
    pub fn split(&mut self, input: &[u8]) -> Result<Option<Reply>, Broken> {
        let known = self.last.filter(|_| input.starts_with(&self.head));
        let reply = match known {
            Some(reply) => Some(reply),
            None => {
                let reply = Reply::read(input)?;
                if let Some(reply) = reply {
                    self.head.clear();
                    self.head.extend_from_slice(&input[..reply.body]);
                    self.last = Some(reply);
                }
                reply
            }
        };
        Ok(reply.filter(|reply| input.len() >= reply.end))
    }
}

/// A connection that posts for all users: each request says whose it is.
pub struct HttpCodec {
    world: Arc<World>,
    host: String,
    size: usize,
    client_ids: bool,
    replies: Replies,
    /// Made anew for each message.
    body: Vec<u8>,
}

impl HttpCodec {
    /// `size`: bytes of each content. `client_ids`: whether each message has one.
    pub fn new(world: Arc<World>, host: String, size: usize, client_ids: bool) -> Self {
        Self {
            world,
            host,
            size,
            client_ids,
            replies: Replies::default(),
            body: Vec::new(),
        }
    }
}

impl Codec for HttpCodec {
    fn open(&mut self, link: &mut Link) {
        link.opened = true;
    }

    fn publish(&mut self, message: &Message, out: &mut Vec<u8>) {
        let room = &self.world.rooms[message.room as usize];
        let sender = &self.world.users[message.sender as usize];
        self.body.clear();
        self.body.push(b'{');
        message.put_fields(self.size, self.client_ids, &mut self.body);
        for part in [
            b"POST /chats/",
            room.id.as_slice(),
            b"/messages HTTP/1.1\r\nHost: ",
            self.host.as_bytes(),
            b"\r\n",
            sender.credential.as_bytes(),
            b"\r\nContent-Type: application/json\r\nContent-Length: ",
        ] {
            out.extend_from_slice(part);
        }
        put_number(out, self.body.len() as u64);
        out.extend_from_slice(HEAD_END);
        out.extend_from_slice(&self.body);
    }

    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken> {
        let Some(reply) = self.replies.split(input)? else {
            return Ok(None);
        };
        if (200..300).contains(&reply.status) {
            ledger.accepted(link, None);
        } else {
            ledger.refused(link, None, reply.status, &input[reply.body..reply.end]);
        }
        Ok(Some(reply.end))
    }
}

/// Where the head of a message ends, if that is there.
pub(super) fn head_end(input: &[u8]) -> Option<usize> {
    memmem::find(input, HEAD_END).map(|at| at + HEAD_END.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const SECOND: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nabc";

    fn split(replies: &mut Replies, input: &[u8]) -> Option<(u16, usize)> {
        let reply = replies.split(input).ok().flatten()?;
        Some((reply.status, reply.end))
    }

    #[test]
    fn replies_are_split_when_they_are_whole() {
        let both = [FIRST, SECOND].concat();
        let mut replies = Replies::default();
        for cut in 0..FIRST.len() {
            assert_eq!(split(&mut replies, &both[..cut]), None, "{cut}");
        }
        assert_eq!(split(&mut replies, &both), Some((200, FIRST.len())));
        let second = split(&mut replies, &both[FIRST.len()..]);
        assert_eq!(second, Some((503, SECOND.len())));
    }

    #[test]
    fn a_head_that_is_known_gives_the_same_as_one_that_is_parsed() {
        let mut replies = Replies::default();
        let parsed = split(&mut replies, FIRST);
        assert_eq!(split(&mut replies, FIRST), parsed);
        assert_eq!(split(&mut replies, &FIRST[..FIRST.len() - 1]), None);
    }
}
