//! How a server starts: addresses and threads first, then log and store, then shards.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use rookery_engine::config::{Keys, SUBSCRIPTIONS_PER_ROUND, ShardConfig};

use super::config::{ServerConfig, ServerError};
use super::running::{RunningShard, Server};
use crate::backend::{OpenError, Opened, Opening};
use crate::config::OperatorToken;
use crate::embedded::Disk;
use crate::entropy;
use crate::lane::Lane;
use crate::mailbox::{Mailbox, Sender};
use crate::mesh;
use crate::net::admission::{Admission, Others};
use crate::net::listener::{self, BindError, Bound, Entrance};
use crate::passwords::{self, PasswordPort};
use crate::runtime::executor::{self, Executor, Parts, StartError};
use crate::runtime::{Backend, ClockOrigin, Control, Engine, Outside};
use crate::secret_memory::SecretMemory;
use crate::service::{self, ShardStatus};
use crate::standby::Standby;
use crate::startup::Startup;
use crate::vital::Shutdown;
use crate::web::ASSETS;

/// Orders waiting for a shard. Whoever has one more waits.
const CONTROLS_MAX: usize = 16;

/// What a server has before its log and store are open.
struct Begun<E> {
    executors: Vec<Executor<E>>,
    /// For each shard.
    listeners: Vec<Vec<Bound>>,
    admission: Admission,
}

/// A shard's ends of all rings, and the way to give it orders.
struct Wires {
    outside: Outside,
    control: Sender<Control>,
}

/// Starts a server whose shards run this engine. Until its log and store are open, the standby answers its clients.
///
/// # Errors
/// If a part of it can't be started.
///
/// # Panics
/// If `open` does not return one backend for each shard.
pub fn start<E: Engine>(
    config: &ServerConfig,
    engine: fn(ShardConfig) -> E,
    startup: &Startup,
    open: impl FnOnce(&Opening<'_>) -> Result<Opened, OpenError>,
) -> Result<Server, ServerError> {
    if config.cpus.is_empty() {
        return Err(ServerError::Empty);
    }
    let shutdown = Shutdown::default();
    let others = Others {
        shards: config.cpus.len(),
        backend: config.backend_files_max,
    };
    let admission = Admission::within(
        config.open_files_max,
        others,
        config.connections_per_address,
        config.proxies.clone(),
    )?;
    let executors = start_executors(&config.cpus, &shutdown)?;
    let (address, listeners) = bind(config)?;
    let clients = (admission.clone(), config.proxies.clone());
    let standby = Standby::start(listeners.iter().flatten(), clients, startup, &shutdown)
        .map_err(ServerError::Standby)?;
    let begun = Begun {
        executors,
        listeners,
        admission,
    };
    match begun.open(config, engine, (startup, &shutdown, &standby), open) {
        Ok((partitions, shards, lanes)) => Ok(Server {
            address,
            partitions,
            shards,
            lanes,
            standby,
            stop: startup.stop().clone(),
            shutdown,
        }),
        Err(error) => {
            shutdown.begin();
            standby.finish();
            Err(error)
        }
    }
}

impl<E: Engine> Begun<E> {
    /// Opens log and store, and launches the shards. Returns the number of partitions, the shards and all lanes.
    fn open(
        self,
        config: &ServerConfig,
        engine: fn(ShardConfig) -> E,
        (startup, shutdown, standby): (&Startup, &Shutdown, &Standby),
        open: impl FnOnce(&Opening<'_>) -> Result<Opened, OpenError>,
    ) -> Result<(u32, Vec<RunningShard>, Vec<Lane>), ServerError> {
        // Threads that lose their rings must know that this is intended.
        let abandon = |error| {
            shutdown.begin();
            error
        };
        let mailboxes: Vec<_> = config.cpus.iter().map(|_| Mailbox::new()).collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (hashers, passwords) =
            passwords::start(threads, &mailboxes, shutdown).map_err(ServerError::Passwords)?;
        let opened = open(&Opening {
            cpus: &config.cpus,
            mailboxes: &mailboxes,
            shutdown,
            startup,
        })
        .map_err(ServerError::Open)
        .map_err(abandon)?;
        assert_eq!(
            opened.backends.len(),
            mailboxes.len(),
            "a backend for each shard"
        );
        let partitions = opened.routing.placement().partitions();
        let configs = configure_shards(config, &opened).map_err(abandon)?;
        let statuses: Vec<_> = configs
            .iter()
            .map(|_| Arc::<ShardStatus>::default())
            .collect();
        let monitor = service::monitor(statuses.clone(), shutdown).map_err(ServerError::Monitor);
        let monitor = monitor.map_err(abandon)?;
        let wires = connect(mailboxes, opened.backends, passwords, opened.disk);
        let clocks = ClockOrigin::now();
        // Who comes from here on is the shards'.
        standby.rest();
        let parts = self.executors.into_iter().zip(self.listeners);
        let parts = parts.zip(configs).zip(wires).zip(statuses);
        let shards = parts.map(|((((executor, listeners), config), wires), status)| {
            let thread = executor.launch(Parts {
                id: config.id,
                engine: Box::new(move || engine(config)),
                outside: wires.outside,
                listeners,
                admission: self.admission.clone(),
                clocks: clocks.clone(),
                stop: startup.stop().clone(),
                status: Arc::clone(&status),
            });
            RunningShard {
                control: wires.control,
                status,
                thread,
            }
        });
        let lanes = opened.lanes.into_iter().chain(hashers).chain([monitor]);
        Ok((partitions, shards.collect(), lanes.collect()))
    }
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
    opened: &Opened,
) -> Result<Vec<ShardConfig>, ServerError> {
    let ticket_keys = random_key().map_err(ServerError::Entropy)?;
    let routing = &opened.routing;
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
                resume_events: config.resume_events,
                slow_reader: config.slow_reader,
                user_rate: config.user_rate,
                user_bytes: config.user_bytes,
                sockets_per_user: config.sockets_per_user,
                chats_per_user: config.chats_per_user,
                memberships_per_user: config.memberships_per_user,
                login_rate: config.login_rate,
                registration: config.registration,
                operator_token: config.operator_token.as_ref().map(OperatorToken::key),
                proxies: config.proxies.clone(),
                appends_in_flight_max: opened.appends_in_flight_max,
                append_pace_micros: opened.append_pace_micros,
                subscriptions_per_round: SUBSCRIPTIONS_PER_ROUND,
                assets: &ASSETS,
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
