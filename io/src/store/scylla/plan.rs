//! From the rows of a job to batches, each of one CQL partition, in stages that follow one another.
//!
//! Writes of several tables are not one: a crash may leave any prefix of the stages. What the engine
//! reads of a chat afterwards must be its state at its newest stored event, whose record it knows by its
//! offset and will not apply again. So
//! 1. the chat, who is a member and who no longer, with the seq of the event that tells so; roles, each with the one
//!    before; settings, blocks and what events amend, which changes nothing when it is written again with an event that was
//!    not stored; that a chat was deleted, so that nothing is missed of it that is not in by then;
//! 2. what events redact of those before them: none is without content that is not known to be amended, and what is not
//!    redacted yet is redacted when the event behind it comes again;
//! 3. events, in order. From here on they count: see [`is_member`];
//! 4. the rows of members, and of chats, that are gone; how far what deleted users said is overwritten.

use std::collections::HashMap;

use rookery_schema::cql::{bucket, ended_session_bucket};
use rookery_schema::names::is_key;
use rookery_schema::row::{
    AmendmentRow, BlockRow, ChatRow, DeletedChatRow, ErasedRow, ErasureRow, EventRow, MarkRow,
    MemberRow, ProfileRow, PurgeRow, RewriteRow, RoleRow, Row, SessionRow, SettingsRow, UserRow,
    UserSettingsRow,
};
use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};

/// Rows of one batch. Measured on one node: more gain nothing, and let others wait for longer.
pub(super) const BATCH_ROWS_MAX: usize = 512;
/// Bytes of a batch's log records above which it takes no more: far below the 16 MiB that a server
/// takes at most in one request, or one mutation.
pub(super) const BATCH_BYTES_MAX: usize = 256 << 10;

