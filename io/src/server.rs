//! The whole process: starts its threads in the right order, runs until it is told to stop, and ends
//! when everything begun is finished.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rookery_engine::config::{AuthMode, Keys, RegistrationMode, ShardConfig};
use rookery_engine::http::Origin;
use rookery_engine::limits::Proxies;
use rookery_engine::shard::Shard;
use rookery_schema::{Placement, Routing};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::backend::{OpenError, Opened, Opening};
use crate::embedded::Disk;
use crate::entropy;
use crate::lane::Lane;
use crate::mailbox::{Mailbox, Sender};
use crate::mesh;
use crate::net::admission::{Admission, PerAddress, TooFewDescriptors};
use crate::net::listener::{self, BindError, Bound, Entrance};
use crate::passwords::{self, PasswordPort};
use crate::runtime::executor::{self, Executor, Parts, StartError};
use crate::runtime::heartbeat::HeartbeatReceiver;
use crate::runtime::{Backend, ClockOrigin, Control, Engine, Outside};
use crate::secret_memory::SecretMemory;
use crate::service::{self, Monitor, ShardStatus};
use crate::vital::{self, Shutdown};

/// How long a drain may take before the process ends anyway.
const DRAIN_MAX: Duration = Duration::from_secs(25);
/// How long shards may take to end once they are drained.
const STOP_MAX: Duration = Duration::from_secs(2);
/// How long lanes may take to finish once their shards have ended.
const LANES_MAX: Duration = Duration::from_secs(10);
/// How often to check whether something has ended.
const POLL: Duration = Duration::from_millis(5);
/// How long all shards must be drained at the same time: messages between them may undo it.
const DRAINED_FOR: Duration = Duration::from_millis(20);
/// Orders waiting for a shard. Whoever has one more waits.
const CONTROLS_MAX: usize = 16;

/// How to run a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// For each shard, the CPU that it is pinned to, if any.
    pub cpus: Vec<Option<usize>>,
    /// Partitions of the log.
    pub partitions: u32,
    pub listen: SocketAddr,
    pub admin_listen: Option<SocketAddr>,
    /// Files that the process may have open.
    pub open_files_max: u64,
    pub auth: AuthMode,
    /// Where users find this server; empty where that is not told.
    pub public_urls: Vec<Origin>,
    /// Other origins whose pages may act for their users.
    pub allowed_origins: Vec<Origin>,
    pub token_keys: Keys,
    pub lag_limit: Duration,
    /// Bytes of memory that the chats of a shard may take.
    pub chat_bytes: usize,
    pub slow_reader: Duration,
    /// Messages per second and user; 0: no limit.
    pub user_rate: u32,
    /// Bytes of content a minute and user; 0: no limit.
    pub user_bytes: u64,
    /// WebSockets of a user; 0: no limit.
    pub sockets_per_user: usize,
    /// Chats that a user has made, and is a member of; 0: no limit.
    pub chats_per_user: usize,
    /// Chats that a user is a member of; 0: no limit.
    pub memberships_per_user: usize,
    /// Failed logins in five minutes per account and network.
    pub login_rate: u32,
    pub registration: RegistrationMode,
    /// What operators call with at the admin address; without it their calls are not served.
    pub operator_token: Option<Vec<u8>>,
    pub connections_per_address: PerAddress,
    /// Whose word on where a request comes from counts.
    pub proxies: Proxies,
    /// Batches of one partition that the log holds at most; the shard gathers more records meanwhile.
    pub appends_in_flight_max: usize,
}

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("at least one shard and one partition are needed")]
    Empty,
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("{0}")]
    Open(OpenError),
    #[error("can't get random bytes: {0}")]
    Entropy(io::Error),
    #[error("can't start the password hashers: {0}")]
    Passwords(io::Error),
    #[error("can't start the heartbeat of the shards: {0}")]
    Heartbeat(io::Error),
    #[error("can't wait for signals: {0}")]
    Signals(io::Error),
}

/// `SIGTERM` and `SIGINT`, and for a server `SIGHUP`; also `SIGXFSZ`, which means nothing. Once registered, they no
/// longer end the process by themselves.
pub struct StopSignals {
    signals: Signals,
    interrupted: Arc<AtomicBool>,
}

