//! One chat: its members, how far it has come, its newest events, and who listens.

use std::collections::VecDeque;

use bytes::Bytes;
use indexmap::IndexSet;
use rookery_schema::event::{Event, EventKind, put_history_message, put_ids, put_json_text};
use rookery_schema::limits::CHAT_MEMBERS_MAX;
use rookery_schema::message::Message;
use rookery_schema::record::{ChatCreated, Record};
use rookery_schema::row::{ChatRow, EventRow, Head, MemberRow, Row};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, ShardId, Timestamp, Topology, UserId};

use crate::context::{Context, Set};
use crate::mesh::{ChatSummary, EventBatch, Outcome, ShardMessage};
use crate::port::StoredChat;

/// Stored events of one chat kept in memory.
pub(crate) const RECENT_EVENTS_MAX: usize = 128;
/// Bytes of stored events of one chat kept in memory.
pub(crate) const RECENT_BYTES_MAX: usize = 64 * 1024;
/// Events read with a chat from the store.
pub(crate) const RECENT_EVENTS_LOADED: usize = 32;

/// A chat that its owner has in memory.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) id: ChatId,
    pub(crate) name: Box<str>,
    pub(crate) created_at: Timestamp,
    /// In the order in which they became members.
    pub(crate) members: IndexSet<UserId, foldhash::fast::RandomState>,
    pub(crate) head: Head,
    /// The newest events, without a gap up to the head; none that is not stored is missing.
    recent: VecDeque<RecentEvent>,
    recent_bytes: usize,
    latest_message: Option<Shown>,
    active_at: Timestamp,
    subscribers: Set<UserId>,
    /// How many subscribers each home shard has.
    interest: Vec<(ShardId, u32)>,
    outgoing: Outgoing,
    /// When it was last asked for or changed, in microseconds.
    pub(crate) used_micros: u64,
}

/// A message, where history finds it.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// In memory, as the event that was sent.
    Event(Bytes),
    /// In the store, as it stands now.
    Stored(Message),
}

impl Shown {
    /// Appends it as history shows it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Event(json) => {
                put_history_message(out, json);
            }
            Self::Stored(message) => message.encode(out),
        }
    }
}

