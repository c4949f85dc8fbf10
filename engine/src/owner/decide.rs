//! What becomes of a command on a chat: a pure function of the chat and the command.

use rookery_schema::record::{
    BlockSet, ChatChanged, ChatDeleted, MembershipChange, Record, RoleSet, SenderErased,
};
use rookery_schema::roles::{History, Role};
use rookery_schema::row::Mark;
use rookery_schema::{ChatId, Seq, Timestamp, UserId};

use crate::mesh::problem::Problem;
use crate::mesh::{
    Blocking, ChatChange, ChatCommand, Creation, ErasureStep, EventsPage, Origin, Outcome, Post,
};
use crate::owner::changes::ChangeKey;
use crate::owner::chat::showing::{members_page, shown, summary};
use crate::owner::chat::{Chat, Counted};
use crate::owner::events::Wanted;
use crate::owner::history::{Paged, page};

#[cfg(test)]
mod tests;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<'a> {
    /// This is the answer, and nothing changes.
    Answer(Outcome),
    /// A page is shown, once the store has added what memory lacks.
    Page(Paged),
    /// Events are shown, once they are found.
    Events(Wanted),
    /// The caller is no member, and sees what they may if they were one.
    EventsOfFormer {
        caller: UserId,
        page: EventsPage,
        end: End,
    },
    /// The chat was made by the key that it is asked for with; what was asked for then has to be read.
    CompareCreation,
    /// Up to where somebody has read is answered, once the store has said how many messages there are up to that. There
    /// are so many in all.
    CountMessages { seq: Seq, all: Mark },
    /// A message is appended, unless it repeats one.
    Post(&'a Post),
    /// A message is changed, once it is found and as it then stands.
    Amend,
    /// A record is appended, and answered when it is in the store.
    Append(ChangeKey, Record<'a>),
}

/// How somebody ceased to be a member of a chat, if they ever were one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// They have left, or were removed. Members see so much.
    Removed(History),
    /// The chat was deleted, by this event.
    Deleted((Seq, ChatDeleted)),
}

/// Decides about a command; without a chat there is none with this id.
///
/// # Errors
/// Why it is refused.
pub(crate) fn decide<'a>(
    chat_id: ChatId,
    chat: Option<&Chat>,
    command: &'a ChatCommand,
    at: Timestamp,
) -> Result<Decision<'a>, Problem> {
    match chat {
        Some(chat) => match chat.deleted() {
            Some(deleted) => decide_for_deleted((chat.timeline.seq(), deleted), command),
            None => decide_for_chat(chat, command, at),
        },
        None => decide_without_chat(chat_id, command, at),
    }
}

fn decide_without_chat(
    chat_id: ChatId,
    command: &ChatCommand,
    at: Timestamp,
) -> Result<Decision<'_>, Problem> {
    match command {
        ChatCommand::Create(creation) => {
            let created = creation.record(chat_id, at);
            Ok(Decision::Append(
                ChangeKey::chat(&created),
                Record::ChatCreated(created),
            ))
        }
        ChatCommand::ShowActivity { .. } => Ok(Decision::Answer(Outcome::Activity(None))),
        ChatCommand::Summarize { .. } => Ok(Decision::Answer(Outcome::Summary(None))),
        ChatCommand::Erase { .. } => Ok(Decision::Answer(Outcome::Done)),
        ChatCommand::Post(_)
        | ChatCommand::Amend(_)
        | ChatCommand::Show { .. }
        | ChatCommand::ShowMessages { .. }
        | ChatCommand::ShowEvents { .. }
        | ChatCommand::ShowMembers { .. }
        | ChatCommand::ResolveMark { .. }
        | ChatCommand::ListMembers { .. }
        | ChatCommand::AddMember { .. }
        | ChatCommand::RemoveMember { .. }
        | ChatCommand::SetRole { .. }
        | ChatCommand::Change(_)
        | ChatCommand::Delete { .. } => Err(Problem::NO_SUCH_CHAT),
        ChatCommand::Block(blocking) if !blocking.is_blocked => Ok(Decision::Answer(Outcome::Done)),
        ChatCommand::Block(blocking) => Ok(decide_block(chat_id, *blocking, at)),
    }
}

