//! Records that amend messages.

use rookery_schema::record::{Edit, Target};

use super::*;

/// The message that is amended is event 2, and the first message.
const TARGET: Target<'_> = Target {
    seq: Seq(2),
    messages: 1,
    message_id: MessageId::from_bytes([9; 16]),
    sender_id: UserId::from_bytes([1; 16]),
    at: CREATED_AT,
    client_id: Some("c-1"),
};

const fn edited(supersedes: Option<Edit>, content: &str) -> Change<'_> {
    Change::Edited {
        supersedes,
        content,
    }
}

fn amended(change: Change<'_>) -> MessageAmended<'_> {
    MessageAmended {
        chat_id: CHAT,
        by: TARGET.sender_id,
        at: AT,
        target: TARGET,
        change,
    }
}

fn record(change: Change<'_>) -> Record<'_> {
    Record::MessageAmended(Box::new(amended(change)))
}

/// The edit that was the event with this seq.
const fn edit(seq: u64) -> Edit {
    Edit {
        seq: Seq(seq),
        messages: 1,
        at: AT,
        by: TARGET.sender_id,
    }
}

/// A chat with one message.
fn talk() -> Chat {
    let mut chat = chat([1, 2]);
    let said = MessagePosted {
        message_id: TARGET.message_id,
        ..message(1)
    };
    fold_at(&mut chat, &Record::MessagePosted(said), NEXT);
    chat.take_outgoing();
    chat
}

fn amendment(seq: u64, change: Amendment) -> Row {
    Row::Amendment(AmendmentRow {
        chat_id: CHAT,
        target: TARGET.seq,
        seq: Seq(seq),
        by: TARGET.sender_id,
        at: AT,
        change,
    })
}

fn content(content: &str) -> Amendment {
    Amendment::Edited {
        content: content.to_owned(),
    }
}

/// The row that takes the content of an event.
fn gone(seq: u64, record: &Record<'_>, kind: EventKind) -> Row {
    Row::Redacted(EventRow {
        chat_id: CHAT,
        head: Head {
            seq: Seq(seq),
            messages: 1,
            ..Head::default()
        },
        record: encoded(record),
        kind,
    })
}

fn gone_message() -> Row {
    let said = MessagePosted {
        chat_id: CHAT,
        message_id: TARGET.message_id,
        sender_id: TARGET.sender_id,
        at: TARGET.at,
        client_id: TARGET.client_id,
        content: "",
    };
    gone(2, &Record::MessagePosted(said), EventKind::Message)
}

fn gone_edit(seq: u64) -> Row {
    gone(seq, &record(edited(None, "")), EventKind::Other)
}

/// Folds a change that becomes the event with this seq, with these rows besides its own.
#[track_caller]
fn check(chat: &mut Chat, seq: u64, change: Change<'_>, others: &[Row]) {
    let step = Step {
        record: record(change),
        at: place(3, 9 + seq),
        folded: Folded::Amended,
        members: &[1, 2],
    };
    let shown = amended(change);
    check_event(chat, step, (seq, 1), others, Event::MessageAmended(&shown));
}

#[test]
fn an_edit_takes_the_content_of_what_had_it() {
    let mut chat = talk();
    let rows = [amendment(3, content("second")), gone_message()];
    check(&mut chat, 3, edited(None, "second"), &rows);
    let rows = [amendment(4, content("third")), gone_edit(3)];
    check(&mut chat, 4, edited(Some(edit(3)), "third"), &rows);
}

#[test]
fn a_deletion_takes_all_content() {
    let deleted = |supersedes| Change::Deleted { supersedes };
    let rows = [amendment(3, Amendment::Deleted), gone_message()];
    check(&mut talk(), 3, deleted(None), &rows);
    let mut chat = talk();
    fold_at(&mut chat, &record(edited(None, "second")), place(3, 12));
    chat.take_outgoing();
    let rows = [
        amendment(4, Amendment::Deleted),
        amendment(4, content("")),
        gone_edit(3),
    ];
    check(&mut chat, 4, deleted(Some(edit(3))), &rows);
}

#[test]
fn a_reaction_takes_nothing() {
    let mut chat = talk();
    for (seq, added) in [(3, true), (4, false)] {
        let emoji = "👍".to_owned();
        let rows = [amendment(seq, Amendment::Reaction { emoji, added })];
        let change = Change::Reaction {
            emoji: "👍", added
        };
        check(&mut chat, seq, change, &rows);
    }
}

#[test]
fn an_edit_of_which_its_successor_did_not_know_loses_its_content_too() {
    for change in [edited(None, "third"), Change::Deleted { supersedes: None }] {
        let mut chat = talk();
        fold_at(&mut chat, &record(edited(None, "second")), place(3, 12));
        let (_, rows) = fold_at(&mut chat, &record(change), place(3, 13));
        assert!(rows.contains(&gone_message()) && rows.contains(&gone_edit(3)));
    }
}

#[test]
fn an_edit_of_what_is_deleted_is_numbered_and_says_nothing() {
    let mut chat = talk();
    let deleted = Change::Deleted { supersedes: None };
    fold_at(&mut chat, &record(deleted), place(3, 12));
    chat.take_outgoing();
    let blank = record(edited(None, ""));
    let (folded, rows) = fold_at(&mut chat, &record(edited(None, "back")), place(3, 13));
    assert_eq!(folded, Folded::TooLate);
    assert_eq!(rows, [event_row(&blank, place(3, 13), 4, 1), gone_edit(4)]);
    let shown = amended(edited(None, ""));
    let sent = [json(&Event::MessageAmended(&shown), 4)];
    assert_eq!(chat.take_outgoing().1, sent);
}

#[test]
fn what_is_contained_already_amends_nothing() {
    let step = Step {
        record: record(edited(None, "second")),
        at: NEXT,
        folded: Folded::Contained,
        members: &[1, 2],
    };
    check_nothing(&mut talk(), step);
}
