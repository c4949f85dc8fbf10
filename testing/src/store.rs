//! What a store is to be like: rows in maps, the simplest way.

mod erasures;
mod users;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rookery_engine::port::{
    Block, EndedSessions, Found, Membership, Read, StoredChat, StoredEvent, StoredMember,
    StoredRoles,
};
use rookery_schema::cql::bucket;
use rookery_schema::message::{Message, lay_over};
use rookery_schema::row::{
    AmendmentRow, BlockRow, ChatRow, DeletedChatRow, EventRow, Mark, MemberRow, PurgeRow,
    PurgeStep, RoleRow, Row, SettingsRow,
};
use rookery_schema::{ChatId, PartitionId, Seq, UserId};

use crate::store::erasures::Erasures;
use crate::store::users::Users;

/// See the module.
#[derive(Default)]
pub struct Model {
    events: BTreeMap<(ChatId, Seq), EventRow>,
    redacted: BTreeSet<(ChatId, Seq)>,
    /// By chat, target and slot.
    amendments: BTreeMap<(ChatId, Seq, Vec<u8>), AmendmentRow>,
    chats: BTreeMap<ChatId, ChatRow>,
    pub members: BTreeMap<(ChatId, UserId), MemberRow>,
    /// The last removal of each who was ever removed, and the event that had made them a member.
    former: BTreeMap<(ChatId, UserId), (Seq, Seq)>,
    roles: BTreeMap<(ChatId, UserId), RoleRow>,
    settings: BTreeMap<ChatId, SettingsRow>,
    deleted: BTreeMap<ChatId, DeletedChatRow>,
    purges: BTreeMap<(PartitionId, ChatId), Seq>,
    /// Buckets of events that were removed, and chats of which all was.
    buckets_gone: BTreeSet<(ChatId, i32)>,
    purged: BTreeSet<ChatId>,
    /// By who has blocked whom.
    blocks: BTreeMap<(UserId, UserId), BlockRow>,
    /// The chats of each user, which may be ahead of the chats' members.
    memberships: BTreeSet<(UserId, ChatId)>,
    /// The newest change of a membership, and of how it is listed.
    changed: HashMap<(ChatId, UserId), Seq>,
    listed: HashMap<(ChatId, UserId), Seq>,
    marks: BTreeMap<(UserId, ChatId), Mark>,
    users: Users,
    erasures: Erasures,
    /// A chat without events is still to be made by the record that says so, and is not there before.
    pub chats_need_events: bool,
    /// Of two changes of a membership, a role, a profile or of settings, and of two ends of sessions, the later one counts,
    /// whichever comes last; and a session that was taken out of a list is in none any more.
    pub late_rows_undo_nothing: bool,
}

