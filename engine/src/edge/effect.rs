//! Everything that a step can ask for.

use std::net::IpAddr;

use bytes::BytesMut;
use rookery_schema::{Offset, PartitionId, ShardId, UserId};

use crate::edge::port::{LogRequest, PasswordJob, StoreRequest};
use crate::ids::{ConnId, Session};
use crate::mesh::{ShardMessage, Whisper};
use crate::security::{Act, SecurityEvent};
use crate::stats::Stats;

/// What one or more steps asked for, gathered by where it goes so that each goes in one batch.
#[derive(Debug, Default)]
pub struct Effects {
    /// For each shard, the messages for it, in order; this shard's own entry stays empty.
    pub mesh: Vec<Vec<ShardMessage>>,
    /// For each shard, what may be dropped where it has no room; this shard's own entry stays empty.
    pub whispers: Vec<Vec<Whisper>>,
    /// For the log, in order.
    pub log: Vec<LogRequest>,
    /// For the store, in order.
    pub store: Vec<StoreRequest>,
    /// For the password hashers.
    pub passwords: Vec<PasswordJob>,
    /// For connections, in order.
    pub connections: Vec<(ConnId, ConnEffect)>,
    /// Answers to `/metrics`, to be rendered.
    pub renders: Vec<Render>,
    /// For each batch of events that was queued to connections, when its owner applied it, in microseconds: how
    /// long it took is known once the connections were written to.
    pub broadcasts: Vec<u64>,
    /// What the operator should know.
    pub notices: Vec<Notice>,
    /// There is more to do than one round may take: another is to follow, whatever comes, once others had their turn.
    pub another_round: bool,
    /// By then another is to follow, in microseconds.
    pub wake_at_micros: Option<u64>,
}

impl Effects {
    /// Another round is to follow by then.
    pub(crate) fn wake_at(&mut self, micros: u64) {
        let earliest = self.wake_at_micros.map_or(micros, |it| it.min(micros));
        self.wake_at_micros = Some(earliest);
    }
}

/// What happens to a connection. However it ends, one [`Input::Gone`](crate::edge::input::Input::Gone) is the
/// last input about it.
#[derive(Debug)]
pub enum ConnEffect {
    /// Its outbox has bytes to send. Not repeated until the outbox was empty again.
    Flush,
    /// The same, of one of a crowd that all have something to send: it is sent behind what is for others.
    FlushInTurn,
    /// It may be read again after [`Shard::turn`](crate::shard::Shard::turn) said that it has to wait.
    Resume,
    /// Send what its output holds, then close it.
    Close,
    /// Close it at once, whatever its output holds.
    Abort,
    /// Send what its output holds, then move it to another shard, or to this one as a newcomer.
    HandOff { to: ShardId, socket: Box<HandedOff> },
}

/// What a connection does when it has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing. [`ConnEffect::Resume`], or room in a full outbox, give it another one.
    Wait,
    /// Its socket is read.
    Read,
    /// It goes on with what was read of it and had to wait: [`Input::GoOn`](crate::edge::input::Input::GoOn).
    GoOn,
}

/// A WebSocket on its way to its user's home, after the handshake was accepted.
#[derive(Debug)]
pub struct HandedOff {
    pub user_id: UserId,
    pub session: Option<Session>,
    /// Several events may share a frame (`rookery.v1.batch`).
    pub batch_protocol: bool,
    /// It will resume, and gets no events before (`?resume=1`).
    pub will_resume: bool,
    /// Bytes that came in behind the handshake.
    pub unread: BytesMut,
}

/// Something the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A record of the log could not be understood and was passed over.
    PoisonRecord {
        partition: PartitionId,
        offset: Offset,
        reason: String,
    },
    /// A login or the like named its client, and came from no trusted proxy: what it says was ignored, here and from now on.
    /// A shard says so of the first.
    UntrustedForward { peer: IpAddr },
    /// For the security log.
    Security(SecurityEvent),
    /// So many events of one kind were left out of the security log, so that a flood of them does not fill a disk.
    SecurityLeftOut { act: Act, count: u64 },
    /// A broken invariant: a bug in this program.
    Bug { what: &'static str },
}

/// The numbers of all shards, to be rendered and handed back as
/// [`Input::Rendered`](crate::edge::input::Input::Rendered).
#[derive(Debug)]
pub struct Render {
    pub ticket: u64,
    /// In the order of the shards.
    pub stats: Vec<Box<Stats>>,
}
