//! How a server is to be run, and why it can't be.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rookery_engine::config::{AuthMode, Keys, RegistrationMode};
use rookery_engine::http::Origin;
use rookery_engine::limits::Proxies;

use crate::backend::OpenError;
use crate::config::OperatorToken;
use crate::net::admission::{PerAddress, TooFewDescriptors};
use crate::net::listener::BindError;
use crate::runtime::executor::StartError;

/// How to run a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// For each shard, the CPU that it is pinned to, if any.
    pub cpus: Vec<Option<usize>>,
    pub listen: SocketAddr,
    pub admin_listen: Option<SocketAddr>,
    /// Files that the process may have open.
    pub open_files_max: u64,
    /// Those of them that log and store take at most.
    pub backend_files_max: u64,
    pub auth: AuthMode,
    /// Where users find this server; empty where that is not told.
    pub public_urls: Vec<Origin>,
    /// Other origins whose pages may act for their users.
    pub allowed_origins: Vec<Origin>,
    pub token_keys: Keys,
    pub lag_limit: Duration,
    /// Bytes of memory that the chats of a shard may take.
    pub chat_bytes: usize,
    pub resume_events: u64,
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
    pub operator_token: Option<OperatorToken>,
    pub connections_per_address: PerAddress,
    /// Whose word on where a request comes from counts.
    pub proxies: Proxies,
}

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("at least one shard is needed")]
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
    #[error("can't start the monitor of the shards: {0}")]
    Monitor(io::Error),
    #[error("can't start the standby: {0}")]
    Standby(io::Error),
}
