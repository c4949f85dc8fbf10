//! Listening to a channel of Centrifuge, by its JSON protocol over a WebSocket (centrifugal.dev, "Client protocol"):
//! commands, replies and pushes are objects, and a frame may have several, in lines.

use std::sync::Arc;

use memchr::memmem;

use crate::frame;
use crate::load::codec::{Broken, Codec};
use crate::load::frames;
use crate::load::handshake;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::load::scan::{after, leading_number};
use crate::world::{Id, RoomNumber, World};

const PATH: &str = "/connection/websocket";
const PUSH: &[u8] = br#"{"push":"#;
const CHANNEL: &[u8] = br#""channel":""#;
const CONTENT: &[u8] = br#""content":""#;
const OFFSET: &[u8] = br#""offset":"#;
const ERROR: &[u8] = br#""error":"#;
/// A reply to a command: to the one that connects, and to those that subscribe.
const REPLY: &[u8] = br#"{"id":"#;
/// A ping of the server, and the answer to it.
const EMPTY: &[u8] = b"{}";

/// A connection that listens to some rooms.
pub struct CentrifugeCodec {
    host: String,
    world: Arc<World>,
    switched: bool,
    /// Commands without a reply.
    unanswered: usize,
    /// The room of the last publication, since the next one is often of the same.
    last: Option<(Id, RoomNumber)>,
}

impl CentrifugeCodec {
    pub fn new(host: String, world: Arc<World>) -> Self {
        Self {
            host,
            world,
            switched: false,
            unanswered: 0,
            last: None,
        }
    }

