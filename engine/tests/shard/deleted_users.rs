//! Accounts that their users, or operators, delete.

use rookery_engine::input::Input;
use rookery_engine::mesh::field::Field;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Ended, EndedBy, NameCommand, NewPassword, Outcome, PasswordChange, Right,
    ShardMessage, UserCommand,
};
use rookery_engine::port::{
    Found, LogEvent, Opened, PasswordCheck, PasswordOutcome, Read, StoreEvent,
};
use rookery_schema::limits::{NAME_KEPT_MILLIS, TOKEN_MILLIS};
use rookery_schema::names::key_of;
use rookery_schema::record::{PasswordSet, Record, UserDeleted, UserRegistered};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Offset, SessionId, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use crate::stage::{P0, SECOND, Stage, account, batch_of, credentials, network};

fn user(stage: &mut Stage) -> UserRow {
    account(stage.owned_user(), &stage.username(), Some("hash"))
}

fn found(user: &UserRow) -> Found {
    Found::Users(vec![user.clone()])
}

/// A user asks for the end of their account; what they say is their password is about to be compared.
fn delete(stage: &mut Stage, user: &UserRow) -> u64 {
    let change = PasswordChange {
        old: "password".into(),
        new: nothing(),
        kept: SessionId::from_bytes([7; 16]),
        is_limited: false,
    };
    let command = UserCommand::ChangePassword(Box::new(change));
    let question = stage.ask(Command::User(user.user_id, command));
    let read = stage.answer_read(Ok(found(user)));
    assert_eq!(read, Read::User(user.user_id));
    if !stage.reads.is_empty() {
        stage.answer_read(Ok(found(user)));
    }
    question
}

fn delete_by_operator(stage: &mut Stage, user: &UserRow) -> u64 {
    let command = UserCommand::SetPassword(Box::new(nothing()));
    let question = stage.ask(Command::User(user.user_id, command));
    stage.answer_read(Ok(found(user)));
    question
}

fn nothing() -> NewPassword {
    NewPassword {
        password: None,
        sessions_until: Timestamp::default(),
        network: network(),
    }
}

fn log_in(stage: &mut Stage, name: &str) -> u64 {
    let command = NameCommand::LogIn {
        credentials: credentials(name, Some("password")),
        network: network(),
    };
    stage.ask(Command::Name(key_of(name).into(), command))
}

fn register(stage: &mut Stage, name: &str) -> u64 {
    let command = NameCommand::Register {
        credentials: credentials(name, None),
        network: network(),
        right: Right::Open,
    };
    stage.ask(Command::Name(key_of(name).into(), command))
}

/// The deletion is in the log, and void everywhere: gives its rows.
fn finish(stage: &mut Stage, user: &UserRow, question: u64) -> Vec<Row> {
    stage.append();
    stage.answer_read(Ok(found(user)));
    assert_eq!(
        stage.answer(question),
        None,
        "their sessions are good elsewhere"
    );
    let sent = std::mem::take(&mut stage.sent).into_iter();
    let told = sent.filter_map(|message| match message {
        ShardMessage::SessionsEnded { ended, tell } => Some((ended, tell?)),
        _ => None,
    });
    let told = Vec::from_iter(told);
    let [(ended, ending)] = told[..] else {
        panic!("{told:?}")
    };
    let Ended::AllOf { until, .. } = ended else {
        panic!("{ended:?}")
    };
    let expected = Ended::AllOf {
        user_id: user.user_id,
        until,
        by: EndedBy::Password,
        kept: None,
    };
    assert_eq!(ended, expected);
    stage.tell(ShardMessage::SessionsVoid(ending));
    assert_eq!(
        stage.answer(question),
        None,
        "the store shows the user still"
    );
    let rows = stage.store();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    rows
}

fn user_row(row: Row) -> Option<UserRow> {
    match row {
        Row::User(user) => Some(user),
        _ => None,
    }
}

/// What the store has of a user from now on.
fn deleted(rows: &[Row]) -> UserRow {
    let mut users = rows.iter().cloned().filter_map(user_row);
    let user = users.next().expect("a row of the user");
    assert_eq!(users.next(), None);
    user
}

#[test]
fn a_user_deletes_their_account_by_its_password() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = delete(&mut stage, &user);
    assert!(matches!(&stage.passwords[0].against, PasswordCheck::Verify(hash) if hash == "hash"));
    stage.compare_password(true);
    let rows = finish(&mut stage, &user, question);
    let row = deleted(&rows);
    assert!(row.is_deleted && row.password_hash.is_none());
    assert_eq!((row.user_id, &row.username), (user.user_id, &user.username));
    let user_id = user.user_id;
    assert!(rows.contains(&Row::OwnGone { user_id }));
    let all_of = SessionId::all_of(user_id);
    let is_end =
        |row: &Row| matches!(row, Row::EndedSession { session_id, .. } if *session_id == all_of);
    assert!(rows.iter().any(is_end));
    let unlisted = |row: &Row| matches!(row, Row::NoSessions { user_id: of, .. } if *of == user_id);
    assert!(rows.iter().any(unlisted));
}

