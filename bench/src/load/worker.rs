//! The event loop: sends what is due, takes in what has come, and writes both down.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::check::Verdict;
use crate::load::codec::{Broken, Endpoint, Message};
use crate::load::connection::Connection;
use crate::load::dispatcher::Dispatcher;
use crate::load::ledger::Ledger;
use crate::load::poller::{Poller, Ready};
use crate::monitor::Progress;
use crate::schedule::{Clock, Micros, Pace, SECOND, micros};
use crate::world::World;

/// Bytes that are read at once: some milliseconds of a busy room.
const READ_BYTES: usize = 1024 * 1024;
/// Handshakes under way while connections are opened without a hurry.
const OPENING_MAX: usize = 256;
/// How long opening all connections may take without any progress.
const OPEN_WITHIN: Micros = 30 * SECOND;
/// How often there is something to look after when nothing happens.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// After the last send: so long without any news, and what is missing counts as lost.
const QUIET: Micros = 10 * SECOND;
/// After everything has come: so long for what should not come.
const LINGER: Micros = SECOND / 5;

/// What a worker is to do.
#[derive(Clone)]
pub struct Plan {
    pub pace: Pace,
    /// Time with load that is not measured.
    pub warmup: Duration,
    /// Time with load that is measured.
    pub duration: Duration,
    /// So many messages at most, if that comes first.
    pub messages_max: u64,
    /// Messages of one connection without an answer.
    pub in_flight: usize,
    /// How much more popular some rooms are, see [`crate::world::RoomPicker`].
    pub zipf_exponent: f64,
    /// When all listeners lose their connections, after the beginning.
    pub storm_at: Option<Duration>,
    /// The least time between two rounds of the loop: the longer, the more is done at once, and the less often
    /// this process takes a core from the one that it measures. It is part of the latency.
    pub gather: Duration,
}

impl Plan {
    pub(super) fn window(&self) -> Range<Micros> {
        let begin = micros(self.warmup);
        begin..begin + micros(self.duration)
    }
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("epoll: {0}")]
    Poll(io::Error),
    #[error(
        "a connection can't be opened: {0}; with many connections, mind the limit of open files (ulimit -n) and \
         of local ports (net.ipv4.ip_local_port_range)"
    )]
    Open(Broken),
    #[error(
        "{0} connections are not answered by the server, and no others were for {seconds} s; see its log",
        seconds = OPEN_WITHIN / SECOND
    )]
    Unopened(usize),
}

/// What came of a run.
pub struct Outcome {
    pub ledger: Ledger,
    pub verdict: Verdict,
    /// Connections that broke.
    pub broken: u64,
    /// Why the first of them did.
    pub first_break: Option<Broken>,
}

/// All connections of a run, and the thread that serves them.
pub struct Worker {
    addr: SocketAddr,
    clock: Clock,
    pub(super) world: Arc<World>,
    poller: Poller,
    connections: Vec<Connection>,
    pub(super) ledger: Ledger,
    progress: Arc<Progress>,
    buffer: Vec<u8>,
    ready: Vec<Ready>,
    round_began: Micros,
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
    broken: u64,
    first_break: Option<Broken>,
}

impl Worker {
    /// Opens all connections.
    ///
    /// # Errors
    /// Where one can't be opened.
    pub fn open(
        addr: SocketAddr,
        world: Arc<World>,
        endpoints: Vec<Endpoint>,
        hearers: Vec<u64>,
        progress: Arc<Progress>,
    ) -> Result<Self, WorkerError> {
        let mut worker = Self {
            addr,
            clock: Clock::start(),
            poller: Poller::new().map_err(WorkerError::Poll)?,
            ledger: Ledger::new(hearers),
            progress,
            buffer: vec![0; READ_BYTES],
            ready: Vec::new(),
            round_began: 0,
            to_flush: Vec::new(),
            to_open: (0..endpoints.len()).collect(),
            opening: 0,
            shared_senders: Vec::new(),
            free_senders: VecDeque::new(),
            turn: 0,
            in_flight: 0,
            sender_of: vec![None; world.users.len()],
            senders: 0,
            connections: endpoints.into_iter().map(Connection::new).collect(),
            broken: 0,
            first_break: None,
            world,
        };
        worker.appoint_senders();
        worker.open_all()?;
        Ok(worker)
    }

