//! What users set for themselves: changed one after the other, and told to their devices.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, Outcome, ShardMessage, UserCommand};
use rookery_engine::port::{Found, Read, StoreFault};
use rookery_schema::limits::USER_SETTINGS_BYTES_MAX;
use rookery_schema::record::{Record, UserSettingsChanged};
use rookery_schema::row::{Row, UserSettingsRow};
use rookery_schema::{Offset, Timestamp, UserId};
use serde_json::{Value, json};

use crate::stage::{Stage, batch_of};

fn change(stage: &mut Stage, user_id: UserId, patch: Value) -> u64 {
    let Value::Object(patch) = patch else {
        panic!("a patch is an object")
    };
    let command = UserCommand::ChangeSettings(Box::new(patch));
    stage.ask(Command::User(user_id, command))
}

/// The store answers what a user has set.
#[track_caller]
fn found(stage: &mut Stage, user_id: UserId, settings: Option<&Value>) {
    let row = settings.map(|settings| UserSettingsRow {
        user_id,
        offset: Offset(0),
        settings: settings.to_string(),
    });
    let read = stage.answer_read(Ok(Found::UserSettings(row)));
    assert_eq!(read, Read::UserSettings(user_id));
}

#[track_caller]
fn assert_set(stage: &mut Stage, question: u64, expected: &Value) {
    match stage.answer(question) {
        Some(Outcome::Json {
            created: None,
            body,
        }) => assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), *expected),
        other => panic!("{other:?}"),
    }
}

/// What the homes of users were told.
fn told(stage: &mut Stage) -> Vec<(UserId, Value)> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    let told = sent.filter_map(|message| match message {
        ShardMessage::UserSettings { user_id, settings } => {
            Some((user_id, serde_json::from_str(&settings).unwrap()))
        }
        _ => None,
    });
    told.collect()
}

/// A user whose records this shard owns, and whose home is the other one.
fn user(stage: &mut Stage) -> UserId {
    loop {
        let user = stage.foreign_user();
        if stage.is_owned(user) {
            return user;
        }
    }
}

#[test]
fn settings_are_merged_answered_when_they_are_stored_and_told_then() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = change(
        &mut stage,
        user,
        json!({"theme": "dark", "mute": {"a": true}}),
    );
    found(&mut stage, user, Some(&json!({"mute": {"b": 1}, "old": 1})));
    stage.append();
    assert_eq!(stage.answer(question), None);
    assert_eq!(told(&mut stage), []);
    let expected = json!({"theme": "dark", "mute": {"a": true, "b": 1}, "old": 1});
    let rows = stage.store();
    assert_set(&mut stage, question, &expected);
    assert_eq!(told(&mut stage), [(user, expected.clone())]);
    let set = rows.iter().find_map(|row| match row {
        Row::UserSettings(row) => Some(&*row.settings),
        _ => None,
    });
    let set: Value = serde_json::from_str(set.unwrap()).unwrap();
    assert_eq!(set, expected);
}

/// Or one would undo what the other has changed.
#[test]
fn a_change_begins_when_the_one_before_is_stored() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let first = change(&mut stage, user, json!({"a": 1}));
    let second = change(&mut stage, user, json!({"b": 2}));
    assert_eq!(stage.reads.len(), 1);
    found(&mut stage, user, None);
    stage.append();
    assert!(stage.reads.is_empty(), "the first is not stored");
    stage.store();
    assert_set(&mut stage, first, &json!({"a": 1}));
    found(&mut stage, user, Some(&json!({"a": 1})));
    stage.settle();
    assert_set(&mut stage, second, &json!({"a": 1, "b": 2}));
}

#[test]
fn a_change_that_fails_lets_the_next_one_begin() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let questions = [1, 2, 3, 4].map(|n| change(&mut stage, user, json!({"n": n})));
    stage.answer_read(Err(StoreFault));
    stage.assert_refused(questions[0], Problem::STORE_UNAVAILABLE);
    found(&mut stage, user, None);
    stage.fail_append();
    stage.assert_refused(questions[1], Problem::LOG_UNAVAILABLE);
    found(
        &mut stage,
        user,
        Some(&json!({"x": "x".repeat(USER_SETTINGS_BYTES_MAX - 8)})),
    );
    stage.assert_refused(questions[2], Problem::SETTINGS_LARGE);
    found(&mut stage, user, None);
    stage.settle();
    assert_set(&mut stage, questions[3], &json!({"n": 4}));
}

#[test]
fn so_many_changes_of_a_user_wait() {
    let mut stage = Stage::new();
    let (user, other) = (user(&mut stage), user(&mut stage));
    for n in 0..16 {
        change(&mut stage, user, json!({"n": n}));
    }
    let refused = change(&mut stage, user, json!({}));
    stage.assert_refused(refused, Problem::SETTINGS_WAITING);
    let spared = change(&mut stage, other, json!({}));
    assert_eq!(stage.answer(spared), None);
}

/// After a crash the log may be ahead of the store.
#[test]
fn what_was_applied_counts_though_the_store_does_not_have_it() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let changed = |settings| {
        Record::UserSettingsChanged(UserSettingsChanged {
            user_id: user,
            at: Timestamp::default(),
            settings,
        })
    };
    stage.deliver(batch_of(&[changed("{\"a\":1}"), changed("{\"a\":2}")]));
    let question = change(&mut stage, user, json!({"b": 3}));
    found(&mut stage, user, None);
    stage.settle();
    assert_set(&mut stage, question, &json!({"a": 2, "b": 3}));
}