#[test]
fn an_operator_deletes_an_account_without_its_password() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = delete_by_operator(&mut stage, &user);
    assert!(stage.passwords.is_empty());
    let rows = finish(&mut stage, &user, question);
    assert!(deleted(&rows).is_deleted);
}

#[test]
fn a_wrong_password_deletes_nothing_and_counts_as_a_failed_login() {
    const LOGIN_RATE: usize = 10;
    let mut stage = Stage::new();
    let user = user(&mut stage);
    for _ in 0..LOGIN_RATE {
        let question = delete(&mut stage, &user);
        stage.compare_password(false);
        let refused = Outcome::NotLoggedIn {
            user_id: Some(user.user_id),
            problem: Problem::WRONG_PASSWORD.on(Field::Password),
        };
        assert_eq!(stage.answer(question), Some(refused));
    }
    let question = delete(&mut stage, &user);
    let Some(Outcome::NotLoggedIn { problem, .. }) = stage.answer(question) else {
        panic!("it was refused")
    };
    assert_eq!(problem.code, "too_many_requests");
    assert!(stage.passwords.is_empty() && stage.appends.is_empty());
}

/// Also of who has begun before, and while the store does not have it.
#[test]
fn nobody_logs_in_to_a_deleted_account_nor_sets_its_password() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let begun = log_in(&mut stage, &user.username);
    stage.answer_read(Ok(found(&user)));
    let question = delete_by_operator(&mut stage, &user);
    stage.append();
    stage.answer_read(Ok(found(&user)));
    let _ = question;
    stage.compare_password(true);
    let is_refused = |outcome: Option<Outcome>| matches!(outcome, Some(Outcome::NotLoggedIn { problem, .. }) if problem == Problem::WRONG_LOGIN);
    assert!(is_refused(stage.answer(begun)));
    let unstored = log_in(&mut stage, &user.username);
    assert!(matches!(
        stage.passwords[0].against,
        PasswordCheck::VerifyNobody
    ));
    stage.compare_password(true);
    assert!(is_refused(stage.answer(unstored)));
    let new = NewPassword {
        password: Some("a new password".into()),
        ..nothing()
    };
    let command = UserCommand::SetPassword(Box::new(new));
    let set = stage.ask(Command::User(user.user_id, command));
    stage.answer_read(Ok(found(&user)));
    stage.password_done(PasswordOutcome::Hashed("new hash".to_owned()));
    stage.append();
    stage.assert_refused(set, Problem::NO_SUCH_USER);
    let row = deleted(&stage.store());
    let stored = log_in(&mut stage, &user.username);
    stage.answer_read(Ok(found(&row)));
    assert!(matches!(
        stage.passwords[0].against,
        PasswordCheck::VerifyNobody
    ));
    stage.compare_password(true);
    assert!(is_refused(stage.answer(stored)));
}

#[test]
fn whoever_deletes_an_account_twice_is_told_that_it_is_gone() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let first = delete_by_operator(&mut stage, &user);
    let rows = finish(&mut stage, &user, first);
    let row = deleted(&rows);
    // It was read before.
    stage.tick_after(SECOND);
    let second = delete_by_operator(&mut stage, &user);
    stage.append();
    stage.answer_read(Ok(found(&row)));
    stage.assert_refused(second, Problem::NO_SUCH_USER);
}

/// Their password is right, and a wrong one would count against them.
#[test]
fn whoever_deletes_an_account_twice_at_once_is_told_that_it_was_done() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let first = delete(&mut stage, &user);
    let second = delete(&mut stage, &user);
    stage.compare_password(true);
    finish(&mut stage, &user, first);
    stage.compare_password(true);
    stage.assert_refused(second, Problem::PASSWORD_OVERTAKEN);
}

#[test]
fn the_name_of_a_deleted_account_is_free_again_after_thirty_days() {
    let mut stage = Stage::new();
    let now = stage.wall().millis();
    for (days_ago, is_taken) in [(0, true), (29, true), (30, false), (400, false)] {
        let mut gone = user(&mut stage);
        gone.is_deleted = true;
        gone.password_hash = None;
        let at = now - days_ago * 24 * 3600 * 1000;
        gone.updated_at = Timestamp::from_millis(at);
        let question = register(&mut stage, &gone.username);
        stage.answer_read(Ok(found(&gone)));
        match is_taken {
            true => stage.assert_refused(question, Problem::USERNAME_TAKEN),
            false => {
                stage.append();
                stage.answer_read_if_any(Ok(found(&gone)));
                let rows = stage.settle();
                let outcome = stage.answer(question);
                assert!(matches!(outcome, Some(Outcome::Json { .. })), "{outcome:?}");
                let row = deleted(&rows);
                assert!(!row.is_deleted && row.user_id != gone.user_id);
            }
        }
    }
}

