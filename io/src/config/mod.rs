//! The effective configuration: flags, then `ROOKERY_*` variables, then `rookery.toml`, then
//! defaults, parsed once into the types that the server works with.

mod choices;
mod cpus;
mod credentials;
mod domain;
mod endpoint;
mod error;
mod foreign;
mod layers;
mod operator_token;
mod private_file;
mod secret;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, io,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use rookery_engine::http;
use tracing::level_filters::LevelFilter;

pub use self::{
    choices::{AuthMode, Durability, LogEngine, RegistrationMode, StoreEngine},
    cpus::{CpuSet, Placement},
    credentials::{Credentials, CredentialsError, OtherLines},
    endpoint::Endpoint,
    error::ConfigError,
    layers::Origin,
    operator_token::{MalformedToken, OperatorToken, OperatorTokenError},
    private_file::PrivateFileError,
    secret::{KeysFault, SecretError, token_keys, token_keys_or_new},
};
use self::{
    domain::{Domain, Number},
    layers::{Layers, parse},
    settings::Setting,
};

pub(crate) use self::{domain::Form, layers::CONFIG_FLAG};

/// Name of the generated token secret in the data directory.
const TOKEN_SECRET_NAME: &str = "token.secret";

/// What the server runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address of the API and the web UI.
    pub listen: SocketAddr,
    /// Address of the administrative endpoints, where they have one of their own.
    pub admin_listen: Option<SocketAddr>,
    /// Where users find the server; empty where that is not told.
    pub public_urls: Vec<http::Origin>,
    /// The shards and their CPUs.
    pub placement: Placement,
    /// Partitions of a log that is created now; an existing log keeps its own number.
    pub partitions: u32,
    /// Their number was given, and does not just follow from that of the shards.
    pub partitions_given: bool,
    /// Directory of everything embedded.
    pub data_dir: PathBuf,
    /// What keeps the log.
    pub log: LogEngine,
    /// Brokers of the redpanda log, at least one.
    pub brokers: Vec<Endpoint>,
    /// Topic of the redpanda log.
    pub topic: String,
    /// Consumer group of the redpanda log.
    pub group: String,
    /// What keeps messages, chats and users.
    pub store: StoreEngine,
    /// Nodes of the scylla store, at least one.
    pub scylla: Vec<Endpoint>,
    /// File with the credentials for the scylla store, where it asks for some.
    pub scylla_credentials_file: Option<PathBuf>,
    /// Keyspace of the scylla store.
    pub keyspace: String,
    /// What the embedded log's acknowledgement promises.
    pub durability: Durability,
    /// How a caller is known.
    pub auth: AuthMode,
    /// Other origins whose pages may act for their users.
    pub allowed_origins: Vec<http::Origin>,
    /// File with the keys that sign tokens.
    pub token_secret_file: PathBuf,
    /// Who may register.
    pub registration: RegistrationMode,
    /// File with the token for operators' calls, where they are served.
    pub operator_token_file: Option<PathBuf>,
    /// Messages a second and user, where there is a limit.
    pub user_rate: Option<NonZeroU32>,
    /// Failed logins in 5 minutes per account and address.
    pub login_rate: u32,
    /// Bytes of content a minute and user; 0: no limit.
    pub user_bytes: u32,
    /// WebSockets of a user; 0: no limit.
    pub sockets_per_user: u32,
    /// Chats that a user has made, and is a member of; 0: no limit.
    pub chats_per_user: u32,
    /// Chats that a user is a member of; 0: no limit.
    pub memberships_per_user: u32,
    /// Open connections per address; 0: no limit; where it is absent, a share of all.
    pub connections_per_address: Option<u32>,
    pub trusted_proxies: Vec<IpNet>,
    /// Age of the oldest message not yet stored, above which new ones are refused.
    pub lag_limit: Duration,
    /// Bytes of memory that the chats of a shard may take.
    pub chat_bytes: u32,
    /// Missing events of a chat that are resumed.
    pub resume_events: u32,
    /// Age of the oldest byte not yet sent, above which a WebSocket is closed.
    pub slow_reader: Duration,
    /// Least severe lines to write to stderr.
    pub log_level: LevelFilter,
}

impl Config {
    /// Has its paths begin at the root. The working directory may be removed or renamed while a server runs.
    fn locate(&mut self, working_dir: &Path) {
        let given = [
            Some(&mut self.data_dir),
            Some(&mut self.token_secret_file),
            self.operator_token_file.as_mut(),
            self.scylla_credentials_file.as_mut(),
        ];
        for path in given.into_iter().flatten() {
            *path = rooted(working_dir, path);
        }
    }
}

