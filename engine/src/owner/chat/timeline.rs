//! What happens in a chat, in the order of its events: how far it has come, the newest of it, and what is to be laid over
//! what the store has.

use std::rc::Rc;

use rookery_schema::event::{Event, EventKind};
use rookery_schema::message::Message;
use rookery_schema::record::{Edit, MessageAmended, Record, SenderErased};
use rookery_schema::row::{AmendmentRow, ErasedRow, EventRow, Head, Mark, Row};
use rookery_schema::{MessageId, Offset, PartitionId, Seq, Timestamp};

use crate::edge::port::ErasedSender;
use crate::owner::chat::outgoing::{Outgoing, Sent};
use crate::owner::chat::recent::{Recent, event_of};
use crate::owner::chat::stored::{encode, encode_row, event_time};
use crate::owner::chat::unstored::{Reading, Unstored};
use crate::owner::erased::Erased;

/// Bytes of stored events of a chat that are kept in memory.
const RECENT_BYTES_MAX: usize = 64 * 1024;

/// Where a record lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Timeline {
    head: Head,
    /// When it last changed.
    active_at: Timestamp,
    recent: Recent,
    unstored: Unstored,
    erased: Erased,
    outgoing: Outgoing,
}

impl Timeline {
    /// That of a chat which is created, without events.
    pub(super) fn new(created_at: Timestamp) -> Self {
        Self {
            head: Head::default(),
            active_at: created_at,
            recent: Recent::default(),
            unstored: Unstored::default(),
            erased: Erased::default(),
            outgoing: Outgoing::default(),
        }
    }

    /// That of a chat which the store has, without events but for the newest message.
    pub(super) fn stored(
        created_at: Timestamp,
        head: Head,
        erased: Erased,
        latest_message: Option<Message>,
    ) -> Self {
        let latest_message = latest_message.map(|mut message| {
            erased.lay_over(&mut message);
            message
        });
        Self {
            head,
            recent: Recent::with_latest(latest_message),
            erased,
            ..Self::new(created_at)
        }
    }

    /// Adds the next of the newest events that the store has. One that is damaged is left out.
    pub(super) fn load_event(&mut self, row: &EventRow) {
        let Some(json) = encode_row(row, &self.erased) else {
            return;
        };
        self.active_at = self.active_at.max(event_time(row).unwrap_or_default());
        let bytes = json.len();
        self.recent.push(row.head.seq, row.head.offset, json);
        self.recent.end_buffer(bytes);
    }

    /// Adds the next message, as the store has it, of those among the events.
    pub(super) fn load_message(&mut self, mut message: Message) {
        self.erased.lay_over(&mut message);
        let seq = message.seq;
        let amended = message.is_amended().then(|| Rc::new(message));
        if let Some(message) = &amended {
            self.recent.replace(seq, event_of(message));
        }
        self.recent.push_message(seq, amended);
    }

    /// Whether a record's effect is in this state already: the store was ahead of what was committed.
    pub(crate) fn contains(&self, at: Place) -> bool {
        self.head.seq > Seq(0)
            && self.head.partition == at.partition
            && at.offset <= self.head.offset
    }

    /// How far it has come.
    pub(crate) const fn head(&self) -> Head {
        self.head
    }

    /// The newest event's number.
    pub(crate) const fn seq(&self) -> Seq {
        self.head.seq
    }

    /// The place of the newest event.
    pub(crate) const fn mark(&self) -> Mark {
        self.head.mark()
    }

    /// How many messages there are.
    pub(crate) const fn messages(&self) -> u64 {
        self.head.messages
    }

    /// Where in the log its newest event lies.
    pub(crate) const fn head_offset(&self) -> Offset {
        self.head.offset
    }

    /// When it last changed.
    pub(crate) const fn active_at(&self) -> Timestamp {
        self.active_at
    }

    /// Numbers an event, and readies it for sending.
    pub(super) fn number(&mut self, event: &Event<'_>, at: Timestamp, place: Place) {
        debug_assert!(!self.contains(place), "an event lies behind the head");
        let is_message = event.kind() == EventKind::Message;
        self.head = Head {
            seq: self.head.seq.next(),
            messages: self.head.messages + u64::from(is_message),
            partition: place.partition,
            offset: place.offset,
        };
        self.active_at = self.active_at.max(at);
        let Head { seq, offset, .. } = self.head;
        self.outgoing.add(event, at, (seq, offset));
    }

    /// Whether what a record amends, or an edit that it takes the place of, is about to be sent.
    pub(crate) fn is_sending_what_is_amended(&self, amended: &MessageAmended<'_>) -> bool {
        let target = amended.target.seq;
        let edit = self.unstored.newest_edit(target).map(|(row, _)| row.seq);
        let first = self.outgoing.first();
        first.is_some_and(|first| target.max(edit.unwrap_or_default()) >= first)
    }

    /// Amends a message by the newest event. Only the fold may do that.
    pub(in crate::owner) fn amend(&mut self, row: AmendmentRow, target_messages: u64) {
        self.recent.amend(&row, target_messages);
        let Head {
            messages, offset, ..
        } = self.head;
        self.unstored.push(row, messages, offset);
    }

