//! The fold: what each record of the log does to its chat, in log order.
//!
//! It is a pure function of the log. A record that a chat's state already contains (the store was
//! ahead of the committed offset when the process stopped) is recognised by its offset and passed over.

use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::event::Event;
use rookery_schema::record::{
    ChatCreated, MembershipChange, MessagePosted, Record, SessionEnded, UserRegistered,
};
use rookery_schema::row::{MemberRow, Row};
use rookery_schema::{ChatId, Offset, PartitionId, UserId};

use crate::context::{Context, SpanId};
use crate::mesh::{Outcome, ShardMessage};
use crate::owner::chat::Chat;
use crate::owner::partition::{ChangeKey, OnStored};
use crate::owner::{Owner, Parked, Slot, send_to_homes};
use crate::problem::Problem;

/// A record whose chat is being read from the store.
#[derive(Debug)]
pub(super) struct ParkedRecord {
    at: Place,
    bytes: Bytes,
}

/// A registration whose name is being read from the store.
#[derive(Debug)]
pub(super) struct ParkedUser {
    at: Place,
    bytes: Bytes,
}

/// Where a record is in the log, and the span that sees it into the store.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: Offset,
    span: SpanId,
}

impl Place {
    const fn in_log(self) -> (PartitionId, Offset) {
        (self.span.partition, self.offset)
    }
}

impl Owner {
    /// Applies what the log delivered.
    pub(crate) fn records(
        &mut self,
        id: PartitionId,
        base: Offset,
        batch: &RecordBatch,
        cx: &mut Context<'_>,
    ) {
        let Some(partition) = self.partitions.get_mut(&id) else {
            return;
        };
        let end = base.plus(u64::from(batch.len()));
        partition.advance(end);
        if end <= partition.committed_before {
            return self.fill_dedup_window(id, base, batch, cx);
        }
        let span = partition.begin_span(end, batch.as_bytes().len(), cx.now.micros);
        let committed = partition.committed_before;
        let mut rows = Vec::with_capacity(batch.len() as usize);
        for (bytes, number) in batch.iter().zip(base.0..) {
            let at = Place {
                offset: Offset(number),
                span,
            };
            if at.offset < committed {
                self.remember_client_id(id, at.offset, &bytes, cx);
            } else {
                self.apply(at, bytes, &mut rows, cx);
            }
        }
        self.flush_touched(cx);
        // Also where no record yields a row: a log that is trimmed must not look newer than its store.
        rows.push(Row::Reached {
            partition: id,
            behind: end,
        });
        self.write_and_release(span, rows, cx);
        self.serve_waiting_reads(id, cx);
    }

    fn write_and_release(&mut self, span: SpanId, rows: Vec<Row>, cx: &mut Context<'_>) {
        let Some(partition) = self.partitions.get_mut(&span.partition) else {
            return;
        };
        let done = partition.write_and_release(span, rows, cx);
        partition.steer_delivery(cx);
        if let Some(on_stored) = done {
            self.stored(on_stored, cx);
        }
    }

    fn fill_dedup_window(
        &mut self,
        id: PartitionId,
        base: Offset,
        batch: &RecordBatch,
        cx: &mut Context<'_>,
    ) {
        for (bytes, number) in batch.iter().zip(base.0..) {
            self.remember_client_id(id, Offset(number), &bytes, cx);
        }
    }

    fn remember_client_id(
        &mut self,
        id: PartitionId,
        offset: Offset,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) {
        if let Ok(Record::MessagePosted(message)) = Record::decode(bytes) {
            self.is_first(id, offset, &message, cx);
        }
    }

    /// Whether a message is not a repeat of an earlier one; who still waits for either is answered.
    fn is_first(
        &mut self,
        id: PartitionId,
        offset: Offset,
        message: &MessagePosted<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let Some(client_id) = message.client_id else {
            return true;
        };
        let Some(partition) = self.partitions.get_mut(&id) else {
            return true;
        };
        let key = partition
            .dedup
            .key(message.chat_id, message.sender_id, client_id);
        let applied = partition.dedup.apply(key, offset, message.message_id);
        for asker in applied.askers {
            cx.answer(
                asker,
                Outcome::Posted {
                    message_id: applied.message_id,
                    chat_id: message.chat_id,
                    created_at: applied.message_id.minted_at(),
                },
            );
        }
        applied.is_first
    }

    fn apply(&mut self, at: Place, bytes: Bytes, rows: &mut Vec<Row>, cx: &mut Context<'_>) {
        match Record::decode(&bytes) {
            Err(error) => self.bury(at, bytes, error.to_string(), cx),
            Ok(Record::MessagePosted(message)) => {
                if !self.is_first(at.span.partition, at.offset, &message, cx) {
                    return;
                }
                if let Some(partition) = self.partitions.get_mut(&at.span.partition) {
                    partition.count_message(at.span);
                }
                self.apply_to_chat(message.chat_id, at, bytes, rows, cx);
            }
            Ok(Record::ChatCreated(created)) => {
                self.apply_to_chat(created.chat_id, at, bytes, rows, cx);
            }
            Ok(Record::MemberAdded(change) | Record::MemberRemoved(change)) => {
                self.apply_to_chat(change.chat_id, at, bytes, rows, cx);
            }
            Ok(Record::UserRegistered(_)) => self.apply_user(at, &bytes, rows, cx),
            Ok(Record::SessionEnded(ended)) => self.apply_session_end(at, ended, rows, cx),
        }
    }

