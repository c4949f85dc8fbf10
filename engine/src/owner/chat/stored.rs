//! What the rows of a chat's events say, which are read with it.

use bytes::Bytes;
use rookery_schema::event::Event;
use rookery_schema::record::Record;
use rookery_schema::row::EventRow;
use rookery_schema::{Seq, Timestamp, UserId};

use crate::owner::erased::Erased;

/// The event of a stored row, as it was sent but for what is gone; `None` where the record is damaged.
pub(super) fn encode_row(row: &EventRow, erased: &Erased) -> Option<Bytes> {
    let mut record = Record::decode(&row.record).ok()?;
    if let Record::MessageAmended(amended) = &mut record {
        erased.lay_over_edit(amended);
    }
    let json = encode(&record, row.head.seq);
    (!json.is_empty()).then_some(json)
}

/// Tells what a chat was made with, where this is its first event.
pub(crate) fn creation_digest(row: &EventRow) -> Option<u64> {
    let Ok(Record::ChatCreated(created)) = Record::decode(&row.record) else {
        return None;
    };
    Some(created.content_digest())
}

/// The event of a record; nothing where it is none.
pub(super) fn encode(record: &Record<'_>, seq: Seq) -> Bytes {
    let mut json = Vec::new();
    if let Some(event) = Event::of(record) {
        event.encode(seq, &mut json);
    }
    json.shrink_to_fit();
    json.into()
}

/// The user whom an event has come as far as it: a message does its sender.
pub(super) fn comes_forward(row: &EventRow) -> Option<UserId> {
    match Record::decode(&row.record).ok()? {
        Record::MessagePosted(message) => Some(message.sender_id),
        Record::MemberAdded(change) => Some(change.user_id),
        Record::MessageAmended(_)
        | Record::ChatCreated(_)
        | Record::MemberRemoved(_)
        | Record::RoleSet(_)
        | Record::ChatChanged(_)
        | Record::ChatDeleted(_)
        | Record::BlockSet(_)
        | Record::SenderErased(_)
        | Record::UserRegistered(_)
        | Record::SessionEnded(_)
        | Record::PasswordSet(_)
        | Record::UserDeleted(_)
        | Record::SessionStarted(_)
        | Record::ProfileChanged(_)
        | Record::UserSettingsChanged(_) => None,
    }
}

/// When it was.
pub(super) fn event_time(row: &EventRow) -> Option<Timestamp> {
    Record::decode(&row.record).ok()?.at()
}
