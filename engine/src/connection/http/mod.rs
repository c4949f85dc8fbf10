//! One HTTP connection, and the requests that come in on it.

mod answers;
mod ending;
mod input;
mod requests;

use std::net::IpAddr;

use bytes::BytesMut;

use crate::api::{Door, Upgrade};
use crate::auth::gate::Known;
use crate::connection::replies::Replies;
use crate::context::Context;
use crate::edge::input::Entrance;
use crate::held_bytes::Holding;
use crate::http::{Request, RequestReader};

/// Requests of one connection that may wait for their replies.
const PIPELINE_MAX: usize = 256;

/// See the module.
pub(crate) struct Http {
    door: Door,
    /// A trusted proxy may still say whom the connection is relayed for.
    preface_due: bool,
    reader: RequestReader,
    input: BytesMut,
    /// What the input adds to what is held for all connections.
    input_held: Holding,
    replies: Replies,
    /// Whether what is under way may have other posts beside it.
    is_concurrent: bool,
    /// A request that must see the effects of those before it.
    held: Option<HeldRequest>,
    /// The credentials that were seen last.
    known: Option<Known>,
    /// The client waits for `100 Continue` before it sends a body.
    continue_due: bool,
    /// No further request is begun.
    last_request_read: bool,
    /// Once the process stops: bytes that had come by then and are not used yet. Requests among them are served.
    owed_bytes: Option<usize>,
    /// The client sends no more.
    is_finished: bool,
    /// Requests are paused by a full outbox.
    halted: bool,
    /// A WebSocket handshake whose ticket is being spent.
    upgrade: Option<Box<Upgrade>>,
    /// When the client sent something last, in microseconds.
    active_micros: u64,
    /// When the request that is arriving began, in microseconds.
    request_began_micros: Option<u64>,
    /// Since when something has come and is not begun, in microseconds.
    holds_since_micros: Option<u64>,
}

/// A request that waits for those before it, and what it adds to what is held for all connections.
struct HeldRequest {
    request: Request,
    _holding: Holding,
}

impl Http {
    pub(super) fn new(peer: IpAddr, entrance: Entrance, cx: &Context<'_>) -> Self {
        Self {
            door: Door { peer, entrance },
            preface_due: cx.config.proxies.is_trusted(peer),
            reader: RequestReader::default(),
            input: BytesMut::new(),
            input_held: Holding::new(cx.held.clone()),
            replies: Replies::default(),
            is_concurrent: false,
            held: None,
            known: None,
            continue_due: false,
            last_request_read: false,
            owed_bytes: None,
            is_finished: false,
            halted: false,
            upgrade: None,
            active_micros: cx.now.micros,
            request_began_micros: None,
            holds_since_micros: None,
        }
    }

    /// Whether more may be read.
    pub(super) fn wants_input(&self) -> bool {
        !self.is_finished && !self.halted && self.wants_request()
    }

    /// Whether all requests that have arrived are answered, and none is complete.
    pub(super) fn awaits_client(&self) -> bool {
        self.replies.is_empty() && self.held.is_none() && self.upgrade.is_none() && !self.halted
    }

    /// Whether requests that have arrived are paused by a full outbox. Nothing is read meanwhile.
    pub(super) const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether another request may be begun.
    fn wants_request(&self) -> bool {
        !self.last_request_read
            && self.held.is_none()
            && self.upgrade.is_none()
            && self.replies.len() < PIPELINE_MAX
    }

    /// The credentials of the next request are checked, whatever was known of them.
    pub(super) fn forget_caller(&mut self) {
        self.known = None;
    }
}
