//! The connections of a run: opened, written to, read from, and given up where they break; and the books of what
//! went over them.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::check::Verdict;
use crate::load::codec::{Broken, Endpoint};
use crate::load::connection::Connection;
use crate::load::ledger::Ledger;
use crate::load::link::Message;
use crate::load::poller::{Interest, Poller, Ready};
use crate::load::run::Outcome;
use crate::schedule::{Clock, Micros};

/// Bytes that are read at once: some milliseconds of a busy room.
const READ_BYTES: usize = 1024 * 1024;

/// All connections of a run.
pub(super) struct Pool {
    pub(super) ledger: Ledger,
    clock: Clock,
    addr: SocketAddr,
    poller: Poller,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    ready: Vec<Ready>,
    /// Connections that have something to write.
    to_flush: Vec<usize>,
    to_open: VecDeque<usize>,
    opening: usize,
    /// Connections that send for whoever it is.
    shared_senders: Vec<usize>,
    /// Those of them that probably have room.
    free_senders: VecDeque<usize>,
    /// Whose turn it was last when none had room.
    turn: usize,
    /// Connections that send for one user alone.
    sender_of: Vec<Option<usize>>,
    /// Connections that send and are not broken.
    senders: usize,
    /// Messages of one connection without an answer, at most.
    in_flight: usize,
    /// Listeners don't read.
    paused: bool,
    broken: u64,
    first_break: Option<Broken>,
}

impl Pool {
    /// Connections to be opened, for so many users. None sends before [`Self::begin`].
    pub(super) fn new(
        addr: SocketAddr,
        endpoints: Vec<Endpoint>,
        users: usize,
        ledger: Ledger,
    ) -> io::Result<Self> {
        let mut pool = Self {
            ledger,
            clock: Clock::start(),
            addr,
            poller: Poller::new()?,
            buffer: vec![0; READ_BYTES],
            ready: Vec::new(),
            to_flush: Vec::new(),
            to_open: (0..endpoints.len()).collect(),
            opening: 0,
            shared_senders: Vec::new(),
            free_senders: VecDeque::new(),
            turn: 0,
            sender_of: vec![None; users],
            senders: 0,
            in_flight: 0,
            connections: endpoints.into_iter().map(Connection::new).collect(),
            paused: false,
            broken: 0,
            first_break: None,
        };
        pool.appoint_senders();
        Ok(pool)
    }

    /// From now on messages are sent, so many on each connection without an answer, and times count from here.
    pub(super) fn begin(&mut self, clock: Clock, in_flight: usize) {
        self.clock = clock;
        self.in_flight = in_flight;
        self.ledger.news_at = 0;
        for at in 0..self.shared_senders.len() {
            self.send_pending(self.shared_senders[at]);
        }
    }

    /// Has the books say what time it is.
    pub(super) fn tick(&mut self) -> Micros {
        self.ledger.now = self.clock.now();
        self.ledger.now
    }

    fn appoint_senders(&mut self) {
        for (number, connection) in self.connections.iter().enumerate() {
            match connection.user {
                _ if !connection.sends => continue,
                None => self.shared_senders.push(number),
                Some(user) => self.sender_of[user as usize] = Some(number),
            }
            self.senders += 1;
        }
    }

    /// How many connections are not open yet, or not again.
    pub(super) fn unopened(&self) -> usize {
        self.to_open.len() + self.opening
    }

    /// Begins to open connections while there are no more than so many under way.
    pub(super) fn open_some(&mut self, opening_max: usize) {
        while self.opening < opening_max {
            let Some(number) = self.to_open.pop_front() else {
                return;
            };
            let connection = &mut self.connections[number];
            if connection.link.opening_since == 0 {
                connection.link.opening_since = self.ledger.now;
            }
            let opened = connection
                .open(self.addr)
                .and_then(|stream| self.poller.add(stream, number, Interest::default()));
            self.opening += usize::from(!connection.link.opened);
            match opened {
                Ok(()) => self.send_pending(number),
                Err(error) => self.give_up(number, error.into()),
            }
        }
    }

    /// Every listener loses its connection at once, and opens another.
    pub(super) fn break_listeners(&mut self) {
        let now = self.clock.now();
        for (number, connection) in self.connections.iter_mut().enumerate() {
            if connection.stream().is_some() && !connection.link.heard.is_empty() {
                connection.close();
                connection.link.opening_since = now;
                self.to_open.push_back(number);
            }
        }
    }

    /// Has listeners stop reading, or go on.
    pub(super) fn pause_listeners(&mut self, pause: bool) -> io::Result<()> {
        if self.paused == pause {
            return Ok(());
        }
        self.paused = pause;
        for (number, connection) in self.connections.iter_mut().enumerate() {
            if connection.link.heard.is_empty() {
                continue;
            }
            connection.interest.input = !pause;
            let interest = connection.interest;
            if let Some(stream) = connection.stream() {
                self.poller.watch(stream, number, interest)?;
                self.ledger.counts.pauses += u64::from(pause);
            }
        }
        Ok(())
    }