/// A restart applies records again that are in the store, and such as never counted.
#[test]
fn a_replay_comes_to_the_same_whatever_the_store_has() {
    let user_id = UserId::from_bytes([9; 16]);
    let (other, claimed_at) = (UserId::from_bytes([8; 16]), EPOCH_MILLIS + 9000);
    let at = |millis| Timestamp::from_millis(EPOCH_MILLIS + millis);
    for is_stored in [false, true] {
        let mut stage = Stage::opening(Opened {
            end: Offset(5),
            ..Opened::default()
        });
        let name = stage.username();
        let registered = UserRegistered {
            user_id,
            at: at(1),
            username: &name,
            key: None,
            password_hash: Some("hash"),
        };
        let gone = UserDeleted {
            user_id,
            at: at(2 + TOKEN_MILLIS),
            sessions_until: at(100_000),
            name: &name,
        };
        let late = PasswordSet {
            user_id,
            at: at(3 + 2 * TOKEN_MILLIS),
            sessions_until: at(100_000),
            username: &name,
            password_hash: Some("another"),
            kept: None,
        };
        let claim = |millis| UserRegistered {
            user_id: other,
            at: Timestamp::from_millis(millis),
            ..registered
        };
        stage.deliver(batch_of(&[
            Record::UserRegistered(registered),
            Record::UserDeleted(gone),
            Record::PasswordSet(late),
            Record::UserDeleted(UserDeleted {
                at: at(4 + 3 * TOKEN_MILLIS),
                ..gone
            }),
            Record::UserRegistered(claim(claimed_at)),
        ]));
        stage.log_event(LogEvent::CaughtUp { partition: P0 });
        let row = UserRow {
            user_id,
            username: name.clone(),
            key: None,
            password_hash: None,
            created_at: at(1),
            updated_at: gone.at,
            is_deleted: true,
        };
        stage.answer_read(Ok(Found::Users(match is_stored {
            true => vec![row.clone()],
            false => Vec::new(),
        })));
        let rows = stage.settle();
        let users = rows.iter().filter_map(|it| match it {
            Row::User(user) => Some(user),
            _ => None,
        });
        let users = Vec::from_iter(users);
        assert_eq!(users.last(), Some(&&row));
        // Nobody finds them in between.
        assert_eq!(users.iter().any(|it| !it.is_deleted), !is_stored);
        assert!(rows.contains(&Row::OwnGone { user_id }));
        // The name is theirs for as long as it is kept.
        let kept_until = gone.at.millis() + NAME_KEPT_MILLIS;
        stage.tick_after(SECOND);
        stage.deliver(batch_of(&[
            Record::UserRegistered(claim(kept_until - 1)),
            Record::UserRegistered(claim(kept_until)),
        ]));
        stage.answer_read(Ok(found(&row)));
        assert_eq!(deleted(&stage.settle()).user_id, other);
    }
}

/// The store has an earlier change by then, and shows the user as they were.
#[test]
fn a_password_does_not_bring_back_a_user_whose_deletion_is_not_stored_yet() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let at = |n: u64| Timestamp::from_millis(user.updated_at.millis() + n * (1 + TOKEN_MILLIS));
    let set = |n| PasswordSet {
        user_id: user.user_id,
        at: at(n),
        sessions_until: at(9),
        username: &user.username,
        password_hash: Some("another"),
        kept: None,
    };
    stage.deliver(batch_of(&[Record::PasswordSet(set(1))]));
    stage.answer_read(Ok(found(&user)));
    stage.deliver(batch_of(&[Record::UserDeleted(UserDeleted {
        user_id: user.user_id,
        at: at(2),
        sessions_until: at(9),
        name: &user.username,
    })]));
    // Where the log was read up to, then the password.
    let mut earlier = None;
    for _ in 0..2 {
        let (token, rows) = stage.writes.pop_front().unwrap();
        earlier = rows.into_iter().find_map(user_row);
        stage.step(Input::Store(StoreEvent::Written { token, micros: 1 }));
    }
    let earlier = earlier.unwrap();
    assert!(!earlier.is_deleted);
    stage.deliver(batch_of(&[Record::PasswordSet(set(3))]));
    stage.answer_read_if_any(Ok(found(&earlier)));
    let last = stage.settle().into_iter().rev().find_map(user_row);
    assert!(last.is_some_and(|user| user.is_deleted));
}
