//! One chat: its members, how far it has come, its newest events, and who listens.

mod audience;
mod blocks;
mod members;
mod notes;
mod recent;
mod said;
#[cfg(test)]
pub(crate) mod sample;
mod unstored;

use std::rc::Rc;

use bytes::Bytes;
use rookery_schema::event::{
    Event, EventKind, put_direct, put_json_text, put_members, put_roles, put_settings, put_user_id,
};
use rookery_schema::limits::{CHAT_MEMBERS_MAX, MEMBERS_SHOWN_MAX};
use rookery_schema::message::Message;
use rookery_schema::record::{
    BlockSet, ChatChanged, ChatCreated, ChatDeleted, Edit, MessageAmended, Record, SenderErased,
};
use rookery_schema::roles::{History, Role, Settings};
use rookery_schema::row::{
    AmendmentRow, BlockRow, ChatRow, DeletedChatRow, ErasedRow, EventRow, Head, Mark, MarkRow,
    MemberRow, RoleRow, Row, SettingsRow,
};
use rookery_schema::{ChatId, MessageId, Offset, PartitionId, Seq, Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{Deletion, ErasedSender, StoredChat, StoredMember};
use crate::json_page::JsonPage;
use crate::mesh::{
    Activity, ChatSummary, Created, EventBatch, Leaver, Marked, MembersPage, Outcome, PageCursor,
    ShardMessage,
};
use crate::owner::budget::allocated;
pub(crate) use crate::owner::chat::audience::Audience;
use crate::owner::chat::blocks::Blocks;
pub(crate) use crate::owner::chat::members::Members;
use crate::owner::chat::notes::Notes;
use crate::owner::chat::recent::event_of;
pub(crate) use crate::owner::chat::recent::{Recent, Shown};
pub(crate) use crate::owner::chat::unstored::{Reading, Unstored};
use crate::owner::erased::Erased;

/// Events read with a chat from the store.
pub(crate) const RECENT_EVENTS_LOADED: usize = 32;

/// Microseconds after which it is told again who is admin since the last one has left, where that did not come about.
const HANDOVER_MICROS: u64 = 10_000_000;
/// Bytes of stored events of a chat that are kept in memory.
const RECENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of memory that a chat takes which has nothing: itself, and its places in the table of chats and in the order
/// in which they are looked at, which may be half empty.
const CHAT_BYTES: usize = allocated(size_of::<Chat>())
    + 2 * (size_of::<(ChatId, [usize; 2])>() + 1)
    + 2 * size_of::<ChatId>();

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
    settings: Settings,
    created_at: Timestamp,
    /// Tells what was asked for when it was made, where that is known here.
    creation_digest: Option<u64>,
    members: Members,
    blocks: Blocks,
    /// When it was tried last to tell of [`Members::untold_heir`], in microseconds.
    handover_micros: Option<u64>,
    head: Head,
    /// It was deleted: it has nothing but this and its head.
    deleted: Option<Box<Deletion>>,
    recent: Recent,
    unstored: Unstored,
    erased: Erased,
    /// How far users have come by what they did.
    pub(crate) notes: Notes,
    active_at: Timestamp,
    pub(crate) audience: Audience,
    outgoing: Outgoing,
    /// Bytes of the lines that were sent last: room for as many is made at once for the next.
    sent_bytes: usize,
    /// When it was last asked for or changed, in microseconds.
    pub(crate) used_micros: u64,
    /// The same, as it was when the chat was last looked at to find one to forget.
    swept_micros: u64,
    /// More events than it may keep wait for the store to have them.
    pub(crate) awaits_trim: bool,
    /// Bytes of memory that count for it.
    counted_bytes: usize,
}

