//! Chats that are deleted: whom that is told, and how the store comes to have nothing of them.

use rookery_schema::event::Event;
use rookery_schema::record::{ChatDeleted, Record};
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Seq};

use crate::context::Context;
use crate::edge::port::{Found, Membership, Part, StoreFault, Token};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, Events, EventsPage, Leaver, Outcome, Rest};
use crate::owner::changes::ChangeKey;
use crate::owner::fold::Folded;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::progress::SpanId;
use crate::owner::purging::Next;

impl Partition {
    /// A chat was deleted: all who listen hear that as the last of it, and whoever waits for a page of it is refused.
    pub(super) fn chat_deleted(&mut self, span: SpanId, chat_id: ChatId, cx: &mut Context<'_>) {
        self.flush_chat(chat_id, Some(Leaver::All), cx);
        self.chats.change(chat_id, |chat| chat.forget_all());
        let key = ChangeKey::Deleted(chat_id);
        self.answer_when_stored(span, key, || Outcome::Done, cx);
        self.purge_when_stored(span, cx);
        let mut undone: Vec<Asker> = Vec::new();
        self.pages.retain(|(of, _), waiting| {
            let is_gone = *of == chat_id;
            if is_gone {
                undone.extend(waiting.iter().map(|(asker, _)| *asker));
            }
            !is_gone
        });
        self.events.retain(|(of, _), waiting| {
            let is_gone = *of == chat_id;
            if is_gone {
                undone.append(waiting);
            }
            !is_gone
        });
        for asker in undone {
            cx.refuse(asker, Problem::NO_SUCH_CHAT);
        }
    }

    /// Whether a chat is in memory, and was not deleted: then the store has all events that it had.
    pub(super) fn is_there(&mut self, chat_id: ChatId) -> bool {
        let chat = self.chats.active(chat_id);
        chat.is_some_and(|chat| chat.deleted().is_none())
    }

    /// Once a span is stored, the store has a chat to remove the rest of.
    pub(super) fn purge_when_stored(&mut self, span: SpanId, cx: &mut Context<'_>) {
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.any_deleted = true;
        }
    }

    /// A record landed behind the deletion of its chat, and does nothing: whoever waits for it is told.
    pub(super) fn void(
        &mut self,
        span: SpanId,
        record: &Record<'_>,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) {
        if let Record::MessageAmended(amended) = record {
            return self.amended(amended, Folded::Void, span, cx);
        }
        let problem = match record {
            Record::ChatCreated(_) => Problem::CHAT_DELETED,
            Record::MessagePosted(_)
            | Record::MessageAmended(_)
            | Record::MemberAdded(_)
            | Record::MemberRemoved(_)
            | Record::RoleSet(_)
            | Record::ChatChanged(_)
            | Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_)
            | Record::ChatDeleted(_)
            | Record::BlockSet(_)
            | Record::SenderErased(_) => Problem::NO_SUCH_CHAT,
        };
        if let Some(key) = ChangeKey::of_chat(record, bytes) {
            self.answer_when_stored(span, key, || Outcome::Refused(problem), cx);
        }
    }

    /// The store told what somebody was to a chat that is deleted. Who was a member until then is told that it is.
    pub(super) fn farewell_read(
        &self,
        asker: Asker,
        page: EventsPage,
        (seq, deleted): (Seq, ChatDeleted),
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let was_member = match cx.found(outcome, Found::membership) {
            // They are removed little by little.
            Some(Membership::Member { .. }) => true,
            Some(Membership::Removed { removed_seq, .. }) => removed_seq == seq,
            Some(Membership::Never) => false,
            None => return cx.refuse(asker, Problem::STORE_UNAVAILABLE),
        };
        // What came before it is gone.
        if !was_member || page.until < seq {
            return cx.refuse(asker, Problem::NO_SUCH_CHAT);
        }
        let mut lines = Vec::new();
        let is_new = page.after < seq;
        if is_new {
            Event::ChatDeleted(deleted).encode(seq, &mut lines);
            lines.push(b'\n');
        }
        let events = Events {
            lines: lines.into(),
            count: u32::from(is_new),
            through: seq,
            rest: Rest::End,
        };
        cx.answer(asker, events.into());
    }

    /// Does the next step of removing what the store has of deleted chats, unless one is under way.
    pub(super) fn go_on_purging(&mut self, cx: &mut Context<'_>) {
        match self.purging.next(self.id, cx.now.micros) {
            Some(Next::Chats(read)) => self.read(PartitionRead::Purges, read, cx),
            Some(Next::Members(read)) => self.read(PartitionRead::PurgedMembers, read, cx),
            Some(Next::Write(rows)) => self.write_purge(rows, cx),
            None => {}
        }
    }

    fn write_purge(&self, rows: Vec<Row>, cx: &mut Context<'_>) {
        let token = Token {
            part: Part::Purging(self.id),
            number: self.number_base,
        };
        cx.write(token, rows);
    }

    /// The store told which deleted chats it has more of.
    pub(super) fn purges_read(&mut self, outcome: Result<Found, StoreFault>, cx: &mut Context<'_>) {
        match cx.found(outcome, Found::purges) {
            Some(chats) => {
                self.purging.found_chats(chats, cx.now.micros);
                self.go_on_purging(cx);
            }
            None => self.purging.failed(cx.now.micros),
        }
    }

    /// The store told which members it still has of a deleted chat.
    pub(super) fn purged_members_read(
        &mut self,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(members) = cx.found(outcome, Found::members) else {
            return self.purging.failed(cx.now.micros);
        };
        let rows = self.purging.found_members(&members);
        match rows.is_empty() {
            true => self.go_on_purging(cx),
            false => self.write_purge(rows, cx),
        }
    }

    /// A step is in the store.
    pub(crate) fn purge_written(&mut self, number: u64, cx: &mut Context<'_>) {
        // It may be of an earlier time that the partition was open.
        if number == self.number_base {
            self.purging.written();
            self.go_on_purging(cx);
        }
    }
}
