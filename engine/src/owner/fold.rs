//! What a record of the log does to its chat, in log order: a pure function, and the only code that changes what of
//! a chat lasts.
//!
//! A record that a chat's state already contains (the store was ahead of the committed offset when the process
//! stopped) is recognised by its place and passed over.

use bytes::{Bytes, BytesMut};
use rookery_schema::event::{Event, EventKind};
use rookery_schema::record::{
    BlockSet, Change, ChatChanged, ChatCreated, ChatDeleted, Edit, MembershipChange,
    MessageAmended, MessagePosted, Record, RoleSet, SenderErased,
};
use rookery_schema::roles::Role;
use rookery_schema::row::{Amendment, AmendmentRow, EventRow, Head, MarkRow, MemberRow, Row};
use rookery_schema::{Seq, UserId};

use crate::owner::chat::{Chat, Place};

#[cfg(test)]
mod tests;

/// What a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    /// Nothing: the state contained it.
    Contained,
    /// It is an event now.
    Numbered,
    /// It is an event now, and a message is amended.
    Amended,
    /// It is an event now, and says nothing: the message that it edits was deleted before.
    TooLate,
    /// It is the chat's first event: all members have joined.
    Created,
    /// It is an event now, and this user a member.
    Joined(UserId),
    /// It is an event now, and this user no longer a member.
    Left(UserId),
    /// It is an event now, and this user has this role.
    RoleSet(UserId, Role),
    /// It is an event now, and the chat has other settings.
    Changed,
    /// No event, but that the chat was created where it was not there: a member blocks another, or does so no more.
    Blocked { is_new: bool },
    /// It is the last event: the chat is gone.
    Deleted,
    /// It is an event now, and nothing is left of what this user said.
    Erased(UserId),
    /// Nothing: the chat was deleted before, or whoever says something has no account any more.
    Void,
    /// Nothing: this user is the last admin, and can only leave.
    LastAdmin(UserId),
    /// Nothing: somebody else was faster with the same change.
    Unchanged,
    /// Nothing: the chat has as many members as it may have without this user.
    Full(UserId),
}

/// Applies a record to its chat, and adds what is to be stored to `rows`. The chat of a [`Record::ChatCreated`] is a
/// [`Chat::created`].
pub(crate) fn fold(
    chat: &mut Chat,
    record: &Record<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    if chat.timeline.contains(at) {
        // The store may not know yet that there is more to remove.
        if matches!(record, Record::ChatDeleted(_)) {
            rows.extend(chat.tombstone());
        }
        return Folded::Contained;
    }
    if chat.deleted().is_some() {
        return Folded::Void;
    }
    match record {
        Record::MessagePosted(message) => fold_message(chat, message, bytes, at, rows),
        Record::MessageAmended(amended) => fold_amendment(chat, amended, bytes, at, rows),
        Record::ChatCreated(created) => fold_creation(chat, created, bytes, at, rows),
        Record::MemberAdded(change) => fold_join(chat, *change, bytes, at, rows),
        Record::MemberRemoved(change) => fold_leave(chat, *change, bytes, at, rows),
        Record::RoleSet(set) => fold_role(chat, *set, bytes, at, rows),
        Record::ChatChanged(changed) => fold_change(chat, changed, bytes, at, rows),
        Record::ChatDeleted(deleted) => fold_deletion(chat, deleted, bytes, at, rows),
        Record::BlockSet(set) => fold_block(chat, set, at, rows),
        Record::SenderErased(erased) => fold_erasure(chat, erased, bytes, at, rows),
        Record::UserRegistered(_)
        | Record::SessionEnded(_)
        | Record::PasswordSet(_)
        | Record::UserDeleted(_)
        | Record::SessionStarted(_)
        | Record::ProfileChanged(_)
        | Record::UserSettingsChanged(_) => {
            debug_assert!(false, "a record that concerns no chat");
            Folded::Unchanged
        }
    }
}

fn fold_message(
    chat: &mut Chat,
    message: &MessagePosted<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    // An earlier owner may have appended it.
    if chat.timeline.erased().has(message.sender_id) {
        return Folded::Void;
    }
    rows.push(chat.number(&Event::Message(*message), message.at, at, bytes.clone()));
    chat.note(message.sender_id);
    Folded::Numbered
}

