//! What of one WebSocket has arrived and can't be used yet: how much it is, and since when.

use crate::context::{Context, MICROS_PER_SECOND};
use crate::held_bytes::Holding;
use crate::ws::WebSocket;

/// Microseconds that a message may take to arrive, once it has begun.
const MESSAGE_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;

/// See the module.
pub(super) struct Arriving {
    /// When the message or the frame that is arriving began, or last could not be read, in microseconds.
    began_micros: Option<u64>,
    /// Since when something is held, in microseconds.
    held_since_micros: Option<u64>,
    /// What that adds to what is held for all connections.
    held: Holding,
}

impl Arriving {
    /// So many bytes came before the connection could use any.
    pub(super) fn new(bytes: usize, cx: &Context<'_>) -> Self {
        Self {
            began_micros: None,
            held_since_micros: (bytes > 0).then_some(cx.now.micros),
            held: Holding::of(cx.held, bytes),
        }
    }

    /// A message has come to its end: what is left is of another.
    pub(super) const fn completed(&mut self) {
        self.began_micros = None;
        self.held_since_micros = None;
    }

    /// Notes what has come of a message whose end has not.
    pub(super) fn note(&mut self, socket: &WebSocket, now_micros: u64) {
        let bytes = socket.heap_bytes();
        self.held.set(bytes);
        let began = self.began_micros.unwrap_or(now_micros);
        self.began_micros = (!socket.is_between_messages()).then_some(began);
        let since = self.held_since_micros.unwrap_or(now_micros);
        self.held_since_micros = (bytes > 0).then_some(since);
    }

    /// The message is not read at present, so its time starts later.
    pub(super) const fn wait(&mut self, now_micros: u64) {
        if self.began_micros.is_some() {
            self.began_micros = Some(now_micros);
        }
    }

    /// Nothing is held any more.
    pub(super) fn clear(&mut self) {
        self.completed();
        self.held.set(0);
    }

    /// When the message must be whole, in microseconds.
    pub(super) fn due_micros(&self) -> Option<u64> {
        self.began_micros.map(|began| began + MESSAGE_MICROS_MAX)
    }

    /// Since when something is held, in microseconds.
    pub(super) const fn held_since_micros(&self) -> Option<u64> {
        self.held_since_micros
    }
}
