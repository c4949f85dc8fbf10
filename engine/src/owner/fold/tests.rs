//! Every record, on every state that it can meet.

mod amendments;
mod ends;
mod roles;

use std::ops::Range;

use rookery_schema::limits::CHAT_MEMBERS_MAX;
use rookery_schema::row::{ChatRow, Mark, RoleRow};
use rookery_schema::{MessageId, Offset, PartitionId, Seq, Timestamp};

use super::*;
use crate::owner::chat::sample::{
    AT, CHAT, CREATED_AT, NAME, change, chat_of, creation, user, users,
};

/// Where the chat was created.
const CREATED: Place = place(3, 10);
/// Where the record under test lies.
const NEXT: Place = place(3, 11);

const fn place(partition: u32, offset: u64) -> Place {
    Place {
        partition: PartitionId(partition),
        offset: Offset(offset),
    }
}

/// A record that was folded, and what came of it.
struct Step<'a> {
    record: Record<'a>,
    at: Place,
    folded: Folded,
    /// The chat's members afterwards, in order.
    members: &'a [u32],
}

fn mark(seq: u64, messages: u64) -> Mark {
    let seq = Seq(seq);
    Mark { seq, messages }
}

fn mark_row(user_id: u32, seq: u64, messages: u64) -> Row {
    Row::Mark(MarkRow {
        user_id: user(user_id),
        chat_id: CHAT,
        mark: mark(seq, messages),
    })
}

fn fold_at(chat: &mut Chat, record: &Record<'_>, at: Place) -> (Folded, Vec<Row>) {
    let mut rows = Vec::new();
    let folded = fold(chat, record, &encoded(record), at, &mut rows);
    (folded, rows)
}

/// A chat of these members whose creation was folded and sent.
fn chat(members: impl IntoIterator<Item = u32>) -> Chat {
    let members = users(members);
    let mut chat = Chat::created(&creation(&members));
    fold_at(&mut chat, &Record::ChatCreated(creation(&members)), CREATED);
    chat.take_outgoing();
    chat
}

fn message(sender: u32) -> MessagePosted<'static> {
    MessagePosted {
        chat_id: CHAT,
        message_id: MessageId::from_bytes([9; 16]),
        sender_id: user(sender),
        at: AT,
        client_id: None,
        content: "hello",
    }
}

/// The row of an event, given its number and how many messages there are up to it.
fn event_row(record: &Record<'_>, at: Place, seq: u64, messages: u64) -> Row {
    let kind = if matches!(record, Record::MessagePosted(_)) {
        EventKind::Message
    } else {
        EventKind::Other
    };
    Row::Event(EventRow {
        chat_id: CHAT,
        head: Head {
            seq: Seq(seq),
            messages,
            partition: at.partition,
            offset: at.offset,
        },
        record: encoded(record),
        kind,
    })
}

