//! What a record did to its chat, for those whom that concerns.

use rookery_schema::record::Record;
use rookery_schema::roles::Role;
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::mesh::problem::Problem;
use crate::mesh::{Leaver, Outcome, ShardMessage};
use crate::owner::changes::ChangeKey;
use crate::owner::chat::Chat;
use crate::owner::chat::showing::shown;
use crate::owner::fold::Folded;
use crate::owner::partition::apply::Applying;
use crate::owner::partition::{Partition, send_to_homes};
use crate::owner::progress::SpanId;

/// The chat of a record stays in memory until that is applied.
const GONE: &str = "a chat is gone while a record of it is applied";

impl Partition {
    /// Tells whom a change of a chat concerns.
    pub(super) fn folded(
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
    pub(super) fn tell_contained(
        &mut self,
        chat_id: ChatId,
        applying: Applying<'_>,
        cx: &mut Context<'_>,
    ) {
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
}
