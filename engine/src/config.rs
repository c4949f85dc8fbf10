//! What a shard is told when it is made.

use std::time::Duration;

use rookery_schema::{Routing, ShardId};

use crate::http::Origin;
use crate::limits::Proxies;

/// The settings of one shard.
#[derive(Clone)]
pub struct ShardConfig {
    pub id: ShardId,
    /// Who serves what at the start.
    pub routing: Routing,
    pub auth: AuthMode,
    /// Where users find this server; empty where that is not told.
    pub public_urls: Vec<Origin>,
    /// Other origins whose pages may act for their users.
    pub allowed_origins: Vec<Origin>,
    /// Signs tokens; at least 32 bytes, the same at every start.
    pub token_secret: Vec<u8>,
    /// Signs tickets; at least 32 bytes, the same for all shards and new at every start.
    pub ticket_secret: Vec<u8>,
    /// Seeds this shard's random numbers; different for each shard and start, and not guessable.
    pub entropy: [u8; 32],
    /// Changes are refused while the oldest one that is not stored is older.
    pub lag_limit: Duration,
    /// Close a WebSocket whose oldest unsent byte is older.
    pub slow_reader: Duration,
    /// Messages a second and user; 0: no limit.
    pub user_rate: u32,
    /// Bytes of content a minute and user; 0: no limit.
    pub user_bytes: u64,
    /// WebSockets of a user; 0: no limit.
    pub sockets_per_user: usize,
    /// Failed logins in five minutes per account and network; 0: no limit.
    pub login_rate: u32,
    /// Whose word on where a request comes from counts.
    pub proxies: Proxies,
    /// Batches that a log lane may hold per partition before more are gathered here instead.
    pub appends_in_flight_max: usize,
}

impl ShardConfig {
    /// Whether users reach this server by TLS, which ends before it.
    pub fn is_secure(&self) -> bool {
        self.public_urls.iter().any(|url| url.scheme() == "https")
    }
}

/// How callers are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// By signed tokens.
    Token,
    /// By what they say.
    Trust,
}
