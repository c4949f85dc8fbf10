//! Listening to a channel of Centrifuge, by its JSON protocol over a WebSocket (centrifugal.dev, "Client protocol"):
//! commands, replies and pushes are objects, and a frame may have several, in lines.

use memchr::memmem;

use crate::frame;
use crate::load::codec::{Broken, Codec};
use crate::load::frames;
use crate::load::handshake;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::load::scan::leading_number;

const PATH: &str = "/connection/websocket";
const PUSH: &[u8] = br#"{"push":"#;
const CONTENT: &[u8] = br#""content":""#;
const OFFSET: &[u8] = br#""offset":"#;
const ERROR: &[u8] = br#""error":"#;
/// The reply to the second command, by which the channel is subscribed to.
const SUBSCRIBED: &[u8] = br#"{"id":2,"#;
/// A ping of the server, and the answer to it.
const EMPTY: &[u8] = b"{}";

/// A connection that listens to the first room.
pub struct CentrifugeCodec {
    host: String,
    channel: String,
    switched: bool,
}

impl CentrifugeCodec {
    pub fn new(host: String, channel: String) -> Self {
        Self {
            host,
            channel,
            switched: false,
        }
    }

    fn take_handshake(&mut self, input: &[u8], link: &mut Link) -> Result<Option<usize>, Broken> {
        let end = handshake::reply_end(input)?;
        if end.is_some() {
            self.switched = true;
            let commands = format!(
                "{{\"id\":1,\"connect\":{{}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"{}\"}}}}",
                self.channel
            );
            frame::put_text(commands.as_bytes(), &mut link.out);
        }
        Ok(end)
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
            take_object(object, link, ledger)
        })
    }
}

fn take_object(object: &[u8], link: &mut Link, ledger: &mut Ledger) -> Result<(), Broken> {
    if object.starts_with(PUSH) {
        take_push(object, link, ledger);
    } else if object == EMPTY {
        frame::put_text(EMPTY, &mut link.out);
    } else if memmem::find(object, ERROR).is_some() {
        return Err(Broken::Refused(
            String::from_utf8_lossy(object).into_owned(),
        ));
    } else if object.starts_with(SUBSCRIBED) {
        link.opened = true;
    }
    Ok(())
}

/// A channel without history gives its publications no offsets.
fn take_push(object: &[u8], link: &mut Link, ledger: &mut Ledger) {
    let Some(at) = memmem::find(object, CONTENT) else {
        ledger.counts.strays += 1;
        return;
    };
    let content = &object[at + CONTENT.len()..];
    let offset =
        memmem::rfind(content, OFFSET).map(|at| leading_number(&content[at + OFFSET.len()..]).0);
    ledger.delivered(link, 0, offset, content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;

    fn push(index: u64, offset: &str) -> String {
        let stamp = Stamp { index, intended: 7 }.letters();
        let stamp = String::from_utf8_lossy(&stamp).into_owned();
        format!(
            r#"{{"push":{{"channel":"c","pub":{{"data":{{"content":"{stamp}.."}}{offset}}}}}}}"#
        )
    }

    fn text(payload: &str) -> Vec<u8> {
        let mut frame = vec![0x81, 126];
        frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        frame.extend_from_slice(payload.as_bytes());
        frame
    }

    /// Of a connection that is open, and what was heard on it.
    fn heard(objects: &str) -> (Link, Ledger) {
        let mut codec = CentrifugeCodec::new("host".to_owned(), "c".to_owned());
        let (mut link, mut ledger) = (Link::new(&[0]), Ledger::new(vec![1]));
        let mut input = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
        input.extend_from_slice(&text(concat!(
            r#"{"id":1,"connect":{"client":"x","ping":25,"pong":true}}"#,
            "\n",
            r#"{"id":2,"subscribe":{}}"#,
        )));
        input.extend_from_slice(&text(objects));
        let taken = codec.take(&input, &mut link, &mut ledger);
        assert_eq!(taken.ok(), Some(input.len()));
        assert!(link.opened);
        (link, ledger)
    }

    #[test]
    fn publications_are_counted_by_their_offsets() {
        let pushes = [push(0, r#","offset":8"#), push(1, r#","offset":10"#)].join("\n");
        let (link, ledger) = heard(&pushes);
        let tally = link.heard[0].1;
        assert_eq!((tally.messages, tally.last_seq, tally.lost), (2, 10, 1));
        assert_eq!(ledger.counts.delivered, 2);
    }

    #[test]
    fn publications_without_offsets_are_counted_as_they_come() {
        let (link, _) = heard(&[push(0, ""), push(1, "")].join("\n"));
        let tally = link.heard[0].1;
        assert_eq!((tally.messages, tally.last_seq, tally.lost), (2, 2, 0));
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
        let taken = take_object(refused, &mut Link::new(&[0]), &mut ledger);
        assert!(matches!(taken, Err(Broken::Refused(_))));
    }
}
