//! Every setting: its name, help, bounds and default, in one place. The flags, the variables, the
//! keys of the file, the help and the refusals all come from here.

use tracing::level_filters::LevelFilter;

use super::{
    choices::{AuthMode, Durability, LogEngine, RegistrationMode, StoreEngine},
    domain::{
        Address, Choice, CpuList, Domain, Endpoints, FilePath, Form, Name, Networks, Number,
        Origins, Seconds, Switch, Urls,
    },
};

/// Shards of one process.
pub(super) const SHARDS_MAX: u32 = 256;
/// Partitions of a log.
const PARTITIONS_MAX: u32 = 4096;
/// Messages a second and user, above which a limit would be none.
const USER_RATE_MAX: u32 = 1_000_000;
/// WebSockets of a user, above which a limit would be none.
const SOCKETS_PER_USER_MAX: u32 = 1_000_000;
/// Chats of a user, above which a limit would be none.
const CHATS_PER_USER_MAX: u32 = 1_000_000;
/// Failed logins in 5 minutes, above which a limit would be none.
const LOGIN_RATE_MAX: u32 = 100_000;
/// Connections per address, above which a limit would be none.
const CONNECTIONS_PER_ADDRESS_MAX: u32 = 1_000_000;
/// Events of a chat that a client may miss and resume: above this, to page the history is quicker.
const RESUME_EVENTS_MAX: u32 = 1_000_000;
/// Below this, a single slow disk write would count as overload.
const LAG_LIMIT_SECONDS_MIN: f64 = 0.01;
/// An hour: whoever waits longer does not want a limit.
const LAG_LIMIT_SECONDS_MAX: f64 = 3600.0;
/// Below this, chats with many members would be read again for each message.
const CHAT_BYTES_MIN: u32 = 16 << 20;
/// Below this, a client would be closed for a pause of its network.
const SLOW_READER_SECONDS_MIN: f64 = 0.5;
/// Above this, what waits for one who is gone would be kept longer than their silence is borne.
const SLOW_READER_SECONDS_MAX: f64 = 60.0;
/// Kafka's bound on the name of a topic, `Topic.MAX_NAME_LENGTH`.
const TOPIC_BYTES_MAX: usize = 249;
/// CQL's bound on the name of a keyspace, `SchemaConstants.NAME_LENGTH`.
const KEYSPACE_BYTES_MAX: usize = 48;

/// Bytes of content a minute and user in token mode: more than any person, and than a stress test of one room.
pub(super) const USER_BYTES_DEFAULT: u32 = 128 << 20;
/// Devices of a person in token mode, and what their clients leave behind.
pub(super) const SOCKETS_PER_USER_DEFAULT: u32 = 64;
/// Chats that a user has made in token mode: more than any person makes by hand.
pub(super) const CHATS_PER_USER_DEFAULT: u32 = 2_000;
/// Chats that a user is in in token mode: a list of them is read whole at times.
pub(super) const MEMBERSHIPS_PER_USER_DEFAULT: u32 = 10_000;

/// Prefix of the variables.
const VARIABLE_PREFIX: &str = "ROOKERY_";

/// One setting of the server.
pub(super) struct Setting<D> {
    pub(super) text: Texts,
    pub(super) domain: D,
}

/// How a setting is called and explained.
pub(super) struct Texts {
    /// The flag, without its dashes, and the key of the file.
    pub(super) name: &'static str,
    pub(super) placeholder: &'static str,
    pub(super) help: &'static str,
    /// The default as one would write it, or, where it depends on other settings, its description.
    pub(super) default: &'static str,
}

/// What can be said of a setting without knowing the type of its value.
pub(super) trait Described: Sync {
    fn text(&self) -> &Texts;
    fn allowed(&self) -> String;
    fn form(&self) -> Form;
}

impl<D: Domain> Described for Setting<D> {
    fn text(&self) -> &Texts {
        &self.text
    }

    fn allowed(&self) -> String {
        self.domain.allowed()
    }

    fn form(&self) -> Form {
        self.domain.form()
    }
}

