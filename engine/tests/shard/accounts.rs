//! Usernames and passwords, while the store can't be read and while others are at it too.

use std::net::IpAddr;

use rookery_engine::ids::Invite;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Invited, NameCommand, NewPassword, Outcome, Right, UserCommand,
};
use rookery_engine::port::{
    Found, LogEvent, Opened, PasswordCheck, PasswordOutcome, Read, StoreFault,
};
use rookery_schema::limits::{SESSION_MILLIS, TOKEN_MILLIS};
use rookery_schema::names::{NewName, key_of};
use rookery_schema::record::{PasswordSet, Record, UserRegistered};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Offset, Route, SessionId, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use crate::stage::{P0, SECOND, Stage, batch_of, credentials, network};

fn register(stage: &mut Stage, username: &str) -> u64 {
    register_by(stage, username, None, Right::Open)
}

fn register_by(stage: &mut Stage, username: &str, password: Option<&str>, right: Right) -> u64 {
    let command = NameCommand::Register {
        credentials: credentials(username, password),
        network: network(),
        right,
    };
    stage.ask(Command::Name(key_of(username).into(), command))
}

#[test]
fn a_registration_is_refused_while_the_store_cannot_be_read() {
    let mut stage = Stage::new();
    let name = stage.username();
    let question = register(&mut stage, &name);
    stage.answer_read(Err(StoreFault));
    stage.assert_refused(question, Problem::STORE_UNAVAILABLE);
    stage.tick_after(SECOND);
    assert!(stage.reads.is_empty(), "nobody waits for it");
    let question = register(&mut stage, &name);
    stage.answer_read(Ok(Found::Users(Vec::new())));
    stage.settle();
    assert!(matches!(stage.answer(question), Some(Outcome::Json { .. })));
}

#[test]
fn a_record_waits_for_its_name_to_be_read_with_pauses() {
    let end = Offset(1);
    let mut stage = Stage::opening(Opened {
        end,
        ..Opened::default()
    });
    let name = stage.username();
    let user = UserRegistered {
        user_id: UserId::from_bytes([9; 16]),
        at: Timestamp::from_millis(1),
        username: &name,
        key: None,
        password_hash: None,
    };
    stage.deliver(batch_of(&[Record::UserRegistered(user)]));
    stage.log_event(LogEvent::CaughtUp { partition: P0 });
    for _ in 0..3 {
        let read = stage.answer_read(Err(StoreFault));
        assert_eq!(read, Read::UsersOfKey(name.clone()));
        assert!(stage.reads.is_empty(), "not at once");
        stage.tick_after(100_000);
        assert!(stage.reads.is_empty(), "not with each tick");
        stage.tick_after(SECOND);
        assert_eq!(stage.reads.len(), 1);
    }
    // Whoever asks meanwhile waits for the same read.
    let question = register(&mut stage, &name);
    assert_eq!(stage.reads.len(), 1);
    stage.answer_read(Ok(Found::Users(Vec::new())));
    stage.assert_refused(question, Problem::USERNAME_TAKEN);
    let rows = stage.settle();
    assert!(
        rows.iter()
            .any(|row| matches!(row, Row::User(row) if row.username == name))
    );
}

#[test]
fn a_name_that_is_read_by_too_many_is_refused() {
    let mut stage = Stage::new();
    let name = stage.username();
    let first: Vec<u64> = (0..64).map(|_| register(&mut stage, &name)).collect();
    let last = register(&mut stage, &name);
    stage.assert_refused(last, Problem::LOGINS_WAITING);
    let by_operator = register_by(&mut stage, &name, None, Right::Operator);
    assert!(stage.answer(by_operator).is_none(), "has room of its own");
    assert_eq!(stage.reads.len(), 1);
    stage.answer_read(Ok(Found::Users(Vec::new())));
    stage.settle();
    let made = first.into_iter().filter(|question| {
        matches!(
            stage.answer(*question),
            Some(Outcome::Json {
                created: Some(_),
                ..
            })
        )
    });
    assert_eq!(made.count(), 1);
    let later = register(&mut stage, &name);
    assert!(stage.answer(later).is_none(), "there is room again");
}

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

