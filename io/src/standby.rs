//! Answers clients while no shard accepts them: before log and store are open, and from when the process was told to stop
//! until it ends. It shares the shards' listening sockets, which are never closed before that: a listener that closes
//! resets who waits there.

mod visit;

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use rookery_engine::input::Entrance;
use rookery_engine::limits::Proxies;
use rookery_engine::standby::Absence;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use self::visit::{News, Visit};
use crate::lane::{self, Lane};
use crate::net::admission::Admission;
use crate::net::listener::{Accepted, Bound};
use crate::startup::Startup;
use crate::vital::Shutdown;

/// Connections that it serves at a time, at all entrances of one kind. For one more, who came first and has sent nothing
/// leaves, or else who came first: whoever says nothing keeps nobody out.
const VISITS_MAX: usize = 128;
/// Connections that it accepts at one listener before it looks after all others.
const ACCEPTS_MAX: usize = 64;
/// How long clients may wait before it looks again whether there is room for them.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long it lets those finish who were accepted, at the end.
const FINISH_MAX: Duration = Duration::from_millis(500);
/// For how long handshakes that had begun at the end may come to theirs: a round trip around the world.
const HANDSHAKES_MAX: Duration = Duration::from_millis(200);
/// How long the end may take in all.
const JOIN_MAX: Duration = Duration::from_secs(2);
/// How long it sleeps where nothing is due; orders wake it.
const IDLE_SLEEP: Duration = Duration::from_secs(60);

/// The way to give it orders.
pub(crate) struct Standby {
    lane: Lane,
    orders: Sender<Order>,
    /// What is written here wakes it.
    bell: UnixStream,
}

enum Order {
    /// Accept nobody more, and say when that is so.
    Rest(SyncSender<()>),
    /// Accept clients again: the process is draining.
    Receive,
    /// Answer who is there, and end.
    Finish,
}

/// What its thread has.
struct Desk {
    listeners: Vec<Bound>,
    admission: Admission,
    proxies: Proxies,
    orders: Receiver<Order>,
    bell: UnixStream,
    startup: Startup,
    phase: Phase,
    visits: Vec<Visit>,
    /// Until when nobody is accepted, for want of room or descriptors.
    full_until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Receiving,
    /// The shards serve.
    Resting,
    /// No more handshakes are begun, since then.
    Finishing(Instant),
}

impl Standby {
    /// Answers at these listeners, and rests once it is told to.
    ///
    /// # Errors
    /// Where no thread can be made, or no descriptor is left.
    pub(crate) fn start<'a>(
        listeners: impl Iterator<Item = &'a Bound>,
        (admission, proxies): (Admission, Proxies),
        startup: &Startup,
        shutdown: &Shutdown,
    ) -> io::Result<Self> {
        let (bell, rung) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        let (orders, receiver) = mpsc::channel();
        let desk = Desk {
            listeners: listeners.map(Bound::share).collect::<io::Result<_>>()?,
            admission,
            proxies,
            orders: receiver,
            bell: rung,
            startup: startup.clone(),
            phase: Phase::Receiving,
            visits: Vec::new(),
            full_until: None,
        };
        let lane = lane::spawn("standby", None, shutdown, move || desk.run())?;
        Ok(Self { lane, orders, bell })
    }

    /// Leaves all who come from now on to the shards. Who was accepted is answered.
    pub(crate) fn rest(&self) {
        let (done, is_done) = mpsc::sync_channel(1);
        self.tell(Order::Rest(done));
        let _ = is_done.recv();
    }

    /// Answers who comes from now on: the process is draining.
    pub(crate) fn receive(&self) {
        self.tell(Order::Receive);
    }

    /// Answers who has come, and closes the listeners. False where that was not done in time.
    pub(crate) fn finish(self) -> bool {
        self.tell(Order::Finish);
        self.lane.join(JOIN_MAX)
    }

    /// Its thread ends with the process, if it can't be told.
    fn tell(&self, order: Order) {
        let _ = self.orders.send(order);
        let _ = (&self.bell).write(&[0]);
    }
}

impl Desk {
    fn run(mut self) -> io::Result<()> {
        let mut now = Instant::now();
        while !self.is_over(now) {
            let ready = self.wait(now)?;
            now = Instant::now();
            self.take_orders(now);
            let absence = self.absence();
            for (visit, news) in self.visits.iter_mut().zip(ready.visits) {
                visit.go_on(news, &absence, now);
            }
            self.visits.retain(|visit| !visit.is_over());
            for index in ready.listeners {
                if self.accepts(now) {
                    self.accept(index, &absence, now);
                }
            }
        }
        let absence = self.absence();
        for visit in &mut self.visits {
            visit.dismiss(&absence, now);
        }
        Ok(())
    }

    /// Whether the process may end.
    fn is_over(&self, now: Instant) -> bool {
        let Phase::Finishing(since) = self.phase else {
            return false;
        };
        let passed = now.saturating_duration_since(since);
        passed >= FINISH_MAX || self.visits.is_empty() && passed >= HANDSHAKES_MAX
    }