/// How many messages there were up to some event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Memory knows.
    Here(Marked),
    /// The event in the store does; there are so many messages in all.
    InStore { seq: Seq, all: u64 },
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
        let members = Members::new(record.chat_id, record.members.len(), None);
        let settings = Settings::new(record.name);
        let mut this = Self::new(record.chat_id, record.at, settings, members);
        this.creation_digest = Some(record.content_digest());
        for user_id in record.members.iter() {
            this.members.add(user_id, this.head.seq.next(), false);
        }
        this
    }

    /// A chat without events.
    fn new(id: ChatId, created_at: Timestamp, settings: Settings, members: Members) -> Self {
        Self {
            id,
            settings,
            created_at,
            creation_digest: None,
            members,
            blocks: Blocks::default(),
            handover_micros: None,
            head: Head::default(),
            deleted: None,
            recent: Recent::default(),
            unstored: Unstored::default(),
            erased: Erased::default(),
            notes: Notes::default(),
            active_at: created_at,
            audience: Audience::default(),
            outgoing: Outgoing::default(),
            sent_bytes: 0,
            used_micros: 0,
            swept_micros: 0,
            awaits_trim: false,
            counted_bytes: 0,
        }
    }

    /// A chat as the store has it, but for its members, of whom there are so many.
    pub(crate) fn stored(stored: StoredChat, members: usize) -> Self {
        let StoredChat {
            chat,
            members: _,
            last_role,
            settings,
            head,
            recent,
            messages,
            latest_message,
            blockers,
            erased,
            deleted,
        } = stored;
        let settings = settings.unwrap_or_else(|| Settings::new(&chat.name));
        let members = Members::new(chat.chat_id, members, last_role);
        let mut this = Self::new(chat.chat_id, chat.created_at, settings, members);
        this.head = head;
        this.deleted = deleted.map(Box::new);
        this.blocks = Blocks::stored(blockers);
        this.erased = Erased::stored(&erased, head.seq);
        let standing = |mut message: Message| {
            this.erased.lay_over(&mut message);
            message
        };
        this.recent = Recent::with_latest(latest_message.map(standing));
        this.creation_digest = recent.first().and_then(creation_digest);
        for row in recent {
            if let Some(user_id) = comes_forward(&row) {
                this.notes.load(user_id, row.head.mark());
            }
            if let Some(json) = encode_row(&row, &this.erased) {
                this.active_at = this.active_at.max(event_time(&row).unwrap_or_default());
                let bytes = json.len();
                this.recent.push(row.head.seq, row.head.offset, json);
                this.recent.end_buffer(bytes);
            }
        }
        for mut message in messages {
            this.erased.lay_over(&mut message);
            let seq = message.seq;
            let amended = message.is_amended().then(|| Rc::new(message));
            if let Some(message) = &amended {
                this.recent.replace(seq, event_of(message));
            }
            this.recent.push_message(seq, amended);
        }
        this
    }

    /// Adds members as the store has them, for whom there is room.
    pub(crate) fn add_members(&mut self, members: impl Iterator<Item = StoredMember>) {
        // To extend a map would make room for them again.
        for member in members {
            let StoredMember {
                user_id,
                added_seq,
                is_admin,
            } = member;
            self.members.add(user_id, added_seq, is_admin);
        }
    }

    pub(crate) fn is_member(&self, user: UserId) -> bool {
        self.members.contains(user)
    }

    /// One of the two of a direct chat blocks the other, or does so no more; what is to be stored of that. Only the fold may
    /// do that.
    pub(super) fn set_block(&mut self, set: &BlockSet, at: Place) -> Row {
        self.blocks.set(set.by, set.is_blocked, at.offset);
        Row::Block(BlockRow {
            user_id: set.by,
            blocked_id: set.blocked_id,
            chat_id: self.id,
            is_blocked: set.is_blocked,
            at: set.at,
            offset: at.offset,
        })
    }

    /// Whether a member of a direct chat has blocked the other.
    pub(crate) fn blocks(&self, user_id: UserId) -> bool {
        self.blocks.has(user_id)
    }

    /// Whether a member of a direct chat is blocked by the other.
    pub(crate) fn is_blocked(&self, user_id: UserId) -> bool {
        self.blocks.is_blocked(user_id)
    }

    /// Who deleted it and when, where it was.
    pub(crate) fn deleted(&self) -> Option<ChatDeleted> {
        let Deletion { by, at } = **self.deleted.as_ref()?;
        Some(ChatDeleted {
            chat_id: self.id,
            by,
            at,
        })
    }

    /// Deletes it by the newest event: it has no members from then on. Only the fold may do that.
    pub(super) fn delete(&mut self, deleted: &ChatDeleted) {
        let ChatDeleted { by, at, .. } = *deleted;
        self.deleted = Some(Box::new(Deletion { by, at }));
        self.members = Members::new(self.id, 0, None);
        self.settings = Settings::new("");
    }

    /// What is stored of it where it was deleted.
    pub(super) fn tombstone(&self) -> Option<Row> {
        let ChatDeleted { chat_id, by, at } = self.deleted()?;
        Some(Row::ChatDeleted(DeletedChatRow {
            chat_id,
            head: self.head,
            by,
            at,
        }))
    }

    /// Forgets what was said in it, and who listens.
    pub(crate) fn forget_all(&mut self) {
        self.recent = Recent::default();
        self.unstored = Unstored::default();
        self.erased = Erased::default();
        self.audience = Audience::default();
        self.creation_digest = None;
        self.notes = Notes::default();
    }

    /// Whether it is the direct chat of its two members.
    pub(crate) fn is_direct(&self) -> bool {
        self.members.are_direct()
    }

    /// Tells what was asked for when it was made, where that is known here.
    pub(crate) const fn creation_digest(&self) -> Option<u64> {
        self.creation_digest
    }

    /// It was read with what it was made.
    pub(crate) const fn note_creation(&mut self, digest: u64) {
        self.creation_digest = Some(digest);
    }

    pub(crate) const fn members(&self) -> &Members {
        &self.members
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

    /// Adds a member by the next event; false where they are one already. Only the fold may do that.
    pub(super) fn insert_member(&mut self, user: UserId) -> bool {
        self.members.insert(user, self.head.seq.next())
    }

    /// Removes a member by the next event; false where they are none. Gives up their role: what is to be stored of that,
    /// where they were an admin, is added to `rows`. Only the fold may do that.
    pub(super) fn remove_member(&mut self, user_id: UserId, rows: &mut Vec<Row>) -> bool {
        let (was, was_admin) = (self.members.given(user_id), self.members.is_admin(user_id));
        if self.members.remove(user_id).is_none() {
            return false;
        }
        if was_admin {
            self.members.note_role_of_leaver(user_id);
            rows.push(Row::Role(RoleRow {
                chat_id: self.id,
                user_id,
                seq: self.head.seq.next(),
                role: Role::Member,
                was,
            }));
        }
        true
    }

    /// Gives members roles by the newest event; what is to be stored of that. Only the fold may do that.
    pub(super) fn set_roles(&mut self, roles: &[(UserId, Role)]) -> Vec<Row> {
        let row = |&(user_id, role): &(UserId, Role)| RoleRow {
            chat_id: self.id,
            user_id,
            seq: self.head.seq,
            role,
            was: self.members.given(user_id),
        };
        let rows: Vec<RoleRow> = roles.iter().map(row).collect();
        for row in &rows {
            self.members.set_role(row.user_id, row.role);
        }
        rows.into_iter().map(Row::Role).collect()
    }

    /// Changes settings by the newest event; what is to be stored of that. Only the fold may do that.
    pub(super) fn change_settings(&mut self, changed: &ChatChanged<'_>) -> Row {
        changed.apply(&mut self.settings);
        Row::Settings(SettingsRow {
            chat_id: self.id,
            seq: self.head.seq,
            settings: self.settings.clone(),
        })
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// See [`Members::untold_heir`]: where that is to be told now, the first time, or again since it did not come about.
    pub(crate) fn untold_heir_due(&mut self, now_micros: u64) -> Option<(UserId, UserId)> {
        let Some(untold) = self.members.untold_heir() else {
            self.handover_micros = None;
            return None;
        };
        let again = |last: u64| last + HANDOVER_MICROS <= now_micros;
        let is_due = self.handover_micros.is_none_or(again);
        is_due.then(|| {
            self.handover_micros = Some(now_micros);
            untold
        })
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
        self.active_at = self.active_at.max(at);
        let outgoing = &mut self.outgoing;
        if outgoing.events.is_empty() {
            outgoing.accepted_at = at;
            outgoing.lines.reserve(self.sent_bytes);
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

    /// Whether what a record amends, or an edit that it takes the place of, is about to be sent.
    pub(crate) fn is_sending_what_is_amended(&self, amended: &MessageAmended<'_>) -> bool {
        let target = amended.target.seq;
        let edit = self.unstored.newest_edit(target).map(|(row, _)| row.seq);
        let first = self.outgoing.events.first().map(|event| event.seq);
        first.is_some_and(|first| target.max(edit.unwrap_or_default()) >= first)
    }

    /// Amends a message by the newest event. Only the fold may do that.
    pub(super) fn amend(&mut self, row: AmendmentRow, target_messages: u64) {
        self.recent.amend(&row, target_messages);
        let Head {
            messages, offset, ..
        } = self.head;
        self.unstored.push(row, messages, offset);
    }

    /// An edit loses its content to a newer event. Only the fold may do that.
    pub(super) fn redact(&mut self, seq: Seq, redacted: &Record<'_>) {
        self.recent.replace(seq, encode(redacted, seq));
    }

    /// All that a user said is gone by the newest event; what is to be stored of that. What they say from now on is no event.
    /// Only the fold may do that.
    pub(super) fn erase(&mut self, record: &SenderErased) -> Row {
        let SenderErased { user_id, at, .. } = *record;
        let Head { seq, partition, .. } = self.head;
        self.erased.add(ErasedSender { user_id, seq, at });
        self.recent.erase(&self.erased, self.head.messages);
        Row::Erased(ErasedRow {
            chat_id: self.id,
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
    pub(super) fn is_deleted(&self, target: Seq) -> bool {
        let standing = self.recent.standing(target, 0);
        let is_deleted = standing.is_some_and(|message| message.deleted().is_some());
        is_deleted || self.unstored.deletes(target)
    }

    /// The newest edit of a message that is known here.
    pub(super) fn newest_edit(&self, target: Seq) -> Option<Edit> {
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
        let outgoing = self.outgoing.events.iter();
        let outgoing = outgoing.filter(|it| it.kind == EventKind::Message && it.seq > seq);
        let behind = self.recent.messages_behind(seq) + outgoing.count() as u64;
        self.head.messages.checked_sub(behind)
    }

    /// Notes that the newest event has its user come as far as it. Only the fold may do that.
    pub(super) fn note(&mut self, user: UserId) {
        self.notes.add(user, self.head.mark());
    }

    /// Takes the marks that are to be written of what was noted.
    pub(crate) fn take_marks(&mut self) -> impl Iterator<Item = Row> + '_ {
        let chat_id = self.id;
        self.notes.take().map(move |(user_id, mark)| {
            Row::Mark(MarkRow {
                user_id,
                chat_id,
                mark,
            })
        })
    }

    /// Up to where a user has read whose home knows of this mark.
    pub(crate) fn marked(&self, user: UserId, known: Mark) -> Marked {
        let mark = known.max(self.notes.of(user)).max(Mark::CREATION);
        let unread = self.head.messages.saturating_sub(mark.messages);
        Marked { mark, unread }
    }

    /// How many messages there were up to an event that a user has read, or what it takes to know.
    pub(crate) fn count_read(&self, user: UserId, seq: Seq) -> Counted {
        let seq = seq.min(self.head.seq);
        let least = self.notes.of(user);
        let messages = match seq <= least.seq {
            true => Some(least.messages),
            false => self.messages_up_to(seq),
        };
        match messages {
            Some(messages) => Counted::Here(self.marked(user, Mark { seq, messages })),
            None => Counted::InStore {
                seq,
                all: self.head.messages,
            },
        }
    }

    /// The message with this id as it stands, if it is in memory.
    pub(crate) fn find(&self, id: MessageId) -> Option<Message> {
        let seq = self.recent.find(id)?;
        let messages = self.head.messages - self.recent.messages_behind(seq);
        self.recent.standing(seq, messages)
    }

    /// What amends messages and may not be in what is read of the store.
    pub(crate) const fn unstored(&self) -> &Unstored {
        &self.unstored
    }

    /// Gives up of that what need not be kept; the store has all records below `stored`.
    pub(crate) fn release_amendments(&mut self, stored: Offset, reading: Reading) {
        self.unstored.release(stored, reading);
    }

    /// Whether something was numbered that was not sent yet.
    pub(crate) const fn has_outgoing(&self) -> bool {
        !self.outgoing.events.is_empty()
    }

    /// Sends what was numbered to every home that is interested.
    pub(crate) fn flush(&mut self, leaver: Option<Leaver>, cx: &mut Context<'_>) {
        let Outgoing {
            mut lines,
            events,
            accepted_at,
        } = std::mem::take(&mut self.outgoing);
        let Some(first) = events.first().map(|event| event.seq) else {
            return;
        };
        self.sent_bytes = lines.len();
        if lines.capacity() / 2 > lines.len() {
            // They are kept for a while.
            lines.shrink_to_fit();
        }
        let buffer_bytes = lines.capacity();
        let lines = Bytes::from(lines);
        let mut start = 0;
        for event in &events {
            let json = lines.slice(start..event.end);
            start = event.end + 1;
            self.recent.push(event.seq, event.offset, json);
            if event.kind == EventKind::Message {
                self.recent.push_message(event.seq, None);
            }
        }
        self.recent.end_buffer(buffer_bytes);
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

    /// Whether somebody has asked for it, or it was changed, since this was last called.
    pub(crate) const fn was_used_since_swept(&mut self) -> bool {
        let was_used = self.swept_micros != self.used_micros;
        self.swept_micros = self.used_micros;
        was_used
    }

    /// Counts the memory that it takes; returns what counted before.
    pub(crate) fn count_bytes(&mut self) -> usize {
        let bytes = self.bytes();
        std::mem::replace(&mut self.counted_bytes, bytes)
    }

    /// Bytes of memory that were counted last.
    pub(crate) const fn counted_bytes(&self) -> usize {
        self.counted_bytes
    }

    /// Bytes of memory that it takes now, but for what is about to be sent: it is counted for each event.
    fn bytes(&self) -> usize {
        CHAT_BYTES
            + allocated(self.settings.name.len())
            + allocated(self.settings.description.len())
            + self.members.bytes()
            + self.recent.bytes()
            + self.unstored.bytes()
            + self.erased.bytes()
            + self.notes.bytes()
            + self.audience.bytes()
    }

    /// Where in the log its newest event lies.
    pub(crate) const fn head_offset(&self) -> Offset {
        self.head.offset
    }

    /// Whether every event is in the store, and nothing need be laid over what is read of it, so that the chat can be
    /// forgotten.
    pub(crate) fn is_stored(&self, stored: Offset) -> bool {
        let is_stored = self.head.seq == Seq(0) || self.head.offset < stored;
        is_stored && self.unstored.is_empty() && self.blocks.is_stored(stored)
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
            name: self.settings.name.to_string(),
            created_at: self.created_at,
        };
        let members = self.members.iter().zip(0..).map(|(user_id, position)| {
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
        let mut out = Vec::with_capacity(350 + self.settings.description.len() + members * 39);
        out.extend_from_slice(br#"{"chat_id":""#);
        out.extend_from_slice(self.id.to_string().as_bytes());
        out.extend_from_slice(br#"","name":"#);
        put_json_text(&mut out, &self.settings.name);
        put_direct(&mut out, self.is_direct());
        put_settings(&mut out, &self.settings);
        put_members(&mut out, self.members.len(), self.members.iter());
        let admins = self.members.first_admins(MEMBERS_SHOWN_MAX);
        put_roles(&mut out, admins.map(|user_id| (user_id, Role::Admin)));
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
        let mut json = JsonPage::new(page.limit);
        let shown = self
            .members
            .behind(page.after)
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

    /// The first event that a member may see.
    pub(crate) fn shown_since(&self, user_id: UserId) -> Seq {
        match self.settings.history {
            History::All => Seq(1),
            History::Joined => self.members.joined(user_id).unwrap_or(self.head.seq.next()),
        }
    }

    /// The chat as the inbox of a member shows it.
    pub(crate) fn summary(&self, user: UserId, known: Mark) -> ChatSummary {
        let since = self.shown_since(user);
        let latest = self.recent.latest_message();
        let last_message = latest.filter(|(seq, _)| *seq >= since).map(|(_, message)| {
            let mut shown = Vec::new();
            message.put(&mut shown);
            shown
        });
        ChatSummary {
            chat_id: self.id,
            name: self.settings.name.clone(),
            other_user_id: self.members.other(user),
            last_seq: self.head.seq,
            read: self.marked(user, known),
            last_message,
        }
    }
}

/// The event of a stored row, as it was sent but for what is gone; `None` where the record is damaged.
fn encode_row(row: &EventRow, erased: &Erased) -> Option<Bytes> {
    let mut record = Record::decode(&row.record).ok()?;
    if let Record::MessageAmended(amended) = &mut record {
        erased.lay_over_edit(amended);
    }
    let json = encode(&record, row.head.seq);
    (!json.is_empty()).then_some(json)
}

/// Tells what a chat was made with, where this is its first event.
pub(crate) fn creation_digest(row: &EventRow) -> Option<u64> {
    let Ok(Record::ChatCreated(created)) = Record::decode(&row.record) else {
        return None;
    };
    Some(created.content_digest())
}

/// The event of a record; nothing where it is none.
fn encode(record: &Record<'_>, seq: Seq) -> Bytes {
    let mut json = Vec::new();
    if let Some(event) = Event::of(record) {
        event.encode(seq, &mut json);
    }
    json.shrink_to_fit();
    json.into()
}

/// The user whom an event has come as far as it: a message does its sender.
fn comes_forward(row: &EventRow) -> Option<UserId> {
    match Record::decode(&row.record).ok()? {
        Record::MessagePosted(message) => Some(message.sender_id),
        Record::MemberAdded(change) => Some(change.user_id),
        Record::MessageAmended(_)
        | Record::ChatCreated(_)
        | Record::MemberRemoved(_)
        | Record::RoleSet(_)
        | Record::ChatChanged(_)
        | Record::ChatDeleted(_)
        | Record::BlockSet(_)
        | Record::SenderErased(_)
        | Record::UserRegistered(_)
        | Record::SessionEnded(_)
        | Record::PasswordSet(_)
        | Record::UserDeleted(_)
        | Record::SessionStarted(_)
        | Record::ProfileChanged(_)
        | Record::UserSettingsChanged(_) => None,
    }
}

fn event_time(row: &EventRow) -> Option<Timestamp> {
    Record::decode(&row.record).ok()?.at()
}
