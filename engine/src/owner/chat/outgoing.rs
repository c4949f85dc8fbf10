//! Events of a chat that were applied and are about to be sent.

use bytes::Bytes;
use rookery_schema::event::{Event, EventKind};
use rookery_schema::{Offset, Seq, Timestamp};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    lines: Vec<u8>,
    events: Vec<OutgoingEvent>,
    accepted_at: Timestamp,
    /// Bytes of the lines that were sent last: room for as many is made at once for the next.
    sent_bytes: usize,
}

#[derive(Debug)]
struct OutgoingEvent {
    /// Where its line ends, before the line break.
    end: usize,
    seq: Seq,
    offset: Offset,
    kind: EventKind,
}

/// Events that are sent together, a line each.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) first: Seq,
    pub(crate) lines: Bytes,
    /// When the oldest of them was accepted.
    pub(crate) accepted_at: Timestamp,
    /// Bytes of the buffer in which the lines lie.
    pub(super) buffer_bytes: usize,
    events: Vec<OutgoingEvent>,
}

/// One of the events that are sent together.
#[derive(Debug)]
pub(super) struct SentEvent {
    pub(super) seq: Seq,
    pub(super) offset: Offset,
    pub(super) kind: EventKind,
    pub(super) json: Bytes,
}

impl Outgoing {
    pub(super) const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The oldest of them.
    pub(super) fn first(&self) -> Option<Seq> {
        self.events.first().map(|event| event.seq)
    }

    /// How many messages among them lie behind this seq.
    pub(super) fn messages_behind(&self, seq: Seq) -> u64 {
        let messages = self
            .events
            .iter()
            .filter(|it| it.kind == EventKind::Message);
        messages.filter(|it| it.seq > seq).count() as u64
    }

    /// Adds the next event, which was accepted at that time.
    pub(super) fn add(&mut self, event: &Event<'_>, at: Timestamp, (seq, offset): (Seq, Offset)) {
        if self.events.is_empty() {
            self.accepted_at = at;
            self.lines.reserve(self.sent_bytes);
        }
        event.encode(seq, &mut self.lines);
        self.events.push(OutgoingEvent {
            end: self.lines.len(),
            seq,
            offset,
            kind: event.kind(),
        });
        self.lines.push(b'\n');
    }

    /// Takes all of them; `None` where there are none.
    pub(super) fn take(&mut self) -> Option<Sent> {
        let first = self.first()?;
        let mut lines = std::mem::take(&mut self.lines);
        self.sent_bytes = lines.len();
        if lines.capacity() / 2 > lines.len() {
            // They are kept for a while.
            lines.shrink_to_fit();
        }
        Some(Sent {
            first,
            buffer_bytes: lines.capacity(),
            lines: lines.into(),
            accepted_at: self.accepted_at,
            events: std::mem::take(&mut self.events),
        })
    }
}

impl Sent {
    pub(crate) fn count(&self) -> usize {
        self.events.len()
    }

    /// Each event, in order, with its line but for the line break.
    pub(super) fn events(&self) -> impl Iterator<Item = SentEvent> + '_ {
        let mut start = 0;
        self.events.iter().map(move |event| {
            let json = self.lines.slice(start..event.end);
            start = event.end + 1;
            SentEvent {
                seq: event.seq,
                offset: event.offset,
                kind: event.kind,
                json,
            }
        })
    }
}
