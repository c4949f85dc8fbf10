//! What every connection has, whatever is spoken on it: its output, and how it ends.

use bytes::Bytes;

use crate::context::{Context, MICROS_PER_SECOND};
use crate::edge::effect::ConnEffect;
use crate::ids::ConnId;
use crate::outbox::Outbox;

/// Microseconds in which a client must take some of what waits for them. A WebSocket has this only when it closes.
const STUCK_MICROS_MAX: u64 = 10 * MICROS_PER_SECOND;

/// See the module.
pub(crate) struct Link {
    id: ConnId,
    outbox: Outbox,
    phase: Phase,
    /// It was told not to be read, and is owed a [`ConnEffect::Resume`].
    paused: bool,
    /// When its deadlines are looked at next, in microseconds.
    pub(super) due_micros: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// It ends when its output was sent, and nothing more is read, since then, in microseconds.
    Closing(u64),
    Aborted,
}

impl Link {
    /// A new one, in which so many own bytes may wait to be sent.
    pub(super) fn new(id: ConnId, own_bytes_max: usize, cx: &Context<'_>) -> Self {
        Self {
            id,
            outbox: Outbox::new(own_bytes_max, cx.held.clone()),
            phase: Phase::Open,
            paused: false,
            due_micros: None,
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

    /// When the oldest byte that waits to be sent was queued, in microseconds.
    pub(super) fn oldest_micros(&self) -> Option<u64> {
        self.outbox.oldest_micros()
    }

    /// When some of its output was taken last, in microseconds.
    pub(super) const fn taken_micros(&self) -> u64 {
        self.outbox.sent_micros()
    }

    /// When it counts as stuck unless some of its output is taken before, in microseconds.
    pub(super) fn stuck_micros(&self, cx: &Context<'_>) -> Option<u64> {
        let since = match self.phase {
            Phase::Open => self.outbox.stuck_since_micros()?,
            Phase::Closing(since) => self.outbox.sent_micros().max(since),
            Phase::Aborted => return None,
        };
        Some(since.max(cx.resumed_micros) + STUCK_MICROS_MAX)
    }

    /// Whether its client has taken nothing for so long that it is cut off.
    pub(super) fn is_stuck(&self, cx: &Context<'_>) -> bool {
        self.stuck_micros(cx)
            .is_some_and(|due| due <= cx.now.micros)
    }

    /// Whether as many own bytes wait to be sent as may.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.is_full()
    }

    pub(super) const fn is_closing(&self) -> bool {
        !matches!(self.phase, Phase::Open)
    }

    /// Appends own bytes to the output.
    pub(super) fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>, &mut Context<'_>) -> T,
    ) -> T {
        let was_empty = self.outbox.is_empty();
        let now = cx.now.micros;
        let written = self.outbox.write(now, |out| write(out, cx));
        if was_empty && !self.outbox.is_empty() {
            cx.effects.connections.push((self.id, ConnEffect::Flush));
        }
        written
    }

    /// Queues bytes that others get too. True where something waits before them.
    pub(super) fn share(&mut self, bytes: Bytes, cx: &mut Context<'_>) -> bool {
        self.share_by(ConnEffect::Flush, bytes, cx)
    }

    /// The same, to be sent in this way.
    pub(super) fn share_by(
        &mut self,
        flush: ConnEffect,
        bytes: Bytes,
        cx: &mut Context<'_>,
    ) -> bool {
        let was_empty = self.outbox.is_empty();
        if was_empty {
            cx.effects.connections.push((self.id, flush));
        }
        self.outbox.share(bytes, cx.now.micros);
        !was_empty
    }

    /// When its reader becomes slow unless they take something before, in microseconds.
    pub(super) fn slow_micros(&self, cx: &Context<'_>) -> Option<u64> {
        let slow_after = cx.config.slow_reader.as_micros() as u64;
        let oldest = self.outbox.oldest_micros();
        oldest.map(|oldest| oldest.max(cx.resumed_micros).saturating_add(slow_after))
    }

    /// Whether the oldest byte that waits to be sent is older than a reader may let it become.
    pub(super) fn is_slow(&self, cx: &Context<'_>) -> bool {
        self.slow_micros(cx)
            .is_some_and(|slow| slow <= cx.now.micros)
    }

    /// Drops what waits to be sent, but for what the peer has in part.
    pub(super) fn drop_unsent(&mut self) {
        self.outbox.drop_unsent();
    }

    /// Ends the connection at once, and drops what waits to be sent: its client does not take it.
    pub(super) fn cut_off(&mut self, cx: &mut Context<'_>) {
        if self.phase != Phase::Aborted {
            self.phase = Phase::Aborted;
            self.outbox.clear();
            cx.stats.cut_connections += 1;
            cx.effects.connections.push((self.id, ConnEffect::Abort));
        }
    }

    /// Lets the connection end once its output was sent.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) {
        if self.begin_to_close(cx) {
            cx.effects.connections.push((self.id, ConnEffect::Close));
        }
    }

    /// Takes no more for the connection; false where that was done before.
    pub(super) const fn begin_to_close(&mut self, cx: &Context<'_>) -> bool {
        let begins = !self.is_closing();
        if begins {
            self.phase = Phase::Closing(cx.now.micros);
            // Deadlines from before, which may be sooner, count no more.
            self.due_micros = None;
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