fn json(event: &Event<'_>, seq: u64) -> String {
    let mut json = Vec::new();
    event.encode(Seq(seq), &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

fn member_row(number: u32, position: u32, seq: u64) -> Row {
    Row::Member(MemberRow {
        chat_id: CHAT,
        user_id: user(number),
        position,
        added_seq: Seq(seq),
    })
}

fn role_row(number: u32, role: Role, was: Option<Role>, seq: u64) -> Row {
    Row::Role(RoleRow {
        chat_id: CHAT,
        user_id: user(number),
        seq: Seq(seq),
        role,
        was,
    })
}

#[track_caller]
fn assert_members(chat: &Chat, expected: &[u32]) {
    let members: Vec<UserId> = chat.members().iter().collect();
    let expected: Vec<UserId> = expected.iter().copied().map(user).collect();
    assert_eq!(members, expected);
}

/// Folds records of which none is an event: nothing is to be stored or sent, and the chat is as far as it was.
#[track_caller]
fn check_nothing(chat: &mut Chat, step: Step<'_>) {
    let head = chat.timeline.head();
    let (folded, rows) = fold_at(chat, &step.record, step.at);
    assert_eq!((folded, rows), (step.folded, Vec::new()));
    assert_eq!(chat.timeline.head(), head);
    assert_eq!(chat.take_outgoing(), (Timestamp::default(), Vec::new()));
    assert_members(chat, step.members);
}

/// Folds a record that becomes the event with this number: its row and the ones of `others` are to be stored, and
/// the event is to be sent.
#[track_caller]
fn check_event(
    chat: &mut Chat,
    step: Step<'_>,
    (seq, messages): (u64, u64),
    others: &[Row],
    event: Event<'_>,
) {
    let (folded, rows) = fold_at(chat, &step.record, step.at);
    assert_eq!(folded, step.folded);
    let own = [event_row(&step.record, step.at, seq, messages)];
    assert_eq!(rows, [&own, others].concat());
    let head = chat.timeline.head();
    assert_eq!((head.seq, head.messages), (Seq(seq), messages));
    assert_eq!(
        (head.partition, head.offset),
        (step.at.partition, step.at.offset)
    );
    let (accepted_at, sent) = chat.take_outgoing();
    assert_eq!(sent, [json(&event, seq)]);
    let at = if step.folded == Folded::Created {
        CREATED_AT
    } else {
        AT
    };
    assert_eq!((accepted_at, chat.activity().at), (at, at));
    assert_members(chat, step.members);
}

#[test]
fn a_creation_is_the_first_event_and_all_members_have_joined() {
    // Also at the very start of the log, where nothing was applied before.
    for at in [CREATED, place(0, 0)] {
        let members = users([4, 1, 2]);
        let created = creation(&members);
        let chat_row = Row::Chat(ChatRow {
            chat_id: CHAT,
            name: NAME.to_owned(),
            created_at: CREATED_AT,
        });
        let rows = [
            chat_row,
            member_row(4, 0, 1),
            member_row(1, 1, 1),
            member_row(2, 2, 1),
        ];
        let step = Step {
            record: Record::ChatCreated(created),
            at,
            folded: Folded::Created,
            members: &[4, 1, 2],
        };
        let mut chat = chat_of([4, 1, 2]);
        check_event(&mut chat, step, (1, 0), &rows, Event::ChatCreated(created));
    }
}

#[test]
fn a_chat_is_created_once() {
    let members = users([3]);
    let step = Step {
        record: Record::ChatCreated(creation(&members)),
        at: NEXT,
        folded: Folded::Unchanged,
        members: &[1, 2],
    };
    check_nothing(&mut chat([1, 2]), step);
}

#[test]
fn a_message_is_numbered_also_where_its_sender_has_left_meanwhile() {
    let mut chat = chat([1, 2]);
    for (count, sender) in [(1, 2), (2, 3)] {
        let step = Step {
            record: Record::MessagePosted(message(sender)),
            at: place(3, 10 + count),
            folded: Folded::Numbered,
            members: &[1, 2],
        };
        let event = Event::Message(message(sender));
        check_event(&mut chat, step, (1 + count, count), &[], event);
    }
}

#[test]
fn events_of_one_round_are_sent_together_and_are_as_old_as_the_first() {
    let mut chat = chat([1]);
    let late = MessagePosted {
        at: Timestamp::from_millis(AT.millis() + 1),
        ..message(1)
    };
    fold_at(&mut chat, &Record::MessagePosted(message(1)), NEXT);
    fold_at(&mut chat, &Record::MessagePosted(late), place(3, 12));
    let events = [
        json(&Event::Message(message(1)), 2),
        json(&Event::Message(late), 3),
    ];
    assert_eq!(chat.take_outgoing(), (AT, events.to_vec()));
    assert_eq!(chat.activity().at, late.at);
}

#[test]
fn a_user_joins_once() {
    let mut chat = chat([1, 2]);
    let joining = |offset, folded| Step {
        record: Record::MemberAdded(change(3, 1)),
        at: place(3, offset),
        folded,
        members: &[1, 2, 3],
    };
    let rows = [member_row(3, 0, 2), mark_row(3, 2, 0)];
    let event = Event::MemberAdded(change(3, 1));
    let first = joining(11, Folded::Joined(user(3)));
    check_event(&mut chat, first, (2, 0), &rows, event);
    check_nothing(&mut chat, joining(12, Folded::Unchanged));
}

#[test]
fn who_posts_or_joins_has_read_what_was_before() {
    let mut chat = chat([1, 2]);
    for (sender, offset) in [(1, 11), (2, 12), (1, 13)] {
        let record = Record::MessagePosted(message(sender));
        let (_, rows) = fold_at(&mut chat, &record, place(3, offset));
        assert_eq!(rows.len(), 1, "a post costs no row more");
    }
    fold_at(&mut chat, &Record::MemberAdded(change(3, 1)), place(3, 14));
    fold_at(&mut chat, &Record::MessagePosted(message(2)), place(3, 15));
    let read = |number: u32, known: Mark| {
        let marked = chat.marked(user(number), known);
        (marked.mark, marked.unread)
    };
    assert_eq!(read(1, Mark::default()), (mark(4, 3), 1));
    assert_eq!(read(2, Mark::default()), (mark(6, 4), 0));
    assert_eq!(read(3, Mark::default()), (mark(5, 3), 1));
    assert_eq!(read(1, mark(2, 1)), (mark(4, 3), 1));
    assert_eq!(read(1, mark(6, 4)), (mark(6, 4), 0));
    assert_eq!(read(4, Mark::default()), (Mark::CREATION, 4));
    let mut noted: Vec<_> = chat.notes.take().collect();
    noted.sort_unstable();
    let noted_of = |number: u32, mark: Mark| (user(number), mark);
    assert_eq!(
        noted,
        [
            noted_of(1, mark(4, 3)),
            noted_of(2, mark(6, 4)),
            noted_of(3, mark(5, 3)),
        ]
    );
}

#[test]
fn a_user_leaves_once_and_comes_back_as_the_last() {
    let mut chat = chat([1, 2, 3]);
    let leaving = |offset, folded| Step {
        record: Record::MemberRemoved(change(2, 1)),
        at: place(3, offset),
        folded,
        members: &[1, 3],
    };
    let rows = [Row::NotMember {
        chat_id: CHAT,
        user_id: user(2),
        added_seq: Seq(1),
        removed_seq: Seq(2),
    }];
    let event = Event::MemberRemoved(change(2, 1));
    let first = leaving(11, Folded::Left(user(2)));
    check_event(&mut chat, first, (2, 0), &rows, event);
    check_nothing(&mut chat, leaving(12, Folded::Unchanged));

    let back = Step {
        record: Record::MemberAdded(change(2, 3)),
        at: place(3, 13),
        folded: Folded::Joined(user(2)),
        members: &[1, 3, 2],
    };
    let event = Event::MemberAdded(change(2, 3));
    let rows = [member_row(2, 0, 3), mark_row(2, 3, 0)];
    check_event(&mut chat, back, (3, 0), &rows, event);
}

#[test]
fn the_last_member_can_leave() {
    let step = Step {
        record: Record::MemberRemoved(change(1, 1)),
        at: NEXT,
        folded: Folded::Left(user(1)),
        members: &[],
    };
    let left = Row::NotMember {
        chat_id: CHAT,
        user_id: user(1),
        added_seq: Seq(1),
        removed_seq: Seq(2),
    };
    let rows = [left, role_row(1, Role::Member, None, 2)];
    let event = Event::MemberRemoved(change(1, 1));
    check_event(&mut chat([1]), step, (2, 0), &rows, event);
}

#[test]
fn a_chat_takes_its_last_member_and_no_more() {
    const ALL: Range<u32> = 0..CHAT_MEMBERS_MAX as u32;
    let mut chat = chat(ALL.skip(1));
    let (folded, rows) = fold_at(&mut chat, &Record::MemberAdded(change(0, 1)), NEXT);
    assert_eq!((folded, rows.len()), (Folded::Joined(user(0)), 3));
    chat.take_outgoing();

    let members: Vec<u32> = ALL.skip(1).chain([0]).collect();
    let refused = Folded::Full(user(ALL.end));
    for (newcomer, folded) in [(ALL.end, refused), (5, Folded::Unchanged)] {
        let step = Step {
            record: Record::MemberAdded(change(newcomer, 1)),
            at: place(3, 12),
            folded,
            members: &members,
        };
        check_nothing(&mut chat, step);
    }
}

#[test]
fn what_a_chat_contains_already_changes_nothing() {
    let members = users([1, 2]);
    let records = [
        Record::MessagePosted(message(1)),
        Record::ChatCreated(creation(&members)),
        Record::MemberAdded(change(3, 1)),
        Record::MemberRemoved(change(2, 1)),
    ];
    let mut chat = chat([1, 2]);
    for record in records {
        for at in [CREATED, place(3, 9), place(3, 0)] {
            let step = Step {
                record: record.clone(),
                at,
                folded: Folded::Contained,
                members: &[1, 2],
            };
            check_nothing(&mut chat, step);
        }
    }
}

#[test]
fn places_are_compared_within_one_partition() {
    let step = Step {
        record: Record::MessagePosted(message(1)),
        at: place(2, 0),
        folded: Folded::Numbered,
        members: &[1, 2],
    };
    let event = Event::Message(message(1));
    check_event(&mut chat([1, 2]), step, (2, 1), &[], event);
}

#[cfg(debug_assertions)]
mod bugs {
    use rookery_schema::SessionId;
    use rookery_schema::record::{SessionEnded, UserRegistered};

    use super::*;

    #[test]
    #[should_panic(expected = "a record that concerns no chat")]
    fn a_registration_is_no_record_of_a_chat() {
        let record = Record::UserRegistered(UserRegistered {
            user_id: user(1),
            at: AT,
            username: "ann",
            key: None,
            password_hash: None,
        });
        fold_at(&mut chat([1]), &record, NEXT);
    }

    #[test]
    #[should_panic(expected = "a record that concerns no chat")]
    fn the_end_of_a_session_is_no_record_of_a_chat() {
        let record = Record::SessionEnded(SessionEnded {
            session_id: SessionId::from_bytes([1; 16]),
            user_id: user(1),
            expires_at: AT,
        });
        fold_at(&mut chat([1]), &record, NEXT);
    }

    #[test]
    #[should_panic(expected = "an event lies behind the head")]
    fn an_event_is_not_numbered_twice() {
        let event = Event::MemberAdded(change(3, 1));
        chat([1]).number(&event, AT, CREATED, Bytes::new());
    }
}