    fn bury(&mut self, at: Place, record: Bytes, reason: String, cx: &mut Context<'_>) {
        if let Some(partition) = self.partitions.get_mut(&at.span.partition) {
            partition.bury(at.span, (at.offset, record), reason, cx);
        }
    }

    fn apply_to_chat(
        &mut self,
        chat_id: ChatId,
        at: Place,
        bytes: Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if matches!(
            self.chats.get(&chat_id),
            Some(Slot::Active(_) | Slot::Fresh)
        ) {
            self.apply_loaded(chat_id, at, bytes, rows, cx);
            return;
        }
        if let Some(partition) = self.partitions.get_mut(&at.span.partition) {
            partition.hold(at.span);
        }
        self.park(chat_id, Parked::Record(ParkedRecord { at, bytes }), cx);
    }

    /// Applies a record that waited for its chat, which is in memory now if it exists.
    pub(super) fn apply_parked(
        &mut self,
        chat_id: ChatId,
        record: ParkedRecord,
        cx: &mut Context<'_>,
    ) {
        let ParkedRecord { at, bytes } = record;
        let mut rows = Vec::new();
        self.apply_loaded(chat_id, at, bytes, &mut rows, cx);
        self.write_and_release(at.span, rows, cx);
    }

    fn apply_loaded(
        &mut self,
        chat_id: ChatId,
        at: Place,
        bytes: Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let Ok(record) = Record::decode(&bytes) else {
            return;
        };
        if let Record::ChatCreated(created) = record {
            return self.apply_creation(at, &created, bytes.clone(), rows, cx);
        }
        let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) else {
            let reason = format!("it is for chat {chat_id}, which was never created");
            return self.bury(at, bytes.clone(), reason, cx);
        };
        if is_contained(chat, at) {
            return;
        }
        chat.used_micros = cx.now.micros;
        match record {
            Record::MessagePosted(message) => {
                if !chat.has_outgoing() {
                    self.touched.push(chat_id);
                }
                let event = Event::Message(message);
                rows.push(chat.number(&event, message.at, at.in_log(), bytes.clone()));
            }
            Record::MemberAdded(change) => self.apply_join(at, change, bytes.clone(), rows, cx),
            Record::MemberRemoved(change) => self.apply_leave(at, change, bytes.clone(), rows, cx),
            _ => {}
        }
    }

    fn apply_creation(
        &mut self,
        at: Place,
        created: &ChatCreated<'_>,
        bytes: Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        if matches!(self.chats.get(&created.chat_id), Some(Slot::Active(_))) {
            return;
        }
        let mut chat = Box::new(Chat::created(created));
        chat.used_micros = cx.now.micros;
        rows.push(chat.number(
            &Event::ChatCreated(*created),
            created.at,
            at.in_log(),
            bytes,
        ));
        rows.extend(chat.creation_rows());
        let topology = cx.topology();
        let members: Vec<UserId> = chat.members.iter().copied().collect();
        for &member in &members {
            chat.subscribe(member, topology);
        }
        let chat_id = created.chat_id;
        self.chats.insert(chat_id, Slot::Active(chat));
        self.joined(at, chat_id, members, cx);
        self.show_when_stored(at.span, ChangeKey::Chat(chat_id), chat_id);
    }

    fn apply_join(
        &mut self,
        at: Place,
        change: MembershipChange,
        bytes: Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let MembershipChange {
            chat_id, user_id, ..
        } = change;
        // Events up to here are not for the one who joins.
        self.flush_chat(chat_id, None, cx);
        let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) else {
            return;
        };
        let key = ChangeKey::Added(chat_id, user_id);
        if chat.is_full() && !chat.is_member(user_id) {
            return self.answer_when_stored(at.span, key, || Outcome::Refused(Problem::CHAT_FULL));
        }
        if chat.members.insert(user_id) {
            rows.push(chat.number(&Event::MemberAdded(change), change.at, at.in_log(), bytes));
            rows.push(Row::Member(MemberRow {
                chat_id,
                user_id,
                position: 0,
                added_seq: chat.head.seq,
            }));
            chat.subscribe(user_id, cx.topology());
            self.joined(at, chat_id, vec![user_id], cx);
        }
        self.show_when_stored(at.span, key, chat_id);
    }

    /// Tells the homes of new members, whose event is about to be sent.
    fn joined(&mut self, at: Place, chat_id: ChatId, members: Vec<UserId>, cx: &mut Context<'_>) {
        self.touched.push(chat_id);
        send_to_homes(&members, cx, |users| ShardMessage::Joined {
            chat_id,
            users,
        });
        self.when_stored(at.span, |on_stored| {
            on_stored.joins.push((chat_id, members));
        });
    }

    fn apply_leave(
        &mut self,
        at: Place,
        change: MembershipChange,
        bytes: Bytes,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let MembershipChange {
            chat_id, user_id, ..
        } = change;
        let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) else {
            return;
        };
        if chat.members.shift_remove(&user_id) {
            rows.push(chat.number(&Event::MemberRemoved(change), change.at, at.in_log(), bytes));
            rows.push(Row::NotMember {
                chat_id,
                user_id,
                removed_seq: chat.head.seq,
            });
            // Events from here on are not for the one who left.
            self.flush_chat(chat_id, Some(user_id), cx);
            if let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) {
                chat.unsubscribe(user_id, cx.topology());
            }
        }
        self.answer_when_stored(at.span, ChangeKey::Removed(chat_id, user_id), || {
            Outcome::Done
        });
    }

    fn apply_user(&mut self, at: Place, bytes: &Bytes, rows: &mut Vec<Row>, cx: &mut Context<'_>) {
        let Ok(Record::UserRegistered(user)) = Record::decode(bytes) else {
            return;
        };
        if !self.accounts.is_known(user.username) {
            if let Some(partition) = self.partitions.get_mut(&at.span.partition) {
                partition.hold(at.span);
            }
            let record = ParkedUser {
                at,
                bytes: bytes.clone(),
            };
            return self.accounts.park(user.username, record, cx);
        }
        self.apply_known_user(at, &user, rows);
    }

    /// Applies a registration whose name is known to be free or taken by now.
    pub(super) fn apply_parked_user(&mut self, record: ParkedUser, cx: &mut Context<'_>) {
        let ParkedUser { at, bytes } = record;
        let mut rows = Vec::new();
        if let Ok(Record::UserRegistered(user)) = Record::decode(&bytes) {
            self.apply_known_user(at, &user, &mut rows);
        }
        self.write_and_release(at.span, rows, cx);
    }

    fn apply_known_user(&mut self, at: Place, user: &UserRegistered<'_>, rows: &mut Vec<Row>) {
        let outcome = self.accounts.apply(user, rows);
        if outcome.is_ok() {
            self.when_stored(at.span, |on_stored| {
                on_stored.names.push(user.username.into());
            });
        }
        self.answer_when_stored(at.span, ChangeKey::User(user.user_id), || match &outcome {
            Ok(body) => Outcome::Json {
                created: true,
                body: body.clone(),
            },
            Err(problem) => Outcome::Refused(*problem),
        });
    }

    fn apply_session_end(
        &mut self,
        at: Place,
        ended: SessionEnded,
        rows: &mut Vec<Row>,
        cx: &mut Context<'_>,
    ) {
        let SessionEnded {
            session_id,
            expires_at,
            ..
        } = ended;
        rows.push(Row::EndedSession {
            session_id,
            expires_at,
        });
        cx.send_to_all(|| ShardMessage::SessionEnded(ended));
        self.answer_when_stored(at.span, ChangeKey::Session(session_id), || Outcome::Done);
    }

    fn when_stored(&mut self, span: SpanId, note: impl FnOnce(&mut OnStored)) {
        let partition = self.partitions.get_mut(&span.partition);
        if let Some(on_stored) = partition.and_then(|partition| partition.on_stored(span)) {
            note(on_stored);
        }
    }

    /// Shows a chat to whoever waits for a change of it. Every member is in what is shown: it is not
    /// made where nobody waits, as in a replay.
    fn show_when_stored(&mut self, span: SpanId, key: ChangeKey, chat_id: ChatId) {
        let Some(askers) = self.changes.remove(&key) else {
            return;
        };
        let Some(Slot::Active(chat)) = self.chats.get(&chat_id) else {
            return;
        };
        let created = matches!(key, ChangeKey::Chat(_));
        let shown = || chat.shown(created);
        let answers: Vec<_> = askers.into_iter().map(|asker| (asker, shown())).collect();
        self.when_stored(span, |on_stored| on_stored.answers.extend(answers));
    }

    fn answer_when_stored(&mut self, span: SpanId, key: ChangeKey, outcome: impl Fn() -> Outcome) {
        for asker in self.changes.remove(&key).unwrap_or_default() {
            self.when_stored(span, |on_stored| on_stored.answers.push((asker, outcome())));
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

    fn flush_chat(&mut self, chat_id: ChatId, leaver: Option<UserId>, cx: &mut Context<'_>) {
        let partition = self
            .partitions
            .get(&cx.topology().partition_of_chat(chat_id));
        let stored = partition.map_or(Offset(0), |partition| partition.stored);
        let recent_bytes_max = self.recent_bytes_max();
        if let Some(Slot::Active(chat)) = self.chats.get_mut(&chat_id) {
            chat.flush(leaver, cx);
            chat.trim(stored, recent_bytes_max);
        }
    }
}

/// Whether a chat's state came from the store with this record already applied.
fn is_contained(chat: &Chat, at: Place) -> bool {
    chat.head.partition == at.span.partition && at.offset <= chat.head.offset
}