/// All settings, in the order in which they are listed.
pub(super) static ALL: [&dyn Described; 35] = [
    &LISTEN,
    &ADMIN_LISTEN,
    &PUBLIC_URL,
    &CPUS,
    &SHARDS,
    &PARTITIONS,
    &DATA_DIR,
    &LOG,
    &BROKERS,
    &TOPIC,
    &GROUP,
    &STORE,
    &SCYLLA,
    &SCYLLA_CREDENTIALS_FILE,
    &KEYSPACE,
    &DURABILITY,
    &AUTH,
    &TRUST_ANYONE,
    &ALLOWED_ORIGIN,
    &TOKEN_SECRET_FILE,
    &REGISTRATION,
    &OPERATOR_TOKEN_FILE,
    &USER_RATE,
    &USER_BYTES,
    &SOCKETS_PER_USER,
    &CHATS_PER_USER,
    &MEMBERSHIPS_PER_USER,
    &LOGIN_RATE,
    &CONNECTIONS_PER_ADDRESS,
    &TRUSTED_PROXIES,
    &LAG_LIMIT,
    &CHAT_BYTES,
    &RESUME_EVENTS,
    &SLOW_READER,
    &LOG_LEVEL,
];

/// `ROOKERY_DATA_DIR` for `data-dir`.
pub(super) fn variable(name: &str) -> String {
    format!(
        "{VARIABLE_PREFIX}{}",
        name.replace('-', "_").to_ascii_uppercase()
    )
}

/// What follows the prefix of a variable that is addressed to Rookery, known or not; with its underscore.
pub(super) fn after_prefix(variable: &str) -> Option<&str> {
    let rest = variable.strip_prefix(VARIABLE_PREFIX.trim_end_matches('_'))?;
    rest.starts_with('_').then_some(rest)
}

const fn setting<D>(
    name: &'static str,
    placeholder: &'static str,
    default: &'static str,
    help: &'static str,
    domain: D,
) -> Setting<D> {
    Setting {
        text: Texts {
            name,
            placeholder,
            help,
            default,
        },
        domain,
    }
}

pub(super) static LISTEN: Setting<Address> = setting(
    "listen",
    "ADDR",
    "127.0.0.1:8000",
    "Address of the API",
    Address,
);

pub(super) static ADMIN_LISTEN: Setting<Address> = setting(
    "admin-listen",
    "ADDR",
    "unset",
    "Address of /metrics, /ops, /livez and /readyz, which the main one serves too when this is unset",
    Address,
);

pub(super) static PUBLIC_URL: Setting<Urls> = setting(
    "public-url",
    "URL,…",
    "unset",
    "Where users find the server: requests for other hosts are refused, and with https cookies go over TLS alone",
    Urls,
);

pub(super) static CPUS: Setting<CpuList> = setting(
    "cpus",
    "LIST",
    "all allowed CPUs",
    "CPUs to run on, one pinned shard each; excludes --shards",
    CpuList {
        cpus_max: SHARDS_MAX as usize,
    },
);

pub(super) static SHARDS: Setting<Number> = setting(
    "shards",
    "N",
    "one for each CPU",
    "Number of shards, pinned to the first N CPUs, or unpinned when N > CPUs; excludes --cpus",
    Number(1..=SHARDS_MAX),
);

pub(super) static PARTITIONS: Setting<Number> = setting(
    "partitions",
    "N",
    "number of shards",
    "Partitions of the log, fixed when it is created: a log with another number is refused",
    Number(1..=PARTITIONS_MAX),
);

pub(super) static DATA_DIR: Setting<FilePath> = setting(
    "data-dir",
    "DIR",
    "./data",
    "Directory of the embedded log, the embedded store and the token secret",
    FilePath,
);

pub(super) static LOG: Setting<Choice<LogEngine>> = setting(
    "log",
    "ENGINE",
    "embedded",
    "What keeps the log",
    Choice(&[
        ("embedded", LogEngine::Embedded),
        ("redpanda", LogEngine::Redpanda),
    ]),
);

