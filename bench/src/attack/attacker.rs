//! One place in an attack: a connection, and the one that follows it when it has ended.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt;

use crate::attack::counts::AttackCounts;
use crate::attack::hearing::Hearing;
use crate::attack::script::{Habits, Script};
use crate::load::dial::Dial;
use crate::load::poller::{Interest, Poller, Ready};
use crate::schedule::{Micros, SECOND, micros};

/// How long a connection may take to be opened.
const CONNECT_WITHIN: Micros = 10 * SECOND;
/// What the system keeps for those who never read, in bytes: little, so that the rest stays with the server.
const UNREAD_BYTES: usize = 4 * 1024;

/// What an attacker acts in.
pub(super) struct Surroundings<'a> {
    pub(super) now: Micros,
    pub(super) server: SocketAddr,
    pub(super) poller: &'a Poller,
    pub(super) counts: &'a mut AttackCounts,
    /// What has been read; all share it.
    pub(super) buffer: &'a mut [u8],
}

/// One place in an attack.
pub(super) struct Attacker {
    /// Under which its socket is watched.
    number: usize,
    from: IpAddr,
    habits: Habits,
    script: Box<dyn Script>,
    /// When it is its turn.
    next_at: Micros,
    /// Connections that it has left.
    left: u64,
    visit: Option<Visit>,
}

/// A connection.
struct Visit {
    stream: TcpStream,
    began: Micros,
    is_open: bool,
    turn: u64,
    unanswered: bool,
    out: Vec<u8>,
    written: usize,
    hearing: Hearing,
    interest: Interest,
}

/// The server has ended a connection.
struct Ended;

impl Attacker {
    /// An attacker whose first connection begins at this time.
    pub(super) fn new(
        number: usize,
        from: IpAddr,
        habits: Habits,
        script: Box<dyn Script>,
        begins: Micros,
    ) -> Self {
        Self {
            number,
            from,
            habits,
            script,
            next_at: begins,
            left: 0,
            visit: None,
        }
    }

    pub(super) const fn is_due(&self, now: Micros) -> bool {
        self.next_at <= now
    }

    pub(super) fn is_open(&self) -> bool {
        self.visit.as_ref().is_some_and(|visit| visit.is_open)
    }

    /// Does what is due: comes, says something, or leaves.
    pub(super) fn act(&mut self, around: &mut Surroundings<'_>) {
        let Some(visit) = &self.visit else {
            return self.come(around);
        };
        let patience = if visit.is_open {
            micros(self.habits.stays)
        } else {
            CONNECT_WITHIN
        };
        if around.now >= visit.began + patience {
            return self.leave(around.now);
        }
        self.wait(self.habits.every, around.now);
        self.speak(around);
    }

    /// Takes in what its socket is ready for.
    pub(super) fn attend(&mut self, ready: Ready, around: &mut Surroundings<'_>) {
        let Some(visit) = &mut self.visit else {
            return;
        };
        if !visit.is_open {
            if let Ok(Some(error)) = visit.stream.take_error() {
                around.counts.fail(&error);
                return self.rest(around.now);
            }
            if !ready.writable {
                return;
            }
            visit.is_open = true;
            around.counts.opened += 1;
            self.speak(around);
        } else if ready.writable {
            self.write(around);
        }
        if ready.readable {
            self.read(around);
        }
    }

    fn come(&mut self, around: &mut Surroundings<'_>) {
        match self.dial(around) {
            Ok(visit) => {
                self.visit = Some(visit);
                self.wait(self.habits.every, around.now);
            }
            Err(error) => {
                around.counts.fail(&error);
                self.rest(around.now);
            }
        }
    }

    fn dial(&self, around: &Surroundings<'_>) -> io::Result<Visit> {
        let mut dial = Dial::new(around.server)?.bind(Some(self.from))?;
        if !self.habits.reads {
            dial = dial.receive_buffer(UNREAD_BYTES)?;
        }
        let stream = dial.connect(around.server)?;
        let interest = Interest {
            input: self.habits.reads,
            room: true,
        };
        around.poller.add(&stream, self.number, interest)?;
        Ok(Visit {
            stream,
            began: around.now,
            is_open: false,
            turn: 0,
            unanswered: false,
            out: Vec::new(),
            written: 0,
            hearing: Hearing::default(),
            interest,
        })
    }

    /// Says what is next, unless the last is not written, or to be answered before.
    fn speak(&mut self, around: &mut Surroundings<'_>) {
        let Some(visit) = &mut self.visit else {
            return;
        };
        let waits = self.habits.awaits && visit.unanswered;
        if !visit.is_open || !visit.out.is_empty() || waits {
            return;
        }
        self.script.say(visit.turn, &mut visit.out);
        visit.turn += 1;
        visit.unanswered = true;
        self.write(around);
    }

    fn write(&mut self, around: &mut Surroundings<'_>) {
        let Some(visit) = &mut self.visit else {
            return;
        };
        let written = visit.write(around.counts);
        let watched = written.and_then(|()| visit.watch(self.number, around.poller));
        if watched.is_err() {
            self.ended(around);
        }
    }

    fn read(&mut self, around: &mut Surroundings<'_>) {
        let Some(visit) = &mut self.visit else {
            return;
        };
        // Who never reads is not told of input: their socket is readable when it has failed.
        if !self.habits.reads || visit.read(around.buffer, around.counts).is_err() {
            self.ended(around);
        }
    }

    fn ended(&mut self, around: &mut Surroundings<'_>) {
        around.counts.closed_by_server += 1;
        self.rest(around.now);
    }

    /// Ends its connection; with a reset every other time, since a server has to bear both.
    fn leave(&mut self, now: Micros) {
        if let Some(visit) = &self.visit
            && self.left % 2 == 1
        {
            // Where it fails, the connection ends like others.
            let _ = sockopt::set_socket_linger(&visit.stream, Some(Duration::ZERO));
        }
        self.left += 1;
        self.rest(now);
    }

    fn rest(&mut self, now: Micros) {
        self.visit = None;
        self.wait(self.habits.rests, now);
    }

    fn wait(&mut self, time: Duration, now: Micros) {
        self.next_at = now + micros(time);
    }
}

impl Visit {
    fn write(&mut self, counts: &mut AttackCounts) -> Result<(), Ended> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    counts.bytes_sent += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Ended),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Watches for room while something waits to be written.
    fn watch(&mut self, number: usize, poller: &Poller) -> Result<(), Ended> {
        let room = !self.out.is_empty();
        if self.interest.room == room {
            return Ok(());
        }
        self.interest.room = room;
        poller
            .watch(&self.stream, number, self.interest)
            .map_err(|_| Ended)
    }

    fn read(&mut self, buffer: &mut [u8], counts: &mut AttackCounts) -> Result<(), Ended> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(Ended),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(_) => return Err(Ended),
        };
        counts.bytes_received += count as u64;
        match self.hearing.hear(&buffer[..count], counts) {
            Ok(answered) => self.unanswered &= !answered,
            Err(_) => {
                counts.not_understood += 1;
                return Err(Ended);
            }
        }
        Ok(())
    }
}