#[test]
fn an_operator_creates_users_also_in_a_flood_of_registrations() {
    let mut stage = Stage::new();
    let mut begin = |password, right| {
        let name = stage.username();
        let question = register_by(&mut stage, &name, Some(password), right);
        stage.answer_read(Ok(Found::Users(Vec::new())));
        question
    };
    // More than may wait.
    let flood: Vec<u64> = (0..150)
        .map(|_| begin("of the flood", Right::Open))
        .collect();
    let operator = begin("of the operator", Right::Operator);
    let refused = flood.iter().filter(|it| stage.answer(**it).is_some());
    assert!(refused.count() > 0, "the hashers are busy");
    assert!(stage.answer(operator).is_none(), "is not refused");
    // Two are at the hashers already.
    for password in ["of the flood", "of the flood", "of the operator"] {
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
    UserRow {
        user_id: stage.foreign_user(),
        username: stage.username(),
        key: None,
        password_hash: Some("hash".to_owned()),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        is_deleted: false,
    }
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
fn a_name_stays_taken_until_its_first_owner_is_stored() {
    let mut stage = Stage::new();
    let name = stage.username();
    for n in [1, 2] {
        let user = UserRegistered {
            user_id: UserId::from_bytes([n; 16]),
            at: Timestamp::from_millis(1),
            username: &name,
            key: None,
            password_hash: None,
        };
        stage.deliver(batch_of(&[Record::UserRegistered(user)]));
    }
    stage.answer_read(Ok(Found::Users(Vec::new())));
    // The second, which was refused, has nothing in the store to wait for.
    while stage.writes.len() > 1 {
        stage.store_newest();
    }
    let question = register(&mut stage, &name);
    assert!(stage.reads.is_empty(), "the store does not have it yet");
    stage.assert_refused(question, Problem::USERNAME_TAKEN);
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

/// Those of a login right behind the change before may expire up to a second later than what that ended, and a clock
/// that was ahead makes them longer.
#[test]
fn whatever_ends_all_sessions_ends_them_whenever_they_expire() {
    let mut stage = Stage::new();
    let username = stage.username();
    let user_id = stage.owned_user();
    let now = EPOCH_MILLIS + SECOND / 1000;
    let ended_by = |at: u64| at + SESSION_MILLIS + 120_000;
    for (updated_at, sessions_until, expected) in [
        (now - 5000, now + SESSION_MILLIS, ended_by(now)),
        (now, now, ended_by(now + 1000)),
        (now + 7, now, ended_by(now + 1007)),
        (now, ended_by(now + 9_000_000), ended_by(now + 9_000_000)),
    ] {
        let new = NewPassword {
            password: None,
            sessions_until: Timestamp::from_millis(sessions_until),
            network: network(),
        };
        stage.ask(Command::User(
            user_id,
            UserCommand::SetPassword(Box::new(new)),
        ));
        let row = UserRow {
            user_id,
            username: username.clone(),
            key: None,
            password_hash: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::from_millis(updated_at),
            is_deleted: false,
        };
        stage.answer_read(Ok(Found::Users(vec![row.clone()])));
        let batch = stage.doubt_append();
        let Ok(Record::UserDeleted(deleted)) = Record::decode(batch.first().unwrap()) else {
            panic!("an account is deleted")
        };
        assert!(deleted.at > row.updated_at);
        assert_eq!(deleted.sessions_until.millis(), expected);
    }
}

/// Spends an invite that this shard owns, for a registration.
fn spend(stage: &mut Stage, owner: UserId, username: &str) -> u64 {
    let expires_at = Timestamp::from_millis(u64::MAX);
    spend_until(stage, owner, username, expires_at)
}

/// The same for an invite that expires.
fn spend_until(stage: &mut Stage, owner: UserId, username: &str, expires_at: Timestamp) -> u64 {
    let invite = Invite {
        invite_id: SessionId::from_bytes(*owner.as_bytes()),
        expires_at,
    };
    let invited = Invited {
        invite,
        name: NewName {
            username: username.into(),
            key: username.into(),
        },
        password_hash: None,
    };
    let command = UserCommand::SpendInvite(Box::new(invited));
    stage.ask(Command::User(owner, command))
}

#[test]
fn of_two_who_spend_an_invite_at_once_one_does() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let first = spend(&mut stage, owner, &name);
    let second = spend(&mut stage, owner, &name);
    stage.assert_refused(second, Problem::INVITE_INVALID);
    stage.settle();
    stage.answer_read(Ok(Found::Users(Vec::new())));
    stage.settle();
    assert!(matches!(stage.answer(first), Some(Outcome::Json { .. })));
    let later = spend(&mut stage, owner, &name);
    stage.assert_refused(later, Problem::INVITE_INVALID);
}

/// Whoever has spent it may be gone: nobody asks for the registration again.
#[test]
fn an_invite_that_is_spent_makes_a_user_whatever_is_full_or_down() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let question = spend(&mut stage, owner, &name);
    // Others wait for the same name.
    for _ in 0..64 {
        register(&mut stage, &name);
    }
    stage.step(Input::MeshFull(true));
    stage.step(Input::DiskFull(true));
    stage.settle();
    stage.answer_read(Err(StoreFault));
    // Longer than anybody waits.
    stage.tick_after(SECOND);
    stage.answer_read(Ok(Found::Users(Vec::new())));
    let rows = stage.settle();
    let is_user = |row: &Row| matches!(row, Row::User(user) if user.username == name);
    assert!(rows.iter().any(is_user), "{rows:?}");
    assert!(matches!(stage.answer(question), Some(Outcome::Json { .. })));
}

#[test]
fn an_invite_whose_log_was_slow_makes_a_user_all_the_same() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let question = spend(&mut stage, owner, &name);
    stage.tick_after(6 * SECOND);
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    stage.settle();
    stage.answer_read(Ok(Found::Users(Vec::new())));
    let rows = stage.settle();
    let is_user = |row: &Row| matches!(row, Row::User(user) if user.username == name);
    assert!(rows.iter().any(is_user), "{rows:?}");
}