pub(super) static BROKERS: Setting<Endpoints> = setting(
    "brokers",
    "HOST:PORT,…",
    "127.0.0.1:9092",
    "Brokers of the redpanda log",
    Endpoints,
);

pub(super) static TOPIC: Setting<Name> = setting(
    "topic",
    "NAME",
    "rookery.events",
    "Topic of the redpanda log",
    KAFKA_NAME,
);

pub(super) static GROUP: Setting<Name> = setting(
    "group",
    "NAME",
    "rookery",
    "Consumer group of the redpanda log",
    KAFKA_NAME,
);

pub(super) static STORE: Setting<Choice<StoreEngine>> = setting(
    "store",
    "ENGINE",
    "embedded",
    "What keeps messages, chats and users",
    Choice(&[
        ("embedded", StoreEngine::Embedded),
        ("scylla", StoreEngine::Scylla),
    ]),
);

pub(super) static SCYLLA: Setting<Endpoints> = setting(
    "scylla",
    "HOST:PORT,…",
    "127.0.0.1:9042",
    "Nodes of the scylla store",
    Endpoints,
);

pub(super) static SCYLLA_CREDENTIALS_FILE: Setting<FilePath> = setting(
    "scylla-credentials-file",
    "FILE",
    "unset",
    "File with a user and, on its second line, the password for the scylla store, where it asks for them; mode 0600, or 0440 if root's",
    FilePath,
);

pub(super) static KEYSPACE: Setting<Name> = setting(
    "keyspace",
    "NAME",
    "rookery",
    "Keyspace of the scylla store",
    Name {
        first: |byte| byte.is_ascii_alphabetic(),
        rest: |byte| byte.is_ascii_alphanumeric() || byte == b'_',
        bytes_max: KEYSPACE_BYTES_MAX,
        alphabet: "a-z, A-Z, 0-9 and _, beginning with a letter",
    },
);

pub(super) static DURABILITY: Setting<Choice<Durability>> = setting(
    "durability",
    "LEVEL",
    "fsync",
    "What the embedded log's acknowledgement means: on the disk, or handed to the operating system",
    Choice(&[("fsync", Durability::Fsync), ("os", Durability::Os)]),
);

pub(super) static AUTH: Setting<Choice<AuthMode>> = setting(
    "auth",
    "MODE",
    "token",
    "Who a caller is: what the signed token says, or whoever they claim to be",
    Choice(&[("token", AuthMode::Token), ("trust", AuthMode::Trust)]),
);

pub(super) static TRUST_ANYONE: Setting<Switch> = setting(
    "trust-anyone",
    "BOOL",
    "false",
    "Let --auth trust listen on an address that others can reach",
    Switch,
);

pub(super) static ALLOWED_ORIGIN: Setting<Origins> = setting(
    "allowed-origin",
    "ORIGIN",
    "none",
    "Other origins whose pages may act for their users; may be repeated",
    Origins,
);

pub(super) static TOKEN_SECRET_FILE: Setting<FilePath> = setting(
    "token-secret-file",
    "FILE",
    "token.secret in the data directory",
    "File with the keys that sign tokens, one a line, of this user and mode 0600, or of root and 0440; generated where it does not exist",
    FilePath,
);

pub(super) static REGISTRATION: Setting<Choice<RegistrationMode>> = setting(
    "registration",
    "MODE",
    "open",
    "Who may register: whoever reaches the server, whoever has an operator's invite, or nobody",
    Choice(&[
        ("open", RegistrationMode::Open),
        ("invite", RegistrationMode::Invite),
        ("closed", RegistrationMode::Closed),
    ]),
);

pub(super) static OPERATOR_TOKEN_FILE: Setting<FilePath> = setting(
    "operator-token-file",
    "FILE",
    "unset",
    "File with the token for operators' calls, which --admin-listen then serves; 32 bytes or more, mode 0600, or 0440 \
     if root's",
    FilePath,
);