    fn take_handshake(&mut self, input: &[u8], link: &mut Link) -> Result<Option<usize>, Broken> {
        let end = handshake::reply_end(input)?;
        if end.is_some() {
            self.switched = true;
            let mut commands = vec![r#"{"id":1,"connect":{}}"#.to_owned()];
            for (id, (room, _)) in (2..).zip(&link.heard) {
                let channel = String::from_utf8_lossy(&self.world.rooms[*room as usize].id);
                let subscribe = format!(r#"{{"id":{id},"subscribe":{{"channel":"{channel}"}}}}"#);
                commands.push(subscribe);
            }
            self.unanswered = commands.len();
            frame::put_text(commands.join("\n").as_bytes(), &mut link.out);
        }
        Ok(end)
    }

    fn take_object(
        &mut self,
        object: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<(), Broken> {
        if object.starts_with(PUSH) {
            self.take_push(object, link, ledger);
        } else if object == EMPTY {
            frame::put_text(EMPTY, &mut link.out);
        } else if memmem::find(object, ERROR).is_some() {
            return Err(Broken::Refused(
                String::from_utf8_lossy(object).into_owned(),
            ));
        } else if object.starts_with(REPLY) {
            self.unanswered = self.unanswered.saturating_sub(1);
            link.opened = self.unanswered == 0;
        }
        Ok(())
    }

    /// A channel without history gives its publications no offsets.
    fn take_push(&mut self, object: &[u8], link: &mut Link, ledger: &mut Ledger) {
        let found = self.room(object).and_then(|room| {
            let at = memmem::find(object, CONTENT)? + CONTENT.len();
            Some((room, &object[at..]))
        });
        let Some((room, content)) = found else {
            ledger.counts.strays += 1;
            return;
        };
        let offset = memmem::rfind(content, OFFSET)
            .map(|at| leading_number(&content[at + OFFSET.len()..]).0);
        ledger.delivered(link, room, offset, content);
    }

    fn room(&mut self, push: &[u8]) -> Option<RoomNumber> {
        let id = after(push, CHANNEL, PUSH.len() + 1)?.first_chunk()?;
        if let Some((last, room)) = &self.last
            && last == id
        {
            return Some(*room);
        }
        let room = self.world.find_room(id)?;
        self.last = Some((*id, room));
        Some(room)
    }
}

impl Codec for CentrifugeCodec {
    fn open(&mut self, link: &mut Link) {
        self.switched = false;
        handshake::put_request(PATH, &self.host, "", &mut link.out);
    }

    /// Others post.
    fn publish(&mut self, _: &Message, _: &mut Vec<u8>) {}

    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken> {
        if !self.switched {
            return self.take_handshake(input, link);
        }
        frames::take_first(input, link, |object, link| {
            self.take_object(object, link, ledger)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;
    use crate::world::{ID_BYTES, Room};

    fn channel(room: u8) -> Id {
        [b'a' + room; ID_BYTES]
    }

    fn codec(rooms: u8) -> CentrifugeCodec {
        let rooms = (0..rooms).map(|room| Room {
            id: channel(room),
            members: vec![0],
            speakers: 1,
        });
        let world = World::new(Vec::new(), rooms.collect());
        CentrifugeCodec::new("host".to_owned(), Arc::new(world))
    }

    fn push(room: u8, index: u64, offset: &str) -> String {
        let stamp = Stamp { index, intended: 7 }.letters();
        let stamp = String::from_utf8_lossy(&stamp).into_owned();
        let channel = String::from_utf8_lossy(&channel(room)).into_owned();
        format!(
            r#"{{"push":{{"channel":"{channel}","pub":{{"data":{{"content":"{stamp}.."}}{offset}}}}}}}"#
        )
    }

    fn text(payload: &str) -> Vec<u8> {
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(payload.as_bytes());
        frame
    }

    /// Of a connection to two rooms that is open, and what was heard on it.
    fn heard(objects: &str) -> (Link, Ledger) {
        let mut codec = codec(2);
        let (mut link, mut ledger) = (Link::new(&[0, 1]), Ledger::new(vec![1, 1]));
        let mut input = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        input.extend_from_slice(&text(concat!(
            r#"{"id":1,"connect":{"client":"x","ping":25,"pong":true}}"#,
            "\n",
            r#"{"id":2,"subscribe":{}}"#,
        )));
        let taken = codec.take(&input, &mut link, &mut ledger);
        assert_eq!(taken.ok(), Some(input.len()));
        assert!(!link.opened, "it is not subscribed to the second room");
        let rest = [text(r#"{"id":3,"subscribe":{}}"#), text(objects)].concat();
        let taken = codec.take(&rest, &mut link, &mut ledger);
        assert_eq!(taken.ok(), Some(rest.len()));
        assert!(link.opened);
        (link, ledger)
    }

    #[test]
    fn publications_are_counted_by_their_offsets() {
        let pushes = [push(0, 0, r#","offset":8"#), push(0, 1, r#","offset":10"#)].join("\n");
        let (link, ledger) = heard(&pushes);
        let tally = link.heard[0].1;
        assert_eq!((tally.messages, tally.last_seq, tally.lost), (2, 10, 1));
        assert_eq!(ledger.counts.delivered, 2);
    }

    #[test]
    fn publications_without_offsets_are_counted_as_they_come() {
        let (link, _) = heard(&[push(0, 0, ""), push(0, 1, "")].join("\n"));
        let tally = link.heard[0].1;
        assert_eq!((tally.messages, tally.last_seq, tally.lost), (2, 2, 0));
    }

    #[test]
    fn rooms_are_told_apart_by_their_channels() {
        let pushes = [
            push(1, 0, ""),
            push(0, 1, ""),
            push(1, 2, ""),
            push(2, 3, ""),
        ];
        let (link, ledger) = heard(&pushes.join("\n"));
        let counts = [0, 1].map(|room: usize| link.heard[room].1.messages);
        assert_eq!((counts, ledger.counts.strays), ([1, 2], 1));
    }

    #[test]
    fn pings_are_answered() {
        let (link, _) = heard("{}");
        assert!(link.out.ends_with(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']));
    }

    #[test]
    fn a_refused_subscription_ends_the_conversation() {
        let mut ledger = Ledger::new(vec![1]);
        let refused = br#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#;
        let taken = codec(1).take_object(refused, &mut Link::new(&[0]), &mut ledger);
        assert!(matches!(taken, Err(Broken::Refused(_))));
    }
}
