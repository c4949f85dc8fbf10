//! Rookery's WebSocket: sends, and counts what comes by looking where things stand in an event.

use std::sync::Arc;

use memchr::memmem;

use crate::frame;
use crate::load::codec::{Broken, Codec};
use crate::load::frames;
use crate::load::handshake;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::load::scan::{after, leading_number};
use crate::stamp::Stamp;
use crate::world::{Id, RoomNumber, UserNumber, World};

/// The subprotocol with which one frame may hold several objects, in lines.
const BATCH_PROTOCOL: &str = "Sec-WebSocket-Protocol: rookery.v1.batch\r\n";
const MESSAGE: &[u8] = br#"{"type":"message","#;
const ACK: &[u8] = br#"{"type":"ack","#;
const ERROR: &[u8] = br#"{"type":"error","#;
const READY: &[u8] = br#"{"type":"ready""#;
const PRESENCE: &[u8] = br#"{"type":"presence","#;
const RESUMED: &[u8] = br#"{"type":"resumed","#;
const CHAT_ID: &[u8] = br#""chat_id":""#;
const SEQ: &[u8] = br#""seq":"#;
const CONTENT: &[u8] = br#""content":""#;
const CLIENT_ID: &[u8] = br#""client_id":""#;
const NOT_RECOVERED: &[u8] = br#""recovered":false"#;
/// From the end of a message's number to its content, where the fields stand as the API lists them.
const CONTENT_FROM_SEQ: usize = r#","message_id":"","sender_id":"","#.len() + 2 * 36;

/// Rooms whose presence a server lets a socket follow.
const FOLLOWED_MAX: usize = 16;

const SEND: &[u8] = br#"{"type":"send","chat_id":""#;

