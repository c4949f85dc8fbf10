//! Logins, many at once, and while a password is replaced.

use std::net::IpAddr;

use rookery_engine::ids::Invite;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, NameCommand, Outcome, Right};
use rookery_engine::port::{Found, PasswordCheck, PasswordOutcome};
use rookery_schema::limits::{SESSION_MILLIS, TOKEN_MILLIS};
use rookery_schema::names::key_of;
use rookery_schema::record::{PasswordSet, Record};
use rookery_schema::row::UserRow;
use rookery_schema::{SessionId, Timestamp};
use rookery_testing::host::EPOCH_MILLIS;

use super::register_by;
use crate::stage::{Stage, account, batch_of, credentials, network};

fn log_in_from(stage: &mut Stage, username: &str, n: u8) -> u64 {
    let command = NameCommand::LogIn {
        credentials: credentials(username, Some("password")),
        network: IpAddr::from([192, 0, 2, n]).into(),
    };
    stage.ask(Command::Name(key_of(username).into(), command))
}

#[test]
fn strangers_who_wait_for_a_name_leave_room_for_who_logged_in_to_it_before() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let found = || Ok(Found::Users(vec![user.clone()]));
    let (strange, known) = (200, 201);
    let first = log_in_from(&mut stage, &user.username, known);
    stage.answer_read(found());
    stage.compare_password(true);
    assert!(matches!(
        stage.answer(first),
        Some(Outcome::LoggedIn { .. })
    ));

    for n in 0..64 {
        log_in_from(&mut stage, &user.username, n);
    }
    let refused = log_in_from(&mut stage, &user.username, strange);
    stage.assert_refused(refused, Problem::LOGINS_WAITING);
    let spared: Vec<u64> = (0..64)
        .map(|_| log_in_from(&mut stage, &user.username, known))
        .collect();
    let refused = log_in_from(&mut stage, &user.username, known);
    stage.assert_refused(refused, Problem::LOGINS_WAITING);
    stage.answer_read(found());
    // Strangers have every other turn.
    for _ in 0..4 {
        stage.compare_password(true);
    }
    assert!(matches!(
        stage.answer(spared[0]),
        Some(Outcome::LoggedIn { .. })
    ));
}

#[test]
fn whoever_was_invited_waits_behind_those_who_log_in() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let invite = Invite {
        invite_id: SessionId::from_bytes([1; 16]),
        expires_at: Timestamp::from_millis(u64::MAX),
    };
    // Two are at the hashers.
    log_in(&mut stage, &user, 2);
    let name = stage.username();
    let right = Right::Invite(Box::new(invite));
    register_by(&mut stage, &name, Some("of the invited"), right);
    stage.answer_read(Ok(Found::Users(Vec::new())));
    log_in(&mut stage, &user, 1);
    for password in ["password", "password", "password", "of the invited"] {
        assert_eq!(stage.passwords[0].password, password);
        stage.password_done(PasswordOutcome::Busy);
    }
}

/// Starts so many logins whose passwords are being compared.
fn log_in(stage: &mut Stage, user: &UserRow, count: usize) -> Vec<u64> {
    let one = |stage: &mut Stage| {
        let command = NameCommand::LogIn {
            credentials: credentials(&user.username, Some("password")),
            network: network(),
        };
        let question = stage.ask(Command::Name(user.username.as_str().into(), command));
        stage.answer_read(Ok(Found::Users(vec![user.clone()])));
        question
    };
    (0..count).map(|_| one(stage)).collect()
}

fn user(stage: &mut Stage) -> UserRow {
    account(stage.foreign_user(), &stage.username(), Some("hash"))
}

#[test]
fn right_passwords_are_no_failures_however_many_are_compared_at_once() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    for question in log_in(&mut stage, &user, 20) {
        stage.compare_password(true);
        assert!(matches!(
            stage.answer(question),
            Some(Outcome::LoggedIn { .. })
        ));
    }
}

#[test]
fn many_guesses_at_once_learn_no_more_than_one_after_the_other() {
    const LOGIN_RATE: usize = 10;
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let guesses = log_in(&mut stage, &user, LOGIN_RATE + 2);
    for (n, question) in guesses.into_iter().enumerate() {
        // The last one is right.
        stage.compare_password(n > LOGIN_RATE);
        match stage.answer(question) {
            Some(Outcome::NotLoggedIn { user_id, problem }) => {
                assert_eq!(user_id, Some(user.user_id));
                let code = match n < LOGIN_RATE {
                    true => "wrong_credentials",
                    false => "too_many_requests",
                };
                assert_eq!(problem.code, code);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_login_with_a_password_that_is_replaced_meanwhile_fails() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = log_in(&mut stage, &user, 1)[0];
    let at = Timestamp::from_millis(TOKEN_MILLIS);
    let set = PasswordSet {
        user_id: user.user_id,
        at,
        sessions_until: at,
        username: &user.username,
        password_hash: Some("another hash"),
        kept: None,
    };
    stage.deliver(batch_of(&[Record::PasswordSet(set)]));
    stage.answer_read(Ok(Found::Users(vec![user])));
    stage.compare_password(true);
    let outcome = stage.answer(question);
    let problem = Problem::WRONG_LOGIN;
    let user_id = None;
    assert_eq!(outcome, Some(Outcome::NotLoggedIn { user_id, problem }));
}

/// The name was read before the password was applied, and so has the one before.
#[test]
fn a_login_that_waited_behind_a_new_password_is_compared_with_that_one() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let at = Timestamp::from_millis(EPOCH_MILLIS);
    let set = PasswordSet {
        user_id: user.user_id,
        at,
        sessions_until: at,
        username: &user.username,
        password_hash: Some("another hash"),
        kept: None,
    };
    stage.deliver(batch_of(&[Record::PasswordSet(set)]));
    let question = log_in_from(&mut stage, &user.username, 1);
    stage.answer_read(Ok(Found::Users(vec![user])));
    let against = &stage.passwords[0].against;
    assert!(
        matches!(against, PasswordCheck::Verify(hash) if hash == "another hash"),
        "{against:?}"
    );
    stage.compare_password(true);
    match stage.answer(question) {
        Some(Outcome::LoggedIn { ended_until, .. }) => {
            assert!(ended_until.millis() > EPOCH_MILLIS + SESSION_MILLIS);
        }
        other => panic!("{other:?}"),
    }
}