fn decide_block<'a>(chat_id: ChatId, blocking: Blocking, at: Timestamp) -> Decision<'a> {
    let Blocking {
        caller,
        blocked_id,
        is_blocked,
        ..
    } = blocking;
    append_block(chat_id, (caller, blocked_id), is_blocked, at)
}

/// One of the two of a direct chat blocks the other, or does so no more.
fn append_block<'a>(
    chat_id: ChatId,
    (by, blocked_id): (UserId, UserId),
    is_blocked: bool,
    at: Timestamp,
) -> Decision<'a> {
    let set = BlockSet {
        chat_id,
        by,
        blocked_id,
        is_blocked,
        at,
    };
    let key = ChangeKey::Blocked(chat_id, by, is_blocked);
    Decision::Append(key, Record::BlockSet(set))
}

/// Nobody sees anything of a chat that was deleted, but that it was.
fn decide_for_deleted<'a>(
    deleted: (Seq, ChatDeleted),
    command: &ChatCommand,
) -> Result<Decision<'a>, Problem> {
    match command {
        ChatCommand::Create(_) => Err(Problem::CHAT_DELETED),
        ChatCommand::ShowActivity { .. } => Ok(Decision::Answer(Outcome::Activity(None))),
        ChatCommand::Summarize { .. } => Ok(Decision::Answer(Outcome::Summary(None))),
        ChatCommand::Erase { .. } => Ok(Decision::Answer(Outcome::Done)),
        &ChatCommand::ShowEvents { caller, page } => Ok(Decision::EventsOfFormer {
            caller,
            page,
            end: End::Deleted(deleted),
        }),
        ChatCommand::Post(_)
        | ChatCommand::Amend(_)
        | ChatCommand::Show { .. }
        | ChatCommand::ShowMessages { .. }
        | ChatCommand::ShowMembers { .. }
        | ChatCommand::ResolveMark { .. }
        | ChatCommand::ListMembers { .. }
        | ChatCommand::AddMember { .. }
        | ChatCommand::RemoveMember { .. }
        | ChatCommand::SetRole { .. }
        | ChatCommand::Change(_)
        | ChatCommand::Delete { .. }
        | ChatCommand::Block(_) => Err(Problem::NO_SUCH_CHAT),
    }
}