    /// Does what is planned, and waits for what comes of it.
    ///
    /// # Errors
    /// Where sockets can't be waited for.
    pub fn run(mut self, plan: &Plan) -> Result<Outcome, WorkerError> {
        let mut dispatcher = Dispatcher::new(plan, self.world.rooms.len());
        let mut storm = plan.storm_at.map(micros);
        let mut stopped = None;
        self.clock = Clock::start();
        self.in_flight = plan.in_flight;
        for at in 0..self.shared_senders.len() {
            self.send_pending(self.shared_senders[at]);
        }
        self.ledger.window = plan.window();
        self.ledger.news_at = 0;
        self.round_began = 0;
        self.progress.begin(self.clock, plan.window());
        loop {
            let began = self.tick();
            if storm.take_if(|at| *at <= began).is_some() {
                self.break_listeners();
            }
            let able = self.senders > 0 || plan.pace == Pace::Silent;
            let sending = able && dispatcher.goes_on(began);
            if sending {
                dispatcher.dispatch(&mut self);
            } else {
                self.drop_pending();
            }
            self.open_some(usize::MAX);
            self.flush_all();
            if !sending && self.has_settled(*stopped.get_or_insert(began)) {
                break;
            }
            self.note_stall(began);
            self.wait(dispatcher.idle_for(self.clock.now()))?;
            self.gather(began, plan.gather);
        }
        Ok(self.close())
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

    fn open_all(&mut self) -> Result<(), WorkerError> {
        let mut progress_at = 0;
        loop {
            let before = self.unopened();
            self.tick();
            self.open_some(OPENING_MAX);
            self.flush_all();
            self.wait(TICK)?;
            if let Some(reason) = self.first_break.take() {
                return Err(WorkerError::Open(reason));
            }
            match self.unopened() {
                0 => return Ok(()),
                left if left < before => progress_at = self.ledger.now,
                left if self.ledger.now > progress_at + OPEN_WITHIN => {
                    return Err(WorkerError::Unopened(left));
                }
                _ => {}
            }
        }
    }

    fn unopened(&self) -> usize {
        self.to_open.len() + self.opening
    }

    /// Begins to open connections while there are no more than so many under way.
    fn open_some(&mut self, opening_max: usize) {
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
                .and_then(|stream| self.poller.add(stream, number));
            self.opening += usize::from(!connection.link.opened);
            match opened {
                Ok(()) => self.send_pending(number),
                Err(error) => self.give_up(number, error.into()),
            }
        }
    }

    /// Every listener loses its connection at once, and opens another.
    fn break_listeners(&mut self) {
        let now = self.clock.now();
        for (number, connection) in self.connections.iter_mut().enumerate() {
            if connection.stream().is_some() && !connection.link.heard.is_empty() {
                connection.close();
                connection.link.opening_since = now;
                self.to_open.push_back(number);
            }
        }
    }

    fn tick(&mut self) -> Micros {
        self.ledger.now = self.clock.now();
        self.progress.show(&self.ledger.counts);
        self.ledger.now
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
    fn drop_pending(&mut self) {
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

    fn flush_all(&mut self) {
        for at in 0..self.to_flush.len() {
            let number = self.to_flush[at];
            self.connections[number].queued = false;
            self.flush(number);
        }
        self.to_flush.clear();
    }

    fn flush(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let watch = match connection.flush() {
            Ok(all) if connection.watched_for_room == all => !all,
            Ok(_) => return,
            Err(error) => return self.give_up(number, error.into()),
        };
        connection.watched_for_room = watch;
        let Some(stream) = connection.stream() else {
            return;
        };
        if let Err(error) = self.poller.watch_for_room(stream, number, watch) {
            self.give_up(number, error.into());
        }
    }

    /// Waits for sockets, and takes in what they have.
    fn wait(&mut self, at_most: Duration) -> Result<(), WorkerError> {
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
        waited.map_err(WorkerError::Poll)
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

    fn has_settled(&self, stopped: Micros) -> bool {
        let linger = if self.ledger.is_complete() && self.unopened() == 0 {
            LINGER
        } else {
            QUIET
        };
        self.ledger.now >= self.ledger.news_at.max(stopped) + linger
    }

    /// Notes how long the last round took; at most [`TICK`] of it, it waited in vain.
    fn note_stall(&mut self, began: Micros) {
        let round = began.saturating_sub(self.round_began);
        self.round_began = began;
        self.ledger.stall_max = self.ledger.stall_max.max(round);
    }

    fn gather(&self, began: Micros, least: Duration) {
        let rest = (began + micros(least)).saturating_sub(self.clock.now());
        if rest > 0 {
            thread::sleep(Duration::from_micros(rest));
        }
    }

    fn close(self) -> Outcome {
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
