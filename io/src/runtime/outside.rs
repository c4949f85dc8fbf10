//! A shard's connections to other threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use rookery_engine::config::Keys;
use rookery_engine::effect::Effects;
use rookery_engine::input::Input;
use rookery_engine::port::{
    Log, LogEvent, LogRequest, PasswordJob, PasswordOutcome, Store, StoreEvent,
};
use rookery_schema::ShardId;

use crate::embedded::Disk;
use crate::mailbox::{Mailbox, Receiver};
use crate::mesh::{MeshPort, MovedSocket, Parcel};
use crate::passwords::PasswordPort;
use crate::runtime::store_requests::StoreRequests;

/// Items that a round takes from one ring at most, so that connections get their turn.
const RING_ITEMS_PER_ROUND: usize = 256;
/// Requests that may wait for room in a lane before the shard stops reading sockets. The engine's own
/// bounds are tighter; this one holds whatever they are.
const REQUESTS_WAITING_MAX: usize = 4096;
/// How long to wait before retrying what another thread's ring had no room for.
const RETRY_AFTER: Duration = Duration::from_millis(1);

/// A shard's log and store: where requests go, and where answers arrive.
pub struct Backend {
    pub log: Box<dyn Log + Send>,
    pub log_events: Receiver<LogEvent>,
    pub store: Box<dyn Store + Send>,
    pub store_events: Receiver<StoreEvent>,
}

/// What the process tells a shard.
#[derive(Clone, Debug)]
pub enum Control {
    /// Sign and verify tokens with these keys from now on.
    TokenKeys(Keys),
    /// Look whether the process is to stop: then finish what was begun.
    Drain,
    /// End the thread.
    Stop,
}

/// A shard's ends of all of its rings.
pub struct Outside {
    pub mailbox: Mailbox,
    pub control: Receiver<Control>,
    pub mesh: MeshPort,
    pub backend: Backend,
    pub passwords: PasswordPort,
    /// The disk that log or store fill, if they are embedded.
    pub disk: Option<Arc<Disk>>,
    /// What the engine knows of it.
    disk_full: bool,
    /// Connections on their way to other shards.
    pub(super) moving: Vec<(ShardId, MovedSocket)>,
    /// Requests that the log's lane had no room for, oldest first.
    to_log: VecDeque<LogRequest>,
    to_store: StoreRequests,
}

/// One piece of news from another thread.
pub(crate) enum News {
    Input(Input<'static>),
    Socket(MovedSocket),
    Control(Control),
}

impl Outside {
    pub fn new(
        mailbox: Mailbox,
        control: Receiver<Control>,
        mesh: MeshPort,
        backend: Backend,
        passwords: PasswordPort,
        disk: Option<Arc<Disk>>,
    ) -> Self {
        Self {
            mailbox,
            control,
            mesh,
            backend,
            passwords,
            disk,
            disk_full: false,
            moving: Vec::new(),
            to_log: VecDeque::new(),
            to_store: StoreRequests::default(),
        }
    }

    /// Whether anything may have come since the last call. If not, the context's task is woken when it
    /// does.
    pub(crate) fn has_news(&mut self, context: &Context<'_>) -> bool {
        self.mailbox.poll_news(context).is_ready()
    }

    /// The shard is awake, and receives what has come.
    pub(crate) fn awake(&mut self) {
        self.mailbox.awake();
    }

    /// Hands over what has come, up to a limit for each ring. True if more is left.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(News)) -> bool {
        self.mesh
            .receive(|from, parcel| take(from_mesh(from, parcel)));
        let Backend {
            log_events,
            store_events,
            ..
        } = &mut self.backend;
        drain(log_events, |event| take(News::Input(Input::Log(event))));
        drain(store_events, |event| take(News::Input(Input::Store(event))));
        drain(&mut self.passwords.answers, |(token, outcome)| {
            take(News::Input(Input::Password { token, outcome }));
        });
        drain(&mut self.control, |control| take(News::Control(control)));
        self.mesh
            .receive_whispers(|whispers| take(News::Input(Input::Whispers(whispers))));
        self.mesh.has_news() || !log_events.is_empty() || !store_events.is_empty()
    }