fn decide_for_chat<'a>(
    chat: &Chat,
    command: &'a ChatCommand,
    at: Timestamp,
) -> Result<Decision<'a>, Problem> {
    let member = |user| {
        if chat.is_member(user) {
            Ok(())
        } else {
            Err(Problem::NO_SUCH_CHAT)
        }
    };
    let admin = |user| {
        member(user)?;
        if chat.members().is_admin(user) {
            Ok(())
        } else {
            Err(Problem::NOT_ADMIN)
        }
    };
    let changeable = |user| {
        member(user)?;
        match chat.is_direct() {
            true => Err(Problem::DIRECT_CHAT),
            false => Ok(()),
        }
    };
    let change = |user_id, by| MembershipChange {
        chat_id: chat.id,
        user_id,
        by,
        at,
    };
    match command {
        ChatCommand::Create(creation) => decide_creation_again(chat, creation),
        ChatCommand::Post(post) => {
            member(post.sender_id)?;
            if chat.timeline.erased().has(post.sender_id) {
                return Err(Problem::NO_SUCH_CHAT);
            }
            if chat.is_blocked(post.sender_id) {
                return Err(Problem::BLOCKED);
            }
            Ok(Decision::Post(post))
        }
        ChatCommand::Amend(amend) => {
            member(amend.caller)?;
            if amend.change.says_something() && chat.is_blocked(amend.caller) {
                return Err(Problem::BLOCKED);
            }
            Ok(Decision::Amend)
        }
        &ChatCommand::Show { caller } => {
            member(caller)?;
            Ok(Decision::Answer(shown(chat, false)))
        }
        &ChatCommand::ShowMessages {
            caller,
            page: wanted,
        } => {
            member(caller)?;
            Ok(Decision::Page(page(chat, wanted, chat.shown_since(caller))))
        }
        &ChatCommand::ShowEvents { caller, page } => Ok(match chat.is_member(caller) {
            true => Decision::Events(Wanted {
                page: EventsPage {
                    after: page.after.max(chat.shown_since(caller).before()),
                    ..page
                },
                removed: None,
            }),
            false => Decision::EventsOfFormer {
                caller,
                page,
                end: End::Removed(chat.settings().history),
            },
        }),
        &ChatCommand::ShowMembers { caller, page } => {
            member(caller)?;
            Ok(Decision::Answer(members_page(chat, page)))
        }
        &ChatCommand::ListMembers { caller, limit } => {
            member(caller)?;
            let members = chat.members().iter().take(limit).collect();
            Ok(Decision::Answer(Outcome::Members(members)))
        }
        &ChatCommand::AddMember {
            caller, user_id, ..
        } => {
            changeable(caller)?;
            if chat.is_member(user_id) {
                return Ok(Decision::Answer(shown(chat, false)));
            }
            if !chat.settings().members_may_add {
                admin(caller)?;
            }
            // Others may be on their way in: it is decided when the record is applied.
            if chat.is_full() {
                return Err(Problem::CHAT_FULL);
            }
            let key = ChangeKey::Added(chat.id, user_id);
            Ok(Decision::Append(
                key,
                Record::MemberAdded(change(user_id, caller)),
            ))
        }
        &ChatCommand::RemoveMember { caller, user_id } => {
            changeable(caller)?;
            if user_id != caller {
                admin(caller)?;
            }
            if !chat.is_member(user_id) {
                return Err(Problem::NO_SUCH_MEMBER);
            }
            let key = ChangeKey::Removed(chat.id, user_id);
            Ok(Decision::Append(
                key,
                Record::MemberRemoved(change(user_id, caller)),
            ))
        }
        &ChatCommand::Erase { user_id, step } => Ok(decide_erasure(chat, user_id, step, at)),
        &ChatCommand::SetRole {
            caller,
            user_id,
            role,
        } => {
            changeable(caller)?;
            admin(caller)?;
            decide_role(chat, caller, (user_id, role), at)
        }
        ChatCommand::Change(change) => {
            changeable(change.caller)?;
            admin(change.caller)?;
            Ok(decide_change(chat, change, at))
        }
        &ChatCommand::Delete { caller } => {
            changeable(caller)?;
            admin(caller)?;
            let deleted = ChatDeleted {
                chat_id: chat.id,
                by: caller,
                at,
            };
            let key = ChangeKey::Deleted(chat.id);
            Ok(Decision::Append(key, Record::ChatDeleted(deleted)))
        }
        &ChatCommand::Block(blocking) => {
            member(blocking.caller)?;
            match chat.blocks(blocking.caller) == blocking.is_blocked {
                true => Ok(Decision::Answer(Outcome::Done)),
                false => Ok(decide_block(chat.id, blocking, at)),
            }
        }
        &ChatCommand::ShowActivity { user_id } => {
            let mine = chat.is_member(user_id).then(|| chat.activity());
            Ok(Decision::Answer(Outcome::Activity(mine)))
        }
        &ChatCommand::Summarize { user_id, mark } => {
            let mine = chat.is_member(user_id);
            let mine = mine.then(|| Box::new(summary(chat, user_id, mark)));
            Ok(Decision::Answer(Outcome::Summary(mine)))
        }
        &ChatCommand::ResolveMark { user_id, seq } => {
            member(user_id)?;
            Ok(match chat.count_read(user_id, seq) {
                Counted::Here(marked) => Decision::Answer(Outcome::Marked(marked)),
                Counted::InStore { seq, all } => Decision::CountMessages { seq, all },
            })
        }
    }
}