/// A path from the root on. The working directory has no links in it, so its parent is what `..` means there.
fn rooted(working_dir: &Path, path: &Path) -> PathBuf {
    let mut rooted = working_dir.to_owned();
    let mut components = path.components().peekable();
    let leading = |it: &Component<'_>| matches!(it, Component::CurDir | Component::ParentDir);
    while let Some(component) = components.next_if(leading) {
        if component == Component::ParentDir {
            rooted.pop();
        }
    }
    rooted.extend(components);
    rooted
}

/// What a process is given besides its arguments. Read once, by the first thread of the process.
#[derive(Clone, Debug)]
pub struct Host {
    /// The environment.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory.
    pub working_dir: PathBuf,
    /// The CPUs that the process may run on.
    pub cpus: CpuSet,
}

impl Host {
    /// The host of this process. To be called before any thread is started, see
    /// [`CpuSet::allowed`].
    ///
    /// # Errors
    ///
    /// The working directory is gone, or the kernel does not tell the CPUs.
    pub fn read() -> io::Result<Self> {
        let working_dir = std::env::current_dir().map_err(|error| {
            io::Error::other(format!(
                "the working directory: {error}; start in one that exists"
            ))
        })?;
        Ok(Self {
            env: std::env::vars_os().collect(),
            working_dir,
            cpus: CpuSet::allowed()?,
        })
    }
}

/// The configuration, and where each part of it came from. Its text form is a `rookery.toml` that
/// says the same; it names the file of the token secret and never shows its content.
#[derive(Clone, Debug)]
pub struct Effective {
    /// What the server runs with.
    pub config: Config,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    name: &'static str,
    value: Option<toml::Value>,
    origin: Origin,
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self
            .lines
            .iter()
            .map(|line| (line.assignment(), &line.origin))
            .collect();
        let width = shown
            .iter()
            .map(|(text, _)| text.chars().count())
            .max()
            .unwrap_or(0);
        for (text, origin) in shown {
            writeln!(f, "{text:width$}  # {origin}")?;
        }
        Ok(())
    }
}

impl Line {
    fn assignment(&self) -> String {
        match &self.value {
            Some(value) => format!("{} = {value}", self.name),
            None => format!("# {} is unset", self.name),
        }
    }
}

/// A setting of the table, as the command line offers it.
pub(crate) struct FlagText {
    pub(crate) name: &'static str,
    pub(crate) placeholder: &'static str,
    pub(crate) help: String,
    pub(crate) form: Form,
}

/// The flags of all settings, and the one that names the file.
pub(crate) fn flags() -> impl Iterator<Item = FlagText> {
    let settings = settings::ALL.iter().map(|setting| {
        let text = setting.text();
        let variable = settings::variable(text.name);
        let (allowed, default) = (setting.allowed(), text.default);
        let help = format!(
            "{} ({allowed}) [default: {default}] [env: {variable}]",
            text.help
        );
        FlagText {
            name: text.name,
            placeholder: text.placeholder,
            help,
            form: setting.form(),
        }
    });
    let file = FlagText {
        name: CONFIG_FLAG,
        placeholder: "FILE",
        help: format!(
            "Configuration file; its keys are these flags without the dashes [default: \
             rookery.toml in the working directory, if it exists] [env: {}]",
            settings::variable(CONFIG_FLAG)
        ),
        form: Form::Once,
    };
    settings.chain([file])
}

/// The configuration that follows from the flags given (by name, without dashes) and the host.
///
/// # Errors
///
/// The first thing that is unknown, malformed or out of bounds, in any of the places.
pub(crate) fn resolve(
    flags: BTreeMap<&'static str, String>,
    host: &Host,
) -> Result<Effective, ConfigError> {
    let layers = Layers::read(flags, &host.env, &host.working_dir)?;
    let mut resolver = Resolver {
        layers: &layers,
        lines: Vec::new(),
    };
    let mut config = resolver.config(&host.cpus)?;
    config.locate(&host.working_dir);
    Ok(Effective {
        config,
        lines: resolver.lines,
    })
}

struct Resolver<'a> {
    layers: &'a Layers,
    lines: Vec<Line>,
}

