//! What the log delivers: each record is folded into its chat, and what that changes is stored and sent.

use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::record::{MessagePosted, Record};
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Offset, UserId};

use crate::context::Context;
use crate::mesh::ShardMessage;
use crate::owner::chat::{Chat, Place};
use crate::owner::chats::{Parked, ParkedRecord, Slot};
use crate::owner::fold::fold;
use crate::owner::partition::appending::answer_posted;
use crate::owner::partition::{Partition, send_to_homes};
use crate::owner::progress::SpanId;

#[cfg(test)]
mod tests;

/// A record that is being applied.
#[derive(Clone, Copy)]
pub(super) struct Applying<'a> {
    offset: Offset,
    /// Sees it into the store.
    pub(super) span: SpanId,
    pub(super) record: &'a Record<'a>,
    pub(super) bytes: &'a Bytes,
}

impl Partition {
    /// Applies what the log delivered.
    pub(crate) fn records(&mut self, base: Offset, batch: &RecordBatch, cx: &mut Context<'_>) {
        let end = base.plus(u64::from(batch.len()));
        if base < self.delivery.next() {
            cx.bug("the log repeated records");
        }
        self.delivery.advance(end);
        let mut records = batch.iter().zip(base.0..);
        if end <= self.committed_before {
            return records.for_each(|(bytes, offset)| self.remember(Offset(offset), &bytes, cx));
        }
        let span = self.progress.begin(end, batch.as_bytes().len(), cx);
        let mut rows = Vec::with_capacity(batch.len() as usize);
        for (bytes, offset) in &mut records {
            if Offset(offset) < self.committed_before {
                self.remember(Offset(offset), &bytes, cx);
            } else {
                self.apply(Offset(offset), span, &bytes, &mut rows, cx);
            }
        }
        self.flush_touched(cx);
        // Also where no record yields a row: a log that is trimmed must not look newer than its store.
        rows.push(Row::Reached {
            partition: self.id,
            behind: end,
        });
        self.write_and_release(span, rows, cx);
        self.serve_waiting_reads(cx);
    }

    /// Fills the dedup window with a record that the store has.
    fn remember(&mut self, offset: Offset, bytes: &[u8], cx: &mut Context<'_>) {
        let Ok(record) = Record::decode(bytes) else {
            return;
        };
        self.note_stamp(&record);
        match record {
            Record::MessagePosted(message) => {
                self.is_first(offset, &message, cx);
            }
            // None of these has a client id.
            Record::MessageAmended(_)
            | Record::ChatCreated(_)
            | Record::MemberAdded(_)
            | Record::MemberRemoved(_)
            | Record::RoleSet(_)
            | Record::ChatChanged(_)
            | Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::ChatDeleted(_)
            | Record::BlockSet(_)
            | Record::SenderErased(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => {}
        }
    }

    fn note_stamp(&mut self, record: &Record<'_>) {
        self.latest_stamp = self.latest_stamp.max(record.at().unwrap_or_default());
    }

    /// Whether a message is not a repeat of an earlier one; who still waits for either is answered.
    fn is_first(
        &mut self,
        offset: Offset,
        message: &MessagePosted<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(client_id) = message.client_id else {
            return true;
        };
        let dedup = &mut self.dedup;
        let chat_id = message.chat_id;
        let send = dedup.keyed(chat_id, message.sender_id, client_id, message.content);
        let applied = dedup.apply(send, offset, message.message_id);
        answer_posted(applied.askers, applied.yields, chat_id, cx);
        applied.is_first
    }

    fn apply(
        &mut self,
        offset: Offset,
        span: SpanId,
        bytes: &Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let record = match Record::decode(bytes) {
            Ok(record) => record,
            Err(error) => return self.dead_letter(offset, span, bytes, error.to_string(), cx),
        };
        self.note_stamp(&record);
        let applying = Applying {
            offset,
            span,
            record: &record,
            bytes,
        };
        match &record {
            Record::MessagePosted(message) => {
                if self.is_first(offset, message, cx) {
                    self.progress.count_message(span, cx);
                    self.apply_to_chat(message.chat_id, applying, rows, cx);
                }
            }
            Record::MessageAmended(amended) => {
                self.apply_to_chat(amended.chat_id, applying, rows, cx);
            }
            Record::ChatCreated(created) => {
                self.apply_to_chat(created.chat_id, applying, rows, cx);
            }
            Record::MemberAdded(change) | Record::MemberRemoved(change) => {
                self.apply_to_chat(change.chat_id, applying, rows, cx);
            }
            Record::RoleSet(set) => self.apply_to_chat(set.chat_id, applying, rows, cx),
            Record::ChatChanged(changed) => {
                self.apply_to_chat(changed.chat_id, applying, rows, cx);
            }
            Record::UserRegistered(user) => self.apply_user(user, span, bytes, rows, cx),
            Record::SessionEnded(ended) => self.apply_session_end(*ended, rows, cx),
            Record::PasswordSet(set) => self.apply_password(set, span, bytes, rows, cx),
            Record::SessionStarted(started) => self.apply_session_start(started, span, rows, cx),
            Record::ProfileChanged(changed) => {
                self.apply_profile(changed, (offset, bytes), span, rows, cx);
            }
            Record::UserSettingsChanged(changed) => {
                self.apply_user_settings(changed, (offset, bytes), span, rows, cx);
            }
            Record::ChatDeleted(deleted) => {
                self.apply_to_chat(deleted.chat_id, applying, rows, cx);
            }
            Record::BlockSet(set) => self.apply_to_chat(set.chat_id, applying, rows, cx),
            Record::SenderErased(erased) => {
                self.apply_to_chat(erased.chat_id, applying, rows, cx);
            }
            Record::UserDeleted(deleted) => {
                self.apply_user_deletion(deleted, span, bytes, rows, cx);
            }
        }
    }

    fn apply_to_chat(
        &mut self,
        chat_id: ChatId,
        applying: Applying<'_>,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if let Some(Slot::Active(_) | Slot::Fresh) = self.chats.get_mut(chat_id) {
            return self.apply_loaded(chat_id, applying, rows, cx);
        }
        self.progress.hold(applying.span, cx);
        tell_joining(chat_id, applying.record, cx);
        let parked = ParkedRecord {
            offset: applying.offset,
            span: applying.span,
            bytes: applying.bytes.clone(),
        };
        self.park(chat_id, Parked::Record(parked), cx);
    }

