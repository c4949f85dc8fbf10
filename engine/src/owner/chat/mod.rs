//! One chat: its members, how far it has come, its newest events, and who listens.

mod audience;
mod blocks;
mod members;
mod notes;
mod outgoing;
mod recent;
mod said;
#[cfg(test)]
pub(crate) mod sample;
pub(super) mod showing;
pub(super) mod stored;
mod timeline;
mod unstored;

use bytes::Bytes;
use rookery_schema::event::Event;
use rookery_schema::limits::CHAT_MEMBERS_MAX;
use rookery_schema::record::{BlockSet, ChatChanged, ChatCreated, ChatDeleted};
use rookery_schema::roles::{History, Role, Settings};
use rookery_schema::row::{
    BlockRow, ChatRow, DeletedChatRow, EventRow, Mark, MarkRow, MemberRow, RoleRow, Row,
    SettingsRow,
};
use rookery_schema::{ChatId, Offset, Seq, Timestamp, UserId};

use crate::context::Context;
use crate::edge::port::{Deletion, StoredChat, StoredMember};
use crate::mesh::{Activity, EventBatch, Leaver, Marked, ShardMessage};
use crate::owner::budget::allocated;
pub(crate) use crate::owner::chat::audience::Audience;
use crate::owner::chat::blocks::Blocks;
pub(crate) use crate::owner::chat::members::Members;
use crate::owner::chat::notes::Notes;
pub(crate) use crate::owner::chat::recent::Shown;
use crate::owner::chat::stored::{comes_forward, creation_digest};
pub(crate) use crate::owner::chat::timeline::{Place, Timeline};
pub(crate) use crate::owner::chat::unstored::{Reading, Unstored};
use crate::owner::erased::Erased;

/// Events read with a chat from the store.
pub(crate) const RECENT_EVENTS_LOADED: usize = 32;

/// Microseconds after which it is told again who is admin since the last one has left, where that did not come about.
const HANDOVER_MICROS: u64 = 10_000_000;
/// Bytes of memory that a chat takes which has nothing: itself, and its places in the table of chats and in the order
/// in which they are looked at, which may be half empty.
const CHAT_BYTES: usize = allocated(size_of::<Chat>())
    + 2 * (size_of::<(ChatId, [usize; 2])>() + 1)
    + 2 * size_of::<ChatId>();

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
    pub(crate) timeline: Timeline,
    /// It was deleted: it has nothing but this and its head.
    deleted: Option<Box<Deletion>>,
    /// How far users have come by what they did.
    pub(crate) notes: Notes,
    pub(crate) audience: Audience,
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
    /// The event in the store does; this is the chat's last event, with all messages.
    InStore { seq: Seq, all: Mark },
}

impl Chat {
    /// A chat that a record creates; it has no events yet.
    pub(crate) fn created(record: &ChatCreated<'_>) -> Self {
        let members = Members::new(record.chat_id, record.members.len(), None);
        let settings = Settings::new(record.name);
        let mut this = Self::new(record.chat_id, record.at, settings, members);
        this.creation_digest = Some(record.content_digest());
        for user_id in record.members.iter() {
            this.members.add(user_id, this.timeline.seq().next(), false);
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
            timeline: Timeline::new(created_at),
            deleted: None,
            notes: Notes::default(),
            audience: Audience::default(),
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
        let erased = Erased::stored(&erased, head.seq);
        this.timeline = Timeline::stored(chat.created_at, head, erased, latest_message);
        this.deleted = deleted.map(Box::new);
        this.blocks = Blocks::stored(blockers);
        this.creation_digest = recent.first().and_then(creation_digest);
        for row in &recent {
            if let Some(user_id) = comes_forward(row) {
                this.notes.load(user_id, row.head.mark());
            }
            this.timeline.load_event(row);
        }
        for message in messages {
            this.timeline.load_message(message);
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
            head: self.timeline.head(),
            by,
            at,
        }))
    }

    /// Forgets what was said in it, and who listens.
    pub(crate) fn forget_all(&mut self) {
        self.timeline.forget_all();
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

    /// Adds a member by the next event; false where they are one already. Only the fold may do that.
    pub(super) fn insert_member(&mut self, user: UserId) -> bool {
        self.members.insert(user, self.timeline.seq().next())
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
                seq: self.timeline.seq().next(),
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
            seq: self.timeline.seq(),
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
            seq: self.timeline.seq(),
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

    /// Numbers an event, readies it for sending and gives the row to store. Only the fold may do that.
    pub(super) fn number(
        &mut self,
        event: &Event<'_>,
        at: Timestamp,
        place: Place,
        record: Bytes,
    ) -> Row {
        self.timeline.number(event, at, place);
        Row::Event(EventRow {
            chat_id: self.id,
            head: self.timeline.head(),
            record,
            kind: event.kind(),
        })
    }

    /// Sends what was numbered to every home that is interested.
    pub(crate) fn flush(&mut self, leaver: Option<Leaver>, cx: &mut Context<'_>) {
        let Some(sent) = self.timeline.take_outgoing() else {
            return;
        };
        let batch = EventBatch {
            chat_id: self.id,
            from: cx.id(),
            first: sent.first,
            count: sent.count() as u32,
            lines: sent.lines,
            accepted_at: sent.accepted_at,
            applied_micros: cx.now.micros,
            leaver,
        };
        debug_assert!(batch.is_whole(), "a line is missing of what is sent");
        for shard in self.audience.shards() {
            cx.send(shard, ShardMessage::Events(batch.clone()));
        }
    }

    /// When it was created.
    pub(crate) const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Notes that the newest event has its user come as far as it. Only the fold may do that.
    pub(super) fn note(&mut self, user: UserId) {
        self.notes.add(user, self.timeline.mark());
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
        let unread = self.timeline.messages().saturating_sub(mark.messages);
        Marked {
            mark,
            unread,
            last_seq: self.timeline.seq(),
        }
    }

    /// How many messages there were up to an event that a user has read, or what it takes to know.
    pub(crate) fn count_read(&self, user: UserId, seq: Seq) -> Counted {
        let seq = seq.min(self.timeline.seq());
        let least = self.notes.of(user);
        let messages = match seq <= least.seq {
            true => Some(least.messages),
            false => self.timeline.messages_up_to(seq),
        };
        match messages {
            Some(messages) => Counted::Here(self.marked(user, Mark { seq, messages })),
            None => Counted::InStore {
                seq,
                all: self.timeline.mark(),
            },
        }
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
            + self.timeline.bytes()
            + self.notes.bytes()
            + self.audience.bytes()
    }

    /// Whether every event is in the store, and nothing need be laid over what is read of it, so that the chat can be
    /// forgotten.
    pub(crate) fn is_stored(&self, stored: Offset) -> bool {
        self.timeline.is_stored(stored) && self.blocks.is_stored(stored)
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
                added_seq: self.timeline.seq(),
            })
        });
        std::iter::once(Row::Chat(chat)).chain(members)
    }

    /// When it last changed.
    pub(crate) const fn activity(&self) -> Activity {
        Activity {
            at: self.timeline.active_at(),
            chat_id: self.id,
        }
    }

    /// The first event that a member may see.
    pub(crate) fn shown_since(&self, user_id: UserId) -> Seq {
        match self.settings.history {
            History::All => Seq(1),
            History::Joined => self
                .members
                .joined(user_id)
                .unwrap_or(self.timeline.seq().next()),
        }
    }
}
