//! Events of a chat for whoever missed them: the newest from memory, older ones from the store. Each is shown as it stands
//! now, so that nothing that was deleted is told again.

use bytes::Bytes;
use rookery_schema::event::Event;
use rookery_schema::record::{Change, MessageAmended, Record};
use rookery_schema::{ChatId, Seq};

use crate::edge::port::{Read, StoredEvent};
use crate::mesh::{Events, EventsPage, Outcome, Rest};
use crate::owner::chat::{Chat, Unstored};

/// Events that somebody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wanted {
    pub(crate) page: EventsPage,
    /// They are no member since this event, which they may see as their last.
    pub(crate) removed: Option<Seq>,
}

/// Events, or what it takes to have them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Memory had them.
    Here(Events),
    /// More of them are missing than may be. This is the last one.
    TooMany { last: Seq },
    /// The store must be read.
    InStore(StoreKey),
}

/// A read of the store that several may wait for who want the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StoreKey {
    pub(crate) wanted: Wanted,
    /// How many are read. From behind these on, memory had them when this was asked.
    limit: usize,
}

impl Wanted {
    /// The last event that they may see, where the chat has come so far.
    fn last(self, head: Seq) -> Seq {
        self.removed.unwrap_or(head)
    }

    /// The last that they want, too.
    fn end(self, head: Seq) -> Seq {
        self.last(head).min(self.page.until)
    }

    /// What there is behind an event.
    fn rest(self, through: Seq, head: Seq) -> Rest {
        if self.page.until <= through || self.removed.is_some_and(|removed| removed <= through) {
            Rest::End
        } else if head <= through {
            Rest::Live
        } else {
            Rest::More
        }
    }
}

/// Looks for events in memory, or says what to read. No more than `missing_max` may be missing.
pub(crate) fn find(chat: &Chat, wanted: Wanted, missing_max: u64) -> Found {
    let head = chat.timeline.seq();
    let (after, end) = (wanted.page.after, wanted.end(head));
    let last = wanted.last(head);
    if end.0.saturating_sub(after.0) > missing_max {
        return Found::TooMany { last };
    }
    if after > last {
        return Found::Here(Events {
            lines: Bytes::new(),
            count: 0,
            through: last,
            rest: wanted.rest(last, head),
        });
    }
    let in_memory_from = chat.timeline.recent_from();
    if after < end && after.next() < in_memory_from {
        let missing = in_memory_from.0 - after.next().0;
        let limit = missing.min(wanted.page.limit as u64) as usize;
        return Found::InStore(StoreKey { wanted, limit });
    }
    let mut lines = Lines::new(wanted.page, end);
    for event in chat.timeline.recent().events_after(after) {
        if !lines.push(|out| out.extend_from_slice(event)) {
            break;
        }
    }
    let rest = wanted.rest(lines.through, head);
    Found::Here(lines.finish(rest))
}

impl StoreKey {
    pub(crate) const fn read(self, chat_id: ChatId) -> Read {
        Read::EventsAfter {
            chat_id,
            after: self.wanted.page.after,
            limit: self.limit,
        }
    }

    /// The last event that whoever asks may see.
    pub(crate) fn last(self, chat: &Chat) -> Seq {
        self.wanted.last(chat.timeline.seq())
    }

    /// The events that the store had, unless one of them is damaged or missing.
    pub(crate) fn complete(self, stored: &[StoredEvent], chat: &Chat) -> Option<Events> {
        let after = self.wanted.page.after;
        let head = chat.timeline.seq();
        let mut lines = Lines::new(self.wanted.page, self.wanted.end(head));
        for (seq, event) in (after.next().0..).zip(stored) {
            let is_next = event.row.head.seq == Seq(seq);
            let mut line = Vec::new();
            if !is_next || !put_stored(&mut line, event, chat) {
                return None;
            }
            if !lines.push(|out| out.extend_from_slice(&line)) {
                break;
            }
        }
        let rest = self.wanted.rest(lines.through, head);
        (lines.count > 0).then(|| lines.finish(rest))
    }
}

/// Appends a stored event as it stands now, with what the store may lack; false where it is damaged.
fn put_stored(out: &mut Vec<u8>, event: &StoredEvent, chat: &Chat) -> bool {
    if let Some(message) = &event.message {
        if chat.timeline.erased().is_empty() && !chat.timeline.unstored().amends(message.seq) {
            message.encode_event(out);
        } else {
            let mut message = message.clone();
            chat.timeline.lay_over(&mut message);
            message.encode_event(out);
        }
        return true;
    }
    let seq = event.row.head.seq;
    let Ok(mut record) = Record::decode(&event.row.record) else {
        return false;
    };
    if let Record::MessageAmended(amended) = &mut record {
        chat.timeline.erased().lay_over_edit(amended);
        if is_superseded(chat.timeline.unstored(), amended, seq) {
            amended.change = Change::NO_CONTENT;
        }
    }
    let event = Event::of(&record);
    if let Some(event) = &event {
        event.encode(seq, out);
    }
    event.is_some()
}

/// Whether something that the store may lack takes the content of an edit.
fn is_superseded(unstored: &Unstored, amended: &MessageAmended<'_>, seq: Seq) -> bool {
    let target = amended.target.seq;
    let newest_edit = unstored.newest_edit(target).map(|(row, _)| row.seq);
    let is_edit = matches!(amended.change, Change::Edited { .. });
    is_edit && (unstored.deletes(target) || newest_edit.is_some_and(|newest| newest > seq))
}

/// Events, line by line.
struct Lines {
    page: EventsPage,
    end: Seq,
    lines: Vec<u8>,
    count: u32,
    through: Seq,
}

impl Lines {
    const fn new(page: EventsPage, end: Seq) -> Self {
        Self {
            page,
            end,
            lines: Vec::new(),
            count: 0,
            through: page.after,
        }
    }

    /// Adds the next event; false where it does not belong to the page. The first fits whatever its size.
    fn push(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.through >= self.end || self.count as usize >= self.page.limit {
            return false;
        }
        let before = self.lines.len();
        put(&mut self.lines);
        self.lines.push(b'\n');
        if self.count > 0 && self.lines.len() > self.page.bytes_max {
            self.lines.truncate(before);
            return false;
        }
        self.count += 1;
        self.through = self.through.next();
        true
    }

    fn finish(self, rest: Rest) -> Events {
        Events {
            lines: Bytes::from(self.lines),
            count: self.count,
            through: self.through,
            rest,
        }
    }
}

impl From<Events> for Outcome {
    fn from(events: Events) -> Self {
        Self::Events(Box::new(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_an_event_is_more_or_live_or_nothing_that_is_wanted() {
        for (through, until, removed, head, expected) in [
            (6, 9, None, 7, Rest::More),
            (7, 9, None, 7, Rest::Live),
            (4, 5, None, 7, Rest::More),
            (5, 5, None, 7, Rest::End),
            (7, 7, None, 7, Rest::End),
            (4, 9, Some(5), 7, Rest::More),
            (5, 9, Some(5), 7, Rest::End),
        ] {
            let page = EventsPage {
                after: Seq(0),
                until: Seq(until),
                limit: 9,
                bytes_max: 9,
            };
            let removed = removed.map(Seq);
            let rest = Wanted { page, removed }.rest(Seq(through), Seq(head));
            assert_eq!(rest, expected, "behind {through} of {page:?}");
        }
    }
}
