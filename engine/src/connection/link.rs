//! What every connection has, whatever is spoken on it: its output, and how it ends.

use bytes::Bytes;

use crate::context::Context;
use crate::edge::effect::ConnEffect;
use crate::ids::ConnId;
use crate::outbox::Outbox;

/// Seconds that the peer has to take our last bytes.
const CLOSE_LINGER_SECONDS: u64 = 5;
/// Microseconds for which an outbox may be full without a break before its reader counts as slow: what
/// was queued in one go has not been offered to the socket yet.
const SLOW_AFTER_MICROS: u64 = 250_000;
/// Bytes that may wait on one connection however they came.
const BACKLOG_BYTES_MAX: usize = 64 << 20;

/// See the module.
pub(crate) struct Link {
    id: ConnId,
    outbox: Outbox,
    /// Since when its output was full whenever there was more, in microseconds.
    full_since: Option<u64>,
    /// It closes when its output was sent, or in this second; nothing more is read.
    closing_until: Option<u64>,
    /// It was told not to be read, and is owed a [`ConnEffect::Resume`].
    paused: bool,
    /// When its deadlines are looked at next, in seconds.
    pub(super) due_seconds: Option<u64>,
}

impl Link {
    pub(super) fn new(id: ConnId) -> Self {
        Self {
            id,
            outbox: Outbox::default(),
            full_since: None,
            closing_until: None,
            paused: false,
            due_seconds: None,
        }
    }

    pub(super) const fn id(&self) -> ConnId {
        self.id
    }

    pub(super) const fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.outbox.len()
    }

    /// Whether as much waits to be sent as may.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.is_full()
    }

    pub(super) const fn is_closing(&self) -> bool {
        self.closing_until.is_some()
    }

    /// When a connection that closes is given up, in seconds.
    pub(super) const fn closing_until(&self) -> Option<u64> {
        self.closing_until
    }

    /// Appends own bytes to the output.
    pub(super) fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>, &mut Context<'_>) -> T,
    ) -> T {
        self.note_room();
        let was_empty = self.outbox.is_empty();
        let written = write(self.outbox.buffer(), cx);
        if was_empty && !self.outbox.is_empty() {
            cx.effects.connections.push((self.id, ConnEffect::Flush));
        }
        written
    }

    /// Queues bytes that others get too.
    pub(super) fn share(&mut self, bytes: Bytes, cx: &mut Context<'_>) {
        self.note_room();
        if self.outbox.is_empty() {
            cx.effects.connections.push((self.id, ConnEffect::Flush));
        }
        self.outbox.share(bytes);
    }

    /// To be called before there is more output: only then can it be seen that some was taken.
    fn note_room(&mut self) {
        if !self.outbox.is_full() {
            self.full_since = None;
        }
    }

    /// Whether its reader takes less than it is sent. Then all but what is being sent is dropped.
    pub(super) fn drop_if_slow(&mut self, cx: &Context<'_>) -> bool {
        if !self.outbox.is_full() {
            return false;
        }
        let now = cx.now.micros;
        let full_since = *self.full_since.get_or_insert(now);
        let lagging = now.saturating_sub(full_since) >= SLOW_AFTER_MICROS;
        let is_slow = lagging || self.outbox.len() >= BACKLOG_BYTES_MAX;
        if is_slow {
            self.outbox.drop_behind_front();
        }
        is_slow
    }

    /// Lets the connection end once its output was sent.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) {
        if self.begin_to_close(cx) {
            cx.effects.connections.push((self.id, ConnEffect::Close));
        }
    }

    /// Takes no more for the connection, and gives it its last deadline; false where that was done before.
    pub(super) fn begin_to_close(&mut self, cx: &Context<'_>) -> bool {
        let begins = !self.is_closing();
        if begins {
            self.closing_until = Some(cx.seconds() + CLOSE_LINGER_SECONDS);
            // Deadlines from before, which may be sooner, count no more.
            self.due_seconds = None;
        }
        begins
    }

    /// Notes whether the connection is to be read, so that a yes behind a no is told.
    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Says that the connection may be read again, where it was not read for a while.
    pub(super) fn resume_if(&mut self, wants_input: bool, cx: &mut Context<'_>) {
        if self.paused && wants_input && !self.is_closing() && !self.is_full() {
            self.paused = false;
            cx.effects.connections.push((self.id, ConnEffect::Resume));
        }
    }
}
