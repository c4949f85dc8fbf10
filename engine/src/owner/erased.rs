//! Whose content in a chat is gone since they deleted their account, and what is left of it.

use std::collections::BTreeMap;

use rookery_schema::message::{Message, Stamp};
use rookery_schema::record::{Change, MessageAmended, MessagePosted, Record};
use rookery_schema::row::{Amendment, AmendmentRow, EventRow, Head, RewriteRow, Row};
use rookery_schema::{Seq, UserId};

use crate::edge::port::{ErasedSender, StoredEvent};
use crate::owner::budget::allocated;

/// Bytes of memory that a user takes: their place in a tree that is two thirds full.
const ENTRY_BYTES: usize = size_of::<(UserId, Stamp)>() * 3 / 2;

/// Those of one chat. Of nearly all chats it is empty, and takes no memory besides itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erased(BTreeMap<UserId, Stamp>);

impl Erased {
    /// Those that the store has of a chat whose newest event is `head`: it may know of some ahead of the event that tells so.
    pub(crate) fn stored(senders: &[ErasedSender], head: Seq) -> Self {
        let mut this = Self::default();
        let told = senders.iter().filter(|sender| sender.seq <= head);
        told.for_each(|sender| this.add(*sender));
        this
    }

    pub(crate) fn add(&mut self, sender: ErasedSender) {
        let ErasedSender { user_id, seq, at } = sender;
        let by = user_id;
        self.0.insert(user_id, Stamp { seq, at, by });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn has(&self, user_id: UserId) -> bool {
        !self.0.is_empty() && self.0.contains_key(&user_id)
    }

    /// Takes the content of a message, where its sender is among them.
    pub(crate) fn lay_over(&self, message: &mut Message) {
        if let Some(stamp) = self.0.get(&message.sender_id) {
            message.erase(*stamp);
        }
    }

    /// Takes the content of an edit, where the author of its message is among them.
    pub(crate) fn lay_over_edit(&self, amended: &mut MessageAmended<'_>) {
        if self.has(amended.target.sender_id) && has_content(amended) {
            amended.change = Change::NO_CONTENT;
        }
    }

    /// Bytes of memory that it takes, besides itself.
    pub(crate) fn bytes(&self) -> usize {
        match self.0.len() {
            0 => 0,
            users => allocated(users * ENTRY_BYTES),
        }
    }
}

const fn has_content(amended: &MessageAmended<'_>) -> bool {
    let Change::Edited { content, .. } = amended.change else {
        return false;
    };
    !content.is_empty()
}

/// Whose content an event may have.
pub(crate) fn author_of(event: &StoredEvent) -> Option<UserId> {
    match Record::decode(&event.row.record).ok()? {
        Record::MessagePosted(message) => Some(message.sender_id),
        Record::MessageAmended(amended) => Some(amended.target.sender_id),
        Record::ChatCreated(_)
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
        | Record::SenderErased(_) => None,
    }
}

/// What is to be written of an event of a chat so that the store has nothing that this user said.
pub(crate) fn rewritten(event: &StoredEvent, sender: &RewriteRow) -> Vec<Row> {
    let mut rows = Vec::new();
    let Ok(record) = Record::decode(&event.row.record) else {
        return rows;
    };
    let (user_id, row) = (sender.user_id, &event.row);
    if let Some(record) = without_content(record, user_id) {
        rows.push(redacted(row, &record));
    }
    let edited = event.message.as_deref().filter(|message| {
        let is_theirs = message.sender_id == user_id;
        is_theirs && message.edited().is_some() && !message.content.is_empty()
    });
    // In the place of the newest edit: it is what an edit with this seq would be.
    rows.extend(edited.map(|message| {
        Row::Amendment(AmendmentRow {
            chat_id: row.chat_id,
            target: message.seq,
            seq: sender.seq,
            by: user_id,
            at: message.created_at,
            change: Amendment::Edited {
                content: String::new(),
            },
        })
    }));
    rows
}

/// A record of something that a user said, without what they said.
fn without_content(record: Record<'_>, user_id: UserId) -> Option<Record<'_>> {
    if let Record::MessagePosted(message) = record {
        let is_theirs = message.sender_id == user_id && !message.content.is_empty();
        return is_theirs.then_some(Record::MessagePosted(MessagePosted {
            content: "",
            ..message
        }));
    }
    let Record::MessageAmended(mut amended) = record else {
        return None;
    };
    let is_theirs = amended.target.sender_id == user_id && has_content(&amended);
    amended.change = Change::NO_CONTENT;
    is_theirs.then_some(Record::MessageAmended(amended))
}

fn redacted(row: &EventRow, record: &Record<'_>) -> Row {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    Row::Redacted(EventRow {
        chat_id: row.chat_id,
        head: Head {
            seq: row.head.seq,
            messages: row.head.messages,
            ..Head::default()
        },
        record: bytes.into(),
        kind: row.kind,
    })
}
