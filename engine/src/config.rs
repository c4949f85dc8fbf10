//! What a shard is told when it is made.

use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use rookery_schema::{Routing, ShardId};

use crate::assets::Assets;
use crate::http::Origin;
use crate::limits::Proxies;

/// Chats whose owners a home tells in one round that somebody listens, or no longer does.
pub const SUBSCRIPTIONS_PER_ROUND: usize = 1024;

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
    /// Of tokens; the same at every start, but for rotations.
    pub token_keys: Keys,
    /// Of tickets; the same for all shards and new at every start.
    pub ticket_keys: Keys,
    /// Seeds this shard's random numbers; different for each shard and start, and not guessable.
    pub entropy: [u8; 32],
    /// Changes are refused while the oldest one that is not stored is older.
    pub lag_limit: Duration,
    /// Bytes of memory that chats may take.
    pub chat_bytes: usize,
    /// Events of a chat that are shown to whoever missed them, if they missed no more.
    pub resume_events: u64,
    /// Close a WebSocket whose oldest unsent byte is older.
    pub slow_reader: Duration,
    /// Messages a second and user; 0: no limit.
    pub user_rate: u32,
    /// Bytes of content a minute and user; 0: no limit.
    pub user_bytes: u64,
    /// WebSockets of a user; 0: no limit.
    pub sockets_per_user: usize,
    /// Chats that a user has made, and is a member of; 0: no limit.
    pub chats_per_user: usize,
    /// Chats that a user is a member of; 0: no limit.
    pub memberships_per_user: usize,
    /// Failed logins in five minutes per account and network, 1 at least.
    pub login_rate: u32,
    /// Who may register.
    pub registration: RegistrationMode,
    /// What operators call with; without it their calls are not served.
    pub operator_token: Option<Key>,
    /// Whose word on where a request comes from counts.
    pub proxies: Proxies,
    /// Batches that a log lane may hold per partition before more are gathered here instead.
    pub appends_in_flight_max: usize,
    /// Microseconds between two appends to a partition, unless many records wait: 0 where an append costs little.
    pub append_pace_micros: u64,
    /// Chats whose owners a home tells in one round that somebody listens, or no longer does: [`SUBSCRIPTIONS_PER_ROUND`],
    /// but in tests.
    pub subscriptions_per_round: usize,
    /// The files of the web pages.
    pub assets: &'static Assets,
}

impl ShardConfig {
    /// Whether anybody may become a member of any chat: whoever names an id says that it is a user's.
    pub(crate) const fn admits_anybody(&self) -> bool {
        matches!(self.auth, AuthMode::Trust) && !self.limits_chats()
    }

    /// Whether it is limited in how many chats a user may be.
    pub(crate) const fn limits_chats(&self) -> bool {
        self.chats_per_user > 0 || self.memberships_per_user > 0
    }

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

impl AuthMode {
    /// As clients are told.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Trust => "trust",
        }
    }
}

/// A key. Its bytes stay in the memory that its owner has for secrets, and are borrowed from there for each signature.
pub type Key = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The keys of one purpose, each of at least 32 bytes: the first signs, and all verify.
#[derive(Clone)]
pub struct Keys {
    first: Key,
    others: Arc<[Key]>,
}

impl Keys {
    pub fn new(first: Key, others: Vec<Key>) -> Self {
        let others = others.into();
        Self { first, others }
    }

    pub(crate) fn signing(&self) -> &[u8] {
        (*self.first).as_ref()
    }

    /// All of them, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let others = self.others.iter().map(|key| (**key).as_ref());
        iter::once(self.signing()).chain(others)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

/// Who may register, in either [`AuthMode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Whoever reaches the server.
    Open,
    /// Whoever an operator has invited.
    Invite,
    /// Nobody: operators create all users.
    Closed,
}

impl RegistrationMode {
    /// As clients are told.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}