impl Model {
    /// Writes a row.
    ///
    /// # Panics
    /// Where an event differs from one that was written for its seq, which is a bug of whoever writes it.
    pub fn write(&mut self, row: Row) {
        let guarded = self.late_rows_undo_nothing;
        let is_removed = match guarded {
            true => self.is_removed(&row),
            false => self.is_late_step(&row),
        };
        if is_removed {
            return;
        }
        self.write_ahead(&row);
        match row {
            Row::Event(row) => self.write_event(row),
            Row::Redacted(row) => {
                let key = (row.chat_id, row.head.seq);
                let head = self.events.get(&key).map_or(row.head, |stored| stored.head);
                self.events.insert(key, EventRow { head, ..row });
                self.redacted.insert(key);
            }
            Row::Amendment(row) => {
                let key = (row.chat_id, row.target, row.slot());
                let before = self.amendments.get(&key);
                if before.is_none_or(|before| before.seq < row.seq) {
                    self.amendments.insert(key, row);
                }
            }
            Row::Chat(row) => drop(self.chats.insert(row.chat_id, row)),
            Row::Member(row) => {
                let key = (row.chat_id, row.user_id);
                if is_newest(&mut self.changed, key, row.added_seq, guarded) {
                    self.members.insert(key, row);
                }
            }
            Row::NotMember {
                chat_id,
                user_id,
                added_seq,
                removed_seq,
            } => {
                let key = (chat_id, user_id);
                let counts = is_newest(&mut self.changed, key, removed_seq, guarded);
                if counts {
                    self.members.remove(&key);
                }
                let removal = (removed_seq, added_seq);
                let last = self.former.entry(key).or_insert(removal);
                if counts || last.0 < removed_seq {
                    *last = removal;
                }
                let last = *last;
                self.marks
                    .retain(|(user, chat), mark| (*chat, *user) != key || last.0 < mark.seq);
            }
            Row::Role(row) => {
                let role = self.roles.entry((row.chat_id, row.user_id)).or_insert(row);
                if !guarded || role.seq <= row.seq {
                    *role = row;
                }
            }
            Row::Settings(row) => {
                let before = self.settings.get(&row.chat_id);
                let is_late = before.is_some_and(|before| before.seq > row.seq);
                if !guarded || !is_late {
                    self.settings.insert(row.chat_id, row);
                }
            }
            Row::ChatDeleted(row) => {
                self.chats.remove(&row.chat_id);
                if !guarded || !self.purged.contains(&row.chat_id) {
                    let place = (row.head.partition, row.chat_id);
                    self.purges.insert(place, row.head.seq);
                }
                self.deleted.insert(row.chat_id, row);
            }
            Row::Purged(row) => self.purge(row),
            Row::Block(row) => {
                let key = (row.user_id, row.blocked_id);
                let before = self.blocks.get(&key);
                let is_late = before.is_some_and(|before| before.offset > row.offset);
                if !guarded || !is_late {
                    self.blocks.insert(key, row);
                }
            }
            Row::Mark(row) => {
                let removal = self.former.get(&(row.chat_id, row.user_id));
                if removal.is_none_or(|last| last.0 < row.mark.seq) {
                    let mark = self.marks.entry((row.user_id, row.chat_id)).or_default();
                    *mark = row.mark.max(*mark);
                }
            }
            Row::User(row) => self.users.put(row),
            Row::EndedSession {
                session_id,
                expires_at,
            } => self.users.end_session(session_id, expires_at, guarded),
            Row::Session(row) => self.users.list(row, guarded),
            Row::NoSession {
                user_id,
                session_id,
                expires_at,
            } => self.users.unlist(user_id, session_id, expires_at),
            Row::NoSessions { user_id, until } => self.users.unlist_until(user_id, until),
            Row::Profile(row) => self.users.set_profile(row, guarded),
            Row::UserSettings(row) => self.users.set_settings(row, guarded),
            Row::OwnGone { user_id } => self.users.forget_own(user_id),
            Row::Erasure(row) => self.erasures.put(row, guarded),
            Row::Erased(row) => self.erasures.erase(row, guarded),
            Row::Rewritten(row) => self.erasures.rewrite(row, guarded),
            Row::Reached { .. } => {}
        }
    }

    /// Whether a row overwrites something in a chat that is deleted.
    fn is_late_step(&self, row: &Row) -> bool {
        let chat_id = match row {
            Row::Redacted(row) => row.chat_id,
            Row::Amendment(row) => row.chat_id,
            Row::Rewritten(row) => row.chat_id,
            _ => return false,
        };
        self.deleted.contains_key(&chat_id)
    }

    /// Whether what a row is of was removed before, as of a later time.
    fn is_removed(&self, row: &Row) -> bool {
        let is_gone = |chat_id, seq| self.buckets_gone.contains(&(chat_id, bucket(seq)));
        match row {
            Row::Event(row) | Row::Redacted(row) => is_gone(row.chat_id, row.head.seq),
            Row::Amendment(row) => is_gone(row.chat_id, row.target),
            Row::Chat(row) => self.deleted.contains_key(&row.chat_id),
            Row::Role(row) => self.purged.contains(&row.chat_id),
            Row::Settings(row) => self.purged.contains(&row.chat_id),
            Row::Erased(row) => self.purged.contains(&row.chat_id),
            Row::Rewritten(row) => self.purged.contains(&row.chat_id),
            Row::Member(_)
            | Row::Mark(_)
            | Row::NotMember { .. }
            | Row::ChatDeleted(_)
            | Row::Purged(_)
            | Row::Block(_)
            | Row::Session(_)
            | Row::NoSession { .. }
            | Row::NoSessions { .. }
            | Row::OwnGone { .. }
            | Row::Erasure(_)
            | Row::Profile(_)
            | Row::UserSettings(_)
            | Row::User(_)
            | Row::EndedSession { .. }
            | Row::Reached { .. } => false,
        }
    }