/// What a refusal over WebSocket counts as: it says no HTTP status, but a code.
const REFUSALS: [(&[u8], u16); 2] = [
    (br#""code":"unavailable""#, 503),
    (br#""code":"too_many_requests""#, 429),
];
/// Any other.
const REFUSED_OTHERWISE: u16 = 400;

/// How WebSockets are used.
#[derive(Clone, Debug)]
pub struct WsOptions {
    /// Bytes of each content.
    pub size: usize,
    /// Offer the subprotocol with which one frame may hold several objects.
    pub batch: bool,
    /// Follow the presence of the members of its rooms.
    pub presence: bool,
    /// Whether each message has a `client_id`. A must where one socket sends to several rooms, since their
    /// acknowledgements may overtake each other.
    pub client_ids: bool,
}

/// Where the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshake,
    Greeting,
    /// So many rooms are not caught up with.
    Resuming(usize),
    Open,
}

/// One user's WebSocket.
pub struct WsCodec {
    world: Arc<World>,
    host: String,
    user: UserNumber,
    options: WsOptions,
    phase: Phase,
    /// It was open before.
    again: bool,
    /// The room of the last event, since the next one is often of the same.
    last: Option<(Id, RoomNumber)>,
    /// Made anew for each message.
    object: Vec<u8>,
}

impl WsCodec {
    pub fn new(world: Arc<World>, host: String, user: UserNumber, options: WsOptions) -> Self {
        Self {
            world,
            host,
            user,
            options,
            phase: Phase::Handshake,
            again: false,
            last: None,
            object: Vec::new(),
        }
    }

    fn take_object(&mut self, object: &[u8], link: &mut Link, ledger: &mut Ledger) {
        if object.starts_with(MESSAGE) {
            self.take_message(object, link, ledger);
        } else if object.starts_with(ACK) {
            ledger.accepted(link, client_id(object));
        } else if object.starts_with(ERROR) {
            self.take_error(object, link, ledger);
        } else if object.starts_with(READY) {
            self.greeted(link, ledger);
        } else if object.starts_with(RESUMED) {
            self.resumed(object, link, ledger);
        } else if object.starts_with(PRESENCE) {
            // It is told whenever the server sees fit, or not at all.
        } else if let Some((room, seq, _)) = self.place(object)
            && let Some(tally) = link.tally(room)
        {
            tally.step(seq);
        }
    }

    fn take_message(&mut self, object: &[u8], link: &mut Link, ledger: &mut Ledger) {
        let found = self.place(object).and_then(|(room, seq, rest)| {
            after(rest, CONTENT, CONTENT_FROM_SEQ).map(|content| (room, seq, content))
        });
        match found {
            Some((room, seq, content)) => ledger.delivered(link, room, Some(seq), content),
            None => ledger.counts.strays += 1,
        }
    }

    /// An event's room and number, and what follows them.
    fn place<'a>(&mut self, object: &'a [u8]) -> Option<(RoomNumber, u64, &'a [u8])> {
        let rest = after(object, CHAT_ID, MESSAGE.len())?;
        let (id, rest) = rest.split_first_chunk()?;
        let room = match &self.last {
            Some((last, room)) if last == id => *room,
            _ => {
                let room = self.world.find_room(id)?;
                self.last = Some((*id, room));
                room
            }
        };
        let (seq, rest) = leading_number(after(rest, SEQ, r#"","#.len())?);
        Some((room, seq, rest))
    }

    fn take_error(&mut self, object: &[u8], link: &mut Link, ledger: &mut Ledger) {
        if matches!(self.phase, Phase::Resuming(_)) {
            ledger.error(|| format!("no resume: {}", String::from_utf8_lossy(object)));
            self.opened(link, ledger);
            return;
        }
        let status = REFUSALS
            .iter()
            .find(|(code, _)| memmem::find(object, code).is_some())
            .map_or(REFUSED_OTHERWISE, |(_, status)| *status);
        ledger.refused(link, client_id(object), status, object);
    }

    fn greeted(&mut self, link: &mut Link, ledger: &mut Ledger) {
        if self.options.presence {
            self.follow(link);
        }
        if !self.again || link.heard.is_empty() {
            return self.opened(link, ledger);
        }
        self.phase = Phase::Resuming(link.heard.len());
        let rooms: Vec<String> = link
            .heard
            .iter()
            .map(|(room, tally)| {
                let id = String::from_utf8_lossy(&self.world.rooms[*room as usize].id);
                format!(r#""{id}":{}"#, tally.last_seq)
            })
            .collect();
        let resume = format!(r#"{{"type":"resume","chats":{{{}}}}}"#, rooms.join(","));
        frame::put_text(resume.as_bytes(), &mut link.out);
    }

    fn follow(&self, link: &mut Link) {
        for (room, _) in link.heard.iter().take(FOLLOWED_MAX) {
            let id = String::from_utf8_lossy(&self.world.rooms[*room as usize].id);
            let follow = format!(r#"{{"type":"presence","chat_id":"{id}"}}"#);
            frame::put_text(follow.as_bytes(), &mut link.out);
        }
    }

    fn resumed(&mut self, object: &[u8], link: &mut Link, ledger: &mut Ledger) {
        if memmem::find(object, NOT_RECOVERED).is_some() {
            ledger.error(|| "a room could not be resumed where it was left".to_owned());
        }
        match self.phase {
            Phase::Resuming(rooms @ 2..) => self.phase = Phase::Resuming(rooms - 1),
            Phase::Resuming(_) => self.opened(link, ledger),
            _ => {}
        }
    }

    fn opened(&mut self, link: &mut Link, ledger: &mut Ledger) {
        if self.again {
            ledger.rejoined(link);
        }
        self.phase = Phase::Open;
        self.again = true;
        link.opened = true;
    }
}

impl Codec for WsCodec {
    fn open(&mut self, link: &mut Link) {
        self.phase = Phase::Handshake;
        let user = &self.world.users[self.user as usize];
        let resumes = self.again && !link.heard.is_empty();
        let query = if resumes { "?resume=1" } else { "" };
        let path = format!("/ws/connect/{}{query}", user.id);
        let protocol = if self.options.batch {
            BATCH_PROTOCOL
        } else {
            ""
        };
        let headers = format!("{protocol}{}\r\n", user.credential);
        handshake::put_request(&path, &self.host, &headers, &mut link.out);
    }

    fn publish(&mut self, message: &Message, out: &mut Vec<u8>) {
        let room = &self.world.rooms[message.room as usize];
        let WsOptions {
            size, client_ids, ..
        } = self.options;
        self.object.clear();
        for part in [SEND, room.id.as_slice(), br#"","#] {
            self.object.extend_from_slice(part);
        }
        message.put_fields(size, client_ids, &mut self.object);
        frame::put_text(&self.object, out);
    }

    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken> {
        if self.phase == Phase::Handshake {
            let end = handshake::reply_end(input)?;
            if end.is_some() {
                self.phase = Phase::Greeting;
            }
            return Ok(end);
        }
        frames::take_first(input, link, |object, link| {
            self.take_object(object, link, ledger);
            Ok(())
        })
    }
}

/// The message that an answer is about, if it says so.
fn client_id(object: &[u8]) -> Option<u64> {
    let at = memmem::find(object, CLIENT_ID)? + CLIENT_ID.len();
    Stamp::read(&object[at..]).map(|stamp| stamp.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Room, User};

    const CHAT: &str = "01a21586-5ee4-7329-a5a7-edd5142655a5";

    fn codec() -> WsCodec {
        let user = User {
            id: "u".to_owned(),
            name: String::new(),
            credential: "Cookie: user_id=u".to_owned(),
        };
        let room = Room {
            id: *CHAT.as_bytes().first_chunk().unwrap_or(&[0; 36]),
            members: vec![0],
            speakers: 1,
        };
        let options = WsOptions {
            size: 100,
            batch: true,
            presence: false,
            client_ids: false,
        };
        let world = Arc::new(World::new(vec![user], vec![room]));
        WsCodec::new(world, "host".to_owned(), 0, options)
    }

    fn message(seq: u64, index: u64) -> String {
        let stamp = Stamp { index, intended: 7 };
        let stamp = String::from_utf8_lossy(&stamp.letters()).into_owned();
        format!(
            r#"{{"type":"message","chat_id":"{CHAT}","seq":{seq},"message_id":"{CHAT}","sender_id":"{CHAT}","content":"{stamp}..","created_at":"x"}}"#
        )
    }

    fn text(payload: &str) -> Vec<u8> {
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(payload.as_bytes());
        frame
    }

    fn opened() -> Vec<u8> {
        let mut input = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        input.extend_from_slice(&text(r#"{"type":"ready","user_id":"u"}"#));
        input
    }

    fn take(codec: &mut WsCodec, input: &[u8], link: &mut Link, ledger: &mut Ledger) -> usize {
        codec.take(input, link, ledger).unwrap_or_default()
    }

    #[test]
    fn messages_are_counted_wherever_the_input_is_cut() {
        let mut input = opened();
        let batch = format!("{}\n{}\n", message(2, 0), message(3, 1));
        input.extend_from_slice(&text(&batch));
        input.extend_from_slice(&text(&message(5, 2)));
        for cut in 0..input.len() {
            let (mut codec, mut link) = (codec(), Link::new(&[0]));
            let mut ledger = Ledger::new(vec![1]);
            let first = take(&mut codec, &input[..cut], &mut link, &mut ledger);
            let rest = take(&mut codec, &input[first..], &mut link, &mut ledger);
            assert_eq!(first + rest, input.len());
            let tally = link.heard[0].1;
            assert_eq!((tally.messages, tally.last_seq, tally.lost), (3, 5, 1));
            assert_eq!(ledger.counts.delivered, 3);
        }
    }

    #[test]
    fn fields_are_found_where_others_stand_between() {
        let moved = message(9, 4)
            .replace(r#""seq""#, r#""new":1,"seq""#)
            .replace(r#""content""#, r#""also":"new","content""#);
        let (mut codec, mut link) = (codec(), Link::new(&[0]));
        let mut ledger = Ledger::new(vec![1]);
        codec.take_object(moved.as_bytes(), &mut link, &mut ledger);
        assert_eq!((link.heard[0].1.messages, link.heard[0].1.last_seq), (1, 9));
    }

    #[test]
    fn after_a_break_a_socket_resumes_where_it_was_and_counts_on() {
        let (mut codec, mut link) = (codec(), Link::new(&[0]));
        let mut ledger = Ledger::new(vec![1]);
        let mut input = opened();
        input.extend_from_slice(&text(&message(2, 0)));
        take(&mut codec, &input, &mut link, &mut ledger);

        link.opened = false;
        codec.open(&mut link);
        link.out.clear();
        take(&mut codec, &opened(), &mut link, &mut ledger);
        let asked = String::from_utf8_lossy(&link.out).into_owned();
        assert!(asked.ends_with(&format!(r#"{{"type":"resume","chats":{{"{CHAT}":2}}}}"#)));
        assert!(!link.opened);

        let resumed =
            format!(r#"{{"type":"resumed","chat_id":"{CHAT}","recovered":true,"seq":3}}"#);
        input = text(&message(3, 1));
        input.extend_from_slice(&text(&resumed));
        take(&mut codec, &input, &mut link, &mut ledger);
        assert!(link.opened);
        assert_eq!((link.heard[0].1.messages, link.heard[0].1.lost), (2, 0));
        assert_eq!(ledger.latencies.rejoin.len(), 1);
    }

    #[test]
    fn pings_are_answered() {
        let (mut codec, mut link) = (codec(), Link::new(&[0]));
        let mut input = opened();
        input.extend_from_slice(&[0x89, 2, b'h', b'i']);
        take(&mut codec, &input, &mut link, &mut Ledger::new(vec![1]));
        assert_eq!(link.out, [0x8a, 0x82, 0, 0, 0, 0, b'h', b'i']);
    }
}
