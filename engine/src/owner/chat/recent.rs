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

/// Stored events of one chat kept in memory.
const EVENTS_MAX: usize = 128;

/// An event as it was sent.
#[derive(Debug)]
struct SaidEvent {
    offset: Offset,
    json: Bytes,
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
}

impl Recent {
    /// Notes the event after the last one.
    pub(crate) fn push(&mut self, seq: Seq, offset: Offset, json: Bytes) {
        let follows = seq.0 == self.first.0 + self.events.len() as u64;
        debug_assert!(self.events.is_empty() || follows, "a gap in front of {seq}");
        if !follows {
            *self = Self::default();
            self.first = seq;
        }
        self.event_bytes += json.len();
        self.events.push_back(SaidEvent { offset, json });
    }

    /// Notes that an event that is here is a message, and how it stands where it was amended.
    pub(crate) fn push_message(&mut self, seq: Seq, amended: Option<Rc<Message>>) {
        if self.said(seq).is_some() {
            self.messages.push_back(StandingMessage { seq, amended });
        }
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

    fn said(&self, seq: Seq) -> Option<&Bytes> {
        let index = seq.0.checked_sub(self.first.0)?;
        self.events.get(index as usize).map(|event| &event.json)
    }

    /// Forgets old events above so many bytes, but none that the store does not have yet; it has all of
    /// the partition's records below `stored`.
    pub(crate) fn trim(&mut self, stored: Offset, bytes_max: usize) {
        while let Some(oldest) = self.events.front() {
            let over = self.events.len() > EVENTS_MAX || self.event_bytes > bytes_max;
            if !over || oldest.offset >= stored {
                break;
            }
            self.event_bytes -= oldest.json.len();
            self.events.pop_front();
            let first = self.first;
            self.messages.pop_front_if(|message| message.seq == first);
            self.first = first.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let content = |shown: Shown| {
            let mut out = Vec::new();
            shown.put(&mut out);
            let json: serde_json::Value = serde_json::from_slice(&out).expect("valid JSON");
            json["content"].as_str().expect("a text").to_owned()
        };
        let messages = recent.messages();
        messages.map(|(seq, it)| (seq.0, content(it))).collect()
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

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a gap in front of 3")]
    fn no_event_is_left_out() {
        let mut recent = Recent::default();
        recent.push(Seq(1), Offset(11), said("a"));
        recent.push(Seq(3), Offset(13), said("c"));
    }
}
