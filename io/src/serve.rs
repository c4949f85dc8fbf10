//! From a configuration to a running server.

use std::error::Error;
use std::io;
use std::path::Path;

use rookery_engine::config::{AuthMode, Keys, RegistrationMode};
use rookery_engine::limits::Proxies;
use rookery_schema::{PartitionId, format};
use uuid::Uuid;

use crate::backend::{self, LogBackend, OpenError, Opened, Opening, StoreBackend};
use crate::check::{self, Finding, PreflightError};
use crate::config::{
    self, Config, LogEngine, OperatorToken, OperatorTokenError, SecretError, StoreEngine,
};
use crate::descriptors;
use crate::embedded::{DataDir, DataDirError, DiskWatch};
use crate::entropy;
use crate::log::embedded::{self as log_embedded, LogError, LogLayout};
use crate::log::redpanda::{self, RedpandaError, RedpandaLog};
use crate::log::{Partitions, Stored};
use crate::logging::{self, Logging};
use crate::memory;
use crate::net::admission::PerAddress;
use crate::privacy;
use crate::runtime::Backend;
use crate::server::{self, ServerConfig, ServerError};
use crate::signals::StopSignals;
use crate::startup::Startup;
use crate::store::embedded as store_embedded;
use crate::store::scylla::{self, ScyllaError};
use crate::vital::{EXIT_FAILURE, Failure};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    OperatorToken(#[from] OperatorTokenError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Redpanda(#[from] RedpandaError),
    #[error(transparent)]
    Scylla(#[from] ScyllaError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("can't wait for signals: {0}")]
    Signals(io::Error),
    #[error("can't set up logging: {0}")]
    Logging(String),
}

impl Failure for ServeError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Secret(error) => error.exit_code(),
            Self::OperatorToken(error) => error.exit_code(),
            Self::Redpanda(error) => error.exit_code(),
            Self::Scylla(error) => error.exit_code(),
            Self::Server(ServerError::Open(error)) => exit_code_of::<LogError>(error)
                .or_else(|| exit_code_of::<RedpandaError>(error))
                .or_else(|| exit_code_of::<ScyllaError>(error))
                .unwrap_or(EXIT_FAILURE),
            _ => EXIT_FAILURE,
        }
    }
}

/// The exit code of an error of log or store, where it is one of this type.
fn exit_code_of<E: Error + Failure + 'static>(error: &OpenError) -> Option<u8> {
    error.downcast_ref::<E>().map(E::exit_code)
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// A [`ServeError`] if it can't start.
pub fn serve(config: &Config) -> Result<(), ServeError> {
    let signals = signals()?.with_hangup().map_err(ServeError::Signals)?;
    check::preflight()?;
    memory::keep_freed();
    let kept = privacy::keep_from_others();
    let data_dir = DataDir::open(&config.data_dir)?;
    let operator_token = config.operator_token_file.as_deref();
    let operator_token = operator_token.map(OperatorToken::read).transpose()?;
    let _logging = start_logging(config, kept)?;
    let token_keys = config::token_keys_or_new(&config.token_secret_file)?;
    if config.auth == config::AuthMode::Trust {
        tracing::warn!("--auth trust: anybody can be anybody; run this behind a gateway only");
    }
    for Finding {
        check,
        found,
        remedy,
        ..
    } in check::warnings(config)
    {
        tracing::warn!("{check}: {found}; {remedy}");
    }
    let server = ServerConfig {
        cpus: config.placement.shards.clone(),
        listen: config.listen,
        admin_listen: config.admin_listen,
        open_files_max: descriptors::raise(),
        backend_files_max: backend::open_files_max(config),
        auth: match config.auth {
            config::AuthMode::Token => AuthMode::Token,
            config::AuthMode::Trust => AuthMode::Trust,
        },
        public_urls: config.public_urls.clone(),
        allowed_origins: config.allowed_origins.clone(),
        token_keys,
        lag_limit: config.lag_limit,
        chat_bytes: config.chat_bytes as usize,
        resume_events: config.resume_events.into(),
        slow_reader: config.slow_reader,
        user_rate: config.user_rate.map_or(0, Into::into),
        user_bytes: config.user_bytes.into(),
        sockets_per_user: config.sockets_per_user as usize,
        chats_per_user: config.chats_per_user as usize,
        memberships_per_user: config.memberships_per_user as usize,
        login_rate: config.login_rate,
        registration: match config.registration {
            config::RegistrationMode::Open => RegistrationMode::Open,
            config::RegistrationMode::Invite => RegistrationMode::Invite,
            config::RegistrationMode::Closed => RegistrationMode::Closed,
        },
        operator_token,
        connections_per_address: match (config.connections_per_address, config.auth) {
            (Some(max), _) => PerAddress::Max(max),
            (None, config::AuthMode::Token) => PerAddress::Share,
            (None, config::AuthMode::Trust) => PerAddress::Max(0),
        },
        proxies: Proxies::new(
            config.trusted_proxies.clone(),
            config.public_urls.is_empty(),
        ),
    };
    let reread_keys = || reread_keys(&config.token_secret_file);
    server::run(&server, signals, reread_keys, |opening| {
        open(config, &data_dir, opening)
    })?;
    Ok(())
}

