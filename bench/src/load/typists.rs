//! The thread that serves all who type, beside those whose messages are measured.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::load::codec::Endpoint;
use crate::load::ledger::Ledger;
use crate::load::link::Message;
use crate::load::pool::Pool;
use crate::load::run::{Outcome, TICK};
use crate::load::typing::TypingCodec;
use crate::load::worker::{WorkerError, open_all};
use crate::load::ws::{WsCodec, WsOptions};
use crate::schedule::{Clock, Micros, SECOND, Schedule};
use crate::setup::Target;
use crate::stamp::Stamp;
use crate::world::{RoomNumber, UserNumber, World};

/// After the last was said: so long for whispers to come.
const LINGER: Micros = SECOND / 2;

/// Who types where, and how often.
pub struct Typing {
    pub server: Target,
    /// All its users type in turn, each in one of their rooms after the other.
    pub world: Arc<World>,
    pub options: WsOptions,
    pub per_second: f64,
    /// So many at once.
    pub burst: u32,
}

/// What came of it.
pub struct Typed {
    /// Until the last was said.
    pub time: Micros,
    pub said: u64,
    /// Not said, since the server had not read what came before.
    pub unsaid: u64,
    /// Times that a user was told of another.
    pub whispers: u64,
    pub refused: u64,
    /// Connections.
    pub broken: u64,
    pub first_error: Option<String>,
}

/// Users who type.
pub struct Typists {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Result<Typed, WorkerError>>,
}

impl Typists {
    /// Opens a WebSocket for each user, and begins.
    ///
    /// # Errors
    /// Where one can't be opened.
    pub fn start(typing: Typing) -> Result<Self, WorkerError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let (opened, all_open) = mpsc::channel();
        let thread = thread::spawn(move || type_until(&stop, &typing, &opened));
        match all_open.recv() {
            Ok(()) => Ok(Self { stopped, thread }),
            Err(_) => Err(join(thread).err().unwrap_or(WorkerError::Unopened(0))),
        }
    }

    /// Ends, once the last whispers have come.
    ///
    /// # Errors
    /// Where sockets could not be waited for.
    pub fn stop(self) -> Result<Typed, WorkerError> {
        self.stopped.store(true, Relaxed);
        join(self.thread)
    }
}

fn join(thread: JoinHandle<Result<Typed, WorkerError>>) -> Result<Typed, WorkerError> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn type_until(
    stopped: &AtomicBool,
    typing: &Typing,
    opened: &Sender<()>,
) -> Result<Typed, WorkerError> {
    let world = &typing.world;
    let ledger = Ledger::new(vec![0; world.rooms.len()]);
    let mut pool = Pool::new(
        typing.server.addr,
        endpoints(typing),
        world.users.len(),
        ledger,
    )
    .map_err(WorkerError::Poll)?;
    open_all(&mut pool)?;
    // Who started this waits for it.
    let _ = opened.send(());
    let clock = Clock::start();
    pool.begin(clock, 0);
    let mut turns = Turns::new(world);
    let mut schedule = Schedule::new(typing.per_second / f64::from(typing.burst));
    while !stopped.load(Relaxed) {
        let now = pool.tick();
        while schedule.take_due(now).is_some() {
            for _ in 0..typing.burst {
                pool.say(turns.take());
            }
        }
        let idle = schedule.next_at().saturating_sub(clock.now());
        attend(&mut pool, TICK.min(Duration::from_micros(idle))).map_err(WorkerError::Poll)?;
    }
    let time = clock.now();
    while pool.tick() < time + LINGER {
        attend(&mut pool, TICK).map_err(WorkerError::Poll)?;
    }
    Ok(typed(time, pool.close()))
}

fn attend(pool: &mut Pool, at_most: Duration) -> io::Result<()> {
    pool.flush_all();
    pool.wait(at_most)
}

fn endpoints(typing: &Typing) -> Vec<Endpoint> {
    let Typing { server, world, .. } = typing;
    let users = 0..world.users.len() as UserNumber;
    users
        .map(|user| {
            let options = typing.options.clone();
            let socket = WsCodec::new(Arc::clone(world), server.host(), user, options);
            let codec = TypingCodec::new(Arc::clone(world), socket);
            Endpoint {
                from: server.users_from.of_user(user as usize),
                user: Some(user),
                ..Endpoint::sender(Box::new(codec))
            }
        })
        .collect()
}

fn typed(time: Micros, outcome: Outcome) -> Typed {
    let counts = outcome.ledger.counts;
    let broken = outcome.first_break.map(|reason| reason.to_string());
    Typed {
        time,
        said: counts.sent,
        unsaid: counts.unsent,
        whispers: counts.whispers,
        refused: counts.errors,
        broken: outcome.broken,
        first_error: broken.or(outcome.ledger.first_error),
    }
}

/// Whose turn it is, and where: a server tells once in some seconds that one user types in one room, and forgets about
/// the rest.
struct Turns {
    rooms: Vec<Vec<RoomNumber>>,
    taken: u64,
}

impl Turns {
    fn new(world: &World) -> Self {
        Self {
            rooms: world.rooms_by_user(),
            taken: 0,
        }
    }

    /// All users are in a room at least.
    fn take(&mut self) -> Message {
        let users = self.rooms.len() as u64;
        let (sender, round) = (self.taken % users, (self.taken / users) as usize);
        let rooms = &self.rooms[sender as usize];
        let stamp = Stamp {
            index: self.taken,
            intended: 0,
        };
        self.taken += 1;
        Message {
            stamp,
            room: rooms[round % rooms.len()],
            sender: sender as UserNumber,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{ID_BYTES, Room, User};

    #[test]
    fn everybody_types_in_turn_each_in_all_their_rooms() {
        let user = User {
            id: String::new(),
            name: String::new(),
            credential: String::new(),
        };
        let room = |id: u8, members: &[UserNumber]| Room {
            id: [id; ID_BYTES],
            members: members.to_vec(),
            speakers: members.len(),
        };
        let rooms = vec![room(0, &[0, 1]), room(1, &[1, 2]), room(2, &[2, 0])];
        let mut turns = Turns::new(&World::new(vec![user; 3], rooms));
        let taken: Vec<_> = (0..7)
            .map(|_| turns.take())
            .map(|message| (message.sender, message.room))
            .collect();
        assert_eq!(
            taken,
            [(0, 0), (1, 0), (2, 1), (0, 2), (1, 1), (2, 2), (0, 0)]
        );
    }
}
