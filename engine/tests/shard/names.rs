//! Which names are one, and whom they stand for: users whose names are keys, and users from before.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, NameCommand, Outcome, Right, ShardMessage};
use rookery_engine::port::{Found, PasswordCheck, Read};
use rookery_schema::names::key_of;
use rookery_schema::record::{PasswordSet, Record, UserRegistered};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Timestamp, UserId};

use crate::stage::{Stage, account, batch_of, credentials, network};

const HASH: &str = "the hash";

fn user(n: u8, username: &str, key: Option<&str>) -> UserRow {
    UserRow {
        key: key.map(str::to_owned),
        ..account(UserId::from_bytes([n; 16]), username, Some(HASH))
    }
}

fn register(stage: &mut Stage, username: &str) -> u64 {
    let command = NameCommand::Register {
        credentials: credentials(username, None),
        network: network(),
        right: Right::Open,
    };
    stage.ask(Command::Name(key_of(username).into(), command))
}

fn log_in(stage: &mut Stage, username: &str, password: &str) -> u64 {
    let command = NameCommand::LogIn {
        credentials: credentials(username, Some(password)),
        network: network(),
    };
    stage.ask(Command::Name(key_of(username).into(), command))
}

fn find(stage: &mut Stage, users: &[UserRow]) -> Read {
    stage.answer_read(Ok(Found::Users(users.to_vec())))
}

fn assert_made(stage: &mut Stage, question: u64) {
    let outcome = stage.answer(question);
    let is_made = matches!(
        &outcome,
        Some(Outcome::Json {
            created: Some(_),
            ..
        })
    );
    assert!(is_made, "{outcome:?}");
}

#[track_caller]
fn assert_logged_in(stage: &mut Stage, question: u64, as_who: &UserRow) {
    match stage.answer(question) {
        Some(Outcome::LoggedIn {
            user_id, username, ..
        }) => {
            assert_eq!((user_id, &*username), (as_who.user_id, &*as_who.username));
        }
        other => panic!("{other:?}"),
    }
}

/// The users among rows: as they are shown, and what they are unique by.
fn users(rows: &[Row]) -> Vec<(&str, &str)> {
    let users = rows.iter().filter_map(|row| match row {
        Row::User(user) => Some((&*user.username, user.name())),
        _ => None,
    });
    users.collect()
}

#[test]
fn a_name_is_taken_in_whatever_case_and_shown_as_it_was_typed() {
    let mut stage = Stage::new();
    let name = stage.capital_username(true);
    let (key, other) = (name.to_lowercase(), name.to_uppercase());
    let first = register(&mut stage, &name);
    assert_eq!(find(&mut stage, &[]), Read::UsersOfKey(key.clone()));
    // On its way through the log, and on its way into the store.
    for _ in 0..2 {
        for again in [&name, &key, &other] {
            let question = register(&mut stage, again);
            stage.assert_refused(question, Problem::USERNAME_TAKEN);
        }
        if let Some(batch) = stage.appends.pop_front() {
            stage.deliver(batch);
            stage.confirm_delivered();
        }
    }
    let rows = stage.settle();
    assert_eq!(users(&rows), [(&*name, &*key)]);
    assert_made(&mut stage, first);
    // In the store.
    let question = register(&mut stage, &other);
    find(&mut stage, &[user(1, &name, Some(&key))]);
    stage.assert_refused(question, Problem::USERNAME_TAKEN);
}

#[test]
fn a_name_from_before_keys_is_taken_too() {
    let mut stage = Stage::new();
    let name = stage.capital_username(false);
    let question = register(&mut stage, &name.to_lowercase());
    find(&mut stage, &[user(1, &name, None)]);
    stage.assert_refused(question, Problem::USERNAME_TAKEN);
    assert!(stage.appends.is_empty());
}

#[test]
fn a_user_logs_in_in_whatever_case_and_failures_count_together() {
    let mut stage = Stage::new();
    let name = stage.capital_username(true);
    let key = name.to_lowercase();
    let row = user(1, &name, Some(&key));
    for typed in [name.clone(), key.clone(), name.to_uppercase()] {
        let question = log_in(&mut stage, &typed, "right");
        assert_eq!(
            find(&mut stage, std::slice::from_ref(&row)),
            Read::UsersOfKey(key.clone())
        );
        stage.compare_password(true);
        assert_logged_in(&mut stage, question, &row);
    }
    // As many as may fail in five minutes.
    for n in 0..10 {
        let typed = if n % 2 == 0 { &name } else { &key };
        log_in(&mut stage, typed, "wrong");
        find(&mut stage, std::slice::from_ref(&row));
        stage.compare_password(false);
    }
    let question = log_in(&mut stage, &name.to_uppercase(), "right");
    let outcome = stage.answer(question);
    let Some(Outcome::NotLoggedIn { user_id, problem }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        (user_id, problem.code),
        (Some(row.user_id), "too_many_requests")
    );
}

