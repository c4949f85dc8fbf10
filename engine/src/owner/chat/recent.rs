//! The newest of a chat, in memory: its events as they were said, and its messages as they stand now.
//!
//! Events are what connections are sent, and never change. A message may be amended later: then history shows
//! something else than was said.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schema::event::put_history_message;
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
    /// Its JSON, where that is not what its event says.
    amended: Option<Bytes>,
}

/// How history shows a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As this event of it says.
    AsSaid(Bytes),
    /// As this JSON.
    Amended(Bytes),
}

impl Shown {
    /// About how many bytes it takes.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::AsSaid(json) | Self::Amended(json) => json.len(),
        }
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::AsSaid(event) => {
                put_history_message(out, event);
            }
            Self::Amended(json) => out.extend_from_slice(json),
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

    /// Notes that the event with this seq is a message, and how it stands where it was amended.
    pub(crate) fn push_message(&mut self, seq: Seq, amended: Option<Bytes>) {
        self.messages.push_back(StandingMessage { seq, amended });
    }

    /// The lowest seq from which on all events are here; `None` where there are none.
    pub(crate) fn from(&self) -> Option<Seq> {
        (!self.events.is_empty()).then_some(self.first)
    }

    /// The messages that are here, oldest first, as they stand.
    pub(crate) fn messages(&self) -> impl DoubleEndedIterator<Item = (Seq, Shown)> + '_ {
        self.messages.iter().filter_map(|message| {
            let shown = match &message.amended {
                Some(json) => Shown::Amended(json.clone()),
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

    fn said(text: &str) -> Bytes {
        format!(r#"{{"type":"message","content":"{text}"}}"#).into()
    }

    fn shown(recent: &Recent) -> Vec<(u64, String)> {
        let text = |shown: Shown| {
            let mut out = Vec::new();
            shown.put(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        let messages = recent.messages();
        messages.map(|(seq, it)| (seq.0, text(it))).collect()
    }

    #[test]
    fn messages_are_shown_as_they_stand_and_events_stay_as_they_were_said() {
        let mut recent = Recent::default();
        recent.push(Seq(5), Offset(50), said("a"));
        recent.push_message(Seq(5), Some(Bytes::from_static(br#"{"content":"A"}"#)));
        recent.push(Seq(6), Offset(51), Bytes::from_static(b"{}"));
        recent.push(Seq(7), Offset(52), said("c"));
        recent.push_message(Seq(7), None);
        let expected = [(5, r#"{"content":"A"}"#), (7, r#"{"content":"c"}"#)];
        assert_eq!(
            shown(&recent),
            expected.map(|(seq, it)| (seq, it.to_owned()))
        );
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
        assert_eq!(shown(&recent).len(), 2);
        recent.trim(Offset(100), 0);
        assert_eq!(recent.from(), None);
        recent.push(Seq(4), Offset(14), said("y"));
        assert_eq!(recent.from(), Some(Seq(4)));
    }
}
