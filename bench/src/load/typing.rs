//! Rookery's WebSocket for those who type: what they say is not answered, and what comes are whispers of others.

use std::sync::Arc;

use crate::frame;
use crate::load::codec::{Broken, Codec};
use crate::load::frames;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::load::ws::WsCodec;
use crate::world::World;

const TYPING: &[u8] = br#"{"type":"typing","#;
const ERROR: &[u8] = br#"{"type":"error","#;

/// One user's WebSocket.
pub(super) struct TypingCodec {
    world: Arc<World>,
    /// It opens the conversation.
    socket: WsCodec,
}

impl TypingCodec {
    pub(super) fn new(world: Arc<World>, socket: WsCodec) -> Self {
        Self { world, socket }
    }
}

impl Codec for TypingCodec {
    fn open(&mut self, link: &mut Link) {
        self.socket.open(link);
    }

    /// Says that the user types in the message's room.
    fn publish(&mut self, message: &Message, out: &mut Vec<u8>) {
        let id = String::from_utf8_lossy(&self.world.rooms[message.room as usize].id);
        let typing = format!(r#"{{"type":"typing","chat_id":"{id}"}}"#);
        frame::put_text(typing.as_bytes(), out);
    }

    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken> {
        if !link.opened {
            return self.socket.take_first(input, link, ledger);
        }
        frames::take_first(input, link, |object, _| {
            if object.starts_with(TYPING) {
                ledger.counts.whispers += 1;
            } else if object.starts_with(ERROR) {
                ledger.error(|| String::from_utf8_lossy(object).into_owned());
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::ws::WsOptions;
    use crate::stamp::Stamp;
    use crate::world::{Room, User};

    const CHAT: &str = "01a21586-5ee4-7329-a5a7-edd5142655a5";

    fn codec() -> TypingCodec {
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
        let socket = WsCodec::new(Arc::clone(&world), "host".to_owned(), 0, options);
        TypingCodec::new(world, socket)
    }

    fn text(payload: &str) -> Vec<u8> {
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(payload.as_bytes());
        frame
    }

    #[test]
    fn whispers_and_refusals_are_counted_once_the_socket_is_open() {
        let (mut codec, mut link) = (codec(), Link::new(&[]));
        let mut ledger = Ledger::new(vec![0]);
        let mut input = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        input.extend_from_slice(&text(r#"{"type":"ready","user_id":"u"}"#));
        let whisper = format!(r#"{{"type":"typing","chat_id":"{CHAT}","user_id":"u"}}"#);
        input.extend_from_slice(&text(&format!("{whisper}\n{whisper}\n")));
        input.extend_from_slice(&text(r#"{"type":"error","code":"too_many_requests"}"#));
        let taken = codec.take(&input, &mut link, &mut ledger);
        assert_eq!(taken.ok(), Some(input.len()));
        assert!(link.opened);
        assert_eq!((ledger.counts.whispers, ledger.counts.errors), (2, 1));
    }

    #[test]
    fn who_types_says_where() {
        let message = Message {
            stamp: Stamp {
                index: 0,
                intended: 0,
            },
            room: 0,
            sender: 0,
        };
        let mut out = Vec::new();
        codec().publish(&message, &mut out);
        let said = format!(r#"{{"type":"typing","chat_id":"{CHAT}"}}"#);
        assert!(
            out.ends_with(said.as_bytes()),
            "a mask of zeros changes nothing"
        );
    }
}
