//! What there is of a connection, whatever its protocol: messages under way, and what was heard.

use std::collections::VecDeque;

use crate::check::Tally;
use crate::schedule::Micros;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::world::{RoomNumber, UserNumber};

/// A message that is to be sent, or is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub stamp: Stamp,
    pub room: RoomNumber,
    pub sender: UserNumber,
}

impl Message {
    /// Appends a content of `size` bytes: the stamp, and dots.
    pub fn put_content(&self, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size.max(STAMP_BYTES);
        out.extend_from_slice(&self.stamp.letters());
        out.resize(end, b'.');
    }

    /// Appends what a post to Rookery says of a message, as the last fields of a JSON object, and ends it.
    pub fn put_fields(&self, size: usize, client_id: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""content":""#);
        self.put_content(size, out);
        if client_id {
            out.extend_from_slice(br#"","client_id":""#);
            out.extend_from_slice(&self.stamp.letters());
        }
        out.extend_from_slice(br#""}"#);
    }
}

/// What there is of a connection besides its protocol and its socket.
#[derive(Debug, Default)]
pub struct Link {
    /// What waits to be written.
    pub out: Vec<u8>,
    /// Messages without an answer, oldest first.
    pub flying: VecDeque<Message>,
    /// What was heard, for each room that is listened to, in order of rooms.
    pub heard: Vec<(RoomNumber, Tally)>,
    /// When the connection began to be opened.
    pub opening_since: Micros,
    /// Messages may be sent, and come.
    pub opened: bool,
}

impl Link {
    /// A link that listens to these rooms, which are in order.
    pub fn new(rooms: &[RoomNumber]) -> Self {
        Self {
            heard: rooms.iter().map(|room| (*room, Tally::default())).collect(),
            ..Self::default()
        }
    }

    /// What was heard of a room, if it is listened to.
    pub fn tally(&mut self, room: RoomNumber) -> Option<&mut Tally> {
        let at = match self.heard.as_slice() {
            [(only, _)] if *only == room => 0,
            heard => heard.binary_search_by_key(&room, |(of, _)| *of).ok()?,
        };
        Some(&mut self.heard[at].1)
    }

    /// The message that was answered: the oldest, or the one with this index.
    pub fn answered(&mut self, index: Option<u64>) -> Option<Message> {
        let at = match index {
            None => 0,
            Some(index) => self.flying.iter().position(|m| m.stamp.index == index)?,
        };
        self.flying.remove(at)
    }
}