    /// Applies a record that waited for its chat, which is in memory now if it exists.
    pub(super) fn apply_parked(
        &mut self,
        chat_id: ChatId,
        parked: &ParkedRecord,
        cx: &mut Context<'_>,
    ) {
        let mut rows = Vec::new();
        match Record::decode(&parked.bytes) {
            Ok(record) => {
                let applying = Applying {
                    offset: parked.offset,
                    span: parked.span,
                    record: &record,
                    bytes: &parked.bytes,
                };
                self.apply_loaded(chat_id, applying, &mut rows, cx);
            }
            Err(_) => cx.bug("a record that was understood is understood no more"),
        }
        self.write_and_release(parked.span, rows, cx);
    }

    fn apply_loaded(
        &mut self,
        chat_id: ChatId,
        applying: Applying<'_>,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        match applying.record {
            Record::ChatCreated(created) if self.chats.active(chat_id).is_none() => {
                let chat = Box::new(Chat::created(created));
                self.chats.insert(chat, cx.now.micros);
            }
            Record::BlockSet(set) if set.is_blocked && self.chats.active(chat_id).is_none() => {
                let members = set.members();
                let chat = Box::new(Chat::created(&set.creation(&members)));
                self.chats.insert(chat, cx.now.micros);
            }
            // Events up to here are not for the one who joins, and what is erased must be where that is done.
            Record::MemberAdded(_) | Record::SenderErased(_) => self.flush_chat(chat_id, None, cx),
            // What is amended must be where it is amended.
            Record::MessageAmended(amended) => {
                let is_sending =
                    |chat: &mut Chat| chat.timeline.is_sending_what_is_amended(amended);
                if self.chats.active(chat_id).is_some_and(is_sending) {
                    self.flush_chat(chat_id, None, cx);
                }
            }
            Record::ChatCreated(_)
            | Record::MessagePosted(_)
            | Record::MemberRemoved(_)
            | Record::RoleSet(_)
            | Record::ChatChanged(_)
            | Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::ChatDeleted(_)
            | Record::BlockSet(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => {}
        }
        let Some(chat) = self.chats.active(chat_id) else {
            let reason = format!("it is for chat {chat_id}, which was never created");
            let Applying {
                offset,
                span,
                bytes,
                ..
            } = applying;
            return self.dead_letter(offset, span, bytes, reason, cx);
        };
        chat.used_micros = cx.now.micros;
        let place = Place {
            partition: self.id,
            offset: applying.offset,
        };
        let had_outgoing = chat.timeline.has_outgoing();
        let folded = fold(chat, applying.record, applying.bytes, place, rows);
        if !had_outgoing && chat.timeline.has_outgoing() {
            self.touched.push(chat_id);
        }
        self.folded(chat_id, folded, applying, cx);
    }
}

/// Has homes count those who join a chat by a record that waits for it: after a crash, or in place of an earlier owner,
/// nothing else tells of them before it is read.
fn tell_joining(chat_id: ChatId, record: &Record<'_>, cx: &mut Context<'_>) {
    if !cx.config.limits_chats() {
        return;
    }
    let joining: Vec<UserId> = match record {
        Record::ChatCreated(created) => created.members.iter().collect(),
        Record::MemberAdded(change) => vec![change.user_id],
        Record::BlockSet(set) => vec![set.by, set.blocked_id],
        Record::MessagePosted(_)
        | Record::MessageAmended(_)
        | Record::MemberRemoved(_)
        | Record::RoleSet(_)
        | Record::ChatChanged(_)
        | Record::UserRegistered(_)
        | Record::SessionEnded(_)
        | Record::PasswordSet(_)
        | Record::UserDeleted(_)
        | Record::ChatDeleted(_)
        | Record::SenderErased(_)
        | Record::SessionStarted(_)
        | Record::ProfileChanged(_)
        | Record::UserSettingsChanged(_) => return,
    };
    send_to_homes(&joining, cx, |users| ShardMessage::Joining {
        chat_id,
        users,
    });
}