    /// How many messages may be without an answer, over all connections.
    pub(super) fn outstanding_max(&self) -> u64 {
        (self.senders * self.in_flight) as u64
    }

    /// Sends a message, or puts it where it waits for its turn.
    pub(super) fn submit(&mut self, message: Message) {
        self.ledger.planned();
        let number = match self.sender_of[message.sender as usize] {
            Some(number) => number,
            None => self.next_free_sender(),
        };
        let connection = &mut self.connections[number];
        connection.pending.push_back(message);
        self.send_pending(number);
    }

    /// Says what nobody answers, over the connection of its user.
    pub(super) fn say(&mut self, message: Message) {
        let number = self.sender_of[message.sender as usize];
        let said = number.filter(|number| self.connections[*number].say(message));
        match said {
            Some(number) => {
                self.ledger.sent();
                self.will_flush(number);
            }
            None => self.ledger.counts.unsent += 1,
        }
    }

    /// A connection with room; where none has, the one whose turn it is.
    fn next_free_sender(&mut self) -> usize {
        while let Some(number) = self.free_senders.pop_front() {
            let connection = &mut self.connections[number];
            connection.listed_as_free = false;
            if connection.has_room(self.in_flight) {
                return number;
            }
        }
        self.turn = (self.turn + 1) % self.shared_senders.len();
        self.shared_senders[self.turn]
    }

    /// Sends what waits on a connection, as far as there is room, and lists it where there is more.
    fn send_pending(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        while connection.has_room(self.in_flight)
            && let Some(message) = connection.pending.pop_front()
        {
            connection.send(message);
            self.ledger.sent();
        }
        let shared = connection.sends && connection.user.is_none();
        if shared && !connection.listed_as_free && connection.has_room(self.in_flight) {
            connection.listed_as_free = true;
            self.free_senders.push_back(number);
        }
        self.will_flush(number);
    }

    /// After the end, what was not sent is given up.
    pub(super) fn drop_pending(&mut self) {
        for connection in &mut self.connections {
            for _ in connection.pending.drain(..) {
                self.ledger.unsent();
            }
        }
    }

    fn will_flush(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        if !connection.link.out.is_empty() && !connection.queued {
            connection.queued = true;
            self.to_flush.push(number);
        }
    }

    /// Writes what there is to write.
    pub(super) fn flush_all(&mut self) {
        for at in 0..self.to_flush.len() {
            let number = self.to_flush[at];
            self.connections[number].queued = false;
            self.flush(number);
        }
        self.to_flush.clear();
    }

    fn flush(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        connection.interest.room = match connection.flush() {
            Ok(all) if connection.interest.room == all => !all,
            Ok(_) => return,
            Err(error) => return self.give_up(number, error.into()),
        };
        let Some(stream) = connection.stream() else {
            return;
        };
        if let Err(error) = self.poller.watch(stream, number, connection.interest) {
            self.give_up(number, error.into());
        }
    }

    /// Waits for sockets, and takes in what they have.
    pub(super) fn wait(&mut self, at_most: Duration) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let waited = self.poller.wait(at_most, &mut ready);
        for socket in ready.drain(..) {
            if socket.readable {
                self.read(socket.number);
            }
            if socket.writable {
                self.flush(socket.number);
            }
        }
        self.ready = ready;
        waited
    }

    fn read(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let was_open = connection.link.opened;
        self.ledger.now = self.clock.now();
        let read = connection.read(&mut self.buffer, &mut self.ledger);
        if connection.link.opened && !was_open {
            self.opening -= 1;
        }
        match read {
            Ok(()) => self.send_pending(number),
            // Servers end connections without requests after a while.
            Err(Broken::Ended) if connection.rests() => {
                connection.close();
                self.to_open.push_back(number);
            }
            Err(reason) => self.give_up(number, reason),
        }
    }

    /// A connection that broke stays broken: its messages have no answer, and its user hears no more.
    fn give_up(&mut self, number: usize, reason: Broken) {
        let connection = &mut self.connections[number];
        if connection.broken {
            return;
        }
        connection.broken = true;
        self.opening -= usize::from(!connection.link.opened);
        self.senders -= usize::from(connection.sends);
        connection.close();
        for message in connection.link.flying.drain(..) {
            self.ledger.unanswered(&message);
        }
        self.broken += 1;
        self.first_break.get_or_insert(reason);
    }

    /// Why the first connection that broke did, once.
    pub(super) fn take_first_break(&mut self) -> Option<Broken> {
        self.first_break.take()
    }

    /// Whether some connection can still send.
    pub(super) const fn has_senders(&self) -> bool {
        self.senders > 0
    }

    /// Closes all connections, and judges what was heard on them.
    pub(super) fn close(self) -> Outcome {
        let mut verdict = Verdict::default();
        for connection in &self.connections {
            for (room, tally) in &connection.link.heard {
                verdict.judge(&self.ledger.accounts[*room as usize], tally);
            }
        }
        Outcome {
            verdict,
            ledger: self.ledger,
            broken: self.broken,
            first_break: self.first_break,
        }
    }
}
