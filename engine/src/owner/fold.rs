//! What a record of the log does to its chat, in log order: a pure function, and the only code that changes what of
//! a chat lasts.
//!
//! A record that a chat's state already contains (the store was ahead of the committed offset when the process
//! stopped) is recognised by its place and passed over.

use bytes::Bytes;
use rookery_schema::event::Event;
use rookery_schema::record::{ChatCreated, MembershipChange, MessagePosted, Record};
use rookery_schema::row::{MemberRow, Row};
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
    /// It is the chat's first event: all members have joined.
    Created,
    /// It is an event now, and this user a member.
    Joined(UserId),
    /// It is an event now, and this user no longer a member.
    Left(UserId),
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
    if chat.contains(at) {
        return Folded::Contained;
    }
    match record {
        Record::MessagePosted(message) => fold_message(chat, message, bytes, at, rows),
        Record::ChatCreated(created) => fold_creation(chat, created, bytes, at, rows),
        Record::MemberAdded(change) => fold_join(chat, *change, bytes, at, rows),
        Record::MemberRemoved(change) => fold_leave(chat, *change, bytes, at, rows),
        Record::UserRegistered(_) | Record::SessionEnded(_) | Record::PasswordSet(_) => {
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
    rows.push(chat.number(&Event::Message(*message), message.at, at, bytes.clone()));
    Folded::Numbered
}

fn fold_creation(
    chat: &mut Chat,
    created: &ChatCreated<'_>,
    bytes: &Bytes,
    at: Place,
    rows: &mut Vec<Row>,
) -> Folded {
    if chat.seq() > Seq(0) {
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
        added_seq: chat.seq(),
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
    if !chat.remove_member(change.user_id) {
        return Folded::Unchanged;
    }
    rows.push(chat.number(&Event::MemberRemoved(change), change.at, at, bytes.clone()));
    rows.push(Row::NotMember {
        chat_id: chat.id,
        user_id: change.user_id,
        removed_seq: chat.seq(),
    });
    Folded::Left(change.user_id)
}
