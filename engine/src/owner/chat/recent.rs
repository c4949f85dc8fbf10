//! The newest of a chat, in memory: its events as they were sent, and its messages as they stand now.
//!
//! A message may be amended later: then history shows something else than was said, and its event loses what is gone.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use rookery_schema::event::{message_id_of, put_history_message};
use rookery_schema::message::Message;
use rookery_schema::row::{Amendment, AmendmentRow};
use rookery_schema::{MessageId, Offset, Seq};

use crate::owner::budget::{allocated, allocated_shared};
use crate::owner::chat::said::{edit_of, message_of};
use crate::owner::chat::unstored::Unstored;
use crate::owner::erased::Erased;

#[cfg(test)]
mod tests;

/// Stored events of one chat kept in memory.
const EVENTS_MAX: usize = 128;
/// Bytes of a buffer that may be kept for the sake of others in it.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// A queue that has room for so many times what may be in it is made anew.
const SPARSE: usize = 4;

/// An event as it was sent, but for what is gone since.
#[derive(Debug)]
struct SaidEvent {
    offset: Offset,
    /// In a buffer with those that were sent together with it, unless it was replaced.
    json: Bytes,
    /// Bytes of memory that the buffer takes, where this is the last in it.
    buffer_bytes: u32,
    /// It says something else by now, in a buffer of its own.
    is_replaced: bool,
}

impl SaidEvent {
    /// Bytes of memory that its own buffer takes, where it has one.
    fn own_bytes(&self) -> usize {
        match self.is_replaced {
            true => allocated_shared(self.json.len()),
            false => 0,
        }
    }
}

const _: () = assert!(size_of::<SaidEvent>() <= 48);

/// A message as history shows it.
#[derive(Debug)]
struct StandingMessage {
    seq: Seq,
    /// How it stands, where that is not what its event says.
    amended: Option<Rc<Message>>,
}

/// How history shows a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As this event of it says.
    AsSaid(Bytes),
    /// As it stands now.
    Standing(Rc<Message>),
}

impl Shown {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::AsSaid(event) => {
                put_history_message(out, event);
            }
            Self::Standing(message) => message.encode(out),
        }
    }

    /// The message as it stands; there were so many messages up to it.
    fn message(&self, messages: u64) -> Option<Message> {
        match self {
            Self::AsSaid(event) => message_of(event, messages),
            Self::Standing(message) => Some(message.as_ref().clone()),
        }
    }

    /// Lays amendments over it that came since, and takes the content of those of whom nothing is left.
    pub(crate) fn amended(self, seq: Seq, unstored: &Unstored, erased: &Erased) -> Self {
        if !unstored.amends(seq) && erased.is_empty() {
            return self;
        }
        // How many messages there were is not shown.
        match self.message(0) {
            Some(mut message) => {
                unstored.lay_over(&mut message);
                erased.lay_over(&mut message);
                Self::Standing(Rc::new(message))
            }
            None => self,
        }
    }

    /// What is kept of it when its event is forgotten: nothing else that lies in the event's buffer.
    fn apart(self) -> Self {
        match self {
            Self::AsSaid(event) => Self::AsSaid(Bytes::copy_from_slice(&event)),
            Self::Standing(_) => self,
        }
    }

    /// Bytes of memory that it takes, with a buffer of its own.
    fn bytes(&self) -> usize {
        match self {
            Self::AsSaid(event) => allocated_shared(event.len()),
            Self::Standing(message) => standing_bytes(message),
        }
    }
}

fn standing_bytes(message: &Message) -> usize {
    allocated(message.memory_bytes() + 2 * size_of::<usize>())
}

/// A message's event as a page of events shows it now.
pub(super) fn event_of(message: &Message) -> Bytes {
    let mut event = Vec::new();
    message.encode_event(&mut event);
    event.shrink_to_fit();
    event.into()
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Without a gap up to the head; none that is not stored is missing.
    events: VecDeque<SaidEvent>,
    /// The seq of the first event.
    first: Seq,
    event_bytes: usize,
    /// Those among the events that are messages.
    messages: VecDeque<StandingMessage>,
    /// The newest message, where it is not among them.
    latest: Option<(Seq, Shown)>,
    /// Bytes of memory that buffers, amended messages and the latest one take.
    held_bytes: usize,
}