    /// An edit loses its content to a newer event. Only the fold may do that.
    pub(in crate::owner) fn redact(&mut self, seq: Seq, redacted: &Record<'_>) {
        self.recent.replace(seq, encode(redacted, seq));
    }

    /// All that a user said is gone by the newest event; what is to be stored of that. What they say from now on is no event.
    /// Only the fold may do that.
    pub(in crate::owner) fn erase(&mut self, record: &SenderErased) -> Row {
        let SenderErased {
            chat_id,
            user_id,
            at,
            ..
        } = *record;
        let Head { seq, partition, .. } = self.head;
        self.erased.add(ErasedSender { user_id, seq, at });
        self.recent.erase(&self.erased, self.head.messages);
        Row::Erased(ErasedRow {
            chat_id,
            user_id,
            partition,
            seq,
            at,
        })
    }

    /// Of whom nothing is left that they said.
    pub(crate) const fn erased(&self) -> &Erased {
        &self.erased
    }

    /// Lays over a message that was read all that the store may lack, or has for the whole chat.
    pub(crate) fn lay_over(&self, message: &mut Message) {
        self.unstored.lay_over(message);
        self.erased.lay_over(message);
    }

    /// Whether it is known here that a message was deleted; that it was not need not be.
    pub(in crate::owner) fn is_deleted(&self, target: Seq) -> bool {
        let standing = self.recent.standing(target, 0);
        let is_deleted = standing.is_some_and(|message| message.deleted().is_some());
        is_deleted || self.unstored.deletes(target)
    }

    /// The newest edit of a message that is known here.
    pub(in crate::owner) fn newest_edit(&self, target: Seq) -> Option<Edit> {
        if let Some((row, messages)) = self.unstored.newest_edit(target) {
            let AmendmentRow { seq, at, by, .. } = *row;
            return Some(Edit {
                seq,
                messages,
                at,
                by,
            });
        }
        let standing = self.recent.standing(target, 0)?;
        let stamp = standing.edited()?;
        Some(Edit {
            seq: stamp.seq,
            messages: self.messages_up_to(stamp.seq)?,
            at: stamp.at,
            by: stamp.by,
        })
    }

    /// How many messages there were up to an event, where all later ones are in memory.
    pub(crate) fn messages_up_to(&self, seq: Seq) -> Option<u64> {
        if seq.next() < self.recent_from() {
            return None;
        }
        let behind = self.recent.messages_behind(seq) + self.outgoing.messages_behind(seq);
        self.head.messages.checked_sub(behind)
    }

    /// The message with this id as it stands, if it is in memory.
    pub(crate) fn find(&self, id: MessageId) -> Option<Message> {
        let seq = self.recent.find(id)?;
        self.recent.standing(seq, self.messages_up_to(seq)?)
    }

    /// What amends messages and may not be in what is read of the store.
    pub(crate) const fn unstored(&self) -> &Unstored {
        &self.unstored
    }

    /// The newest events in memory.
    pub(crate) const fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The lowest seq from which on all events are in memory.
    pub(crate) fn recent_from(&self) -> Seq {
        self.recent.from().unwrap_or(self.head.seq.next())
    }

    /// Gives up of that what need not be kept; the store has all records below `stored`.
    pub(crate) fn release_amendments(&mut self, stored: Offset, reading: Reading) {
        self.unstored.release(stored, reading);
    }

    /// Whether something was numbered that was not sent yet.
    pub(crate) const fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Takes what was numbered, to be sent: it is among the newest events from now on.
    pub(super) fn take_outgoing(&mut self) -> Option<Sent> {
        let sent = self.outgoing.take()?;
        for event in sent.events() {
            self.recent.push(event.seq, event.offset, event.json);
            if event.kind == EventKind::Message {
                self.recent.push_message(event.seq, None);
            }
        }
        self.recent.end_buffer(sent.buffer_bytes);
        Some(sent)
    }

    /// Forgets old events beyond what a chat may keep, but none that the store does not have yet: it has all records
    /// below `stored`. True where there is more to forget once it has.
    pub(crate) fn trim(&mut self, stored: Offset, reading: Reading) -> bool {
        if !self.unstored.is_empty() {
            self.unstored.release(stored, reading);
        }
        self.recent.trim(stored, RECENT_BYTES_MAX) || self.unstored.waits_for_store()
    }

    /// Forgets all events that the store has; false where there are none.
    pub(crate) fn forget_events(&mut self, stored: Offset) -> bool {
        let before = self.recent.events();
        self.recent.trim(stored, 0);
        self.recent.events() < before
    }

    /// Forgets all but how far it has come.
    pub(super) fn forget_all(&mut self) {
        self.recent = Recent::default();
        self.unstored = Unstored::default();
        self.erased = Erased::default();
    }

    /// Whether every event is in the store, and nothing need be laid over what is read of it; it has all records below
    /// `stored`.
    pub(super) fn is_stored(&self, stored: Offset) -> bool {
        let is_stored = self.head.seq == Seq(0) || self.head.offset < stored;
        is_stored && self.unstored.is_empty()
    }

    /// Bytes of memory that it takes, besides itself, but for what is about to be sent: it is counted for each event.
    pub(super) fn bytes(&self) -> usize {
        self.recent.bytes() + self.unstored.bytes() + self.erased.bytes()
    }
}
