//! The thread that serves all attackers: bounded in what it holds, and of little cost beside the server's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::addresses;
use crate::attack::attacker::{Attacker, Surroundings};
use crate::attack::catalog::Attack;
use crate::attack::counts::AttackCounts;
use crate::attack::script::Force;
use crate::load::poller::{Poller, Ready};
use crate::schedule::{Clock, Micros, SECOND};

/// How exactly turns are kept.
const TICK: Duration = Duration::from_millis(10);
/// In which all attackers come, one after the other.
const ARRIVAL: Micros = SECOND;
/// Bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Attackers at work.
pub struct Swarm {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Vec<(Attack, AttackCounts)>>>,
}

impl Swarm {
    /// Attacks from so many addresses of this machine, from 127.0.0.2 on.
    pub fn start(server: SocketAddr, forces: &[(Attack, Force)], addresses: u32) -> Self {
        let counts: Vec<_> = forces
            .iter()
            .map(|(attack, _)| (*attack, AttackCounts::default()))
            .collect();
        let attackers = attackers(forces, addresses);
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            let mut work = Work {
                server,
                clock: Clock::start(),
                poller: Poller::new()?,
                ready: Vec::new(),
                buffer: vec![0; READ_BYTES],
                attackers,
                counts,
            };
            while !stop.load(Relaxed) {
                work.turn()?;
            }
            Ok(work.counts)
        });
        Self { stopped, thread }
    }

    /// Ends all connections, and says what came of each attack.
    ///
    /// # Errors
    /// Where sockets could not be waited for.
    pub fn stop(self) -> io::Result<Vec<(Attack, AttackCounts)>> {
        self.stopped.store(true, Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What the thread has.
struct Work {
    server: SocketAddr,
    clock: Clock,
    poller: Poller,
    ready: Vec<Ready>,
    buffer: Vec<u8>,
    /// Attackers, and whose counts are theirs.
    attackers: Vec<(usize, Attacker)>,
    counts: Vec<(Attack, AttackCounts)>,
}

impl Work {
    /// Lets act who is due, and waits for what comes of it.
    fn turn(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        for number in 0..self.attackers.len() {
            if self.attackers[number].1.is_due(now) {
                self.with(number, now, Attacker::act);
            }
        }
        self.count_open();
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(TICK, &mut ready)?;
        let now = self.clock.now();
        for socket in ready.drain(..) {
            self.with(socket.number, now, |attacker, around| {
                attacker.attend(socket, around);
            });
        }
        self.ready = ready;
        Ok(())
    }

    fn with(
        &mut self,
        number: usize,
        now: Micros,
        act: impl FnOnce(&mut Attacker, &mut Surroundings<'_>),
    ) {
        let (at, attacker) = &mut self.attackers[number];
        let mut around = Surroundings {
            now,
            server: self.server,
            poller: &self.poller,
            counts: &mut self.counts[*at].1,
            buffer: &mut self.buffer,
        };
        act(attacker, &mut around);
    }

    fn count_open(&mut self) {
        let mut open = vec![0; self.counts.len()];
        for (at, attacker) in &self.attackers {
            open[*at] += u64::from(attacker.is_open());
        }
        for ((_, counts), open) in self.counts.iter_mut().zip(open) {
            counts.open_max = counts.open_max.max(open);
        }
    }
}

/// All attackers, each with the place of its force among the others.
fn attackers(forces: &[(Attack, Force)], addresses: u32) -> Vec<(usize, Attacker)> {
    let all: usize = forces.iter().map(|(_, force)| force.connections).sum();
    let mut attackers = Vec::with_capacity(all);
    for (at, (_, force)) in forces.iter().enumerate() {
        for place in 0..force.connections {
            let number = attackers.len();
            let from = addresses::of_attacker(number as u32 % addresses.max(1));
            let begins = (place as u64 * ARRIVAL) / force.connections as u64;
            let script = (force.script)(place);
            let attacker = Attacker::new(number, from, force.habits, script, begins);
            attackers.push((at, attacker));
        }
    }
    attackers
}
