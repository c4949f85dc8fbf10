//! What the log delivers: each record is folded into its chat, and what that changes is stored and sent.

use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::record::{MessagePosted, Record, SessionEnded};
use rookery_schema::roles::Role;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Offset, SessionId, UserId};

use crate::context::Context;
use crate::edge::effect::Notice;
use crate::edge::port::LogRequest;
use crate::mesh::problem::Problem;
use crate::mesh::{Ended, Leaver, Outcome, ShardMessage};
use crate::owner::changes::ChangeKey;
use crate::owner::chat::showing::shown;
use crate::owner::chat::{Chat, Place};
use crate::owner::chats::{Parked, ParkedRecord, Slot};
use crate::owner::fold::{Folded, fold};
use crate::owner::partition::marks::NOTED_MICROS;
use crate::owner::partition::{Partition, answer_posted, send_to_homes};
use crate::owner::progress::{OnStored, SpanId};

#[cfg(test)]
mod tests;

/// The chat of a record stays in memory until that is applied.
const GONE: &str = "a chat is gone while a record of it is applied";

/// A record that is being applied.
#[derive(Clone, Copy)]
struct Applying<'a> {
    offset: Offset,
    /// Sees it into the store.
    span: SpanId,
    record: &'a Record<'a>,
    bytes: &'a Bytes,
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

    /// Writes rows of a span, which is released when they are in the store.
    pub(super) fn write_and_release(&mut self, span: SpanId, rows: Vec<Row>, cx: &mut Context<'_>) {
        if rows.is_empty() {
            self.release(span, cx);
        } else {
            cx.write(self.token(span.0), rows);
        }
        self.steer_delivery(cx);
    }

    /// Gives up a hold on a span; with the last one, whoever waited for it to be stored is told.
    pub(super) fn release(&mut self, span: SpanId, cx: &mut Context<'_>) {
        if let Some(on_stored) = self.progress.release(span, cx) {
            self.stored(on_stored, cx);
            self.trim_stored();
            self.steer_delivery(cx);
        }
    }

    fn stored(&mut self, on_stored: OnStored, cx: &mut Context<'_>) {
        for username in on_stored.names {
            self.names.stored(&username);
        }
        for (user_id, session_id) in on_stored.sessions {
            self.new_sessions.remove(user_id, session_id);
        }
        for (user_id, offset) in on_stored.settings {
            self.user_settings_stored(user_id, offset, cx);
        }
        for (chat_id, users) in on_stored.joins {
            send_to_homes(&users, cx, |users| ShardMessage::JoinsStored {
                chat_id,
                users,
            });
        }
        for (asker, outcome) in on_stored.answers {
            cx.answer(asker, outcome);
        }
        if on_stored.any_erased {
            self.erasing.want();
            self.go_on_erasing(cx);
        }
        if on_stored.any_to_rewrite {
            self.rewriting.want();
            self.go_on_rewriting(cx);
        }
        if on_stored.any_deleted {
            self.purging.want();
            self.go_on_purging(cx);
        }
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

    /// Has a record that can't be understood kept for an operator; until then its span is held.
    fn dead_letter(
        &mut self,
        offset: Offset,
        span: SpanId,
        bytes: &Bytes,
        reason: String,
        cx: &mut Context<'_>,
    ) {
        let partition = self.id;
        cx.stats.poison_records += 1;
        cx.effects.notices.push(Notice::PoisonRecord {
            partition,
            offset,
            reason: reason.clone(),
        });
        self.progress.hold(span, cx);
        self.dead_letters.push_back(span);
        cx.effects.log.push(LogRequest::DeadLetter {
            partition,
            offset,
            record: bytes.clone(),
            reason,
        });
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

    /// Tells whom a change of a chat concerns.
    fn folded(
        &mut self,
        chat_id: ChatId,
        folded: Folded,
        applying: Applying<'_>,
        cx: &mut Context<'_>,
    ) {
        let span = applying.span;
        match folded {
            Folded::Numbered => {}
            Folded::Amended | Folded::TooLate => {
                if let Record::MessageAmended(amended) = applying.record {
                    self.amended(amended, folded, span, cx);
                }
            }
            Folded::Contained => self.tell_contained(chat_id, applying, cx),
            Folded::Created => {
                let members = self.members(chat_id, cx);
                self.joined(span, chat_id, members, false, cx);
                if let Record::ChatCreated(created) = applying.record {
                    self.show_when_stored(span, ChangeKey::chat(created), chat_id, cx);
                }
            }
            Folded::Joined(user_id) => {
                self.joined(span, chat_id, vec![user_id], false, cx);
                self.show_when_stored(span, ChangeKey::Added(chat_id, user_id), chat_id, cx);
            }
            Folded::Left(user_id) => {
                // Events from here on are not for the one who left.
                self.flush_chat(chat_id, Some(Leaver::One(user_id)), cx);
                self.unsubscribe(chat_id, &[user_id], cx);
                let key = ChangeKey::Removed(chat_id, user_id);
                self.answer_when_stored(span, key, || Outcome::Done, cx);
                self.tell_heir(chat_id, cx);
            }
            Folded::RoleSet(user_id, role) => {
                let key = ChangeKey::Role(chat_id, user_id, role);
                self.show_when_stored(span, key, chat_id, cx);
            }
            Folded::Changed => {
                let key = ChangeKey::settings(chat_id, applying.bytes);
                self.show_when_stored(span, key, chat_id, cx);
            }
            Folded::Blocked { is_new } => {
                if is_new {
                    let members = self.members(chat_id, cx);
                    self.joined(span, chat_id, members, false, cx);
                }
                if let Some(key) = ChangeKey::of_chat(applying.record, applying.bytes) {
                    self.answer_when_stored(span, key, || Outcome::Done, cx);
                }
            }
            Folded::Deleted => self.chat_deleted(span, chat_id, cx),
            Folded::Erased(user_id) => {
                let key = ChangeKey::Erased(chat_id, user_id);
                self.answer_when_stored(span, key, || Outcome::Done, cx);
                self.rewrite_when_stored(span, cx);
            }
            Folded::Void => self.void(span, applying.record, applying.bytes, cx),
            Folded::LastAdmin(user_id) => {
                let key = ChangeKey::Role(chat_id, user_id, Role::Member);
                let outcome = || Outcome::Refused(Problem::LAST_ADMIN);
                self.answer_when_stored(span, key, outcome, cx);
            }
            Folded::Unchanged => match applying.record {
                Record::ChatCreated(created) => self.made_again(span, created, cx),
                Record::MemberAdded(change) => {
                    let key = ChangeKey::Added(chat_id, change.user_id);
                    self.show_when_stored(span, key, chat_id, cx);
                }
                Record::MemberRemoved(change) => {
                    let key = ChangeKey::Removed(chat_id, change.user_id);
                    self.answer_when_stored(span, key, || Outcome::Done, cx);
                }
                Record::RoleSet(set) => {
                    let key = ChangeKey::Role(chat_id, set.user_id, set.role);
                    let member = |chat: &mut Chat| chat.is_member(set.user_id);
                    if self.chats.active(chat_id).is_some_and(member) {
                        self.show_when_stored(span, key, chat_id, cx);
                    } else {
                        let outcome = || Outcome::Refused(Problem::NO_SUCH_USER);
                        self.answer_when_stored(span, key, outcome, cx);
                    }
                }
                Record::SenderErased(erased) => {
                    let key = ChangeKey::Erased(chat_id, erased.user_id);
                    self.answer_when_stored(span, key, || Outcome::Done, cx);
                }
                Record::MessagePosted(_)
                | Record::MessageAmended(_)
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
            },
            Folded::Full(user_id) => {
                let key = ChangeKey::Added(chat_id, user_id);
                let outcome = || Outcome::Refused(Problem::CHAT_FULL);
                self.answer_when_stored(span, key, outcome, cx);
            }
        }
    }

    /// Homes are told of memberships that the state contained already: they may have asked the store before it
    /// knew, and whoever owned the partition then may be gone.
    fn tell_contained(&mut self, chat_id: ChatId, applying: Applying<'_>, cx: &mut Context<'_>) {
        let joined = match applying.record {
            Record::ChatCreated(_) | Record::BlockSet(_) => self.members(chat_id, cx),
            Record::MemberAdded(change) => vec![change.user_id],
            Record::ChatDeleted(_) => return self.purge_when_stored(applying.span, cx),
            Record::MessagePosted(_)
            | Record::MessageAmended(_)
            | Record::MemberRemoved(_)
            | Record::RoleSet(_)
            | Record::ChatChanged(_)
            | Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::SenderErased(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => return,
        };
        let Some(chat) = self.chat_of_record(chat_id, cx) else {
            return;
        };
        let still = joined.into_iter().filter(|user| chat.is_member(*user));
        let still: Vec<UserId> = still.collect();
        self.joined(applying.span, chat_id, still, true, cx);
    }

    /// The chat of a record that is being applied. It stays in memory until that is done.
    fn chat_of_record(&mut self, chat_id: ChatId, cx: &mut Context<'_>) -> Option<&mut Chat> {
        let chat = self.chats.active(chat_id);
        if chat.is_none() {
            cx.bug(GONE);
        }
        chat
    }

    fn members(&mut self, chat_id: ChatId, cx: &mut Context<'_>) -> Vec<UserId> {
        let chat = self.chat_of_record(chat_id, cx);
        chat.map(|chat| chat.members().iter().collect())
            .unwrap_or_default()
    }

    /// Counts new members as subscribed, and tells their homes, before their event is sent.
    fn joined(
        &mut self,
        span: SpanId,
        chat_id: ChatId,
        members: Vec<UserId>,
        under_earlier: bool,
        cx: &mut Context<'_>,
    ) {
        let counted = self.chats.change(chat_id, |chat| {
            for &member in &members {
                chat.audience.add(member, cx.routing.home(member));
            }
        });
        if counted.is_none() {
            cx.bug(GONE);
        }
        let from = cx.id();
        send_to_homes(&members, cx, |users| ShardMessage::Joined {
            chat_id,
            from,
            users,
            under_earlier,
        });
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.joins.push((chat_id, members));
        }
    }

    fn apply_session_end(
        &mut self,
        ended: SessionEnded,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        rows.push(Row::EndedSession {
            session_id: ended.session_id,
            expires_at: ended.expires_at,
        });
        rows.extend(unlisted(ended));
        let void = Ended::from(ended);
        cx.send_to_all(|| ShardMessage::SessionsEnded {
            ended: void,
            tell: None,
        });
        self.invite_spent(ended.session_id, cx);
    }

    /// Shows a chat to whoever waits for a change of it. Every member is in what is shown: it is not
    /// made where nobody waits, as in a replay.
    pub(super) fn show_when_stored(
        &mut self,
        span: SpanId,
        key: ChangeKey,
        chat_id: ChatId,
        cx: &mut Context<'_>,
    ) {
        let askers = self.changes.take(key);
        if askers.is_empty() {
            return;
        }
        let Some(chat) = self.chat_of_record(chat_id, cx) else {
            return;
        };
        let created = matches!(key, ChangeKey::Chat(..));
        let answer = |asker| (asker, shown(chat, created));
        let answers: Vec<_> = askers.into_iter().map(answer).collect();
        if let Some(on_stored) = self.progress.on_stored(span, cx) {
            on_stored.answers.extend(answers);
        }
    }

    pub(super) fn answer_when_stored(
        &mut self,
        span: SpanId,
        key: ChangeKey,
        outcome: impl Fn() -> Outcome,
        cx: &mut Context<'_>,
    ) {
        let askers = self.changes.take(key);
        if !askers.is_empty()
            && let Some(on_stored) = self.progress.on_stored(span, cx)
        {
            let answers = askers.into_iter().map(|asker| (asker, outcome()));
            on_stored.answers.extend(answers);
        }
    }

    /// Sends what was applied.
    pub(super) fn flush_touched(&mut self, cx: &mut Context<'_>) {
        let mut touched = std::mem::take(&mut self.touched);
        for chat_id in touched.drain(..) {
            self.flush_chat(chat_id, None, cx);
        }
        self.touched = touched;
    }

    /// Sends what was applied to one chat, and counts what it takes of memory since.
    pub(super) fn flush_chat(
        &mut self,
        chat_id: ChatId,
        leaver: Option<Leaver>,
        cx: &mut Context<'_>,
    ) {
        let (stored, reading) = (self.progress.stored(), self.readings.of(chat_id));
        // A chat that was never created has nothing to send, and neither has one that was forgotten since.
        let due = cx.now.micros + NOTED_MICROS;
        let flushed = self.chats.change(chat_id, |chat| {
            chat.flush(leaver, cx);
            let is_first = !chat.awaits_trim;
            chat.awaits_trim |= chat.timeline.trim(stored, reading);
            let is_noted = chat.notes.has_new() && chat.notes.due_micros.is_none();
            if is_noted {
                chat.notes.due_micros = Some(due);
            }
            let untrimmed = (is_first && chat.awaits_trim).then_some(chat.timeline.head_offset());
            (untrimmed, is_noted)
        });
        let Some((untrimmed, is_noted)) = flushed else {
            return;
        };
        if let Some(last) = untrimmed {
            self.chats.trim_later(chat_id, last);
        }
        if is_noted {
            self.write_later(chat_id, due);
        }
    }
}

/// What leaves the list of a user whose session has ended, or several; nothing where it is an invite that is spent, which is
/// owned as if it were a user.
fn unlisted(ended: SessionEnded) -> Option<Row> {
    let SessionEnded {
        session_id,
        user_id,
        expires_at,
    } = ended;
    if ended.ends_earlier() {
        let until = expires_at;
        return Some(Row::NoSessions { user_id, until });
    }
    (session_id != SessionId::all_of(user_id)).then_some(Row::NoSession {
        user_id,
        session_id,
        expires_at,
    })
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
