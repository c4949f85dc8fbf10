//! What a log or a batch brings in an order of its own.

use rookery_engine::mesh::PageStart;
use rookery_schema::batch::RecordBatch;
use rookery_schema::record::{Change, MessageAmended, Record, Target};
use rookery_schema::row::Row;
use rookery_schema::{Seq, Timestamp};

use crate::amended::talk::{DELETE, Talk, edit, react};
use crate::stage::batch_of;

#[test]
fn a_replay_shows_messages_as_they_stood() {
    let mut talk = Talk::new();
    let (edited, deleted) = (talk.say("a"), talk.say("b"));
    talk.assert_edits(edited, "a2");
    talk.assert_edits(edited, "a3");
    talk.amend(talk.bob, edited, react("👍"));
    talk.assert_edits(deleted, "b2");
    talk.amend(talk.alice, deleted, DELETE);
    talk.say("c");
    let expected = talk.page(PageStart::Newest);
    let stored = talk.stored_events();
    // With nothing stored, with everything, and once more.
    for with_store in [false, true, true] {
        talk.replay(with_store);
        assert_eq!(talk.page(PageStart::Newest), expected);
        assert_eq!(talk.page(PageStart::After(Seq(0))).len(), 3);
        assert_eq!(talk.stored_events(), stored);
    }
}

#[test]
fn an_edit_that_comes_after_a_deletion_never_brings_a_message_back() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let target = Target {
        seq: Seq(2),
        messages: 1,
        message_id: message,
        sender_id: talk.alice,
        at: message.minted_at(),
        client_id: None,
    };
    // An earlier owner of the chat appended it.
    let late = batch_of(&[Record::MessageAmended(Box::new(MessageAmended {
        chat_id: talk.chat,
        by: talk.alice,
        at: Timestamp::from_millis(7),
        target,
        change: Change::Edited {
            supersedes: None,
            content: "resurrected",
        },
    }))]);
    talk.amend(talk.alice, message, DELETE);
    talk.heard();
    talk.log.push(late.clone());
    talk.stage.deliver(late);
    talk.settle();
    assert_eq!(talk.newest()["deleted"], true);
    let heard = talk.heard();
    assert_eq!((heard.len(), &heard[0]["superseded"]), (1, &true.into()));
    assert!(!heard[0].to_string().contains("resurrected"));
    assert!(!talk.stored_events().contains("resurrected"));
    for with_store in [false, true] {
        talk.replay(with_store);
        assert_eq!(talk.newest()["deleted"], true);
        assert!(!talk.stored_events().contains("resurrected"));
    }
}

#[test]
fn an_edit_of_which_the_store_has_a_part_keeps_its_content() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    talk.ask_to(talk.alice, message, edit("second"));
    talk.log.push(talk.stage.appends[0].clone());
    talk.stage.append();
    // Its rows are written at once, in no order, and the process ends amid that.
    let (_, rows) = talk.stage.writes.pop_front().unwrap();
    let part = rows
        .into_iter()
        .filter(|row| matches!(row, Row::Amendment(_)));
    part.for_each(|row| talk.store.write(row));
    talk.replay(true);
    assert_eq!(talk.newest()["content"], "second");
    let stored = talk.stored_events();
    assert!(stored.contains("second") && !stored.contains("first"));
}

#[test]
fn changes_of_one_batch_are_applied_in_order() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    talk.assert_edits(message, "second");
    talk.assert_edits(message, "third");
    let expected = talk.page(PageStart::Newest);
    let records: Vec<_> = talk.log.iter().flat_map(RecordBatch::iter).collect();
    let records: Vec<_> = records
        .iter()
        .map(|it| Record::decode(it).unwrap())
        .collect();
    talk.log = vec![batch_of(&records)];
    talk.replay(false);
    assert_eq!(talk.page(PageStart::Newest), expected);
    assert!(!talk.stored_events().contains("first") && !talk.stored_events().contains("second"));
}