impl StopSignals {
    /// Registers for all of them.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn register() -> Result<Self, ServerError> {
        let signals = Signals::new([SIGTERM, SIGINT]).map_err(ServerError::Signals)?;
        let interrupted = Arc::default();
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&interrupted)).map_err(ServerError::Signals)?;
        }
        // A write beyond the limit of file sizes then fails, as on a full disk.
        flag::register(SIGXFSZ, Arc::default()).map_err(ServerError::Signals)?;
        Ok(Self {
            signals,
            interrupted,
        })
    }

    /// Has `SIGHUP` read the token keys again, from when the server runs; one that comes before is kept.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn with_hangup(self) -> Result<Self, ServerError> {
        let added = self.signals.add_signal(SIGHUP);
        added.map_err(ServerError::Signals)?;
        Ok(self)
    }

    /// Set once a signal to stop has arrived.
    pub fn interrupted(&self) -> &AtomicBool {
        &self.interrupted
    }
}

/// Runs a server until it is signalled to stop, then drains it. `SIGHUP` gives it the keys that `reread_keys` finds.
///
/// # Errors
/// If it can't start.
pub fn run(
    config: &ServerConfig,
    mut stop: StopSignals,
    reread_keys: impl Fn() -> Option<Keys>,
    open: impl FnOnce(Opening<'_>) -> Result<Opened, OpenError>,
) -> Result<(), ServerError> {
    vital::log_panics();
    let server = match start(config, Shard::new, stop.interrupted(), open) {
        Err(ServerError::Open(_)) if stop.interrupted().load(Ordering::Relaxed) => return Ok(()),
        started => started?,
    };
    tracing::info!(
        address = %server.address(),
        shards = config.cpus.len(),
        partitions = config.partitions,
        "listening"
    );
    warn_of_idle_shards(config);
    let hangups = stop
        .signals
        .forever()
        .take_while(|signal| *signal == SIGHUP);
    for keys in hangups.filter_map(|_| reread_keys()) {
        let count = keys.iter().count();
        server.tell(&Control::TokenKeys(keys));
        tracing::info!(keys = count, "took up the token keys");
    }
    tracing::info!("draining");
    service::stopping();
    if !server.stop(DRAIN_MAX) {
        tracing::warn!("not everything was finished in time; what was acknowledged is in the log");
    }
    Ok(())
}

/// A log keeps its number of partitions, whatever the number of shards becomes.
fn warn_of_idle_shards(config: &ServerConfig) {
    let (shards, partitions) = (config.cpus.len(), config.partitions);
    if (partitions as usize) < shards {
        tracing::warn!(
            shards,
            partitions,
            "shards without a partition own no chats; run with as many --shards as the log has partitions"
        );
    }
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    shards: Vec<RunningShard>,
    lanes: Vec<Lane>,
    shutdown: Shutdown,
}

/// A shard with a thread, and with everything that does not depend on log and store.
struct NewShard<E> {
    executor: Executor<E>,
    config: ShardConfig,
    listeners: Vec<Bound>,
    admission: Admission,
    heartbeat: HeartbeatReceiver,
    status: Arc<ShardStatus>,
}

/// A shard's ends of all rings, and the way to give it orders.
struct Wires {
    outside: Outside,
    control: Sender<Control>,
}

struct RunningShard {
    control: Sender<Control>,
    status: Arc<ShardStatus>,
    thread: JoinHandle<()>,
}

impl<E: Engine> NewShard<E> {
    fn launch(
        self,
        engine: fn(ShardConfig) -> E,
        wires: Wires,
        clocks: ClockOrigin,
    ) -> RunningShard {
        let config = self.config;
        let thread = self.executor.launch(Parts {
            id: config.id,
            engine: Box::new(move || engine(config)),
            outside: wires.outside,
            listeners: self.listeners,
            admission: self.admission,
            heartbeat: self.heartbeat,
            clocks,
            status: Arc::clone(&self.status),
        });
        RunningShard {
            control: wires.control,
            status: self.status,
            thread,
        }
    }
}

/// Starts a server whose shards run this engine.
///
/// # Errors
/// If a part of it can't be started.
///
/// # Panics
/// If `open` does not return one backend for each shard.
pub fn start<E: Engine>(
    config: &ServerConfig,
    engine: fn(ShardConfig) -> E,
    interrupted: &AtomicBool,
    open: impl FnOnce(Opening<'_>) -> Result<Opened, OpenError>,
) -> Result<Server, ServerError> {
    let routing = u16::try_from(config.cpus.len())
        .ok()
        .and_then(|shards| Routing::new(Placement::new(config.partitions)?, shards))
        .ok_or(ServerError::Empty)?;
    let shutdown = Shutdown::default();
    let mut monitor = Monitor::default();
    let (address, shards) = prepare(config, &routing, &shutdown, &mut monitor)?;
    let mailboxes: Vec<_> = config.cpus.iter().map(|_| Mailbox::new()).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (hashers, passwords) =
        passwords::start(threads, &mailboxes, &shutdown).map_err(ServerError::Passwords)?;
    // Threads that lose their rings must know that this is intended.
    let give_up = |error| {
        shutdown.begin();
        error
    };
    let opened = open(Opening {
        routing,
        cpus: &config.cpus,
        mailboxes: &mailboxes,
        shutdown: &shutdown,
        interrupted,
    })
    .map_err(|error| give_up(ServerError::Open(error)))?;
    assert_eq!(
        opened.backends.len(),
        mailboxes.len(),
        "a backend for each shard"
    );
    for bound in shards.iter().flat_map(|shard| &shard.listeners) {
        bound.listen().map_err(|error| give_up(error.into()))?;
    }
    let heartbeat = monitor
        .start(&shutdown)
        .map_err(|error| give_up(ServerError::Heartbeat(error)))?;
    let wires = connect(mailboxes, opened.backends, passwords, opened.disk);
    let clocks = ClockOrigin::now();
    let shards = shards
        .into_iter()
        .zip(wires)
        .map(|(shard, wires)| shard.launch(engine, wires, clocks.clone()))
        .collect();
    Ok(Server {
        address,
        shards,
        lanes: opened
            .lanes
            .into_iter()
            .chain(hashers)
            .chain([heartbeat])
            .collect(),
        shutdown,
    })
}

impl Server {
    /// Where the API is served.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes what was begun and ends all threads. False if not everything was finished in time.
    pub fn stop(self, at_most: Duration) -> bool {
        self.tell(&Control::Drain);
        let drained = self.wait_until_drained(at_most);
        self.shutdown.begin();
        self.tell(&Control::Stop);
        let ended = wait_until(STOP_MAX, || {
            self.shards.iter().all(|shard| shard.thread.is_finished())
        });
        let deadline = Instant::now() + LANES_MAX;
        let finished = self
            .lanes
            .into_iter()
            .map(|lane| lane.join(deadline.saturating_duration_since(Instant::now())))
            .fold(true, |all, one| all & one);
        drained && ended && finished
    }

    fn tell(&self, control: &Control) {
        for shard in &self.shards {
            if shard.control.send(control.clone()).is_err() {
                tracing::error!(?control, "a shard no longer takes orders");
            }
        }
    }

    /// A message between shards may give work to one that had none, so all must be idle for a while.
    fn wait_until_drained(&self, at_most: Duration) -> bool {
        let mut since = None;
        wait_until(at_most, || {
            let drained = |shard: &RunningShard| shard.status.drained.load(Ordering::Acquire);
            if !self.shards.iter().all(drained) {
                since = None;
                return false;
            }
            since.get_or_insert_with(Instant::now).elapsed() >= DRAINED_FOR
        })
    }
}

fn wait_until(at_most: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + at_most;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// Makes all shards and takes their addresses. Returns the API's.
fn prepare<E: Engine>(
    config: &ServerConfig,
    routing: &Routing,
    shutdown: &Shutdown,
    monitor: &mut Monitor,
) -> Result<(SocketAddr, Vec<NewShard<E>>), ServerError> {
    let admission = Admission::within(
        config.open_files_max,
        config.cpus.len(),
        config.connections_per_address,
        config.proxies.clone(),
    )?;
    let executors = start_executors(&config.cpus, shutdown)?;
    let configs = configure_shards(config, routing)?;
    let (address, listeners) = bind(config)?;
    let shards = executors.into_iter().zip(configs).zip(listeners);
    let shards = shards.map(|((executor, config), listeners)| {
        let (heartbeat, status) = monitor.add_shard().map_err(ServerError::Heartbeat)?;
        Ok(NewShard {
            executor,
            config,
            listeners,
            admission: admission.clone(),
            heartbeat,
            status,
        })
    });
    Ok((address, shards.collect::<Result<_, ServerError>>()?))
}

fn start_executors<E: Engine>(
    cpus: &[Option<usize>],
    shutdown: &Shutdown,
) -> Result<Vec<Executor<E>>, StartError> {
    cpus.iter()
        .enumerate()
        .map(|(shard, cpu)| executor::start(&format!("shard-{shard}"), *cpu, shutdown))
        .collect()
}

fn configure_shards(
    config: &ServerConfig,
    routing: &Routing,
) -> Result<Vec<ShardConfig>, ServerError> {
    let ticket_keys = random_key().map_err(ServerError::Entropy)?;
    routing
        .all_shards()
        .map(|id| {
            let mut seed = [0; 32];
            entropy::fill(&mut seed).map_err(ServerError::Entropy)?;
            Ok(ShardConfig {
                id,
                routing: routing.clone(),
                auth: config.auth,
                public_urls: config.public_urls.clone(),
                allowed_origins: config.allowed_origins.clone(),
                token_keys: config.token_keys.clone(),
                ticket_keys: ticket_keys.clone(),
                entropy: seed,
                lag_limit: config.lag_limit,
                chat_bytes: config.chat_bytes,
                slow_reader: config.slow_reader,
                user_rate: config.user_rate,
                user_bytes: config.user_bytes,
                sockets_per_user: config.sockets_per_user,
                chats_per_user: config.chats_per_user,
                memberships_per_user: config.memberships_per_user,
                login_rate: config.login_rate,
                registration: config.registration,
                operator_token: config.operator_token.clone(),
                proxies: config.proxies.clone(),
                appends_in_flight_max: config.appends_in_flight_max,
            })
        })
        .collect()
}

fn random_key() -> io::Result<Keys> {
    let mut key = SecretMemory::new(32)?;
    entropy::fill(&mut key)?;
    Ok(Keys::new(Arc::new(key), Vec::new()))
}

/// The listeners of each shard. All shards share the public address; the first also has the admin one.
fn bind(config: &ServerConfig) -> Result<(SocketAddr, Vec<Vec<Bound>>), BindError> {
    let operations = config.admin_listen.is_none();
    let entrance = Entrance::Public { operations };
    let bound = listener::bind(config.listen, entrance, config.cpus.len())?;
    let address = bound.first().map_or(config.listen, Bound::address);
    let mut listeners: Vec<_> = bound.into_iter().map(|public| vec![public]).collect();
    if let (Some(admin), Some(first)) = (config.admin_listen, listeners.first_mut()) {
        first.extend(listener::bind(admin, Entrance::Admin, 1)?);
    }
    Ok((address, listeners))
}

/// Connects all shards with each other and with their lanes.
fn connect(
    mailboxes: Vec<Mailbox>,
    backends: Vec<Backend>,
    passwords: Vec<PasswordPort>,
    disk: Option<Arc<Disk>>,
) -> impl Iterator<Item = Wires> {
    let meshes = mesh::connect(&mailboxes);
    mailboxes
        .into_iter()
        .zip(meshes)
        .zip(backends)
        .zip(passwords)
        .map(move |(((mailbox, mesh), backend), passwords)| {
            let (control, orders) = mailbox.channel(CONTROLS_MAX);
            Wires {
                outside: Outside::new(mailbox, orders, mesh, backend, passwords, disk.clone()),
                control,
            }
        })
}
