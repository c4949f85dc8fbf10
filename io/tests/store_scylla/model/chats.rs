//! The rows that the engine makes of what happens in a chat.

use rookery_engine::port::{Found, Read};
use rookery_schema::cql::bucket;
use rookery_schema::event::EventKind;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{
    BlockRow, ChatRow, DeletedChatRow, ErasedRow, EventRow, Head, MemberRow, PurgeRow, PurgeStep,
    RewriteRow, RoleRow, Row, SettingsRow,
};
use rookery_schema::{ChatId, Offset, Seq, Timestamp, UserId};
use rookery_testing::store::Model;

use super::ids::{PARTITION, direct_chat, user_of};
use crate::support::{amendment, message_record};

/// Somebody joins a chat, or leaves it where they are a member.
pub(super) fn joins(model: &Model, chat_id: ChatId, mut user_id: UserId) -> Vec<Row> {
    if chat_id == direct_chat() {
        user_id = user_of(user_id.as_bytes()[0] % 2);
    }
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    let change = if model.members.contains_key(&(chat_id, user_id)) {
        Row::NotMember {
            chat_id,
            user_id,
            added_seq: model.members[&(chat_id, user_id)].added_seq,
            removed_seq: seq,
        }
    } else {
        let position = u32::from(user_id.as_bytes()[0] % 2);
        Row::Member(MemberRow {
            chat_id,
            user_id,
            position,
            added_seq: seq,
        })
    };
    rows.push(change);
    rows
}

/// An event amends one before it.
pub(super) fn amends(model: &Model, chat_id: ChatId, target: u64) -> Vec<Row> {
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    rows.push(Row::Amendment(amendment(chat_id, target % seq.0, seq.0)));
    rows
}

/// An event has one before it say nothing any more.
pub(super) fn redacts(model: &Model, chat_id: ChatId, target: u64) -> Vec<Row> {
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    let wanted = Seq(1 + target % seq.0);
    let said = |row: &&EventRow| row.head.seq == wanted;
    let stored = model.events_of(chat_id).find(said);
    rows.extend(stored.map(redacted));
    rows
}

/// Somebody has another role, and the chat other settings.
pub(super) fn changes(model: &Model, chat_id: ChatId, user_id: UserId, is_admin: bool) -> Vec<Row> {
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    rows.push(Row::Role(RoleRow {
        chat_id,
        user_id,
        seq,
        role: if is_admin { Role::Admin } else { Role::Member },
        was: None,
    }));
    rows.push(Row::Settings(SettingsRow {
        chat_id,
        seq,
        settings: Settings::new(&seq.to_string()),
    }));
    rows
}

/// One of the two of the direct chat blocks the other, or does so no more.
pub(super) fn blocks(model: &Model, by_first: bool, is_blocked: bool) -> Vec<Row> {
    let (one, other) = (user_of(0), user_of(1));
    let (user_id, blocked_id) = if by_first { (one, other) } else { (other, one) };
    let offset = model.blocks().map(|row| row.offset.0 + 1).max();
    let offset = offset.unwrap_or_default();
    vec![Row::Block(BlockRow {
        user_id,
        blocked_id,
        chat_id: direct_chat(),
        is_blocked,
        at: Timestamp::from_millis(offset),
        offset: Offset(offset),
    })]
}

/// A chat is deleted, or so many parts of it are removed.
pub(super) fn deletes(model: &Model, chat_id: ChatId, parts: usize) -> Vec<Row> {
    match deletion(model, chat_id) {
        Some(head) => parts_of(model, chat_id, head).take(parts).collect(),
        None => deleted(model, chat_id),
    }
}