    fn take_orders(&mut self, now: Instant) {
        let _ = self.bell.read(&mut [0; 16]);
        loop {
            match self.orders.try_recv() {
                Ok(Order::Rest(done)) => {
                    self.phase = Phase::Resting;
                    let _ = done.send(());
                }
                Ok(Order::Receive) => self.phase = Phase::Receiving,
                Ok(Order::Finish) => self.begin_to_finish(now),
                Err(TryRecvError::Empty) => return,
                // Whoever gave orders is gone.
                Err(TryRecvError::Disconnected) => return self.begin_to_finish(now),
            }
        }
    }

    fn begin_to_finish(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Finishing(_)) {
            return;
        }
        self.phase = Phase::Finishing(now);
        for listener in &self.listeners {
            if let Err(error) = listener.pass_over_new() {
                tracing::debug!(%error, "who connects at the very end is reset");
            }
        }
    }

    fn absence(&self) -> Absence {
        if self.startup.is_interrupted() {
            return Absence::Draining;
        }
        Absence::Starting {
            waits_for: self.startup.waits_for(),
        }
    }

    /// Whether somebody more may be accepted.
    fn accepts(&self, now: Instant) -> bool {
        self.phase != Phase::Resting && self.full_until.is_none_or(|until| until <= now)
    }

    /// Accepts those who wait at a listener, of whom there is one at least.
    fn accept(&mut self, index: usize, absence: &Absence, now: Instant) {
        let entrance = self.listeners[index].entrance();
        for turn in 0..ACCEPTS_MAX {
            let Some(permit) = self.admission.take(entrance) else {
                // Whether somebody waits is known of the first alone.
                if turn == 0 && !self.make_room(entrance, absence, now) {
                    self.full_until = Some(now + ACCEPT_AGAIN);
                }
                return;
            };
            match self.listeners[index].accept() {
                Ok(Some((socket, peer))) => {
                    let accepted = Accepted {
                        socket,
                        peer,
                        entrance,
                        permit,
                    };
                    self.receive(accepted, absence, now);
                }
                Ok(None) => return,
                // The peer left before its turn.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    self.full_until = Some(now + ACCEPT_AGAIN);
                    return;
                }
            }
        }
    }

    /// Reads at once what a client has sent: it may have to make room for the next.
    fn receive(&mut self, accepted: Accepted, absence: &Absence, now: Instant) {
        let entrance = accepted.entrance;
        let of_kind = |visit: &&Visit| visit.entrance() == entrance;
        if self.visits.iter().filter(of_kind).count() >= VISITS_MAX {
            self.make_room(entrance, absence, now);
        }
        let mut visit = Visit::new(accepted, &self.proxies, now);
        visit.go_on(News::Input, absence, now);
        self.visits.push(visit);
    }

    /// Has somebody leave who came by such an entrance; answers them where they have sent something. False where there is
    /// nobody.
    fn make_room(&mut self, entrance: Entrance, absence: &Absence, now: Instant) -> bool {
        let of_kind = |visit: &Visit| visit.entrance() == entrance;
        let mut visits = self.visits.iter();
        let silent = visits.position(|visit| of_kind(visit) && visit.is_silent());
        let Some(index) = silent.or_else(|| self.visits.iter().position(of_kind)) else {
            return false;
        };
        let mut leaving = self.visits.remove(index);
        leaving.go_on(News::Input, absence, now);
        leaving.dismiss(absence, now);
        true
    }

    /// Waits until something is to be done.
    fn wait(&self, now: Instant) -> io::Result<Ready> {
        let accepting: &[Bound] = if self.accepts(now) {
            &self.listeners
        } else {
            &[]
        };
        let mut fds = vec![PollFd::new(&self.bell, PollFlags::IN)];
        let listeners = accepting.iter().map(Bound::as_fd);
        let visits = self.visits.iter().map(Visit::as_fd);
        fds.extend(
            listeners
                .chain(visits)
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
        );
        let sleep = self.due(now).saturating_duration_since(now);
        // Rounded up, so as not to wake right before it.
        let timeout = Timespec::try_from(sleep + Duration::from_millis(1)).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut news = fds[1..].iter().map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            listeners: (0..accepting.len())
                .zip(news.by_ref())
                .filter_map(|(index, is_ready)| is_ready.then_some(index))
                .collect(),
            visits: news
                .map(|is_ready| if is_ready { News::Input } else { News::Time })
                .collect(),
        })
    }

    /// When something is to be done, whatever comes.
    fn due(&self, now: Instant) -> Instant {
        let finish = match self.phase {
            Phase::Receiving | Phase::Resting => None,
            Phase::Finishing(since) if self.visits.is_empty() => Some(since + HANDSHAKES_MAX),
            Phase::Finishing(since) => Some(since + FINISH_MAX),
        };
        let visits = self.visits.iter().map(Visit::until);
        let all = visits.chain(finish).chain(self.full_until);
        let soonest = all.filter(|due| *due > now).min();
        soonest.unwrap_or(now + IDLE_SLEEP)
    }
}

/// What there is to do.
struct Ready {
    /// Where somebody waits.
    listeners: Vec<usize>,
    /// For each visit.
    visits: Vec<News>,
}