impl Recent {
    /// Nothing but the newest message.
    pub(crate) fn with_latest(message: Option<Message>) -> Self {
        let mut this = Self::default();
        if let Some(message) = message {
            this.keep_latest(message.seq, Shown::Standing(Rc::new(message)));
        }
        this
    }

    /// Notes the event after the last one.
    pub(crate) fn push(&mut self, seq: Seq, offset: Offset, json: Bytes) {
        let follows = seq.0 == self.first.0 + self.events.len() as u64;
        debug_assert!(self.events.is_empty() || follows, "a gap in front of {seq}");
        if !follows {
            self.begin_at(seq);
        }
        self.event_bytes += json.len();
        self.events.push_back(SaidEvent {
            offset,
            json,
            buffer_bytes: 0,
            is_replaced: false,
        });
    }

    /// Forgets all events: others follow.
    #[cold]
    fn begin_at(&mut self, seq: Seq) {
        self.trim(Offset(u64::MAX), 0);
        self.first = seq;
    }

    /// Notes that the events since this was last called lie in one buffer of so many bytes.
    pub(crate) fn end_buffer(&mut self, capacity: usize) {
        if let Some(last) = self.events.len().checked_sub(1) {
            self.end_buffer_at(last, capacity);
        }
    }

    /// The event with this index is the last in a buffer of so many bytes.
    fn end_buffer_at(&mut self, last: usize, capacity: usize) {
        let bytes = allocated_shared(capacity);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.events[last].buffer_bytes = bytes;
        self.held_bytes += bytes as usize;
    }

    /// Notes that an event that is here is a message, and how it stands where it was amended.
    pub(crate) fn push_message(&mut self, seq: Seq, amended: Option<Rc<Message>>) {
        if self.said(seq).is_none() {
            return;
        }
        if let Some(message) = &amended {
            self.held_bytes += standing_bytes(message);
        }
        if let Some((_, latest)) = self.latest.take() {
            self.held_bytes -= latest.bytes();
        }
        self.messages.push_back(StandingMessage { seq, amended });
    }

    /// The lowest seq from which on all events are here; `None` where there are none.
    pub(crate) fn from(&self) -> Option<Seq> {
        (!self.events.is_empty()).then_some(self.first)
    }

    /// How many events are here.
    pub(crate) fn events(&self) -> usize {
        self.events.len()
    }