/// All that a user said in a chat is gone, or more of it is overwritten, or nothing is left to do.
pub(super) fn erases(model: &Model, chat_id: ChatId, user_id: UserId) -> Vec<Row> {
    let is_erased = match model.read(&Read::Chat { chat_id, recent: 0 }) {
        Found::Chat(chat) => {
            chat.is_some_and(|it| it.erased.iter().any(|it| it.user_id == user_id))
        }
        other => panic!("not what was asked: {other:?}"),
    };
    if is_erased {
        let all = Read::Rewrites {
            partition: PARTITION,
            after: None,
            limit: 99,
        };
        let Found::Rewrites(rewrites) = model.read(&all) else {
            panic!("not what was asked")
        };
        let mut theirs = rewrites.into_iter();
        let theirs = theirs.find(|row| (row.chat_id, row.user_id) == (chat_id, user_id));
        let step = theirs.map(|row| {
            let through = Seq(row.through.0 + 3);
            Row::Rewritten(RewriteRow {
                through: through.min(row.seq),
                is_done: through >= row.seq,
                ..row
            })
        });
        return step.into_iter().collect();
    }
    let mut rows = event(model, chat_id, None);
    let seq = rows.iter().filter_map(seq_of).next_back().unwrap();
    rows.push(Row::Erased(ErasedRow {
        chat_id,
        user_id,
        partition: PARTITION,
        seq,
        at: Timestamp::from_millis(seq.0),
    }));
    rows
}

/// The last event of a chat, where it is deleted.
pub(super) fn deletion(model: &Model, chat_id: ChatId) -> Option<Head> {
    match model.read(&Read::Chat { chat_id, recent: 0 }) {
        Found::Chat(chat) => chat.filter(|it| it.deleted.is_some()).map(|it| it.head),
        other => panic!("not what was asked: {other:?}"),
    }
}

/// The end of a chat, whose event is in no row but this one.
fn deleted(model: &Model, chat_id: ChatId) -> Vec<Row> {
    let mut rows = event(model, chat_id, None);
    let Some(Row::Event(last)) = rows.pop() else {
        panic!("not an event: {rows:?}")
    };
    rows.push(Row::ChatDeleted(DeletedChatRow {
        chat_id,
        head: last.head,
        by: user_of(0),
        at: Timestamp::from_millis(last.head.seq.0),
    }));
    rows
}

/// All that is to be removed of a deleted chat, in the order in which that is done.
fn parts_of(model: &Model, chat_id: ChatId, head: Head) -> impl Iterator<Item = Row> {
    let members = model
        .members
        .keys()
        .filter(move |(chat, _)| *chat == chat_id);
    let members = members.map(move |(_, user_id)| Row::NotMember {
        chat_id,
        user_id: *user_id,
        added_seq: head.seq,
        removed_seq: head.seq,
    });
    let buckets = (0..=bucket(head.seq)).map(|bucket| PurgeStep::Events { bucket });
    let others = buckets.chain([PurgeStep::Rest]).map(move |step| {
        Row::Purged(PurgeRow {
            chat_id,
            partition: head.partition,
            seq: head.seq,
            step,
        })
    });
    members.chain(others)
}

/// An event, behind that of the chat's creation where there is none yet.
pub(super) fn event(model: &Model, chat_id: ChatId, text: Option<&str>) -> Vec<Row> {
    let last = model.events_of(chat_id).next_back().map(|row| row.head);
    let mut head = last.unwrap_or_default();
    let mut rows = Vec::new();
    if last.is_none() {
        let created_at = Timestamp::from_millis(7);
        rows.push(next_event(chat_id, &mut head, None));
        rows.push(Row::Chat(ChatRow {
            chat_id,
            name: "chat".to_owned(),
            created_at,
        }));
    }
    rows.push(next_event(chat_id, &mut head, text));
    rows
}

fn next_event(chat_id: ChatId, head: &mut Head, text: Option<&str>) -> Row {
    let seq = head.seq.next();
    *head = Head {
        seq,
        messages: head.messages + u64::from(text.is_some()),
        partition: PARTITION,
        offset: Offset(3 * seq.0),
    };
    let record = text.map_or_else(|| vec![2; 9], |text| message_record(chat_id, seq.0, text));
    Row::Event(EventRow {
        chat_id,
        head: *head,
        record: record.into(),
        kind: if text.is_some() {
            EventKind::Message
        } else {
            EventKind::Other
        },
    })
}

/// Told without its place in the log.
fn redacted(row: &EventRow) -> Row {
    let seq = row.head.seq;
    let head = Head {
        seq,
        messages: row.head.messages,
        ..Head::default()
    };
    let record = match row.kind {
        EventKind::Message => message_record(row.chat_id, seq.0, "").into(),
        EventKind::Other => vec![2].into(),
    };
    Row::Redacted(EventRow {
        head,
        record,
        ..row.clone()
    })
}

fn seq_of(row: &Row) -> Option<Seq> {
    match row {
        Row::Event(row) => Some(row.head.seq),
        _ => None,
    }
}
