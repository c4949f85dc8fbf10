//! Changes of messages that are not in memory, or that the store does not have yet.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Outcome, PageStart};
use rookery_engine::port::{Found, Read, StoreFault};
use rookery_schema::Seq;
use rookery_schema::record::{Change, Record};
use rookery_schema::row::EventRow;

use crate::amended::talk::{DELETE, Talk, edit, page_of};

/// The content of an edit, as the store has it.
fn content_of_edit(row: &EventRow) -> Option<String> {
    match Record::decode(&row.record).unwrap() {
        Record::MessageAmended(amended) => match amended.change {
            Change::Edited { content, .. } => Some(content.to_owned()),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_message_that_is_not_in_memory_is_found_in_the_store() {
    let mut talk = Talk::new();
    let messages = talk.say_many(300, "number");
    for n in [0, 1, 77, 150] {
        talk.assert_edits(messages[n], "edited");
        let seq = 2 + n as u64;
        let page = talk.page(PageStart::After(Seq(seq - 1)));
        assert_eq!(
            (&page[0]["seq"], &page[0]["content"]),
            (&seq.into(), &"edited".into())
        );
    }
    // The edit of the first one is not in memory any more either.
    talk.say_many(150, "later");
    talk.assert_edits(messages[0], "again");
    talk.assert_edits(messages[0], "and again");
    let stored = talk.stored_events();
    assert!(stored.contains("and again") && !stored.contains("number 0"));
    let edits: Vec<_> = talk
        .store
        .events_of(talk.chat)
        .filter_map(content_of_edit)
        .collect();
    let expected = ["", "edited", "edited", "edited", "", "and again"];
    assert_eq!(edits, expected);
}

#[test]
fn a_page_shows_what_the_store_does_not_have_yet() {
    let mut talk = Talk::new();
    let messages = talk.say_many(200, "number");
    let deletes = talk.ask_to(talk.alice, messages[0], DELETE);
    while let Some((_, read)) = talk.stage.reads.front() {
        let found = talk.store.read(&read.clone());
        talk.stage.answer_read(Ok(found));
    }
    talk.log.push(talk.stage.appends[0].clone());
    talk.stage.append();
    assert_eq!(talk.stage.answer(deletes), None, "it is not stored");
    // The store is asked, and knows nothing of it.
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let read = talk.stage.reads[0].1.clone();
    let before = talk.store.read(&read);
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(
        (&page[0]["content"], &page[0]["deleted"]),
        (&"".into(), &true.into())
    );
    // What the store answers late may have been read before.
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let before = talk.store.read(&read);
    let rows = talk.stage.store();
    rows.into_iter().for_each(|row| talk.store.write(row));
    assert_eq!(talk.stage.answer(deletes), Some(Outcome::Done));
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(
        (&page[0]["content"], &page[0]["deleted"]),
        (&"".into(), &true.into())
    );
    assert_eq!(talk.page(PageStart::After(Seq(1)))[0]["deleted"], true);
}

#[test]
fn a_page_that_was_asked_for_before_a_deletion_does_not_show_what_is_gone_by_then() {
    let mut talk = Talk::new();
    let messages = talk.say_many(150, "number");
    let asked = talk.ask_page(PageStart::Newest);
    let asked_all = talk.ask_page(PageStart::After(Seq(1)));
    let reads: Vec<_> = talk.stage.reads.drain(..).collect();
    assert_eq!(reads.len(), 1, "the newest are in memory");
    assert!(talk.stage.answer(asked).is_some());
    let before = talk.store.read(&reads[0].1);
    for message in [messages[0], messages[90]] {
        assert_eq!(talk.amend(talk.alice, message, DELETE), Outcome::Done);
    }
    talk.stage.reads.extend(reads);
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked_all));
    for n in [0, 90] {
        assert_eq!(
            (&page[n]["content"], &page[n]["deleted"]),
            (&"".into(), &true.into())
        );
    }
}

#[test]
fn a_store_that_can_t_be_read_refuses_changes_of_what_is_not_in_memory() {
    let mut talk = Talk::new();
    let messages = talk.say_many(200, "number");
    let fails = talk.ask_to(talk.alice, messages[0], edit("new"));
    let waits = talk.ask_to(talk.alice, messages[0], edit("newer"));
    talk.stage.answer_read(Err(StoreFault));
    talk.stage.assert_refused(fails, Problem::STORE_UNAVAILABLE);
    assert!(matches!(talk.answered(waits), Some(Outcome::Json { .. })));
}

#[test]
fn a_chat_is_not_forgotten_while_what_is_read_of_it_may_be_out_of_date() {
    let mut talk = Talk::new();
    let messages = talk.say_many(150, "number");
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let reads: Vec<_> = talk.stage.reads.drain(..).collect();
    assert!(matches!(reads[0].1, Read::MessagesAfter { .. }));
    let Found::Messages(before) = talk.store.read(&reads[0].1) else {
        panic!("messages are read");
    };
    talk.assert_edits(messages[0], "new");
    // Much is said since: the event of the edit is in memory no more.
    talk.say_many(150, "later");
    talk.stage.reads.extend(reads);
    talk.stage.answer_read(Ok(Found::Messages(before)));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(page[0]["content"], "new");
}
