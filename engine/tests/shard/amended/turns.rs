//! Changes of one message come one after the other, and so many at most.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Outcome, PageStart};
use rookery_schema::{MessageId, Timestamp};
use serde_json::Value;

use crate::amended::talk::{DELETE, Talk, edit, react};
use crate::stage::SECOND;

#[test]
fn changes_of_one_message_are_decided_one_after_the_other() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let deletes = talk.ask_to(talk.alice, message, DELETE);
    let late = talk.ask_to(talk.alice, message, edit("third"));
    let reacts = talk.ask_to(talk.bob, message, react("👍"));
    assert_eq!(talk.stage.appends.len(), 1);
    talk.settle();
    assert!(matches!(
        talk.stage.answer(edits),
        Some(Outcome::Json { .. })
    ));
    assert_eq!(talk.stage.answer(deletes), Some(Outcome::Done));
    talk.stage.assert_refused(late, Problem::MESSAGE_DELETED);
    talk.stage.assert_refused(reacts, Problem::MESSAGE_DELETED);
    assert!(!talk.stored_events().contains("second"));
}

#[test]
fn no_more_changes_wait_for_one_message_than_the_bound() {
    const WAITING_MAX: usize = 64;
    let mut talk = Talk::new();
    let (message, other) = (talk.say("busy"), talk.say("quiet"));
    let asked: Vec<u64> = (0..=WAITING_MAX)
        .map(|n| talk.ask_to(talk.alice, message, edit(&format!("edit {n}"))))
        .collect();
    let refused = talk.ask_to(talk.alice, message, edit("too many"));
    talk.stage
        .assert_refused(refused, Problem::AMENDMENTS_WAITING);
    let unhindered = talk.ask_to(talk.alice, other, edit("done"));
    talk.settle();
    assert!(talk.stage.answer(unhindered).is_some());
    for question in asked {
        assert!(matches!(
            talk.stage.answer(question),
            Some(Outcome::Json { .. })
        ));
    }
    let last = talk.page(PageStart::Newest).remove(1);
    assert_eq!(last["content"], "edit 64");
}

#[test]
fn no_more_messages_are_looked_for_than_the_bound() {
    const SOUGHT_MAX: u64 = 64;
    let mut talk = Talk::new();
    talk.say_many(200, "number");
    let unknown = |n: u64| MessageId::v7(Timestamp::from_millis(n), &[7; 10]);
    let asked: Vec<u64> = (0..SOUGHT_MAX)
        .map(|n| talk.ask_to(talk.alice, unknown(n), DELETE))
        .collect();
    let refused = talk.ask_to(talk.alice, unknown(SOUGHT_MAX), DELETE);
    talk.stage
        .assert_refused(refused, Problem::AMENDMENTS_WAITING);
    talk.settle();
    for question in asked {
        talk.stage
            .assert_refused(question, Problem::NO_SUCH_MESSAGE);
    }
}

#[test]
fn a_change_that_the_log_refuses_lets_the_next_one_have_its_turn() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let fails = talk.ask_to(talk.alice, message, edit("second"));
    let next = talk.ask_to(talk.alice, message, edit("third"));
    talk.stage.fail_append();
    talk.stage.assert_refused(fails, Problem::LOG_UNAVAILABLE);
    assert!(matches!(talk.answered(next), Some(Outcome::Json { .. })));
    assert_eq!(talk.newest()["content"], "third");
    // So does one of which the log does not know what became of it, and that turns out to be in the log.
    let doubtful = talk.ask_to(talk.alice, message, edit("fourth"));
    let deletes = talk.ask_to(talk.alice, message, DELETE);
    let batch = talk.stage.doubt_append();
    talk.stage
        .assert_refused(doubtful, Problem::OUTCOME_UNKNOWN);
    talk.stage.deliver(batch);
    assert_eq!(talk.answered(deletes), Some(Outcome::Done));
    assert_eq!(talk.newest()["content"], "");
    assert!(!talk.stored_events().contains("fourth"));
}

#[test]
fn a_change_that_was_applied_before_its_append_is_answered_is_over() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let next = talk.ask_to(talk.alice, message, edit("third"));
    let last = talk.ask_to(talk.alice, message, edit("fourth"));
    // The log delivers it, and then does not know what became of it.
    let batch = talk.stage.appends[0].clone();
    talk.stage.deliver(batch);
    talk.stage.doubt_append();
    talk.settle();
    for (question, content) in [(edits, "second"), (next, "third"), (last, "fourth")] {
        let Some(Outcome::Json { body, .. }) = talk.stage.answer(question) else {
            panic!("{content}");
        };
        let shown: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(shown["content"], content);
    }
}

#[test]
fn a_message_can_be_changed_as_soon_as_it_is_acknowledged() {
    let mut talk = Talk::new();
    let posted = talk.stage.post_text(talk.chat, talk.alice, None, "first");
    let batch = talk.stage.appends.pop_front().unwrap();
    talk.stage.confirm_append(&batch);
    let message = talk.stage.assert_posted(posted);
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    assert_eq!(talk.stage.answer(edits), None);
    talk.stage.deliver(batch);
    assert!(matches!(talk.answered(edits), Some(Outcome::Json { .. })));
}

#[test]
fn whoever_waited_for_too_long_is_passed_over() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let waits = talk.ask_to(talk.alice, message, edit("third"));
    talk.stage.tick_after(11 * SECOND);
    talk.settle();
    // The log has taken so long that nothing is known of the first either.
    talk.stage.assert_refused(edits, Problem::OUTCOME_UNKNOWN);
    talk.stage.assert_refused(waits, Problem::NOT_ANSWERED);
    assert_eq!(talk.newest()["content"], "second");
}
