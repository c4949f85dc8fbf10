//! Everything that can happen to a shard.

use std::net::SocketAddr;

use rookery_schema::{PartitionId, Route, ShardId, Timestamp};

use crate::config::Keys;
use crate::edge::effect::HandedOff;
use crate::edge::port::{LogEvent, PasswordOutcome, StoreEvent, Token};
use crate::ids::ConnId;
use crate::mesh::{ShardMessage, Whisper};

/// The clocks of one moment, read once for each step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Microseconds of a clock that never goes back.
    pub micros: u64,
    /// The time of day; it may jump.
    pub wall: Timestamp,
    /// What logins and tickets are judged by: the time of day, which goes on from the latest seen where it is set
    /// back, so that what has expired stays so. The same on all shards, within a tick.
    pub latest_wall: Timestamp,
}

/// Which listener a connection came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The API; with `operations` it serves `/metrics` and the health checks too.
    Public { operations: bool },
    /// `/metrics` and the health checks alone.
    Admin,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection was accepted by this shard.
    Accepted {
        conn: ConnId,
        peer: SocketAddr,
        entrance: Entrance,
    },
    /// A WebSocket arrived from the shard that accepted it; it is this user's home.
    Arrived { conn: ConnId, socket: HandedOff },
    /// Bytes came in. Their connection has been ready to be read for at least `waited_micros`.
    Received {
        conn: ConnId,
        bytes: &'a [u8],
        waited_micros: u64,
    },
    /// The connection has its turn, and goes on with what was read of it and had to wait.
    GoOn { conn: ConnId },
    /// The peer sends no more, and may still read what it is answered.
    Finished { conn: ConnId },
    /// The connection has ended, whoever ended it; its id is not used again.
    Gone { conn: ConnId },
    /// Another shard (or this one) sent messages, in order.
    Mesh {
        from: ShardId,
        messages: Vec<ShardMessage>,
    },
    /// Other shards told this, of which some may have got lost.
    Whispers(Vec<Whisper>),
    /// Whether more waits for other shards than may. While it does, changes are refused, since each adds to it.
    MeshFull(bool),
    /// Whether the disk has room for small changes alone: all others are refused while it does.
    DiskFull(bool),
    /// From now on, this is who serves a partition. When it moves, every shard is told at its own time that nobody
    /// does. Once it was closed where it was, and all were told, it may be opened elsewhere; and every shard is told
    /// who serves it, after all messages from that shard of an earlier time that it had it.
    Routed {
        partition: PartitionId,
        route: Route,
    },
    /// The log has news.
    Log(LogEvent),
    /// The store has news.
    Store(StoreEvent),
    /// A password was hashed or verified.
    Password {
        token: Token,
        outcome: PasswordOutcome,
    },
    /// The text for a [`Render`](crate::edge::effect::Render).
    Rendered { ticket: u64, body: Vec<u8> },
    /// Tokens have these keys from now on.
    TokenKeys(Keys),
    /// Time passed; comes every [`TICK_MILLIS`].
    Tick,
    /// The shard stood still until now, as when the process was stopped. No reader was slow in that time.
    Resumed,
    /// The process was asked to stop: finish what was begun. [`Input::Retire`] follows for each connection.
    Drain,
    /// Of what had come for the connection when the process was asked to stop, only the next `unread` bytes are still
    /// to be received. What has begun among them is served; then the connection ends.
    Retire { conn: ConnId, unread: usize },
}

/// Milliseconds between two [`Input::Tick`]s.
pub const TICK_MILLIS: u64 = 100;
