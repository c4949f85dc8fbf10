//! A log that does not answer: whoever waits is told in time, and when it answers after all, each
//! message is there once.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatCommand, Command, Outcome};
use rookery_schema::row::Row;
use rookery_schema::{ChatId, UserId};

use crate::stage::{SECOND, Stage, addition, creation, message_ids, times};

/// Longer than a log may take.
const OVERDUE: u64 = 6 * SECOND;

fn stage() -> (Stage, ChatId, UserId) {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    (stage, chat, user)
}

#[test]
fn a_retry_joins_the_send_that_is_stuck() {
    let (mut stage, chat, user) = stage();
    let first = stage.post(chat, user, Some("a"));
    stage.tick_after(4 * SECOND);
    assert!(stage.answer(first).is_none(), "there is time left");
    stage.tick_after(2 * SECOND);
    stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);

    let second = stage.post(chat, user, Some("a"));
    stage.tick_after(SECOND);
    stage.assert_refused(second, Problem::OUTCOME_UNKNOWN);

    let third = stage.post(chat, user, Some("a"));
    let rows = stage.settle();
    let posted = stage.assert_posted(third);
    assert_eq!(message_ids(&rows), [posted]);
    assert!(stage.answer(first).is_none() && stage.answer(second).is_none());

    let fourth = stage.post(chat, user, Some("a"));
    assert_eq!(stage.assert_posted(fourth), posted);
    assert_eq!(message_ids(&stage.settle()), []);
}

#[test]
fn a_retry_after_the_log_recovered_makes_no_second_message() {
    let (mut stage, chat, user) = stage();
    let first = stage.post(chat, user, Some("a"));
    stage.tick_after(OVERDUE);
    stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);
    let rows = stage.settle();
    let second = stage.post(chat, user, Some("a"));
    assert_eq!(message_ids(&rows), [stage.assert_posted(second)]);
    assert!(stage.appends.is_empty());
}

#[test]
fn a_retry_of_what_is_durable_and_not_yet_applied_is_answered_at_once() {
    let (mut stage, chat, user) = stage();
    let first = stage.post(chat, user, Some("a"));
    let batch = stage.appends.pop_front().unwrap();
    stage.confirm_append(&batch);
    let posted = stage.assert_posted(first);
    let second = stage.post(chat, user, Some("a"));
    assert_eq!(stage.assert_posted(second), posted);
    stage.deliver(batch);
    assert_eq!(message_ids(&stage.settle()), [posted]);
}

#[test]
fn a_retry_of_what_the_log_refused_is_a_first_try() {
    let (mut stage, chat, user) = stage();
    let first = stage.post(chat, user, Some("a"));
    stage.tick_after(OVERDUE);
    stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);
    stage.fail_append();
    let second = stage.post(chat, user, Some("a"));
    let rows = stage.settle();
    assert_eq!(message_ids(&rows), [stage.assert_posted(second)]);
}

#[test]
fn a_retry_of_what_may_be_in_the_log_is_answered_with_whichever_of_them_is() {
    for first_is_there in [true, false] {
        let (mut stage, chat, user) = stage();
        let first = stage.post(chat, user, Some("a"));
        let doubtful = stage.doubt_append();
        stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);
        stage.step_wall(50);
        stage.post(chat, user, None);
        stage.settle();
        stage.step_wall(50);

        let second = stage.post(chat, user, Some("a"));
        let retry = stage.appends.pop_front().unwrap();
        stage.confirm_append(&retry);
        assert!(stage.answer(second).is_none(), "it depends on the first");
        if first_is_there {
            stage.deliver(doubtful);
        }
        stage.deliver(retry);
        let rows = stage.settle();
        let Some(Outcome::Posted {
            message_id,
            created_at,
            ..
        }) = stage.answer(second)
        else {
            panic!("not posted");
        };
        assert_eq!(message_ids(&rows), [message_id]);
        assert_eq!(times(&rows), [created_at], "the reply says when it was");
        let third = stage.post(chat, user, Some("a"));
        assert_eq!(stage.assert_posted(third), message_id);
    }
}

#[test]
fn a_retry_that_is_durable_and_not_delivered_is_answered_in_time() {
    let (mut stage, chat, user) = stage();
    stage.post(chat, user, Some("a"));
    stage.doubt_append();
    let second = stage.post(chat, user, Some("a"));
    let retry = stage.appends.pop_front().unwrap();
    stage.confirm_append(&retry);
    stage.tick_after(4 * SECOND);
    assert!(stage.answer(second).is_none(), "there is time left");
    stage.tick_after(2 * SECOND);
    stage.assert_refused(second, Problem::OUTCOME_UNKNOWN);
    let third = stage.post(chat, user, Some("a"));
    stage.deliver(retry);
    assert_eq!(message_ids(&stage.settle()), [stage.assert_posted(third)]);
}

