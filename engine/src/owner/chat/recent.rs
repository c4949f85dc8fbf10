//! The newest of a chat, in memory: its events as they were said, and its messages as they stand now.
//!
//! Events are what connections are sent, and never change. A message may be amended later: then history shows
//! something else than was said.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use rookery_schema::event::put_history_message;
use rookery_schema::message::Message;
use rookery_schema::{Offset, Seq};

use crate::owner::budget::{allocated, allocated_shared};

/// Stored events of one chat kept in memory.
const EVENTS_MAX: usize = 128;
/// Bytes of a buffer that may be kept for the sake of others in it.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// A queue that has room for so many times what may be in it is made anew.
const SPARSE: usize = 4;

/// An event as it was sent.
#[derive(Debug)]
struct SaidEvent {
    offset: Offset,
    /// In a buffer with those that were sent together with it.
    json: Bytes,
    /// Bytes of memory that the buffer takes, where this is the last in it.
    buffer_bytes: usize,
}

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

    /// Appends it as an event.
    pub(crate) fn put_event(&self, out: &mut Vec<u8>) {
        match self {
            Self::AsSaid(event) => out.extend_from_slice(event),
            Self::Standing(message) => message.encode_event(out),
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
    latest: Option<Shown>,
    /// Bytes of memory that buffers, amended messages and the latest one take.
    held_bytes: usize,
}

impl Recent {
    /// Nothing but the newest message.
    pub(crate) fn with_latest(message: Option<Message>) -> Self {
        let mut this = Self::default();
        if let Some(message) = message {
            this.keep_latest(Shown::Standing(Rc::new(message)));
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
        if let Some(last) = self.events.back_mut() {
            last.buffer_bytes = allocated_shared(capacity);
            self.held_bytes += last.buffer_bytes;
        }
    }

    /// Notes that an event that is here is a message, and how it stands where it was amended.
    pub(crate) fn push_message(&mut self, seq: Seq, amended: Option<Rc<Message>>) {
        if self.said(seq).is_none() {
            return;
        }
        if let Some(message) = &amended {
            self.held_bytes += standing_bytes(message);
        }
        if let Some(latest) = self.latest.take() {
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

    /// The events that are here above a seq, oldest first: each as it was said, but a message as it stands now.
    pub(crate) fn events_after(&self, after: Seq) -> impl Iterator<Item = Shown> + '_ {
        let skipped = after.next().0.saturating_sub(self.first.0) as usize;
        let mut amended = self
            .messages
            .iter()
            .filter_map(|it| Some((it.seq, it.amended.as_ref()?)))
            .skip_while(move |(seq, _)| *seq <= after)
            .peekable();
        let events = self.events.iter().skip(skipped);
        let seqs = self.first.0 + skipped as u64..;
        seqs.zip(events).map(move |(seq, event)| {
            match amended.next_if(|(amended, _)| *amended == Seq(seq)) {
                Some((_, message)) => Shown::Standing(Rc::clone(message)),
                None => Shown::AsSaid(event.json.clone()),
            }
        })
    }

    /// The newest message, whether or not its event is here.
    pub(crate) fn latest_message(&self) -> Option<Shown> {
        let newest = self.messages().next_back().map(|(_, shown)| shown);
        newest.or_else(|| self.latest.clone())
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
        self.held_bytes -= oldest.buffer_bytes;
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
            self.keep_latest(shown.unwrap_or(Shown::AsSaid(oldest.json)));
        }
    }

    fn keep_latest(&mut self, message: Shown) {
        let latest = message.apart();
        self.held_bytes += latest.bytes();
        self.latest = Some(latest);
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
        let buffer_bytes = self.events[last].buffer_bytes;
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
            event.json = copy.slice(start..end);
            start = end;
        }
        self.events[last].buffer_bytes = allocated_shared(bytes);
        self.held_bytes = self.held_bytes - buffer_bytes + allocated_shared(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rookery_schema::event::EventKind;
    use rookery_schema::record::{MessagePosted, Record};
    use rookery_schema::row::{Amendment, AmendmentRow, EventRow, Head};
    use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

    fn said(text: &str) -> Bytes {
        format!(r#"{{"type":"message","content":"{text}"}}"#).into()
    }

    /// A message that was edited.
    fn edited(seq: u64, content: &str) -> Rc<Message> {
        let (chat_id, by) = (ChatId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        let mut record = Vec::new();
        let posted = MessagePosted {
            chat_id,
            message_id: MessageId::from_bytes([3; 16]),
            sender_id: by,
            at: Timestamp::default(),
            client_id: None,
            content: "as it was said",
        };
        Record::MessagePosted(posted).encode(&mut record);
        let head = Head {
            seq: Seq(seq),
            ..Head::default()
        };
        let row = EventRow {
            chat_id,
            head,
            record: record.into(),
            kind: EventKind::Message,
        };
        let message = Message::of(&row).expect("not damaged");
        let mut message = message.expect("a message");
        message.amend(&AmendmentRow {
            chat_id,
            target: Seq(seq),
            seq: Seq(seq + 1),
            by,
            at: Timestamp::default(),
            change: Amendment::Edited {
                content: content.to_owned(),
            },
        });
        Rc::new(message)
    }

    fn contents(recent: &Recent) -> Vec<(u64, String)> {
        let messages = recent.messages();
        messages
            .map(|(seq, it)| (seq.0, contents_of(&it)))
            .collect()
    }

    fn contents_of(shown: &Shown) -> String {
        let mut out = Vec::new();
        shown.put(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
        json["content"].as_str().expect("a text").to_owned()
    }

    #[test]
    fn messages_are_shown_as_they_stand_and_events_stay_as_they_were_said() {
        let mut recent = Recent::default();
        recent.push(Seq(5), Offset(50), said("a"));
        recent.push_message(Seq(5), Some(edited(5, "A")));
        recent.push(Seq(6), Offset(51), Bytes::from_static(b"{}"));
        recent.push(Seq(7), Offset(52), said("c"));
        recent.push_message(Seq(7), None);
        let expected = [(5, "A".to_owned()), (7, "c".to_owned())];
        assert_eq!(contents(&recent), expected);
        assert_eq!(recent.said(Seq(5)), Some(&said("a")));
    }

    #[test]
    fn what_the_store_has_is_forgotten_first_and_nothing_else_is() {
        let mut recent = Recent::default();
        for seq in 1..=3 {
            recent.push(Seq(seq), Offset(10 + seq), said("x"));
            recent.push_message(Seq(seq), None);
        }
        recent.trim(Offset(12), 0);
        assert_eq!(recent.from(), Some(Seq(2)));
        assert_eq!(contents(&recent).len(), 2);
        recent.trim(Offset(100), 0);
        assert_eq!(recent.from(), None);
        recent.push(Seq(4), Offset(14), said("y"));
        assert_eq!(recent.from(), Some(Seq(4)));
    }

    /// So many stored events of which each but the first is a message, the first with seq 1.
    fn stored(count: usize) -> Recent {
        let mut recent = Recent::default();
        for seq in (1..).take(count) {
            recent.push(Seq(seq), Offset(seq), said("x"));
            if seq > 1 {
                recent.push_message(Seq(seq), None);
            }
        }
        recent
    }

    #[test]
    fn no_more_events_are_kept_than_the_bound() {
        let trimmed = |count| {
            let mut recent = stored(count);
            recent.trim(Offset(u64::MAX), usize::MAX);
            recent.from()
        };
        assert_eq!(trimmed(EVENTS_MAX), Some(Seq(1)));
        assert_eq!(trimmed(EVENTS_MAX + 3), Some(Seq(4)));
    }

    #[test]
    fn no_more_bytes_are_kept_than_the_bound() {
        let (mut recent, event_bytes) = (stored(3), said("x").len());
        recent.trim(Offset(u64::MAX), 3 * event_bytes);
        assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(1)), 2));
        recent.trim(Offset(u64::MAX), 2 * event_bytes);
        assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(2)), 2));
        recent.trim(Offset(u64::MAX), 2 * event_bytes - 1);
        assert_eq!((recent.from(), contents(&recent).len()), (Some(Seq(3)), 1));
    }

    /// Events of so many bytes each that lie in one buffer, the first with this seq.
    fn push_together(recent: &mut Recent, from: u64, count: u64, bytes: usize) {
        let buffer = Bytes::from(vec![b'x'; count as usize * bytes]);
        for (index, seq) in (from..from + count).enumerate() {
            let json = buffer.slice(index * bytes..(index + 1) * bytes);
            recent.push(Seq(seq), Offset(seq), json);
            recent.push_message(Seq(seq), None);
        }
        recent.end_buffer(buffer.len());
    }

    #[test]
    fn a_buffer_is_left_that_holds_much_of_what_was_forgotten() {
        let mut recent = Recent::default();
        push_together(&mut recent, 1, 1000, 1000);
        assert!(recent.bytes() > 1_000_000);
        recent.trim(Offset(u64::MAX), 50_000);
        assert_eq!(recent.from(), Some(Seq(951)));
        assert!((50_000..60_000).contains(&recent.bytes()));
        let whole = |it: &SaidEvent| it.json.iter().all(|byte| *byte == b'x');
        assert!(recent.events.iter().all(whole));
        push_together(&mut recent, 1001, 10, 1000);
        recent.trim(Offset(u64::MAX), 15_000);
        assert!((15_000..70_000).contains(&recent.bytes()), "half may stay");
        recent.trim(Offset(u64::MAX), 0);
        assert!((1000..1100).contains(&recent.bytes()), "the newest message");
    }

    #[test]
    fn the_newest_message_outlives_its_event() {
        let latest = |recent: &Recent| recent.latest_message().map(|shown| contents_of(&shown));
        let mut recent = Recent::with_latest(Some((*edited(4, "A")).clone()));
        assert_eq!(latest(&recent), Some("A".to_owned()));
        recent.push(Seq(5), Offset(5), said("b"));
        recent.push_message(Seq(5), None);
        recent.push(Seq(6), Offset(6), Bytes::from_static(b"{}"));
        assert_eq!(latest(&recent), Some("b".to_owned()));
        recent.trim(Offset(u64::MAX), 0);
        assert_eq!(latest(&recent), Some("b".to_owned()));
        recent.push(Seq(7), Offset(7), said("c"));
        recent.push_message(Seq(7), Some(edited(7, "C")));
        recent.trim(Offset(u64::MAX), 0);
        assert_eq!(latest(&recent), Some("C".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_held_is_what_is_counted(
            steps in proptest::collection::vec((1..200u64, 1..3000usize, 0..100_000usize), 1..20),
        ) {
            let (mut recent, mut next) = (Recent::default(), 1);
            for (count, bytes, bytes_max) in steps {
                push_together(&mut recent, next, count, bytes);
                next += count;
                recent.trim(Offset(u64::MAX), bytes_max);
                let buffers: usize = recent.events.iter().map(|it| it.buffer_bytes).sum();
                let latest = recent.latest.as_ref().map_or(0, Shown::bytes);
                prop_assert_eq!(recent.held_bytes, buffers + latest);
                let needed: usize = recent.events.iter().map(|it| it.json.len()).sum();
                prop_assert_eq!(recent.event_bytes, needed);
                // Each event alone in its buffer, and the oldest in one that was cut.
                let most = 2 * needed + KEPT_BYTES_MAX + recent.events.len() * 100 + latest;
                prop_assert!(recent.held_bytes <= most, "{} for {needed}", recent.held_bytes);
            }
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a gap in front of 3")]
    fn no_event_is_left_out() {
        let mut recent = Recent::default();
        recent.push(Seq(1), Offset(11), said("a"));
        recent.push(Seq(3), Offset(13), said("c"));
    }
}
