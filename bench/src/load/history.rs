//! Reading history over HTTP: pages of a room, at places that the message's index decides.

use std::sync::Arc;

use memchr::memmem;
use rookery_schema::event::put_number;

use crate::load::codec::{Broken, Codec};
use crate::load::http::Replies;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::world::World;

const SEQ: &[u8] = br#""seq":"#;
/// Spreads indices over the history: 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The history of a room without gaps, and how it is read.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// Messages of a page.
    pub page: u64,
    /// The number of the first message.
    pub first_seq: u64,
    /// How many messages there are: at least a page.
    pub messages: u64,
}

impl Pages {
    /// The number below which a page begins that has as many messages as it may.
    fn before(self, index: u64) -> u64 {
        let places = self.messages - self.page + 1;
        self.first_seq + self.page + index.wrapping_mul(SPREAD) % places
    }

    /// How many messages of a page are there, in order, up to the first that is not.
    fn count(self, body: &[u8], before: u64) -> u64 {
        let mut expected = Vec::new();
        let right = memmem::find_iter(body, SEQ)
            .zip((0..before).rev().take(self.page as usize))
            .take_while(|(at, seq)| {
                expected.clear();
                put_number(&mut expected, *seq);
                expected.push(b',');
                body[at + SEQ.len()..].starts_with(&expected)
            });
        right.count() as u64
    }
}

/// A connection that asks for pages. Their messages count as deliveries; those that are missing or out of
/// place, as losses.
pub struct HistoryCodec {
    world: Arc<World>,
    host: String,
    pages: Pages,
    replies: Replies,
}

impl HistoryCodec {
    pub fn new(world: Arc<World>, host: String, pages: Pages) -> Self {
        Self {
            world,
            host,
            pages,
            replies: Replies::default(),
        }
    }
}

impl Codec for HistoryCodec {
    fn open(&mut self, link: &mut Link) {
        link.opened = true;
    }

    fn publish(&mut self, message: &Message, out: &mut Vec<u8>) {
        let room = &self.world.rooms[message.room as usize];
        let reader = &self.world.users[message.sender as usize];
        for part in [b"GET /chats/", room.id.as_slice(), b"/messages?limit="] {
            out.extend_from_slice(part);
        }
        put_number(out, self.pages.page);
        out.extend_from_slice(b"&before=");
        put_number(out, self.pages.before(message.stamp.index));
        for part in [
            b" HTTP/1.1\r\nHost: ",
            self.host.as_bytes(),
            b"\r\n",
            reader.credential.as_bytes(),
            b"\r\n\r\n",
        ] {
            out.extend_from_slice(part);
        }
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
        let body = &input[reply.body..reply.end];
        match link.flying.front() {
            Some(message) if (200..300).contains(&reply.status) => {
                let before = self.pages.before(message.stamp.index);
                let right = self.pages.count(body, before);
                ledger.read_page(right, self.pages.page - right);
                ledger.accepted(link, None);
            }
            _ => ledger.refused(link, None, reply.status, body),
        }
        Ok(Some(reply.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: Pages = Pages {
        page: 3,
        first_seq: 2,
        messages: 10,
    };

    #[test]
    fn every_page_is_within_the_history() {
        let befores: Vec<_> = (0..1000).map(|index| PAGES.before(index)).collect();
        assert_eq!(befores.iter().min(), Some(&5));
        assert_eq!(befores.iter().max(), Some(&12));
    }

    #[test]
    fn a_page_counts_up_to_what_is_missing_or_out_of_place() {
        let body = |seqs: [u64; 3]| seqs.map(|n| format!("{{\"seq\":{n},}}")).concat();
        assert_eq!(PAGES.count(body([6, 5, 4]).as_bytes(), 7), 3);
        assert_eq!(PAGES.count(body([6, 4, 3]).as_bytes(), 7), 1);
        assert_eq!(PAGES.count(body([5, 6, 4]).as_bytes(), 7), 0);
        assert_eq!(PAGES.count(b"[]", 7), 0);
    }
}