#[test]
fn what_is_delivered_before_it_is_confirmed_is_answered_then() {
    let (mut stage, chat, user) = stage();
    let first = stage.post(chat, user, Some("a"));
    let batch = stage.appends.pop_front().unwrap();
    stage.deliver(batch);
    let posted = stage.assert_posted(first);
    stage.confirm_delivered();
    assert!(stage.answer(first).is_none(), "nobody is answered twice");
    assert_eq!(message_ids(&stage.settle()), [posted]);
}

#[test]
fn what_is_gathered_behind_a_stuck_append_is_answered_too() {
    let (mut stage, chat, user) = stage();
    let in_flight = stage.post(chat, user, None);
    stage.tick_after(SECOND / 2);
    let gathered = stage.post(chat, user, None);
    let keyed = stage.post(chat, user, Some("a"));
    assert_eq!(stage.appends.len(), 1);
    stage.tick_after(6 * SECOND);
    for question in [in_flight, gathered, keyed] {
        stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    }
    let retry = stage.post(chat, user, Some("a"));
    let rows = stage.settle();
    let ids = message_ids(&rows);
    assert_eq!(ids.len(), 3, "all came about in the end");
    assert_eq!(ids[2], stage.assert_posted(retry));
    for question in [in_flight, gathered, keyed] {
        assert!(stage.answer(question).is_none(), "nobody is answered twice");
    }
}

#[test]
fn a_stuck_log_takes_nothing_new_until_it_answers() {
    let (mut stage, chat, user) = stage();
    stage.post(chat, user, None);
    stage.tick_after(OVERDUE);
    let refused = stage.post(chat, user, None);
    stage.assert_refused(refused, Problem::LOG_UNAVAILABLE);
    stage.settle();
    let accepted = stage.post(chat, user, None);
    stage.settle();
    stage.assert_posted(accepted);
}

#[test]
fn a_change_that_is_stuck_is_answered_once_and_comes_about() {
    let (mut stage, chat, user) = stage();
    let added = stage.foreign_user();
    let add = |user_id| {
        let caller = user;
        Command::Chat(chat, addition(caller, user_id))
    };
    let question = stage.ask(add(added));
    stage.tick_after(OVERDUE);
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    let rows = stage.settle();
    let is_row = |row: &Row| matches!(row, Row::Member(row) if row.user_id == added);
    assert!(rows.iter().any(is_row));
    assert!(stage.answer(question).is_none());
    let question = stage.ask(add(added));
    assert!(matches!(stage.answer(question), Some(Outcome::Json { .. })));
}

#[test]
fn a_change_that_the_store_does_not_take_is_answered_once() {
    let (mut stage, chat, user) = stage();
    let remove = ChatCommand::RemoveMember {
        caller: user,
        user_id: user,
    };
    let question = stage.ask(Command::Chat(chat, remove));
    stage.append();
    stage.tick_after(OVERDUE);
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    stage.settle();
    assert!(stage.answer(question).is_none());
}

#[test]
fn a_chat_that_the_log_refused_can_be_created_again() {
    let mut stage = Stage::new();
    let (chat_id, user) = (stage.chat(), stage.foreign_user());
    let create = || Command::Chat(chat_id, creation(None, &[user]));
    let question = stage.ask(create());
    stage.fail_append();
    stage.assert_refused(question, Problem::LOG_UNAVAILABLE);
    assert_eq!(stage.stats().chats_loaded, 0);
    let question = stage.ask(create());
    stage.settle();
    assert!(matches!(
        stage.answer(question),
        Some(Outcome::Json {
            created: Some(_),
            ..
        })
    ));
}

#[test]
fn of_two_who_ask_for_one_change_only_the_one_whose_record_was_refused_hears_so() {
    let (mut stage, chat_id, caller) = stage();
    let user_id = stage.foreign_user();
    let add = || Command::Chat(chat_id, addition(caller, user_id));
    let first = stage.ask(add());
    let second = stage.ask(add());
    let batch = stage.appends.pop_front().unwrap();
    stage.confirm_append(&batch);
    stage.fail_append();
    stage.assert_refused(second, Problem::LOG_UNAVAILABLE);
    assert!(stage.answer(first).is_none());
    stage.deliver(batch);
    stage.store();
    assert!(matches!(stage.answer(first), Some(Outcome::Json { .. })));
}

#[test]
fn a_doubtful_send_stays_so_when_its_retry_is_refused() {
    let (mut stage, chat, user) = stage();
    stage.post(chat, user, Some("a"));
    let doubtful = stage.doubt_append();
    let second = stage.post(chat, user, Some("a"));
    stage.fail_append();
    stage.assert_refused(second, Problem::LOG_UNAVAILABLE);
    let third = stage.post(chat, user, Some("a"));
    let retry = stage.appends.pop_front().unwrap();
    stage.confirm_append(&retry);
    assert!(stage.answer(third).is_none(), "it depends on the first");
    stage.deliver(doubtful);
    stage.deliver(retry);
    assert_eq!(message_ids(&stage.settle()), [stage.assert_posted(third)]);
}
