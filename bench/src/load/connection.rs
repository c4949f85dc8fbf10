//! A connection: its socket, its protocol, and what is unfinished in either direction.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use crate::load::codec::{Broken, Codec, Endpoint};
use crate::load::dial::Dial;
use crate::load::ledger::Ledger;
use crate::load::link::{Link, Message};
use crate::load::poller::Interest;
use crate::world::UserNumber;

/// Where more waits to be written, nothing is said that nobody answers.
const SAY_BYTES_MAX: usize = 64 * 1024;

/// One connection of a worker.
pub(super) struct Connection {
    pub(super) link: Link,
    pub(super) user: Option<UserNumber>,
    pub(super) sends: bool,
    /// Messages that are due, but have to wait until others are answered.
    pub(super) pending: VecDeque<Message>,
    /// It waits in the list of those that have something to write.
    pub(super) queued: bool,
    /// It is among those that probably have room for a message.
    pub(super) listed_as_free: bool,
    /// It is given up.
    pub(super) broken: bool,
    /// What its socket is watched for.
    pub(super) interest: Interest,
    codec: Box<dyn Codec>,
    from: Option<IpAddr>,
    stream: Option<TcpStream>,
    written: usize,
    /// The beginning of what is not whole yet.
    rest: Vec<u8>,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            link: Link::new(&endpoint.hears),
            user: endpoint.user,
            sends: endpoint.sends,
            pending: VecDeque::new(),
            queued: false,
            listed_as_free: false,
            broken: false,
            interest: Interest::default(),
            codec: endpoint.codec,
            from: endpoint.from,
            stream: None,
            written: 0,
            rest: Vec::new(),
        }
    }

    /// Begins to connect, without waiting for it.
    pub(super) fn open(&mut self, addr: SocketAddr) -> io::Result<&TcpStream> {
        let stream = Dial::new(addr)?.bind(self.from)?.connect(addr)?;
        self.codec.open(&mut self.link);
        Ok(self.stream.insert(stream))
    }

    pub(super) fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    /// Drops the socket, and what was unfinished on it; what was heard stays.
    pub(super) fn close(&mut self) {
        self.stream = None;
        self.rest = Vec::new();
        self.written = 0;
        self.interest = Interest::default();
        self.link.out.clear();
        self.link.opened = false;
    }

    /// Whether another message may be sent while so many are under way at most.
    pub(super) fn has_room(&self, in_flight: usize) -> bool {
        self.link.opened && self.link.flying.len() < in_flight
    }

    /// Whether nothing is under way or listened to, so that the connection is as good as a new one.
    pub(super) fn rests(&self) -> bool {
        self.link.opened
            && self.link.heard.is_empty()
            && self.user.is_none()
            && self.link.flying.is_empty()
    }

    /// Adds a message to what is to be written.
    pub(super) fn send(&mut self, message: Message) {
        self.codec.publish(&message, &mut self.link.out);
        self.link.flying.push_back(message);
    }

    /// Adds what nobody answers to what is to be written, unless that has become much; says whether it did.
    pub(super) fn say(&mut self, message: Message) -> bool {
        let says = self.link.opened && self.link.out.len() < SAY_BYTES_MAX;
        if says {
            self.codec.publish(&message, &mut self.link.out);
        }
        says
    }

    /// Writes what there is; says whether the socket took all.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Some(mut stream) = self.stream.as_ref() else {
            return Ok(true);
        };
        while self.written < self.link.out.len() {
            match stream.write(&self.link.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.link.out.clear();
        self.written = 0;
        Ok(true)
    }

    /// Takes in what has come, by way of a buffer that all share.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, ledger: &mut Ledger) -> Result<(), Broken> {
        loop {
            let Some(mut stream) = self.stream.as_ref() else {
                return Ok(());
            };
            let begun = self.rest.len();
            if begun + 1 >= buffer.len() {
                // Something larger than the buffer would never be whole.
                buffer.resize(2 * buffer.len(), 0);
            }
            buffer[..begun].copy_from_slice(&self.rest);
            let count = match stream.read(&mut buffer[begun..]) {
                Ok(0) => return Err(Broken::Ended),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let filled = begun + count;
            let taken = self.codec.take(&buffer[..filled], &mut self.link, ledger)?;
            self.rest.clear();
            self.rest.extend_from_slice(&buffer[taken..filled]);
            if filled < buffer.len() {
                return Ok(());
            }
        }
    }
}