/// Starts logging, and first says what could not be kept from others: that is done before there are threads.
fn start_logging(config: &Config, kept: io::Result<()>) -> Result<Logging, ServeError> {
    let logging =
        logging::init(config.log_level).map_err(|error| ServeError::Logging(error.to_string()))?;
    if let Err(error) = kept {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
    Ok(logging)
}

fn signals() -> Result<StopSignals, ServeError> {
    StopSignals::register().map_err(ServeError::Signals)
}

/// The token keys as they are in their file now. Where they can't be had, those that are in use stay.
fn reread_keys(path: &Path) -> Option<Keys> {
    match config::token_keys(path) {
        Ok(keys) => Some(keys),
        Err(error) => {
            tracing::error!(%error, "the token keys stay as they were");
            None
        }
    }
}

/// The configured log, created if it does not exist.
fn log_backend(
    config: &Config,
    data_dir: &DataDir,
    startup: &Startup,
) -> Result<LogBackend, OpenError> {
    Ok(match config.log {
        LogEngine::Embedded => LogBackend::Embedded {
            layout: LogLayout::prepare(
                &data_dir.path().join(log_embedded::DIR),
                Partitions::of(config),
                random_id()?,
            )?,
            durability: config.durability,
        },
        LogEngine::Redpanda => {
            let settings = redpanda::Settings::of(config);
            LogBackend::Redpanda(RedpandaLog::connect(&settings, startup)?)
        }
    })
}

/// Creates or upgrades the schema and topics on outside servers. Embedded logs and stores are created when
/// the server first starts.
///
/// # Errors
/// A [`ServeError`] if one can't be reached.
pub fn migrate(config: &Config) -> Result<(), ServeError> {
    let kept = privacy::keep_from_others();
    let _logging = start_logging(config, kept)?;
    let signals = signals()?;
    let startup = Startup::new(signals.flag().clone());
    if config.log == LogEngine::Redpanda {
        RedpandaLog::connect(&redpanda::Settings::of(config), &startup)?;
    }
    if config.store == StoreEngine::Scylla {
        scylla::migrate(&scylla::Settings::of(config)?, &startup)?;
    }
    Ok(())
}

fn random_id() -> io::Result<Uuid> {
    let mut bytes = [0; 16];
    entropy::fill(&mut bytes)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

/// Finds the log, opens the store, then the log, which checks that the two belong together.
fn open(config: &Config, data_dir: &DataDir, opening: &Opening<'_>) -> Result<Opened, OpenError> {
    let startup = opening.startup;
    let is_embedded = config.log == LogEngine::Embedded || config.store == StoreEngine::Embedded;
    let watch = is_embedded.then(|| DiskWatch::new(data_dir.path()));
    let disk = watch.as_ref().map(DiskWatch::disk);
    let mut lanes = vec![data_dir.watch(watch, opening.shutdown)?];
    let log = log_backend(config, data_dir, startup)?;
    let routing = opening.routing(log.partitions())?;
    let store = StoreBackend::open(config, data_dir, log.id(), startup)?;
    let mut backends = Vec::new();
    let shards = routing.all_shards();
    if log.is_shared() {
        // Before the first claim: an older version would number what is void.
        store.raise_format(format::CLAIMS, startup)?;
    }
    let all: Vec<_> = (0..log.partitions())
        .map(PartitionId)
        .map(|id| (id, store.stored(id)))
        .collect();
    let claimed = log.claim(&all, startup)?;
    // Lanes that lose their rings must know that this is intended.
    let abandon = |error| {
        opening.shutdown.begin();
        error
    };
    for ((shard, cpu), mailbox) in shards.zip(opening.cpus).zip(opening.mailboxes) {
        let partitions: Vec<(PartitionId, Stored)> = routing
            .served_by(shard)
            .map(|id| (id, store.stored(id)))
            .collect();
        let (log, log_events, log_lane) = log
            .open_lane(shard, *cpu, &partitions, &claimed, mailbox, opening)
            .map_err(abandon)?;
        let (store, store_events, store_lane) = store
            .spawn_lane(shard, *cpu, mailbox, opening.shutdown)
            .map_err(abandon)?;
        backends.push(Backend {
            log,
            log_events,
            store,
            store_events,
        });
        lanes.extend([log_lane, store_lane]);
    }
    data_dir.keep(&[log_embedded::DIR, store_embedded::DIR]);
    Ok(Opened {
        routing,
        appends_in_flight_max: log.appends_in_flight_max(),
        append_pace_micros: log.append_pace_micros(),
        backends,
        disk,
        lanes,
    })
}