/// An event as it was sent.
#[derive(Debug)]
pub(crate) struct RecentEvent {
    pub(crate) seq: Seq,
    pub(crate) json: Bytes,
    pub(crate) is_message: bool,
    offset: Offset,
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
    is_message: bool,
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
            recent: VecDeque::new(),
            recent_bytes: 0,
            latest_message: None,
            active_at: record.at,
            subscribers: Set::default(),
            interest: Vec::new(),
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
            messages: _,
            latest_message,
        } = stored;
        let mut this = Self {
            id: chat.chat_id,
            name: chat.name.into(),
            created_at: chat.created_at,
            members: members.into_iter().collect(),
            head,
            recent: VecDeque::with_capacity(recent.len()),
            recent_bytes: 0,
            latest_message: latest_message.map(Shown::Stored),
            active_at: chat.created_at,
            subscribers: Set::default(),
            interest: Vec::new(),
            outgoing: Outgoing::default(),
            used_micros: 0,
        };
        for row in recent {
            if let Some(json) = encode_row(&row) {
                this.active_at = event_time(&row).unwrap_or(this.active_at);
                let is_message = row.kind == EventKind::Message;
                this.remember(row.head.seq, row.head.offset, json, is_message);
            }
        }
        this
    }

    pub(crate) fn is_member(&self, user: UserId) -> bool {
        self.members.contains(&user)
    }

    /// Numbers an event, readies it for sending and gives the row to store.
    pub(crate) fn number(
        &mut self,
        event: &Event<'_>,
        at: Timestamp,
        (partition, offset): (PartitionId, Offset),
        record: Bytes,
    ) -> Row {
        let kind = event.kind();
        let is_message = kind == EventKind::Message;
        self.head = Head {
            seq: self.head.seq.next(),
            messages: self.head.messages + u64::from(is_message),
            partition,
            offset,
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
            offset,
            is_message,
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
    pub(crate) fn has_outgoing(&self) -> bool {
        !self.outgoing.events.is_empty()
    }

    /// Sends what was numbered to every home that is interested.
    pub(crate) fn flush(&mut self, leaver: Option<UserId>, cx: &mut Context<'_>) {
        let Outgoing {
            lines,
            events,
            accepted_at,
        } = std::mem::take(&mut self.outgoing);
        if events.is_empty() {
            return;
        }
        let lines = Bytes::from(lines);
        let mut start = 0;
        for event in &events {
            let json = lines.slice(start..event.end);
            start = event.end + 1;
            if event.is_message {
                self.latest_message = Some(Shown::Event(json.clone()));
            }
            self.remember(event.seq, event.offset, json, event.is_message);
        }
        let batch = EventBatch {
            chat_id: self.id,
            lines,
            count: events.len() as u32,
            accepted_at,
            applied_micros: cx.now.micros,
            leaver,
        };
        for &(shard, _) in &self.interest {
            cx.send(shard, ShardMessage::Events(batch.clone()));
        }
    }

    fn remember(&mut self, seq: Seq, offset: Offset, json: Bytes, is_message: bool) {
        self.recent_bytes += json.len();
        self.recent.push_back(RecentEvent {
            seq,
            json,
            is_message,
            offset,
        });
    }

    /// Forgets old events above so many bytes, but none that the store does not have yet; it has all of
    /// the partition's records below `stored`.
    pub(crate) fn trim(&mut self, stored: Offset, bytes_max: usize) {
        while let Some(oldest) = self.recent.front() {
            let over = self.recent.len() > RECENT_EVENTS_MAX || self.recent_bytes > bytes_max;
            if !over || oldest.offset >= stored {
                break;
            }
            self.recent_bytes -= oldest.json.len();
            self.recent.pop_front();
        }
    }

    /// Whether every event is in the store, so that the chat can be forgotten.
    pub(crate) fn is_stored(&self, stored: Offset) -> bool {
        self.head.seq == Seq(0) || self.head.offset < stored
    }

    /// Whether anybody is connected who gets its events.
    pub(crate) fn has_subscribers(&self) -> bool {
        !self.subscribers.is_empty()
    }

    pub(crate) fn subscribe(&mut self, user: UserId, topology: Topology) {
        if !self.subscribers.insert(user) {
            return;
        }
        let home = topology.home(user);
        match self.interest.iter_mut().find(|(shard, _)| *shard == home) {
            Some((_, count)) => *count += 1,
            None => self.interest.push((home, 1)),
        }
    }

    pub(crate) fn unsubscribe(&mut self, user: UserId, topology: Topology) {
        if !self.subscribers.remove(&user) {
            return;
        }
        let home = topology.home(user);
        if let Some(index) = self.interest.iter().position(|(shard, _)| *shard == home) {
            self.interest[index].1 -= 1;
            if self.interest[index].1 == 0 {
                self.interest.swap_remove(index);
            }
        }
    }

    /// The newest events in memory, oldest first.
    pub(crate) const fn recent(&self) -> &VecDeque<RecentEvent> {
        &self.recent
    }

    /// The lowest seq from which on all events are in memory.
    pub(crate) fn recent_from(&self) -> Seq {
        self.recent
            .front()
            .map_or(self.head.seq.next(), |oldest| oldest.seq)
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

    /// Whether nobody can join.
    pub(crate) fn is_full(&self) -> bool {
        self.members.len() >= CHAT_MEMBERS_MAX
    }

    /// The chat as its members see it.
    pub(crate) fn shown(&self, created: bool) -> Outcome {
        let mut out = Vec::with_capacity(160 + self.members.len() * 39);
        out.extend_from_slice(br#"{"chat_id":""#);
        out.extend_from_slice(self.id.to_string().as_bytes());
        out.extend_from_slice(br#"","name":"#);
        put_json_text(&mut out, &self.name);
        out.extend_from_slice(br#","members":"#);
        put_ids(&mut out, self.members.iter().copied());
        out.extend_from_slice(br#","created_at":""#);
        out.extend_from_slice(&self.created_at.rfc3339());
        out.extend_from_slice(br#""}"#);
        Outcome::Json { created, body: out }
    }

    /// The chat as its members' inboxes show it.
    pub(crate) fn summary(&self) -> ChatSummary {
        let last_message = self.latest_message.as_ref().map(|message| {
            let mut shown = Vec::new();
            message.encode(&mut shown);
            shown
        });
        ChatSummary {
            chat_id: self.id,
            name: self.name.clone(),
            last_seq: self.head.seq,
            messages: self.head.messages,
            last_message,
            active_at: self.active_at,
        }
    }
}

/// The event of a stored row, as it was sent; `None` where this version can't read the record.
fn encode_row(row: &EventRow) -> Option<Bytes> {
    let event = Event::of(&Record::decode(&row.record).ok()?)?;
    let mut json = Vec::new();
    event.encode(row.head.seq, &mut json);
    Some(json.into())
}

fn event_time(row: &EventRow) -> Option<Timestamp> {
    Record::decode(&row.record).ok()?.at()
}