/// A user who was deleted has said nothing, and leaves; a direct chat has them stay, and block the other for good.
fn decide_erasure<'a>(
    chat: &Chat,
    user_id: UserId,
    step: ErasureStep,
    at: Timestamp,
) -> Decision<'a> {
    let chat_id = chat.id;
    match step {
        ErasureStep::Content if chat.timeline.erased().has(user_id) => {
            Decision::Answer(Outcome::Done)
        }
        ErasureStep::Content => {
            let erased = SenderErased {
                chat_id,
                user_id,
                at,
            };
            let key = ChangeKey::Erased(chat_id, user_id);
            Decision::Append(key, Record::SenderErased(erased))
        }
        ErasureStep::Membership if !chat.is_member(user_id) => Decision::Answer(Outcome::Done),
        ErasureStep::Membership if chat.is_direct() => decide_last_block(chat, user_id, at),
        ErasureStep::Membership => {
            let change = MembershipChange {
                chat_id,
                user_id,
                by: user_id,
                at,
            };
            let key = ChangeKey::Removed(chat_id, user_id);
            Decision::Append(key, Record::MemberRemoved(change))
        }
    }
}

fn decide_last_block<'a>(chat: &Chat, user_id: UserId, at: Timestamp) -> Decision<'a> {
    match chat.members().other(user_id) {
        Some(other) if !chat.blocks(user_id) => append_block(chat.id, (user_id, other), true, at),
        Some(_) | None => Decision::Answer(Outcome::Done),
    }
}

/// Somebody asks for a chat that is there.
fn decide_creation_again<'a>(chat: &Chat, creation: &Creation) -> Result<Decision<'a>, Problem> {
    match creation.origin {
        // Its id was made for this very command, so this is what was asked for.
        Origin::Chance => return Ok(Decision::Answer(shown(chat, true))),
        Origin::Members => return Ok(Decision::Answer(shown(chat, false))),
        Origin::Key => {}
    }
    if creation.creator_id.is_some_and(|it| !chat.is_member(it)) {
        return Err(Problem::NO_SUCH_CHAT);
    }
    let wanted = creation.record(chat.id, Timestamp::default());
    match chat.creation_digest() {
        None => Ok(Decision::CompareCreation),
        Some(made) if made == wanted.content_digest() => Ok(Decision::Answer(shown(chat, false))),
        Some(_) => Err(Problem::CHAT_KEY_REUSED),
    }
}

/// An admin gives a member a role.
fn decide_role<'a>(
    chat: &Chat,
    by: UserId,
    (user_id, role): (UserId, Role),
    at: Timestamp,
) -> Result<Decision<'a>, Problem> {
    let members = chat.members();
    if !members.contains(user_id) {
        return Err(Problem::NO_SUCH_MEMBER);
    }
    if members.is_admin(user_id) == (role == Role::Admin) {
        return Ok(Decision::Answer(shown(chat, false)));
    }
    if members.is_last_admin(user_id) {
        return Err(Problem::LAST_ADMIN);
    }
    let set = RoleSet {
        chat_id: chat.id,
        user_id,
        role,
        by,
        at,
    };
    let key = ChangeKey::Role(chat.id, user_id, role);
    Ok(Decision::Append(key, Record::RoleSet(set)))
}

/// An admin changes settings. Those that are asked for as they are stay as they are.
fn decide_change<'a>(chat: &Chat, change: &'a ChatChange, at: Timestamp) -> Decision<'a> {
    let now = chat.settings();
    let new_text = |text: &'a Option<Box<str>>, now: &str| text.as_deref().filter(|it| *it != now);
    let changed = ChatChanged {
        chat_id: chat.id,
        by: change.caller,
        at,
        name: new_text(&change.name, &now.name),
        description: new_text(&change.description, &now.description),
        members_may_add: change
            .members_may_add
            .filter(|it| *it != now.members_may_add),
        history: change.history.filter(|it| *it != now.history),
    };
    if changed.is_empty() {
        return Decision::Answer(shown(chat, false));
    }
    let record = Record::ChatChanged(changed);
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    Decision::Append(ChangeKey::settings(chat.id, &bytes), record)
}