/// Their logins are where their passwords are set, by which those are ended that are under way.
#[test]
fn a_login_of_a_user_from_before_keys_is_passed_on_to_the_owner_of_their_name() {
    let mut stage = Stage::new();
    let name = stage.capital_username(false);
    let row = user(1, &name, None);
    let question = log_in(&mut stage, &name.to_uppercase(), "right");
    find(&mut stage, std::slice::from_ref(&row));
    assert!(stage.passwords.is_empty());
    let passed_on = stage.sent.pop();
    let Some(ShardMessage::Ask {
        command: Command::Name(to, NameCommand::LogIn { .. }),
        ..
    }) = &passed_on
    else {
        panic!("{passed_on:?}")
    };
    assert_eq!(**to, *name);
    assert!(stage.answer(question).is_none());

    let name = stage.capital_username(true);
    let row = user(1, &name, None);
    let question = log_in(&mut stage, &name.to_lowercase(), "right");
    find(&mut stage, std::slice::from_ref(&row));
    // It is asked for again under the name itself.
    find(&mut stage, std::slice::from_ref(&row));
    stage.compare_password(true);
    assert_logged_in(&mut stage, question, &row);
}

#[test]
fn of_two_users_from_before_keys_each_logs_in_as_they_are_called() {
    let mut stage = Stage::new();
    let name = stage.capital_username(true);
    let key = name.to_lowercase();
    let both = [user(1, &name, None), user(2, &key, None)];
    for (typed, who, reads) in [(&name, 0, 2), (&key, 1, 1), (&name.to_uppercase(), 1, 1)] {
        let question = log_in(&mut stage, typed, "right");
        for _ in 0..reads {
            find(&mut stage, &both);
        }
        stage.compare_password(true);
        assert_logged_in(&mut stage, question, &both[who]);
    }
    // Nobody gets a third.
    let question = register(&mut stage, &name.to_uppercase());
    find(&mut stage, &both);
    stage.assert_refused(question, Problem::USERNAME_TAKEN);
}

#[test]
fn whoever_is_meant_is_not_guessed_while_an_account_of_that_key_is_on_its_way_into_the_store() {
    let mut stage = Stage::new();
    let name = stage.capital_username(true);
    let key = name.to_lowercase();
    let both = [user(1, &name, None), user(2, &key, None)];
    let at = Timestamp::from_millis(5000);
    let set = PasswordSet {
        user_id: both[1].user_id,
        at,
        sessions_until: at,
        username: &key,
        password_hash: Some("another hash"),
        kept: None,
    };
    stage.deliver(batch_of(&[Record::PasswordSet(set)]));
    find(&mut stage, &both);
    let question = log_in(&mut stage, &name, "right");
    stage.assert_refused(question, Problem::NAME_CHANGING);
    log_in(&mut stage, &key, "right");
    let against = stage.passwords.pop_front().map(|job| job.against);
    assert!(matches!(against, Some(PasswordCheck::Verify(hash)) if hash == "another hash"));
}

/// What older versions wrote, and what this one writes.
#[test]
fn a_replay_makes_of_old_names_what_they_were_and_of_keys_one() {
    let mut stage = Stage::new();
    let name = stage.capital_username(true);
    let key = name.to_lowercase();
    let registered = |n, username, key| {
        Record::UserRegistered(UserRegistered {
            user_id: UserId::from_bytes([n; 16]),
            at: Timestamp::from_millis(1),
            username,
            key,
            password_hash: None,
        })
    };
    let old = [registered(1, &*name, None), registered(2, &*key, None)];
    stage.deliver(batch_of(&old));
    for _ in 0..2 {
        find(&mut stage, &[]);
    }
    let rows = stage.settle();
    assert_eq!(users(&rows), [(&*name, &*name), (&*key, &*key)]);

    let mut stage = Stage::new();
    let other = name.to_uppercase();
    let new = [
        registered(1, &*name, Some(&*key)),
        registered(2, &*other, Some(&*key)),
        registered(3, &*key, None),
    ];
    stage.deliver(batch_of(&new));
    find(&mut stage, &[]);
    let rows = stage.settle();
    assert_eq!(users(&rows), [(&*name, &*key)]);
}

#[test]
fn a_password_from_before_it_was_prepared_is_compared_as_it_was_typed_too_and_that_is_counted() {
    let (typed, prepared) = ("e\u{301}clair au chocolat", "\u{e9}clair au chocolat");
    for (who, is_there) in [("somebody", true), ("nobody", false)] {
        for right in [Some(0), Some(1), None] {
            let mut stage = Stage::new();
            let name = stage.username();
            let row = user(1, &name, None);
            let found: &[UserRow] = if is_there {
                std::slice::from_ref(&row)
            } else {
                &[]
            };
            let question = log_in(&mut stage, &name, typed);
            find(&mut stage, found);
            let mut compared = Vec::new();
            while let Some(job) = stage.passwords.front() {
                let is_right = is_there && right == Some(compared.len());
                compared.push(job.password.clone());
                stage.compare_password(is_right);
            }
            let expected = match right {
                Some(0) if is_there => vec![prepared],
                _ => vec![prepared, typed],
            };
            assert_eq!(compared, expected, "{who}, {right:?}");
            assert_eq!(stage.stats().password_retries, expected.len() as u64 - 1);
            match right {
                Some(_) if is_there => assert_logged_in(&mut stage, question, &row),
                _ => assert!(matches!(
                    stage.answer(question),
                    Some(Outcome::NotLoggedIn { .. })
                )),
            }
        }
    }
    // Most are the same either way.
    let mut stage = Stage::new();
    let name = stage.username();
    log_in(&mut stage, &name, "chocolate cake");
    find(&mut stage, &[]);
    stage.compare_password(false);
    assert!(stage.passwords.is_empty());
    assert_eq!(stage.stats().password_retries, 0);
}