/// The names of users among rows.
fn users(rows: &[Row]) -> Vec<&str> {
    let names = rows.iter().filter_map(|row| match row {
        Row::User(user) => Some(user.username.as_str()),
        _ => None,
    });
    names.collect()
}

/// All reads find nobody, and log and store confirm all; what was written.
fn settle(stage: &mut Stage) -> Vec<Row> {
    let mut rows = stage.settle();
    while !stage.reads.is_empty() {
        stage.answer_read(Ok(Found::Users(Vec::new())));
        rows.extend(stage.settle());
    }
    rows
}

#[test]
fn an_invite_of_which_it_was_unknown_whether_it_is_spent_makes_a_user_once_it_is() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let question = spend(&mut stage, owner, &name);
    let landed = stage.doubt_append();
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    stage.deliver(landed);
    assert_eq!(users(&settle(&mut stage)), [name]);
}

#[test]
fn whoever_tries_an_invite_again_registers_whichever_of_the_tries_is_in_the_log() {
    for (first_lands, second_lands) in [(true, true), (true, false), (false, true)] {
        let mut stage = Stage::new();
        let owner = stage.owned_user();
        let (name, other) = (stage.username(), stage.username());
        let first = spend(&mut stage, owner, &name);
        let landed = stage.doubt_append();
        stage.assert_refused(first, Problem::OUTCOME_UNKNOWN);
        let second = spend(&mut stage, owner, &other);
        let third = spend(&mut stage, owner, &other);
        stage.assert_refused(third, Problem::INVITE_INVALID);
        if !second_lands {
            stage.fail_append();
            stage.assert_refused(second, Problem::LOG_UNAVAILABLE);
        }
        let retry = stage.appends.pop_front();
        if first_lands {
            stage.deliver(landed);
        }
        if let Some(retry) = retry {
            stage.deliver(retry);
            stage.confirm_delivered();
        }
        assert_eq!(users(&settle(&mut stage)), [other]);
        if second_lands {
            assert!(matches!(stage.answer(second), Some(Outcome::Json { .. })));
        }
    }
}

#[test]
fn an_invite_that_the_log_refused_is_as_if_nobody_had_used_it() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let first = spend(&mut stage, owner, &name);
    stage.fail_append();
    stage.assert_refused(first, Problem::LOG_UNAVAILABLE);
    let second = spend(&mut stage, owner, &name);
    assert_eq!(users(&settle(&mut stage)), [name]);
    assert!(matches!(stage.answer(second), Some(Outcome::Json { .. })));
}

#[test]
fn nobody_waits_for_an_invite_that_has_expired() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.username();
    let expires_at = Timestamp::from_millis(EPOCH_MILLIS + 60_000);
    spend_until(&mut stage, owner, &name, expires_at);
    let landed = stage.doubt_append();
    stage.tick_after(120 * SECOND);
    stage.deliver(landed);
    let rows = settle(&mut stage);
    assert!(users(&rows).is_empty(), "{rows:?}");
}

#[test]
fn whose_invite_is_spent_is_not_told_that_nothing_was_done() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let (name, other) = (stage.username(), stage.username());
    let question = spend(&mut stage, owner, &name);
    let open = register(&mut stage, &other);
    stage.settle();
    assert_eq!(stage.reads.len(), 2, "both names are being read");
    stage.log_event(LogEvent::Closed { partition: P0 });
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    assert_eq!(stage.answer(open), Some(Outcome::Elsewhere));

    let command = NameCommand::RegisterInvited {
        username: name.as_str().into(),
        password_hash: None,
    };
    let question = stage.ask(Command::Name(name.into(), command));
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
}

#[test]
fn whose_invite_is_spent_and_whose_name_nobody_serves_is_not_told_that_nothing_was_done() {
    let mut stage = Stage::new();
    let owner = stage.owned_user();
    let name = stage.foreign_username();
    let question = spend(&mut stage, owner, &name);
    let foreign = stage.foreign_chat();
    stage.reroute(foreign, Route::Nobody);
    stage.settle();
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
}