/// Rows of one table, and of one partition of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Batch<'a> {
    Chat(&'a ChatRow),
    /// Members of one chat.
    Added(Vec<&'a MemberRow>),
    /// Members of one chat who are gone, or will be with the event that tells so.
    Removed(Vec<Removal>),
    /// As [`Batch::Removed`], when that event is stored.
    Forgotten(Vec<Removal>),
    /// As [`Batch::Removed`], for good.
    Former(Vec<Removal>),
    /// Of one chat.
    Roles(Vec<&'a RoleRow>),
    Settings(&'a SettingsRow),
    ChatOfUser(&'a MemberRow),
    NotChatOfUser(Removal),
    /// Of one bucket of a chat, in order.
    Events(Vec<NewEvent<'a>>),
    /// Of one bucket of a chat: what earlier events say from now on.
    Redactions(Vec<&'a EventRow>),
    /// Of messages in one bucket of a chat.
    Amendments(Vec<&'a AmendmentRow>),
    ChatDeleted(&'a DeletedChatRow),
    /// As [`Batch::ChatDeleted`], when it is known that the chat is: the chat goes, and what else there is is to follow.
    ChatGone(&'a DeletedChatRow),
    Purge(&'a PurgeRow),
    Block(&'a BlockRow),
    /// Of one user.
    Marks(Vec<&'a MarkRow>),
    User(&'a UserRow),
    UserName(&'a UserRow),
    /// Of a user whose name is not its own key.
    NameByKey(&'a UserRow),
    /// Of one bucket.
    EndedSessions(Vec<(SessionId, Timestamp)>),
    Session(&'a SessionRow),
    NoSession(UserId, Timestamp, SessionId),
    /// Of a user, that expire by then.
    NoSessions(UserId, Timestamp),
    Profile(&'a ProfileRow),
    UserSettings(&'a UserSettingsRow),
    /// What a user has for themselves, but for sessions.
    OwnGone(UserId),
    Erasure(&'a ErasureRow),
    Erased(&'a ErasedRow),
    /// Behind what is overwritten by then.
    Rewritten(&'a RewriteRow),
}

/// An event that was not written before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NewEvent<'a> {
    pub(super) row: &'a EventRow,
    /// What it says from now on, where it is redacted already.
    pub(super) redacted: Option<&'a EventRow>,
}

/// See [`Row::NotMember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Removal {
    pub(super) chat_id: ChatId,
    pub(super) user_id: UserId,
    pub(super) added_seq: Seq,
    pub(super) seq: Seq,
}

/// Whether a chat whose newest event is `head` has a member, by their row. Their newest change may be of an
/// event that is not stored, and only that one: before an addition they were none, before a removal they were.
pub(super) fn is_member(head: Seq, added: Option<Seq>, removed: Option<Seq>) -> bool {
    let is_in =
        |added: Seq| added <= head && removed.is_none_or(|gone| gone < added || gone > head);
    added.is_some_and(is_in)
}

/// Batches of a stage may be written in any order; those of the next wait for them.
pub(super) fn stages(rows: &[Row]) -> Vec<Vec<Batch<'_>>> {
    let mut stages = vec![first_stage(rows)];
    let mut redacted: HashMap<(ChatId, Seq), &EventRow> =
        rows.iter().filter_map(as_redaction).collect();
    let event = |row| {
        let row = as_event(row)?;
        let redacted = redacted.remove(&(row.chat_id, row.head.seq));
        Some(NewEvent { row, redacted })
    };
    let events: Vec<_> = rows.iter().filter_map(event).collect();
    stages.push(redaction_batches(redacted.into_values().collect()));
    stages.extend(event_batches(&events).map(|batch| vec![Batch::Events(batch)]));
    let users = rows.iter().filter_map(as_user);
    let names = users.clone().map(Batch::UserName);
    let others = users.filter(|user| !is_key(user.name()));
    let names = names.chain(others.map(Batch::NameByKey));
    let removals: Vec<_> = rows.iter().filter_map(as_removal).collect();
    let gone = removals.chunks(BATCH_ROWS_MAX);
    let gone = gone.map(|removals| Batch::Forgotten(removals.to_vec()));
    let deleted = rows.iter().filter_map(as_deletion).map(Batch::ChatGone);
    let rewritten = rows.iter().filter_map(as_rewrite).map(Batch::Rewritten);
    stages.push(names.chain(gone).chain(deleted).chain(rewritten).collect());
    stages.retain(|stage| !stage.is_empty());
    stages
}

fn first_stage(rows: &[Row]) -> Vec<Batch<'_>> {
    let mut batches = Vec::new();
    let (mut added, mut removed, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    let (mut amendments, mut roles, mut marks) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Amendment(row) => amendments.push(row),
            Row::Chat(row) => batches.push(Batch::Chat(row)),
            Row::Role(row) => roles.push(row),
            Row::Settings(row) => batches.push(Batch::Settings(row)),
            Row::ChatDeleted(row) => batches.push(Batch::ChatDeleted(row)),
            Row::Purged(row) => batches.push(Batch::Purge(row)),
            Row::Block(row) => batches.push(Batch::Block(row)),
            Row::Member(row) => {
                added.push(row);
                batches.push(Batch::ChatOfUser(row));
            }
            Row::Mark(row) => marks.push(row),
            Row::User(row) => batches.push(Batch::User(row)),
            Row::EndedSession {
                session_id,
                expires_at,
            } => ended.push((*session_id, *expires_at)),
            Row::Session(row) => batches.push(Batch::Session(row)),
            Row::NoSession {
                user_id,
                session_id,
                expires_at,
            } => batches.push(Batch::NoSession(*user_id, *expires_at, *session_id)),
            Row::NoSessions { user_id, until } => {
                batches.push(Batch::NoSessions(*user_id, *until));
            }
            Row::Profile(row) => batches.push(Batch::Profile(row)),
            Row::UserSettings(row) => batches.push(Batch::UserSettings(row)),
            Row::OwnGone { user_id } => batches.push(Batch::OwnGone(*user_id)),
            Row::Erasure(row) => batches.push(Batch::Erasure(row)),
            Row::Erased(row) => batches.push(Batch::Erased(row)),
            Row::Event(_)
            | Row::Redacted(_)
            | Row::Rewritten(_)
            | Row::Reached { .. }
            | Row::NotMember { .. } => {}
        }
        if let Some(removal) = as_removal(row) {
            removed.push(removal);
            batches.push(Batch::NotChatOfUser(removal));
        }
    }
    let chunks = added.chunks(BATCH_ROWS_MAX);
    batches.extend(chunks.map(|rows| Batch::Added(rows.to_vec())));
    let chunks = removed.chunks(BATCH_ROWS_MAX);
    batches.extend(
        chunks.flat_map(|rows| [Batch::Removed(rows.to_vec()), Batch::Former(rows.to_vec())]),
    );
    let chunks = roles.chunks(BATCH_ROWS_MAX);
    batches.extend(chunks.map(|rows| Batch::Roles(rows.to_vec())));
    let of_one_bucket = amendments.chunk_by(|a, b| bucket(a.target) == bucket(b.target));
    let chunks = of_one_bucket.flat_map(|rows| rows.chunks(BATCH_ROWS_MAX));
    batches.extend(chunks.map(|rows| Batch::Amendments(rows.to_vec())));
    let of_one_user = marks.chunk_by(|a, b| a.user_id == b.user_id);
    let chunks = of_one_user.flat_map(|rows| rows.chunks(BATCH_ROWS_MAX));
    batches.extend(chunks.map(|rows| Batch::Marks(rows.to_vec())));
    let of_one_bucket =
        ended.chunk_by(|a, b| ended_session_bucket(a.0) == ended_session_bucket(b.0));
    let chunks = of_one_bucket.flat_map(|rows| rows.chunks(BATCH_ROWS_MAX));
    batches.extend(chunks.map(|rows| Batch::EndedSessions(rows.to_vec())));
    batches
}

const fn as_deletion(row: &Row) -> Option<&DeletedChatRow> {
    let Row::ChatDeleted(row) = row else {
        return None;
    };
    Some(row)
}

const fn as_rewrite(row: &Row) -> Option<&RewriteRow> {
    let Row::Rewritten(row) = row else {
        return None;
    };
    Some(row)
}

const fn as_event(row: &Row) -> Option<&EventRow> {
    let Row::Event(row) = row else {
        return None;
    };
    Some(row)
}

const fn as_redaction(row: &Row) -> Option<((ChatId, Seq), &EventRow)> {
    let Row::Redacted(row) = row else {
        return None;
    };
    Some(((row.chat_id, row.head.seq), row))
}

const fn as_user(row: &Row) -> Option<&UserRow> {
    let Row::User(row) = row else {
        return None;
    };
    Some(row)
}

const fn as_removal(row: &Row) -> Option<Removal> {
    let Row::NotMember {
        chat_id,
        user_id,
        added_seq,
        removed_seq,
    } = row
    else {
        return None;
    };
    Some(Removal {
        chat_id: *chat_id,
        user_id: *user_id,
        added_seq: *added_seq,
        seq: *removed_seq,
    })
}

fn redaction_batches(mut redacted: Vec<&EventRow>) -> Vec<Batch<'_>> {
    redacted.sort_unstable_by_key(|row| row.head.seq);
    let of_one_bucket = redacted.chunk_by(|a, b| bucket(a.head.seq) == bucket(b.head.seq));
    let chunks = of_one_bucket.flat_map(|rows| rows.chunks(BATCH_ROWS_MAX));
    chunks
        .map(|rows| Batch::Redactions(rows.to_vec()))
        .collect()
}

fn event_batches<'a>(mut events: &[NewEvent<'a>]) -> impl Iterator<Item = Vec<NewEvent<'a>>> {
    std::iter::from_fn(move || {
        let first = events.first()?;
        let mut bytes = 0;
        let fits = events.iter().take(BATCH_ROWS_MAX).take_while(|event| {
            let is_room = bytes < BATCH_BYTES_MAX;
            bytes += event.row.record.len();
            is_room && bucket(event.row.head.seq) == bucket(first.row.head.seq)
        });
        let (batch, rest) = events.split_at(fits.count());
        events = rest;
        Some(batch.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rookery_schema::PartitionId;
    use rookery_schema::cql::BUCKET_BITS;
    use rookery_schema::event::EventKind;
    use rookery_schema::row::{Head, Mark};

    const CHAT: ChatId = ChatId::from_bytes([1; 16]);

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    fn event(seq: u64, bytes: usize) -> Row {
        Row::Event(EventRow {
            chat_id: CHAT,
            head: Head {
                seq: Seq(seq),
                partition: PartitionId(0),
                ..Head::default()
            },
            record: vec![0; bytes].into(),
            kind: EventKind::Message,
        })
    }

    fn removal(n: u8, seq: u64) -> Removal {
        Removal {
            chat_id: CHAT,
            user_id: user(n),
            added_seq: Seq(1),
            seq: Seq(seq),
        }
    }

    #[test]
    fn members_come_before_events_and_the_rows_of_those_who_left_go_behind_them() {
        let member = MemberRow {
            chat_id: CHAT,
            user_id: user(1),
            position: 0,
            added_seq: Seq(7),
        };
        let left = Row::NotMember {
            chat_id: CHAT,
            user_id: user(2),
            added_seq: Seq(1),
            removed_seq: Seq(8),
        };
        let rows = [Row::Member(member), event(7, 1), left, event(8, 1)];
        let first = vec![
            Batch::ChatOfUser(&member),
            Batch::NotChatOfUser(removal(2, 8)),
            Batch::Added(vec![&member]),
            Batch::Removed(vec![removal(2, 8)]),
            Batch::Former(vec![removal(2, 8)]),
        ];
        let new = |row| NewEvent {
            row,
            redacted: None,
        };
        let events = Batch::Events(rows.iter().filter_map(as_event).map(new).collect());
        let last = Batch::Forgotten(vec![removal(2, 8)]);
        assert_eq!(stages(&rows), [first, vec![events], vec![last]]);
    }

    #[test]
    fn marks_of_one_user_are_written_together() {
        let mark = |n, chat| MarkRow {
            user_id: user(n),
            chat_id: ChatId::from_bytes([chat; 16]),
            mark: Mark {
                seq: Seq(3),
                messages: 2,
            },
        };
        let marks = [mark(1, 1), mark(1, 2), mark(2, 1)];
        let rows = marks.map(Row::Mark);
        let [one, other, of_second] = &marks;
        let batches = vec![
            Batch::Marks(vec![one, other]),
            Batch::Marks(vec![of_second]),
        ];
        assert_eq!(stages(&rows), [batches]);
    }

    #[test]
    fn what_is_redacted_is_written_before_the_events_behind_it_and_never_as_it_was() {
        let Row::Event(redacted) = event(5, 0) else {
            unreachable!("it is an event")
        };
        let border = 1 << BUCKET_BITS;
        let far = EventRow {
            head: Head {
                seq: Seq(border),
                ..Head::default()
            },
            ..redacted.clone()
        };
        let [early, late] = [&redacted, &far].map(|row| Row::Redacted(row.clone()));
        let rows = [late.clone(), event(border + 1, 1), early.clone()];
        let new = |row, redacted| Batch::Events(vec![NewEvent { row, redacted }]);
        let before = vec![
            Batch::Redactions(vec![&redacted]),
            Batch::Redactions(vec![&far]),
        ];
        let Row::Event(behind) = &rows[1] else {
            unreachable!("it is an event")
        };
        assert_eq!(stages(&rows), [before, vec![new(behind, None)]]);

        let rows = [event(5, 9), early];
        let Row::Event(original) = &rows[0] else {
            unreachable!("it is an event")
        };
        assert_eq!(stages(&rows), [vec![new(original, Some(&redacted))]]);
    }

    #[test]
    fn a_batch_of_events_is_of_one_bucket_and_bounded_in_rows_and_bytes() {
        let border = 1 << BUCKET_BITS;
        let sizes = |rows: &[Row]| -> Vec<usize> {
            let stages = stages(rows);
            let size = |stage: &Vec<Batch<'_>>| match &stage[..] {
                [Batch::Events(events)] => events.len(),
                other => panic!("not events: {other:?}"),
            };
            stages.iter().map(size).collect()
        };
        let rows: Vec<_> = (border - 2..border + 3).map(|seq| event(seq, 10)).collect();
        assert_eq!(sizes(&rows), [2, 3]);
        let many = BATCH_ROWS_MAX as u64 + 1;
        let rows: Vec<_> = (1..=many).map(|seq| event(seq, 10)).collect();
        assert_eq!(sizes(&rows), [BATCH_ROWS_MAX, 1]);
        let rows = [
            event(1, 9),
            event(2, BATCH_BYTES_MAX),
            event(3, 2_000_000),
            event(4, 1),
        ];
        assert_eq!(sizes(&rows), [2, 1, 1]);
    }

    proptest! {
        /// A user joins and leaves in turn; some events are stored, and the change behind them may be.
        #[test]
        fn membership_is_that_at_the_newest_stored_event(
            gaps in proptest::collection::vec(1..4u64, 0..8),
            stored in 0..8usize,
            is_next_there: bool,
        ) {
            let changes: Vec<u64> = gaps.iter().scan(0, |seq, gap| {
                *seq += gap;
                Some(*seq)
            }).collect();
            let stored = stored.min(changes.len());
            let head = stored.checked_sub(1).map_or(0, |last| changes[last]);
            let (mut added, mut removed) = (None, None);
            let visible = (stored + usize::from(is_next_there)).min(changes.len());
            for (nth, seq) in changes[..visible].iter().enumerate() {
                let place = if nth % 2 == 0 { &mut added } else { &mut removed };
                *place = Some(Seq(*seq));
            }
            prop_assert_eq!(is_member(Seq(head), added, removed), stored % 2 == 1);
        }
    }
}
