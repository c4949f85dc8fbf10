//! One chat: its members, how far it has come, its newest events, and who listens.

mod audience;
mod recent;
#[cfg(test)]
pub(crate) mod sample;

use std::rc::Rc;

use bytes::Bytes;
use indexmap::IndexSet;
use rookery_schema::event::{Event, EventKind, put_json_text, put_members, put_user_id};
use rookery_schema::limits::{CHAT_MEMBERS_MAX, MEMBERS_SHOWN_MAX};
use rookery_schema::record::{ChatCreated, Record};
use rookery_schema::row::{ChatRow, EventRow, Head, MemberRow, Row};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::StoredChat;
use crate::json_page::JsonPage;
use crate::mesh::{
    Activity, ChatSummary, Created, EventBatch, MembersPage, Outcome, PageCursor, ShardMessage,
};
use crate::owner::chat::audience::Audience;
pub(crate) use crate::owner::chat::recent::{Recent, Shown};

/// Events read with a chat from the store.
pub(crate) const RECENT_EVENTS_LOADED: usize = 32;

/// Where a record lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
}

/// A chat that its owner has in memory.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) id: ChatId,
    name: Box<str>,
    created_at: Timestamp,
    /// In the order in which they became members.
    members: IndexSet<UserId, foldhash::fast::RandomState>,
    head: Head,
    recent: Recent,
    /// The newest message, as history shows it.
    latest_message: Option<Shown>,
    active_at: Timestamp,
    pub(crate) audience: Audience,
    outgoing: Outgoing,
    /// When it was last asked for or changed, in microseconds.
    pub(crate) used_micros: u64,
}

/// Events that were applied and are about to be sent.
#[derive(Debug, Default)]
struct Outgoing {
    lines: Vec<u8>,
    /// For each event, where its line ends (before the line break), and what it is.
    events: Vec<OutgoingEvent>,
    accepted_at: Timestamp,
}

#[derive(Debug)]
struct OutgoingEvent {
    end: usize,
    seq: Seq,
    offset: Offset,
    kind: EventKind,
}

impl Chat {
    /// A chat that a record creates; it has no events yet.
    pub(crate) fn created(record: &ChatCreated<'_>) -> Self {
        Self {
            id: record.chat_id,
            name: record.name.into(),
            created_at: record.at,
            members: record.members.iter().collect(),
            head: Head::default(),
            recent: Recent::default(),
            latest_message: None,
            active_at: record.at,
            audience: Audience::default(),
            outgoing: Outgoing::default(),
            used_micros: 0,
        }
    }

    /// A chat as the store has it.
    pub(crate) fn stored(stored: StoredChat) -> Self {
        let StoredChat {
            chat,
            members,
            head,
            recent,
            messages,
            latest_message,
        } = stored;
        let mut this = Self {
            id: chat.chat_id,
            name: chat.name.into(),
            created_at: chat.created_at,
            members: members.into_iter().collect(),
            head,
            recent: Recent::default(),
            latest_message: latest_message.map(|message| Shown::Standing(Rc::new(message))),
            active_at: chat.created_at,
            audience: Audience::default(),
            outgoing: Outgoing::default(),
            used_micros: 0,
        };
        for row in recent {
            if let Some(json) = encode_row(&row) {
                this.active_at = event_time(&row).unwrap_or(this.active_at);
                this.recent.push(row.head.seq, row.head.offset, json);
            }
        }
        for message in messages {
            let amended = message.is_amended();
            let seq = message.seq;
            this.recent
                .push_message(seq, amended.then(|| Rc::new(message)));
        }
        this
    }

