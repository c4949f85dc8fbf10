//! What ends a chat, and what keeps one of two from writing.

use rookery_schema::record::Target;
use rookery_schema::row::{BlockRow, DeletedChatRow, ErasedRow};
use rookery_schema::{ChatId, UserId};

use super::*;

const DELETED: ChatDeleted = ChatDeleted {
    chat_id: CHAT,
    by: UserId::from_bytes([0; 16]),
    at: AT,
};

#[test]
fn a_deleted_chat_leaves_a_tombstone_and_what_follows_is_void() {
    let mut chat = chat([1, 2]);
    let record = Record::ChatDeleted(DELETED);
    let (folded, rows) = fold_at(&mut chat, &record, NEXT);
    let tombstone = Row::ChatDeleted(DeletedChatRow {
        chat_id: CHAT,
        head: Head {
            seq: Seq(2),
            messages: 0,
            partition: NEXT.partition,
            offset: NEXT.offset,
        },
        by: DELETED.by,
        at: AT,
    });
    assert_eq!((folded, &rows), (Folded::Deleted, &vec![tombstone.clone()]));
    let (_, lines) = chat.take_outgoing();
    assert_eq!(lines, [json(&Event::ChatDeleted(DELETED), 2)]);
    assert_members(&chat, &[]);
    // A replay writes the tombstone again, and nothing else.
    let again = fold_at(&mut chat, &record, NEXT);
    assert_eq!(again, (Folded::Contained, vec![tombstone]));
    let members = users([1, 2]);
    for record in [
        Record::MessagePosted(message(1)),
        Record::ChatCreated(creation(&members)),
        Record::MemberAdded(change(3, 1)),
        Record::MemberRemoved(change(1, 1)),
        record,
    ] {
        let folded = fold_at(&mut chat, &record, place(3, 12));
        assert_eq!(folded, (Folded::Void, Vec::new()), "{record:?}");
    }
    assert_eq!(chat.timeline.head().seq, Seq(2));
}

#[test]
fn a_block_is_no_event_but_makes_the_chat_where_it_is_not_there() {
    let (by, blocked_id) = (user(2), user(1));
    let chat_id = ChatId::direct(by, blocked_id);
    let set = |is_blocked| BlockSet {
        chat_id,
        by,
        blocked_id,
        is_blocked,
        at: AT,
    };
    let row = |is_blocked, at: Place| {
        Row::Block(BlockRow {
            user_id: by,
            blocked_id,
            chat_id,
            is_blocked,
            at: AT,
            offset: at.offset,
        })
    };
    let block = set(true);
    let members = block.members();
    let mut chat = Chat::created(&block.creation(&members));
    let (folded, rows) = fold_at(&mut chat, &Record::BlockSet(block), CREATED);
    assert_eq!(folded, Folded::Blocked { is_new: true });
    let (_, lines) = chat.take_outgoing();
    let created = block.creation(&members);
    assert_eq!(lines, [json(&Event::ChatCreated(created), 1)]);
    assert!(lines[0].contains(r#""direct":true"#));
    let Some(Row::Event(event)) = rows.first() else {
        panic!("{rows:?}")
    };
    assert_eq!(event.record, encoded(&Record::ChatCreated(created)));
    assert_eq!(rows.last(), Some(&row(true, CREATED)));
    assert!(chat.is_direct() && chat.is_blocked(blocked_id) && !chat.is_blocked(by));

    let (folded, rows) = fold_at(&mut chat, &Record::BlockSet(set(false)), NEXT);
    assert_eq!(folded, Folded::Blocked { is_new: false });
    assert_eq!(rows, [row(false, NEXT)]);
    assert!(!chat.timeline.has_outgoing() && !chat.is_blocked(blocked_id));
    assert!(
        !chat.is_stored(NEXT.offset),
        "the block is still to be stored"
    );
    assert!(chat.is_stored(NEXT.offset.plus(1)));
}

#[test]
fn of_an_erased_sender_nothing_is_left_and_nothing_comes_any_more() {
    let mut chat = chat([1, 2]);
    fold_at(&mut chat, &Record::MessagePosted(message(1)), NEXT);
    chat.take_outgoing();
    let erased = SenderErased {
        chat_id: CHAT,
        user_id: user(1),
        at: AT,
    };
    let record = Record::SenderErased(erased);
    let at = place(3, 12);
    let (folded, rows) = fold_at(&mut chat, &record, at);
    let row = Row::Erased(ErasedRow {
        chat_id: CHAT,
        user_id: user(1),
        partition: at.partition,
        seq: Seq(3),
        at: AT,
    });
    assert_eq!(folded, Folded::Erased(user(1)));
    assert_eq!(rows, [event_row(&record, at, 3, 1), row]);
    let (_, lines) = chat.take_outgoing();
    assert_eq!(lines, [json(&Event::SenderErased(erased), 3)]);

    let again = fold_at(&mut chat, &record, at);
    assert_eq!(again, (Folded::Contained, Vec::new()));
    let later = place(3, 13);
    let again = fold_at(&mut chat, &record, later);
    assert_eq!(again, (Folded::Unchanged, Vec::new()));
    // An earlier owner may have appended it.
    let late = fold_at(&mut chat, &Record::MessagePosted(message(1)), later);
    assert_eq!(late, (Folded::Void, Vec::new()));
    let (folded, _) = fold_at(&mut chat, &Record::MessagePosted(message(2)), later);
    assert_eq!(folded, Folded::Numbered, "others go on");
    let target = Target {
        seq: Seq(2),
        messages: 1,
        message_id: MessageId::from_bytes([9; 16]),
        sender_id: user(1),
        at: AT,
        client_id: None,
    };
    let edit = Record::MessageAmended(Box::new(MessageAmended {
        chat_id: CHAT,
        by: user(1),
        at: AT,
        target,
        change: Change::Edited {
            supersedes: None,
            content: "late",
        },
    }));
    let (folded, rows) = fold_at(&mut chat, &edit, place(3, 14));
    assert_eq!(folded, Folded::TooLate);
    let has_content = |row: &Row| format!("{row:?}").contains("late");
    assert!(!rows.iter().any(has_content), "{rows:?}");
}
