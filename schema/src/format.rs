//! Formats: what a version of Rookery has to know to read data, as one number for records and rows alike.
//!
//! A log and a store each carry the highest format of anything in them, and raise it before they hold the
//! first record or row that needs it: until then, older versions can still open them. A version refuses
//! what carries a format above [`NEWEST`], since it would pass over what it does not know, and number all
//! that follows differently.

use crate::batch::RecordBatch;
use crate::record::{NEWEST_KIND, is_foreign, is_up_to_logout};
use crate::row::{Row, UserRow};

/// The oldest that this version reads.
pub const OLDEST: u32 = 2;
/// With rows that amend messages.
pub const AMENDMENTS: u32 = 3;
/// Of a topic with claims ([`crate::claims`]). An older version would number what is void.
pub const CLAIMS: u32 = 4;
/// With passwords that were set by operators, who ended all sessions of a user.
pub const PASSWORDS: u32 = 5;
/// With logouts that end all earlier sessions of their user.
pub const LOGOUTS: u32 = 6;
/// With what came with conversations: records that amend messages, events that were redacted, roles, settings of chats, and
/// users who are unique by their keys and shown as they typed their names; their sessions, profiles and settings.
pub const CONVERSATIONS: u32 = 7;
/// The newest that this version knows.
pub const NEWEST: u32 = CONVERSATIONS;

/// Needed to read a log record of each kind that this version knows, from kind 1 on.
const OF_KIND: [u32; NEWEST_KIND as usize] = [
    OLDEST,
    OLDEST,
    OLDEST,
    OLDEST,
    OLDEST,
    OLDEST,
    PASSWORDS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
    CONVERSATIONS,
];

/// Needed to read a log record: one of a kind that this version does not know needs a newer one. What no
/// version wrote needs none, and is a dead letter to all.
pub const fn of_record(record: &[u8]) -> u32 {
    match record.first() {
        Some(&kind @ 1..=NEWEST_KIND) if !is_up_to_logout(record) => OF_KIND[kind as usize - 1],
        Some(1..=NEWEST_KIND) => LOGOUTS,
        Some(_) if !is_foreign(record) => NEWEST + 1,
        Some(_) | None => OLDEST,
    }
}

/// Needed to read all records of a batch.
pub fn of_batch(batch: &RecordBatch) -> u32 {
    batch.slices().map(of_record).max().unwrap_or(OLDEST)
}

/// Needed to read a row.
pub fn of_row(row: &Row) -> u32 {
    match row {
        Row::Event(row) => of_record(&row.record),
        Row::Redacted(row) => CONVERSATIONS.max(of_record(&row.record)),
        Row::EndedSession { session_id, .. } if session_id.is_kept() => CONVERSATIONS,
        Row::EndedSession { session_id, .. } if session_id.is_up_to_logout() => LOGOUTS,
        Row::EndedSession { session_id, .. } if session_id.as_many_of().is_some() => PASSWORDS,
        Row::User(
            UserRow { key: Some(_), .. }
            | UserRow {
                is_deleted: true, ..
            },
        ) => CONVERSATIONS,
        // A version that knows no marks passes them over, and numbers nothing differently.
        Row::Chat(_)
        | Row::Mark(_)
        | Row::Member(_)
        | Row::NotMember { .. }
        | Row::User(_)
        | Row::EndedSession { .. }
        // What they take away is of a newer format itself.
        | Row::NoSession { .. }
        | Row::NoSessions { .. }
        | Row::Reached { .. } => OLDEST,
        Row::Amendment(_) => AMENDMENTS,
        Row::Role(_)
        | Row::Settings(_)
        | Row::Session(_)
        | Row::Profile(_)
        | Row::UserSettings(_)
        | Row::OwnGone { .. }
        | Row::Erasure(_)
        | Row::Erased(_)
        | Row::Rewritten(_)
        | Row::ChatDeleted(_)
        | Row::Purged(_)
        | Row::Block(_) => CONVERSATIONS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RecordBatchBuilder;
    use crate::record::{Record, RecordError, SessionEnded};
    use crate::{SessionId, Timestamp, UserId};

    #[test]
    fn what_this_version_knows_needs_no_newer_one_and_what_it_does_not_know_does() {
        for kind in 0..=u8::MAX {
            let needed = of_record(&[kind]);
            let decoded = Record::decode(std::slice::from_ref(&kind));
            let is_unknown = matches!(decoded, Err(RecordError::UnknownKind(_)));
            assert_eq!(needed > NEWEST, is_unknown, "kind {kind}");
        }
        assert_eq!(of_record(&[]), OLDEST);
    }

    #[test]
    fn a_logout_that_ends_earlier_sessions_needs_a_version_that_knows_of_it() {
        let user_id = UserId::v7(Timestamp::from_millis(1), &[0xff; 10]);
        for (session_id, of_record, of_row) in [
            (SessionId::random([0xff; 16]), OLDEST, OLDEST),
            (SessionId::all_of(user_id), OLDEST, PASSWORDS),
            (SessionId::up_to_logout_of(user_id), LOGOUTS, LOGOUTS),
            (SessionId::random([0xff; 16]).kept(), OLDEST, CONVERSATIONS),
        ] {
            let expires_at = Timestamp::from_millis(2);
            let ended = SessionEnded {
                session_id,
                user_id,
                expires_at,
            };
            let mut record = Vec::new();
            Record::SessionEnded(ended).encode(&mut record);
            assert_eq!(super::of_record(&record), of_record);
            let row = Row::EndedSession {
                session_id,
                expires_at,
            };
            assert_eq!(super::of_row(&row), of_row);
        }
        let many = SessionId::up_to_logout_of(user_id);
        assert_eq!(many.as_many_of(), Some(user_id));
        assert_ne!(many, SessionId::all_of(user_id));
    }

    #[test]
    fn a_batch_needs_what_the_newest_of_its_records_needs() {
        let mut batch = RecordBatchBuilder::default();
        batch.push_encoded(&[1, 2]);
        batch.push_encoded(b"");
        batch.push_encoded(b"text");
        let known = batch.take();
        assert_eq!(of_batch(&known), OLDEST);
        batch.push_encoded(&[1, 2]);
        batch.push_encoded(&[NEWEST_KIND + 1]);
        batch.push_encoded(&[1, 2]);
        assert_eq!(of_batch(&batch.take()), NEWEST + 1);
    }
}