    fn purge(&mut self, row: PurgeRow) {
        match row.step {
            PurgeStep::Events { bucket: gone } => {
                self.buckets_gone.insert((row.chat_id, gone));
                let is_gone =
                    |chat_id: ChatId, seq: Seq| chat_id == row.chat_id && bucket(seq) == gone;
                self.events.retain(|(chat, seq), _| !is_gone(*chat, *seq));
                self.redacted.retain(|(chat, seq)| !is_gone(*chat, *seq));
                self.amendments
                    .retain(|(chat, target, _), _| !is_gone(*chat, *target));
            }
            PurgeStep::Rest => {
                self.settings.remove(&row.chat_id);
                self.roles.retain(|(chat, _), _| *chat != row.chat_id);
                self.erasures.purge(row.partition, row.chat_id);
                self.purges.remove(&(row.partition, row.chat_id));
                self.purged.insert(row.chat_id);
            }
        }
    }

    /// Whether nothing of a deleted chat is left but that it was deleted, and who was a member.
    pub fn is_purged(&self, chat_id: ChatId) -> bool {
        let is_left = self.events_of(chat_id).next().is_some()
            || self.amendments.keys().any(|(chat, ..)| *chat == chat_id)
            || self.members.keys().any(|(chat, _)| *chat == chat_id)
            || self.memberships.iter().any(|(_, chat)| *chat == chat_id)
            || self.roles.keys().any(|(chat, _)| *chat == chat_id)
            || self.settings.contains_key(&chat_id)
            || self.erasures.has_chat(chat_id)
            || self.chats.contains_key(&chat_id)
            || self.purges.keys().any(|(_, chat)| *chat == chat_id);
        !is_left
    }

    fn write_event(&mut self, row: EventRow) {
        let key = (row.chat_id, row.head.seq);
        if self.redacted.contains(&key) {
            self.events.entry(key).and_modify(|it| it.head = row.head);
            return;
        }
        let before = self.events.insert(key, row.clone());
        assert!(
            before.is_none_or(|it| it == row),
            "a seq never gets another event"
        );
    }

    /// Writes of a change of a membership what may be seen before its event: the user's list of chats.
    pub fn write_ahead(&mut self, row: &Row) {
        let guarded = self.late_rows_undo_nothing;
        match row {
            Row::Member(row) => {
                let key = (row.chat_id, row.user_id);
                if is_newest(&mut self.listed, key, row.added_seq, guarded) {
                    self.memberships.insert((row.user_id, row.chat_id));
                }
            }
            Row::NotMember {
                chat_id,
                user_id,
                removed_seq,
                ..
            } => {
                let key = (*chat_id, *user_id);
                if is_newest(&mut self.listed, key, *removed_seq, guarded) {
                    self.memberships.remove(&(*user_id, *chat_id));
                }
            }
            Row::Event(_)
            | Row::Redacted(_)
            | Row::Amendment(_)
            | Row::Role(_)
            | Row::Settings(_)
            | Row::ChatDeleted(_)
            | Row::Purged(_)
            | Row::Block(_)
            | Row::Chat(_)
            | Row::Mark(_)
            | Row::User(_)
            | Row::EndedSession { .. }
            | Row::Session(_)
            | Row::NoSession { .. }
            | Row::NoSessions { .. }
            | Row::OwnGone { .. }
            | Row::Erasure(_)
            | Row::Erased(_)
            | Row::Rewritten(_)
            | Row::Profile(_)
            | Row::UserSettings(_)
            | Row::Reached { .. } => {}
        }
    }

    /// What was said last of each who blocked another.
    pub fn blocks(&self) -> impl Iterator<Item = &BlockRow> {
        self.blocks.values()
    }