pub(super) static USER_RATE: Setting<Number> = setting(
    "user-rate",
    "N",
    "0",
    "Messages a second and user; 0: no limit",
    Number(0..=USER_RATE_MAX),
);

pub(super) static USER_BYTES: Setting<Number> = setting(
    "user-bytes",
    "N",
    "134217728; 0 in trust mode",
    "Bytes of content a minute and user; 0: no limit",
    Number(0..=u32::MAX),
);

pub(super) static SOCKETS_PER_USER: Setting<Number> = setting(
    "sockets-per-user",
    "N",
    "64; 0 in trust mode",
    "WebSockets of a user, above which the oldest is closed (4030); 0: no limit",
    Number(0..=SOCKETS_PER_USER_MAX),
);

pub(super) static CHATS_PER_USER: Setting<Number> = setting(
    "chats-per-user",
    "N",
    "2000; 0 in trust mode",
    "Chats that a user has made and is in; 0: no limit",
    Number(0..=CHATS_PER_USER_MAX),
);

pub(super) static MEMBERSHIPS_PER_USER: Setting<Number> = setting(
    "memberships-per-user",
    "N",
    "10000; 0 in trust mode",
    "Chats that a user is in; 0: no limit",
    Number(0..=CHATS_PER_USER_MAX),
);

pub(super) static LOGIN_RATE: Setting<Number> = setting(
    "login-rate",
    "N",
    "10",
    "Failed logins in 5 minutes per account and address",
    Number(1..=LOGIN_RATE_MAX),
);

pub(super) static CONNECTIONS_PER_ADDRESS: Setting<Number> = setting(
    "connections-per-address",
    "N",
    "what descriptors leave, over 4; none in trust mode",
    "Open connections per address, or per /64 of IPv6; 0: no limit",
    Number(0..=CONNECTIONS_PER_ADDRESS_MAX),
);

pub(super) static TRUSTED_PROXIES: Setting<Networks> = setting(
    "trusted-proxies",
    "CIDR,…",
    "none",
    "Proxies whose X-Forwarded-For, or PROXY header of version 2, says where a request comes from",
    Networks,
);

pub(super) static LAG_LIMIT: Setting<Seconds> = setting(
    "lag-limit",
    "SECONDS",
    "1",
    "Refuse changes (503) while the oldest one not yet in the store is older, and messages that waited for \
     longer to be read",
    Seconds(LAG_LIMIT_SECONDS_MIN..=LAG_LIMIT_SECONDS_MAX),
);

pub(super) static CHAT_BYTES: Setting<Number> = setting(
    "chat-bytes",
    "N",
    "268435456",
    "Bytes of memory that the chats of a shard may take, above which those least used are forgotten",
    Number(CHAT_BYTES_MIN..=u32::MAX),
);

pub(super) static RESUME_EVENTS: Setting<Number> = setting(
    "resume-events",
    "N",
    "10000",
    "Missing events of a chat that a client gets when it resumes; where there are more, it pages the history",
    Number(0..=RESUME_EVENTS_MAX),
);

pub(super) static SLOW_READER: Setting<Seconds> = setting(
    "slow-reader",
    "SECONDS",
    "5",
    "Close a WebSocket (4008) whose oldest unsent byte is older",
    Seconds(SLOW_READER_SECONDS_MIN..=SLOW_READER_SECONDS_MAX),
);

pub(super) static LOG_LEVEL: Setting<Choice<LevelFilter>> = setting(
    "log-level",
    "LEVEL",
    "info",
    "Least severe lines to write to stderr: as text on a terminal, otherwise as JSON",
    Choice(&[
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
        ("trace", LevelFilter::TRACE),
    ]),
);

/// Beginning with a letter or digit, which also refuses Kafka's forbidden topics `.` and `..`.
const KAFKA_NAME: Name = Name {
    first: |byte| byte.is_ascii_alphanumeric(),
    rest: |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
    bytes_max: TOPIC_BYTES_MAX,
    alphabet: "a-z, A-Z, 0-9, '.', '_' and '-', beginning with a letter or digit",
};