/// A record tells which edit it takes the place of, as far as that was known when it was decided. One of an earlier
/// owner may have come in between: where that is in memory, it loses its content, too. So does an edit of what is
/// deleted.
fn fold_amendment(
    chat: &mut Chat,
    amended: &MessageAmended<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    let target = amended.target.seq;
    let is_edit = matches!(amended.change, Change::Edited { .. });
    let is_erased = chat.timeline.erased().has(amended.target.sender_id);
    if is_edit && (is_erased || chat.timeline.is_deleted(target)) {
        let late = MessageAmended {
            change: Change::NO_CONTENT,
            ..*amended
        };
        let bytes = encoded(&Record::MessageAmended(Box::new(late)));
        let row = chat.number(&Event::MessageAmended(&late), late.at, at, bytes);
        rows.push(row);
        // It may have been written with its content, before it was known that there is a deletion.
        let (seq, messages) = (chat.timeline.seq(), chat.timeline.messages());
        let record = Record::MessageAmended(Box::new(late));
        rows.push(redacted(
            amended,
            (seq, messages),
            &record,
            EventKind::Other,
        ));
        return Folded::TooLate;
    }
    rows.push(chat.number(
        &Event::MessageAmended(amended),
        amended.at,
        at,
        bytes.clone(),
    ));
    let row = AmendmentRow::of(amended, chat.timeline.seq());
    rows.push(Row::Amendment(row.clone()));
    match amended.change {
        Change::Edited { supersedes, .. } => redact(chat, amended, supersedes, rows),
        Change::Deleted { supersedes } => {
            if supersedes.is_some() || chat.timeline.newest_edit(target).is_some() {
                let change = Amendment::Edited {
                    content: String::new(),
                };
                rows.push(Row::Amendment(AmendmentRow {
                    change,
                    ..row.clone()
                }));
            }
            redact(chat, amended, supersedes, rows);
        }
        Change::Reaction { .. } => {}
    }
    chat.timeline.amend(row, amended.target.messages);
    Folded::Amended
}

/// What had the content until now loses it: the message's own event, or the edit that is superseded.
fn redact(
    chat: &mut Chat,
    amended: &MessageAmended<'_>,
    supersedes: Option<Edit>,
    rows: &mut Vec<Row>,
) {
    if supersedes.is_none() {
        rows.push(redacted_message(amended));
    }
    // What amends a message may be in the store before its event is, so that a replay meets it.
    let this = chat.timeline.seq();
    let newest_known = chat
        .timeline
        .newest_edit(amended.target.seq)
        .filter(|known| known.seq < this && supersedes.is_none_or(|edit| edit.seq < known.seq));
    for edit in supersedes.into_iter().chain(newest_known) {
        let record = Record::MessageAmended(Box::new(MessageAmended {
            by: edit.by,
            at: edit.at,
            change: Change::NO_CONTENT,
            ..*amended
        }));
        chat.timeline.redact(edit.seq, &record);
        rows.push(redacted(
            amended,
            (edit.seq, edit.messages),
            &record,
            EventKind::Other,
        ));
    }
}

fn redacted_message(amended: &MessageAmended<'_>) -> Row {
    let target = amended.target;
    let record = Record::MessagePosted(MessagePosted {
        chat_id: amended.chat_id,
        message_id: target.message_id,
        sender_id: target.sender_id,
        at: target.at,
        client_id: target.client_id,
        content: "",
    });
    redacted(
        amended,
        (target.seq, target.messages),
        &record,
        EventKind::Message,
    )
}

fn redacted(
    amended: &MessageAmended<'_>,
    (seq, messages): (Seq, u64),
    record: &Record<'_>,
    kind: EventKind,
) -> Row {
    Row::Redacted(EventRow {
        chat_id: amended.chat_id,
        head: Head {
            seq,
            messages,
            ..Head::default()
        },
        record: encoded(record),
        kind,
    })
}

fn encoded(record: &Record<'_>) -> Bytes {
    let mut bytes = BytesMut::new();
    record.encode(&mut bytes);
    bytes.freeze()
}

fn fold_creation(
    chat: &mut Chat,
    created: &ChatCreated<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    if chat.timeline.seq() > Seq(0) {
        return Folded::Unchanged;
    }
    rows.push(chat.number(&Event::ChatCreated(*created), created.at, at, bytes.clone()));
    rows.extend(chat.creation_rows());
    Folded::Created
}