impl Resolver<'_> {
    /// Fields are resolved in the order in which they are listed.
    fn config(&mut self, allowed: &CpuSet) -> Result<Config, ConfigError> {
        let listen = self.value(&settings::LISTEN)?;
        let admin_listen = self.optional(&settings::ADMIN_LISTEN)?;
        self.check_addresses(listen, admin_listen)?;
        let public_urls = self.optional(&settings::PUBLIC_URL)?.unwrap_or_default();
        let placement = self.placement(allowed)?;
        let shards = u32::try_from(placement.shards.len()).unwrap_or(u32::MAX);
        let partitions = self.value_or(&settings::PARTITIONS, shards)?;
        let partitions_given = self.layers.find(&settings::PARTITIONS)?.is_some();
        let data_dir = self.value(&settings::DATA_DIR)?;
        let token_secret = data_dir.join(TOKEN_SECRET_NAME);
        Ok(Config {
            listen,
            admin_listen,
            public_urls,
            placement,
            partitions,
            partitions_given,
            data_dir,
            log: self.value(&settings::LOG)?,
            brokers: self.value(&settings::BROKERS)?,
            topic: self.value(&settings::TOPIC)?,
            group: self.value(&settings::GROUP)?,
            store: self.value(&settings::STORE)?,
            scylla: self.value(&settings::SCYLLA)?,
            scylla_credentials_file: self.optional(&settings::SCYLLA_CREDENTIALS_FILE)?,
            keyspace: self.value(&settings::KEYSPACE)?,
            durability: self.value(&settings::DURABILITY)?,
            auth: self.auth(listen)?,
            allowed_origins: self
                .optional(&settings::ALLOWED_ORIGIN)?
                .unwrap_or_default(),
            token_secret_file: self.value_or(&settings::TOKEN_SECRET_FILE, token_secret)?,
            registration: self.value(&settings::REGISTRATION)?,
            operator_token_file: self.operator_token_file(admin_listen)?,
            user_rate: NonZeroU32::new(self.value(&settings::USER_RATE)?),
            user_bytes: self.quota(&settings::USER_BYTES, settings::USER_BYTES_DEFAULT)?,
            sockets_per_user: self.quota(
                &settings::SOCKETS_PER_USER,
                settings::SOCKETS_PER_USER_DEFAULT,
            )?,
            chats_per_user: self
                .quota(&settings::CHATS_PER_USER, settings::CHATS_PER_USER_DEFAULT)?,
            memberships_per_user: self.quota(
                &settings::MEMBERSHIPS_PER_USER,
                settings::MEMBERSHIPS_PER_USER_DEFAULT,
            )?,
            login_rate: self.value(&settings::LOGIN_RATE)?,
            connections_per_address: self.optional(&settings::CONNECTIONS_PER_ADDRESS)?,
            trusted_proxies: self
                .optional(&settings::TRUSTED_PROXIES)?
                .unwrap_or_default(),
            lag_limit: self.value(&settings::LAG_LIMIT)?,
            chat_bytes: self.value(&settings::CHAT_BYTES)?,
            resume_events: self.value(&settings::RESUME_EVENTS)?,
            slow_reader: self.value(&settings::SLOW_READER)?,
            log_level: self.value(&settings::LOG_LEVEL)?,
        })
    }

    /// The value given, or the default, whose text goes the way of any other.
    fn value<D: Domain>(&mut self, setting: &Setting<D>) -> Result<D::Value, ConfigError> {
        let default = parse(setting, setting.text.default, &Origin::Default)?;
        self.value_or(setting, default)
    }

    /// The value given, or one that follows from other settings.
    fn value_or<D: Domain>(
        &mut self,
        setting: &Setting<D>,
        default: D::Value,
    ) -> Result<D::Value, ConfigError> {
        let found = self.layers.find(setting)?;
        let (origin, value) = found.unwrap_or((Origin::Default, default));
        self.show(setting, Some(&value), origin);
        Ok(value)
    }

    /// A quota of users: what is given, or a default of token mode. In trust mode there are none unless they are asked
    /// for: whoever stands in front has their own.
    fn quota(&mut self, setting: &Setting<Number>, in_token_mode: u32) -> Result<u32, ConfigError> {
        let auth = self.layers.find(&settings::AUTH)?;
        let default = match auth {
            Some((_, AuthMode::Trust)) => 0,
            Some((_, AuthMode::Token)) | None => in_token_mode,
        };
        self.value_or(setting, default)
    }

    fn optional<D: Domain>(
        &mut self,
        setting: &Setting<D>,
    ) -> Result<Option<D::Value>, ConfigError> {
        let (origin, value) = self.layers.find(setting)?.unzip();
        self.show(setting, value.as_ref(), origin.unwrap_or(Origin::Default));
        Ok(value)
    }

    fn show<D: Domain>(&mut self, setting: &Setting<D>, value: Option<&D::Value>, origin: Origin) {
        let value = value.map(|value| setting.domain.show(value));
        self.lines.push(Line {
            name: setting.text.name,
            value,
            origin,
        });
    }

    /// Listeners share their ports among shards, and so would those of two settings: the kernel would
    /// give each connection to either.
    fn check_addresses(
        &self,
        listen: SocketAddr,
        admin: Option<SocketAddr>,
    ) -> Result<(), ConfigError> {
        match admin {
            Some(admin) if overlap(listen, admin) => Err(ConfigError::Overlapping {
                one: self.name(&settings::LISTEN),
                first: listen,
                other: self.name(&settings::ADMIN_LISTEN),
                second: admin,
            }),
            _ => Ok(()),
        }
    }

    /// How callers are known. Trust is for this machine alone, unless anybody is to be trusted.
    fn auth(&mut self, listen: SocketAddr) -> Result<AuthMode, ConfigError> {
        let auth = self.value(&settings::AUTH)?;
        let trust_anyone = self.value(&settings::TRUST_ANYONE)?;
        let is_local = listen.ip().to_canonical().is_loopback();
        match auth {
            AuthMode::Trust if !is_local && !trust_anyone => Err(ConfigError::Trust {
                auth: self.name(&settings::AUTH),
                listen: self.name(&settings::LISTEN),
                address: listen,
            }),
            auth => Ok(auth),
        }
    }

    /// Operators' calls are served at the admin address alone, which users can't reach.
    fn operator_token_file(
        &mut self,
        admin: Option<SocketAddr>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let file = self.optional(&settings::OPERATOR_TOKEN_FILE)?;
        match (&file, admin) {
            (Some(_), None) => Err(ConfigError::Needs {
                one: self.name(&settings::OPERATOR_TOKEN_FILE),
                other: settings::ADMIN_LISTEN.text.name,
            }),
            (None, _) | (Some(_), Some(_)) => Ok(file),
        }
    }

    /// A setting as it is called where its value stands.
    fn name<D: Domain>(&self, setting: &Setting<D>) -> String {
        let name = setting.text.name;
        let line = self.lines.iter().find(|line| line.name == name);
        line.map_or(&Origin::Default, |line| &line.origin)
            .name(name)
    }

    /// `cpus` or `shards`, whichever the strongest place has, which may not have both.
    fn placement(&mut self, allowed: &CpuSet) -> Result<Placement, ConfigError> {
        let chosen = self.layers.excluding(&settings::CPUS, &settings::SHARDS)?;
        let cpus = self.layers.find(&settings::CPUS)?;
        let shards = self.layers.find(&settings::SHARDS)?;
        match (cpus, shards) {
            (Some((origin, cpus)), _) if chosen == Some(settings::CPUS.text.name) => {
                check_cpus(&cpus, allowed, &origin)?;
                self.show(&settings::CPUS, Some(&cpus), origin.clone());
                self.show(&settings::SHARDS, None, origin);
                Ok(Placement::one_each(&cpus))
            }
            (_, Some((origin, shards))) => {
                self.show(&settings::CPUS, None, origin.clone());
                self.show(&settings::SHARDS, Some(&shards), origin);
                Ok(Placement::of_shards(shards as usize, allowed))
            }
            _ => {
                let cpus = allowed.first(settings::SHARDS_MAX as usize);
                self.show(&settings::CPUS, Some(&cpus), Origin::Default);
                self.show(&settings::SHARDS, None, Origin::Default);
                Ok(Placement::one_each(&cpus))
            }
        }
    }
}

/// Whether a connection could be to either. Port 0 is one that nobody else has.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    let takes_all = (a.is_unspecified() || b.is_unspecified()) && a.is_ipv4() == b.is_ipv4();
    one.port() == other.port() && one.port() != 0 && (a == b || takes_all)
}

fn check_cpus(cpus: &CpuSet, allowed: &CpuSet, origin: &Origin) -> Result<(), ConfigError> {
    match cpus.first_outside(allowed) {
        None => Ok(()),
        Some(cpu) => Err(ConfigError::Cpu {
            name: origin.name(settings::CPUS.text.name),
            cpu,
            allowed: allowed.to_string(),
        }),
    }
}