    pub fn events_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events
            .range((chat_id, Seq(0))..=(chat_id, Seq(u64::MAX)))
            .map(|(_, row)| row)
    }

    /// What amends the messages of a chat.
    pub fn amendments_of(&self, chat_id: ChatId) -> Vec<&AmendmentRow> {
        let all = self.amendments.values();
        all.filter(|row| row.chat_id == chat_id).collect()
    }

    fn messages_of(&self, chat_id: ChatId) -> impl DoubleEndedIterator<Item = Message> {
        let messages = self.events_of(chat_id).filter_map(message_of);
        messages.map(move |mut message| {
            let of_chat = self
                .amendments
                .values()
                .filter(|row| row.chat_id == chat_id);
            let amendments: Vec<_> = of_chat.cloned().collect();
            lay_over(std::slice::from_mut(&mut message), &amendments);
            message
        })
    }

    pub fn read(&self, read: &Read) -> Found {
        match read {
            Read::Chat { chat_id, recent } => {
                let has_events = self.events_of(*chat_id).next().is_some();
                let chat = self.chats.get(chat_id);
                let chat = chat.filter(|_| has_events || !self.chats_need_events);
                let chat = chat.map(|chat| self.chat(chat, *recent));
                let deleted = self.deleted.get(chat_id).copied().map(StoredChat::from);
                Found::Chat(chat.or(deleted).map(Box::new))
            }
            Read::MessagesBefore {
                chat_id,
                before,
                limit,
            } => {
                let older = self
                    .messages_of(*chat_id)
                    .filter(|message| message.seq < *before);
                Found::Messages(older.rev().take(*limit).collect())
            }
            Read::MessagesAfter {
                chat_id,
                after,
                limit,
            } => {
                let newer = self
                    .messages_of(*chat_id)
                    .filter(|message| message.seq > *after);
                Found::Messages(newer.take(*limit).collect())
            }
            Read::EventsAfter {
                chat_id,
                after,
                limit,
            } => {
                let newer = self.events_of(*chat_id).filter(|row| row.head.seq > *after);
                let rows: Vec<_> = newer.take(*limit).cloned().collect();
                Found::Events(StoredEvent::join(
                    rows,
                    self.messages_of(*chat_id)
                        .filter(|message| message.seq > *after)
                        .collect(),
                ))
            }
            Read::Membership { chat_id, user_id } => {
                Found::Membership(self.membership((*chat_id, *user_id)))
            }
            Read::MembersAfter {
                chat_id,
                after,
                limit,
            } => {
                let all = self.members.keys().filter(|(chat, _)| chat == chat_id);
                let behind = all
                    .map(|(_, user)| *user)
                    .filter(|user| after.is_none_or(|after| *user > after));
                Found::Members(behind.take(*limit).collect())
            }
            Read::Purges {
                partition,
                after,
                limit,
            } => {
                let all = self.purges.iter().filter(|((it, chat_id), _)| {
                    it == partition && after.is_none_or(|after| *chat_id > after)
                });
                let purges = all.map(|((_, chat_id), seq)| (*chat_id, *seq));
                Found::Purges(purges.take(*limit).collect())
            }
            Read::Erasures { partition, limit } => {
                Found::Erasures(self.erasures.of_partition(*partition, *limit))
            }
            Read::Rewrites {
                partition,
                after,
                limit,
            } => {
                let rewrites = self.erasures.rewrites_of(*partition, *after, *limit);
                Found::Rewrites(rewrites)
            }
            Read::Blocks { user_id, limit } => {
                let all = self.blocks.values().filter(|it| it.user_id == *user_id);
                let blocks = all.filter(|it| it.is_blocked).map(|it| Block {
                    user_id: it.blocked_id,
                    created_at: it.at,
                });
                Found::Blocks(blocks.take(*limit).collect())
            }
            Read::ChatsOfUser(user_id) => {
                let chats = self.memberships.iter().filter(|(user, _)| user == user_id);
                Found::Chats(chats.map(|(_, chat)| *chat).collect())
            }
            Read::FormerChats {
                user_id,
                after,
                limit,
            } => {
                let all = self.former.keys().filter(|(_, user)| user == user_id);
                let behind = all
                    .map(|(chat, _)| *chat)
                    .filter(|chat| after.is_none_or(|after| *chat > after));
                Found::Chats(behind.take(*limit).collect())
            }
            Read::Mark { user_id, chat_id } => {
                let mark = self.marks.get(&(*user_id, *chat_id));
                Found::Marks(mark.map(|mark| (*chat_id, *mark)).into_iter().collect())
            }
            Read::MarksOfUser(user_id) => {
                let marks = self.marks.iter().filter(|((user, _), _)| user == user_id);
                Found::Marks(marks.map(|((_, chat), mark)| (*chat, *mark)).collect())
            }
            Read::User(user_id) => Found::Users(self.users.alive(*user_id).into_iter().collect()),
            Read::Users(user_ids) => {
                let users = user_ids.iter().filter_map(|id| self.users.alive(*id));
                Found::Users(users.collect())
            }
            Read::UsersOfKey(key) => Found::Users(self.users.of_key(key)),
            Read::UsersByPrefix {
                prefix,
                after,
                limit,
            } => Found::Users(self.users.by_prefix(prefix, after.as_deref(), *limit)),
            Read::EndedSessions => Found::EndedSessions(EndedSessions {
                sessions: self.users.ended_sessions(),
                ..EndedSessions::default()
            }),
            Read::SessionsOfUser { user_id, limit } => {
                Found::Sessions(self.users.sessions_of(*user_id, *limit))
            }
            Read::Profiles(user_ids) => Found::Profiles(self.users.profiles_of(user_ids)),
            Read::UserSettings(user_id) => Found::UserSettings(self.users.settings_of(*user_id)),
        }
    }

    /// Who of the two of a direct chat has blocked the other.
    fn blockers(&self, chat_id: ChatId) -> Vec<UserId> {
        let members = self.members.keys().filter(|(chat, _)| *chat == chat_id);
        if !chat_id.is_direct_of(members.map(|(_, user)| *user)) {
            return Vec::new();
        }
        let of_chat = self.blocks.values().filter(|it| it.chat_id == chat_id);
        of_chat
            .filter(|it| it.is_blocked)
            .map(|it| it.user_id)
            .collect()
    }

    fn membership(&self, key: (ChatId, UserId)) -> Membership {
        if let Some(MemberRow { added_seq, .. }) = self.members.get(&key).copied() {
            return Membership::Member { added_seq };
        }
        match self.former.get(&key).copied() {
            Some((removed_seq, added_seq)) => Membership::Removed {
                added_seq,
                removed_seq,
            },
            None => Membership::Never,
        }
    }

    fn chat(&self, chat: &ChatRow, limit: usize) -> StoredChat {
        let id = chat.chat_id;
        let mut members: Vec<_> = self
            .members
            .values()
            .filter(|row| row.chat_id == id)
            .collect();
        members.sort_by_key(|row| (row.added_seq, row.position, row.user_id));
        let mut recent: Vec<EventRow> = Vec::new();
        for row in self.events_of(id).rev().take(limit) {
            if recent
                .last()
                .is_some_and(|newer| newer.head.seq != row.head.seq.next())
            {
                break;
            }
            recent.push(row.clone());
        }
        recent.reverse();
        let oldest = recent.first().map(|row| row.head.seq);
        let is_recent = |message: &Message| oldest.is_some_and(|oldest| message.seq >= oldest);
        let head = self.events_of(id).next_back().map(|row| row.head);
        let head = head.unwrap_or_default();
        let roles = self.roles.values().filter(|row| row.chat_id == id);
        let roles = StoredRoles::of(roles.copied(), head.seq);
        let member = |row: &MemberRow| StoredMember {
            user_id: row.user_id,
            added_seq: row.added_seq,
            is_admin: roles.is_admin(row.user_id),
        };
        StoredChat {
            chat: chat.clone(),
            members: members.into_iter().map(member).collect(),
            last_role: roles.last(),
            settings: self.settings.get(&id).map(|row| row.settings.clone()),
            head,
            recent,
            messages: self.messages_of(id).filter(is_recent).collect(),
            latest_message: self.messages_of(id).next_back(),
            blockers: self.blockers(id),
            erased: self.erasures.senders_of(id),
            deleted: None,
        }
    }
}

/// Notes a change; whether it counts.
fn is_newest(
    changed: &mut HashMap<(ChatId, UserId), Seq>,
    key: (ChatId, UserId),
    seq: Seq,
    guarded: bool,
) -> bool {
    let newest = changed.entry(key).or_insert(seq);
    let counts = !guarded || *newest <= seq;
    *newest = seq.max(*newest);
    counts
}

fn message_of(event: &EventRow) -> Option<Message> {
    Message::of(event).expect("events are kept as they were written")
}