    pub(crate) fn is_member(&self, user: UserId) -> bool {
        self.members.contains(&user)
    }

    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = UserId> + '_ {
        self.members.iter().copied()
    }

    /// Whether nobody can join.
    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= CHAT_MEMBERS_MAX
    }

    /// Whether a record's effect is in this state already: the store was ahead of what was committed.
    pub(crate) fn contains(&self, at: Place) -> bool {
        self.head.seq > Seq(0)
            && self.head.partition == at.partition
            && at.offset <= self.head.offset
    }

    /// Adds a member; false where they are one already. Only the fold may do that.
    pub(super) fn insert_member(&mut self, user: UserId) -> bool {
        self.members.insert(user)
    }

    /// Removes a member; false where they are none. Only the fold may do that.
    pub(super) fn remove_member(&mut self, user: UserId) -> bool {
        self.members.shift_remove(&user)
    }

    /// The newest event's number.
    pub(crate) const fn seq(&self) -> Seq {
        self.head.seq
    }

    /// Numbers an event, readies it for sending and gives the row to store. Only the fold may do that.
    pub(super) fn number(
        &mut self,
        event: &Event<'_>,
        at: Timestamp,
        place: Place,
        record: Bytes,
    ) -> Row {
        debug_assert!(!self.contains(place), "an event lies behind the head");
        let kind = event.kind();
        self.head = Head {
            seq: self.head.seq.next(),
            messages: self.head.messages + u64::from(kind == EventKind::Message),
            partition: place.partition,
            offset: place.offset,
        };
        self.active_at = at;
        let outgoing = &mut self.outgoing;
        if outgoing.events.is_empty() {
            outgoing.accepted_at = at;
        }
        event.encode(self.head.seq, &mut outgoing.lines);
        outgoing.events.push(OutgoingEvent {
            end: outgoing.lines.len(),
            seq: self.head.seq,
            offset: place.offset,
            kind,
        });
        outgoing.lines.push(b'\n');
        Row::Event(EventRow {
            chat_id: self.id,
            head: self.head,
            record,
            kind,
        })
    }

    /// Whether something was numbered that was not sent yet.
    pub(crate) const fn has_outgoing(&self) -> bool {
        !self.outgoing.events.is_empty()
    }

    /// Sends what was numbered to every home that is interested.
    pub(crate) fn flush(&mut self, leaver: Option<UserId>, cx: &mut Context<'_>) {
        let Outgoing {
            lines,
            events,
            accepted_at,
        } = std::mem::take(&mut self.outgoing);
        let Some(first) = events.first().map(|event| event.seq) else {
            return;
        };
        let lines = Bytes::from(lines);
        let mut start = 0;
        for event in &events {
            let json = lines.slice(start..event.end);
            start = event.end + 1;
            self.recent.push(event.seq, event.offset, json.clone());
            if event.kind == EventKind::Message {
                self.recent.push_message(event.seq, None);
                self.latest_message = Some(Shown::AsSaid(json));
            }
        }
        let batch = EventBatch {
            chat_id: self.id,
            from: cx.id(),
            first,
            lines,
            count: events.len() as u32,
            accepted_at,
            applied_micros: cx.now.micros,
            leaver,
        };
        debug_assert!(batch.is_whole(), "a line is missing of what is sent");
        for shard in self.audience.shards() {
            cx.send(shard, ShardMessage::Events(batch.clone()));
        }
    }

    /// Forgets old events above so many bytes, but none that the store does not have yet.
    pub(crate) fn trim(&mut self, stored: Offset, bytes_max: usize) {
        self.recent.trim(stored, bytes_max);
    }

    /// Whether every event is in the store, so that the chat can be forgotten.
    pub(crate) fn is_stored(&self, stored: Offset) -> bool {
        self.head.seq == Seq(0) || self.head.offset < stored
    }

    /// The newest events in memory.
    pub(crate) const fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The lowest seq from which on all events are in memory.
    pub(crate) fn recent_from(&self) -> Seq {
        self.recent.from().unwrap_or(self.head.seq.next())
    }

    /// The rows of a chat that was just created, besides its event.
    pub(crate) fn creation_rows(&self) -> impl Iterator<Item = Row> + '_ {
        let chat = ChatRow {
            chat_id: self.id,
            name: self.name.to_string(),
            created_at: self.created_at,
        };
        let members = self.members.iter().zip(0..).map(|(&user_id, position)| {
            Row::Member(MemberRow {
                chat_id: self.id,
                user_id,
                position,
                added_seq: self.head.seq,
            })
        });
        std::iter::once(Row::Chat(chat)).chain(members)
    }

    /// The chat as its members see it, with the first of them.
    pub(crate) fn shown(&self, created: bool) -> Outcome {
        let members = self.members.len().min(MEMBERS_SHOWN_MAX);
        let mut out = Vec::with_capacity(190 + members * 39);
        out.extend_from_slice(br#"{"chat_id":""#);
        out.extend_from_slice(self.id.to_string().as_bytes());
        out.extend_from_slice(br#"","name":"#);
        put_json_text(&mut out, &self.name);
        put_members(&mut out, self.members.len(), self.members());
        out.extend_from_slice(br#","created_at":""#);
        out.extend_from_slice(&self.created_at.rfc3339());
        out.extend_from_slice(br#""}"#);
        Outcome::Json {
            created: created.then(|| Box::new(Created::Chat(self.id))),
            body: out,
        }
    }

    /// A page of its members, in the order in which they joined.
    pub(crate) fn members_page(&self, page: MembersPage) -> Outcome {
        let after = page.after.and_then(|user| self.members.get_index_of(&user));
        let from = after.map_or(0, |index| index + 1);
        let mut json = JsonPage::new(page.limit);
        let shown = self
            .members()
            .skip(from)
            .take_while(|user| json.push(|out| put_user_id(out, *user)));
        let last = shown.last();
        Outcome::Page {
            next: last.filter(|_| json.is_cut()).map(PageCursor::AfterMember),
            body: json.finish(),
        }
    }

    /// When it last changed.
    pub(crate) const fn activity(&self) -> Activity {
        Activity {
            at: self.active_at,
            chat_id: self.id,
        }
    }

    /// The chat as its members' inboxes show it.
    pub(crate) fn summary(&self) -> ChatSummary {
        let last_message = self.latest_message.as_ref().map(|message| {
            let mut shown = Vec::new();
            message.put(&mut shown);
            shown
        });
        ChatSummary {
            chat_id: self.id,
            name: self.name.clone(),
            last_seq: self.head.seq,
            messages: self.head.messages,
            last_message,
        }
    }
}

/// The event of a stored row, as it was sent; `None` where the record is damaged.
fn encode_row(row: &EventRow) -> Option<Bytes> {
    let event = Event::of(&Record::decode(&row.record).ok()?)?;
    let mut json = Vec::new();
    event.encode(row.head.seq, &mut json);
    Some(json.into())
}

fn event_time(row: &EventRow) -> Option<Timestamp> {
    Record::decode(&row.record).ok()?.at()
}