    /// The messages that are here, oldest first, as they stand.
    pub(crate) fn messages(&self) -> impl DoubleEndedIterator<Item = (Seq, Shown)> + '_ {
        self.messages.iter().filter_map(|message| {
            let shown = match &message.amended {
                Some(message) => Shown::Standing(Rc::clone(message)),
                None => Shown::AsSaid(self.said(message.seq)?.clone()),
            };
            Some((message.seq, shown))
        })
    }

    /// The events that are here above a seq, oldest first, without content that was taken from them since.
    pub(crate) fn events_after(&self, after: Seq) -> impl Iterator<Item = &Bytes> {
        let skipped = after.next().0.saturating_sub(self.first.0) as usize;
        self.events.iter().skip(skipped).map(|event| &event.json)
    }

    /// The newest message, whether or not its event is here.
    pub(crate) fn latest_message(&self) -> Option<(Seq, Shown)> {
        let newest = self.messages().next_back();
        newest.or_else(|| self.latest.clone())
    }

    /// Where the message with this id is, if it is here.
    pub(crate) fn find(&self, id: MessageId) -> Option<Seq> {
        let mut newest_first = self.messages.iter().rev();
        let found = newest_first.find(|it| match &it.amended {
            Some(message) => message.message_id == id,
            None => {
                self.said(it.seq)
                    .and_then(|it_said| message_id_of(it_said, it.seq))
                    == Some(id)
            }
        });
        let is_it = |(seq, shown): &&(Seq, Shown)| match shown {
            Shown::AsSaid(event) => message_id_of(event, *seq) == Some(id),
            Shown::Standing(message) => message.message_id == id,
        };
        let latest = || self.latest.as_ref().filter(is_it).map(|(seq, _)| *seq);
        found.map(|message| message.seq).or_else(latest)
    }

    /// How many of the messages here lie behind this seq.
    pub(crate) fn messages_behind(&self, seq: Seq) -> u64 {
        (self.messages.len() - self.messages.partition_point(|it| it.seq <= seq)) as u64
    }

    /// A message that is here, as it stands; there were so many messages up to it.
    pub(crate) fn standing(&self, seq: Seq, messages: u64) -> Option<Message> {
        let shown = match self.index_of(seq) {
            Some(index) => match &self.messages[index].amended {
                Some(message) => return Some(message.as_ref().clone()),
                None => Shown::AsSaid(self.said(seq)?.clone()),
            },
            None => self.latest.clone().filter(|(latest, _)| *latest == seq)?.1,
        };
        shown.message(messages)
    }

    fn index_of(&self, seq: Seq) -> Option<usize> {
        self.messages.binary_search_by_key(&seq, |it| it.seq).ok()
    }

    /// Amends a message, if it is here; there were so many messages up to it.
    pub(crate) fn amend(&mut self, row: &AmendmentRow, messages: u64) {
        let is_other_content = match row.change {
            Amendment::Edited { .. } | Amendment::Deleted => true,
            Amendment::Reaction { .. } => false,
        };
        self.change(row.target, messages, is_other_content, |it| it.amend(row));
    }

    /// Takes the content of all that is here of those of whom nothing is left; there are so many messages in all.
    pub(crate) fn erase(&mut self, erased: &Erased, all: u64) {
        let theirs = |(_, shown): &(Seq, Shown)| {
            let message = shown.message(0);
            message.is_some_and(|it| erased.has(it.sender_id) && it.deleted().is_none())
        };
        let latest = self.latest.iter().cloned();
        let theirs: Vec<Seq> = self
            .messages()
            .chain(latest)
            .filter(theirs)
            .map(|it| it.0)
            .collect();
        for seq in theirs {
            let messages = all - self.messages_behind(seq);
            self.change(seq, messages, true, |it| erased.lay_over(it));
        }
        let edits = (self.first.0..).zip(&self.events);
        let edits = edits.filter_map(|(seq, event)| {
            let (by, without_content) = edit_of(&event.json)?;
            erased.has(by).then_some((Seq(seq), without_content))
        });
        let edits: Vec<(Seq, Bytes)> = edits.collect();
        for (seq, json) in edits {
            self.replace(seq, json);
        }
    }

    /// Changes how a message stands, if it is here; there were so many messages up to it.
    fn change(
        &mut self,
        target: Seq,
        messages: u64,
        is_other_content: bool,
        change: impl FnOnce(&mut Message),
    ) {
        let index = self.index_of(target);
        let shown = match index {
            Some(index) => self.take_shown(index),
            None => self
                .latest
                .take_if(|(latest, _)| *latest == target)
                .map(|(_, it)| it),
        };
        let Some(shown) = shown else {
            return;
        };
        if index.is_none() {
            self.held_bytes -= shown.bytes();
        }
        let amended = match shown {
            Shown::AsSaid(event) => message_of(&event, messages).map(Rc::new),
            Shown::Standing(message) => Some(message),
        };
        let Some(mut message) = amended else {
            return;
        };
        change(Rc::make_mut(&mut message));
        if is_other_content {
            self.replace(target, event_of(&message));
        }
        match index {
            Some(index) => {
                self.held_bytes += standing_bytes(&message);
                self.messages[index].amended = Some(message);
            }
            None => self.keep_latest(target, Shown::Standing(message)),
        }
    }

    /// Takes what is shown of a message whose event is here.
    fn take_shown(&mut self, index: usize) -> Option<Shown> {
        let message = self.messages.get_mut(index)?;
        let Some(amended) = message.amended.take() else {
            let seq = message.seq;
            return Some(Shown::AsSaid(self.said(seq)?.clone()));
        };
        self.held_bytes -= standing_bytes(&amended);
        Some(Shown::Standing(amended))
    }

    /// Has an event, if it is here, say something else from now on.
    pub(crate) fn replace(&mut self, seq: Seq, json: Bytes) {
        let Some(index) = seq.0.checked_sub(self.first.0) else {
            return;
        };
        let Some(event) = self.events.get_mut(index as usize) else {
            return;
        };
        let (len_before, own_before) = (event.json.len(), event.own_bytes());
        event.json = json;
        event.is_replaced = true;
        self.event_bytes = self.event_bytes + event.json.len() - len_before;
        self.held_bytes = self.held_bytes + event.own_bytes() - own_before;
    }

    /// Bytes of memory that it takes, besides itself.
    pub(crate) fn bytes(&self) -> usize {
        self.held_bytes
            + allocated(self.events.capacity() * size_of::<SaidEvent>())
            + allocated(self.messages.capacity() * size_of::<StandingMessage>())
    }

    fn said(&self, seq: Seq) -> Option<&Bytes> {
        let index = seq.0.checked_sub(self.first.0)?;
        self.events.get(index as usize).map(|event| &event.json)
    }

    /// Forgets old events above so many bytes, but none that the store does not have yet; it has all of
    /// the partition's records below `stored`. True where there is more to forget once it has.
    pub(crate) fn trim(&mut self, stored: Offset, bytes_max: usize) -> bool {
        let mut is_cut = false;
        while self.exceeds(bytes_max)
            && let Some(oldest) = self.events.pop_front_if(|oldest| oldest.offset < stored)
        {
            is_cut = oldest.buffer_bytes == 0;
            self.forget(oldest);
        }
        if is_cut {
            self.leave_cut_buffer();
        }
        self.give_back_room();
        self.exceeds(bytes_max)
    }

    fn exceeds(&self, bytes_max: usize) -> bool {
        self.events.len() > EVENTS_MAX || self.event_bytes > bytes_max
    }

    /// Counts the oldest event as gone, and keeps its message where that is the newest.
    fn forget(&mut self, oldest: SaidEvent) {
        self.event_bytes -= oldest.json.len();
        self.held_bytes -= oldest.buffer_bytes as usize + oldest.own_bytes();
        let first = self.first;
        self.first = first.next();
        let Some(message) = self.messages.pop_front_if(|message| message.seq == first) else {
            return;
        };
        if let Some(amended) = &message.amended {
            self.held_bytes -= standing_bytes(amended);
        }
        if self.messages.is_empty() {
            let shown = message.amended.map(Shown::Standing);
            self.keep_latest(first, shown.unwrap_or(Shown::AsSaid(oldest.json)));
        }
    }

    fn keep_latest(&mut self, seq: Seq, message: Shown) {
        let latest = message.apart();
        self.held_bytes += latest.bytes();
        self.latest = Some((seq, latest));
    }

    /// Copies the oldest events, where their buffer is kept for much more than they need: those that were forgotten
    /// are in it as well. So an event is copied at most once for as many bytes that were given up.
    fn leave_cut_buffer(&mut self) {
        if self.held_bytes <= self.event_bytes + KEPT_BYTES_MAX {
            return;
        }
        let Some(last) = self.events.iter().position(|it| it.buffer_bytes > 0) else {
            return;
        };
        let bytes: usize = self.events.range(..=last).map(|it| it.json.len()).sum();
        let buffer_bytes = self.events[last].buffer_bytes as usize;
        if buffer_bytes <= bytes + bytes.max(KEPT_BYTES_MAX) {
            return;
        }
        let mut copy = Vec::with_capacity(bytes);
        for event in self.events.range(..=last) {
            copy.extend_from_slice(&event.json);
        }
        let copy = Bytes::from(copy);
        let mut start = 0;
        for event in self.events.range_mut(..=last) {
            let end = start + event.json.len();
            self.held_bytes -= event.own_bytes();
            event.json = copy.slice(start..end);
            event.is_replaced = false;
            start = end;
        }
        self.held_bytes -= buffer_bytes;
        self.end_buffer_at(last, bytes);
    }

    /// Makes the queues smaller after there were many events.
    fn give_back_room(&mut self) {
        if self.events.is_empty() {
            self.events = VecDeque::new();
            self.messages = VecDeque::new();
        } else if self.events.capacity() > SPARSE * self.events.len().max(EVENTS_MAX) {
            self.events.shrink_to_fit();
            self.messages.shrink_to_fit();
        }
    }
}