    /// Sends what the engine gathered for other threads. Tells it what it should know at once: that there
    /// is no room for a password job, and whether the mesh is full.
    pub(crate) fn send(
        &mut self,
        effects: &mut Effects,
        now_micros: u64,
        mut tell: impl FnMut(Input<'static>),
    ) {
        self.mesh.retry();
        for (to, messages) in (0..).map(ShardId).zip(&mut effects.mesh) {
            if !messages.is_empty() {
                self.mesh.send(to, std::mem::take(messages));
            }
        }
        for (to, whispers) in (0..).map(ShardId).zip(&mut effects.whispers) {
            if !whispers.is_empty() {
                self.mesh.whisper(to, std::mem::take(whispers));
            }
        }
        for (to, socket) in self.moving.drain(..) {
            self.mesh.send_socket(to, socket);
        }
        if let Some(full) = self.mesh.crossing() {
            tell(Input::MeshFull(full));
        }
        self.to_log.extend(effects.log.drain(..));
        self.submit_to_log();
        self.to_store.take(effects.store.drain(..), now_micros);
        self.to_store.submit(&mut *self.backend.store, now_micros);
        for job in effects.passwords.drain(..) {
            if let Err(PasswordJob { token, .. }) = self.passwords.jobs.try_send(job) {
                let outcome = PasswordOutcome::Busy;
                tell(Input::Password { token, outcome });
            }
        }
    }

    /// Whether the disk is full, where that has changed.
    pub(crate) fn disk_crossing(&mut self) -> Option<bool> {
        let is_full = self.disk.as_ref().is_some_and(|disk| disk.is_full());
        let was_full = std::mem::replace(&mut self.disk_full, is_full);
        (is_full != was_full).then_some(is_full)
    }

    /// Submits requests in order, up to the first that is refused.
    fn submit_to_log(&mut self) {
        while let Some(request) = self.to_log.pop_front() {
            if let Err(request) = self.backend.log.submit(request) {
                return self.to_log.push_front(request);
            }
        }
    }

    /// Whether something is waiting for room in a ring.
    fn has_leftovers(&self) -> bool {
        self.mesh.is_stalled() || !self.to_log.is_empty() || self.to_store.are_refused()
    }

    /// When something is to be sent that was not, if nothing comes before.
    pub(crate) fn next_send(&self, now_micros: u64) -> Option<Duration> {
        let retry = self.has_leftovers().then_some(RETRY_AFTER);
        retry
            .into_iter()
            .chain(self.to_store.due_in(now_micros))
            .min()
    }

    /// Whether the shard should take on no more work until others have caught up.
    pub(crate) fn is_stalled(&self) -> bool {
        let waiting = self.to_log.len() + self.to_store.len();
        self.mesh.is_stalled() || waiting > REQUESTS_WAITING_MAX
    }

    /// Whether nothing is on its way from or to this shard.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.mesh.is_stalled()
            && self.to_log.is_empty()
            && self.to_store.len() == 0
            && self.moving.is_empty()
            && self.mesh.is_quiet()
            && self.backend.log_events.is_empty()
            && self.backend.store_events.is_empty()
            && self.passwords.answers.is_empty()
    }
}

fn from_mesh(from: ShardId, parcel: Parcel) -> News {
    match parcel {
        Parcel::Messages(messages) => News::Input(Input::Mesh { from, messages }),
        Parcel::Socket(socket) => News::Socket(*socket),
    }
}

fn drain<T>(ring: &mut Receiver<T>, mut take: impl FnMut(T)) {
    for _ in 0..RING_ITEMS_PER_ROUND {
        let Some(item) = ring.pop() else { return };
        take(item);
    }
}