fn fold_join(
    chat: &mut Chat,
    change: MembershipChange,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    if chat.is_member(change.user_id) {
        return Folded::Unchanged;
    }
    if chat.is_full() {
        return Folded::Full(change.user_id);
    }
    chat.insert_member(change.user_id);
    rows.push(chat.number(&Event::MemberAdded(change), change.at, at, bytes.clone()));
    rows.push(Row::Member(MemberRow {
        chat_id: chat.id,
        user_id: change.user_id,
        position: 0,
        added_seq: chat.timeline.seq(),
    }));
    chat.note(change.user_id);
    rows.push(Row::Mark(MarkRow {
        user_id: change.user_id,
        chat_id: chat.id,
        mark: chat.timeline.mark(),
    }));
    Folded::Joined(change.user_id)
}

fn fold_leave(
    chat: &mut Chat,
    change: MembershipChange,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    let mut role = Vec::new();
    let joined = chat.members().joined(change.user_id);
    if !chat.remove_member(change.user_id, &mut role) {
        return Folded::Unchanged;
    }
    rows.push(chat.number(&Event::MemberRemoved(change), change.at, at, bytes.clone()));
    rows.push(Row::NotMember {
        chat_id: chat.id,
        user_id: change.user_id,
        added_seq: joined.unwrap_or(chat.timeline.seq()),
        removed_seq: chat.timeline.seq(),
    });
    rows.extend(role);
    Folded::Left(change.user_id)
}

/// Who asked for it was an admin then. That they may be none any more changes nothing; but a chat always has an admin.
fn fold_role(
    chat: &mut Chat,
    set: RoleSet,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    let RoleSet { user_id, role, .. } = set;
    let members = chat.members();
    let heir = members.heir();
    // That the heir is admin is still to be told.
    let is_admin = members.is_admin(user_id) && heir != Some(user_id);
    if !members.contains(user_id) || is_admin == (role == Role::Admin) {
        return Folded::Unchanged;
    }
    if role == Role::Member && members.is_last_admin(user_id) {
        return Folded::LastAdmin(user_id);
    }
    rows.push(chat.number(&Event::RoleSet(set), set.at, at, bytes.clone()));
    // Whoever is admin without having been given the role stays one beside others.
    let heir = heir.filter(|heir| *heir != user_id);
    let heir = heir.map(|heir| (heir, Role::Admin));
    let roles: Vec<_> = heir.into_iter().chain([(user_id, role)]).collect();
    rows.extend(chat.set_roles(&roles));
    Folded::RoleSet(user_id, role)
}

/// Nobody is told. A chat that comes to be by it has the event that it was created, as any other.
fn fold_block(chat: &mut Chat, set: &BlockSet, at: Place, rows: &mut Vec<Row>) -> Folded {
    let is_new = chat.timeline.seq() == Seq(0);
    if is_new {
        let members = set.members();
        let created = set.creation(&members);
        let bytes = encoded(&Record::ChatCreated(created));
        fold_creation(chat, &created, &bytes, at, rows);
    }
    rows.push(chat.set_block(set, at));
    Folded::Blocked { is_new }
}

fn fold_erasure(
    chat: &mut Chat,
    erased: &SenderErased,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    if chat.timeline.erased().has(erased.user_id) {
        return Folded::Unchanged;
    }
    rows.push(chat.number(&Event::SenderErased(*erased), erased.at, at, bytes.clone()));
    rows.push(chat.timeline.erase(erased));
    Folded::Erased(erased.user_id)
}

/// The event itself goes with all the others: what is stored instead has all that it says.
fn fold_deletion(
    chat: &mut Chat,
    deleted: &ChatDeleted,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    chat.number(&Event::ChatDeleted(*deleted), deleted.at, at, bytes.clone());
    chat.delete(deleted);
    rows.extend(chat.tombstone());
    Folded::Deleted
}

/// Numbered also where it changes nothing: the settings that the store has may be ahead.
fn fold_change(
    chat: &mut Chat,
    changed: &ChatChanged<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    rows.push(chat.number(&Event::ChatChanged(*changed), changed.at, at, bytes.clone()));
    rows.push(chat.change_settings(changed));
    Folded::Changed
}
