//! What a connection needs to know of a protocol.

use std::io;
use std::net::IpAddr;

use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::world::{RoomNumber, UserNumber};

/// Why a connection can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the server has ended the connection")]
    Ended,
    #[error("the server has closed the WebSocket with {0}")]
    Closed(u16),
    #[error("the server has refused: {0}")]
    Refused(String),
    #[error("{0} can't be understood")]
    Malformed(&'static str),
}

/// A client's side of a protocol, without I/O.
pub trait Codec {
    /// Begins the conversation, also after the connection was lost and made anew. Sets [`Link::opened`] where
    /// nothing needs to be waited for.
    fn open(&mut self, link: &mut Link);

    /// Appends what sends a message.
    fn publish(&mut self, message: &Message, out: &mut Vec<u8>);

    /// Takes in the first thing that the server says in `input`, and gives how many bytes that was; none where it
    /// is not there as a whole.
    ///
    /// # Errors
    /// Where the conversation can't go on.
    fn take_first(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<Option<usize>, Broken>;

    /// Takes in all that is there as a whole, and gives how many bytes that was.
    ///
    /// # Errors
    /// Where the conversation can't go on.
    fn take(
        &mut self,
        input: &[u8],
        link: &mut Link,
        ledger: &mut Ledger,
    ) -> Result<usize, Broken> {
        let mut taken = 0;
        while let Some(bytes) = self.take_first(&input[taken..], link, ledger)? {
            taken += bytes;
        }
        Ok(taken)
    }
}

/// A connection to be made.
pub struct Endpoint {
    pub codec: Box<dyn Codec>,
    /// The address that it is made from; `None`: the one that the system chooses.
    pub from: Option<IpAddr>,
    /// Whom it speaks for; none if for all.
    pub user: Option<UserNumber>,
    pub sends: bool,
    /// The rooms that are listened to, in order.
    pub hears: Vec<RoomNumber>,
}

impl Endpoint {
    /// One that sends for all, and hears nothing.
    pub fn sender(codec: Box<dyn Codec>) -> Self {
        Self {
            codec,
            from: None,
            user: None,
            sends: true,
            hears: Vec::new(),
        }
    }

    /// One that hears the first room.
    pub fn listener(codec: Box<dyn Codec>) -> Self {
        Self {
            codec,
            from: None,
            user: None,
            sends: false,
            hears: vec![0],
        }
    }
}
