//! Passwords that users change themselves.

use rookery_engine::mesh::field::Field;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Ended, EndedBy, NewPassword, Outcome, PasswordChange, ShardMessage, UserCommand,
};
use rookery_engine::port::{Found, PasswordCheck, PasswordOutcome, Read};
use rookery_schema::limits::TOKEN_MILLIS;
use rookery_schema::record::{PasswordSet, Record};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{SessionId, Timestamp};

use crate::stage::{Stage, account, batch_of, network};

const KEPT: SessionId = SessionId::from_bytes([7; 16]);

fn user(stage: &mut Stage) -> UserRow {
    account(stage.owned_user(), &stage.username(), Some("old hash"))
}

/// A user asks for another password; what they say is theirs is about to be compared.
fn change(stage: &mut Stage, user: &UserRow, new: &str) -> u64 {
    let change = PasswordChange {
        old: "old password".into(),
        new: NewPassword {
            password: Some(new.into()),
            sessions_until: Timestamp::default(),
            network: network(),
        },
        kept: KEPT,
        is_limited: false,
    };
    let command = UserCommand::ChangePassword(Box::new(change));
    let question = stage.ask(Command::User(user.user_id, command));
    let read = stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    assert_eq!(read, Read::User(user.user_id));
    if !stage.reads.is_empty() {
        stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    }
    question
}

#[test]
fn a_user_changes_their_password_and_all_their_other_sessions_end() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = change(&mut stage, &user, "new password");
    let job = &stage.passwords[0];
    assert_eq!(job.password, "old password");
    assert!(matches!(&job.against, PasswordCheck::Verify(hash) if hash == "old hash"));
    stage.compare_password(true);
    assert_eq!(stage.passwords[0].password, "new password");
    stage.password_done(PasswordOutcome::Hashed("new hash".to_owned()));
    stage.append();
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    assert_eq!(stage.answer(question), None, "they are good elsewhere");
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
        kept: Some(KEPT),
    };
    assert_eq!(ended, expected);
    stage.tell(ShardMessage::SessionsVoid(ending));
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    // A restart finds the same.
    let rows = stage.store();
    for session_id in [SessionId::all_of(user.user_id), KEPT.kept()] {
        assert!(rows.contains(&Row::EndedSession {
            session_id,
            expires_at: until,
        }));
    }
    let is_new = |row: &Row| matches!(row, Row::User(row) if row.password_hash.as_deref() == Some("new hash"));
    assert!(rows.iter().any(is_new));
}

#[test]
fn a_wrong_password_is_refused_and_counts_as_a_failed_login() {
    const LOGIN_RATE: usize = 10;
    let mut stage = Stage::new();
    let user = user(&mut stage);
    for _ in 0..LOGIN_RATE {
        let question = change(&mut stage, &user, "new password");
        stage.compare_password(false);
        assert_eq!(
            stage.answer(question),
            Some(Outcome::NotLoggedIn {
                user_id: Some(user.user_id),
                problem: Problem::WRONG_PASSWORD,
            })
        );
    }
    let question = change(&mut stage, &user, "new password");
    let Some(Outcome::NotLoggedIn { problem, .. }) = stage.answer(question) else {
        panic!("it was refused")
    };
    assert_eq!(problem.code, "too_many_requests");
    assert!(stage.passwords.is_empty() && stage.appends.is_empty());
}

#[test]
fn a_new_password_that_may_not_be_is_refused_as_new() {
    let mut stage = Stage::new();
    // Whose name is long enough to be a password.
    let user = (0..2000).map(|_| user(&mut stage)).last().unwrap();
    let question = change(&mut stage, &user, &user.username.to_uppercase());
    stage.compare_password(true);
    stage.assert_refused(question, Problem::PASSWORD_IS_NAME.on(Field::New));
    let question = change(&mut stage, &user, "new password");
    stage.compare_password(true);
    stage.password_done(PasswordOutcome::Common);
    stage.assert_refused(question, Problem::PASSWORD_COMMON.on(Field::New));
    let question = change(&mut stage, &user, "new password");
    stage.compare_password(true);
    stage.password_done(PasswordOutcome::Busy);
    stage.assert_refused(question, Problem::LOGINS_WAITING);
}

/// An operator takes an account back from whoever knows its password: they do not get it by having begun before.
#[test]
fn what_was_begun_with_a_password_that_was_replaced_comes_to_nothing() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let set = PasswordSet {
        user_id: user.user_id,
        at: Timestamp::from_millis(TOKEN_MILLIS),
        sessions_until: Timestamp::from_millis(TOKEN_MILLIS),
        username: &user.username,
        password_hash: Some("another hash"),
        kept: None,
    };
    let compared = change(&mut stage, &user, "new password");
    let hashed = change(&mut stage, &user, "new password");
    stage.passwords.rotate_left(1);
    stage.compare_password(true);
    stage.deliver(batch_of(&[Record::PasswordSet(set)]));
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    stage.compare_password(true);
    stage.assert_refused(compared, Problem::PASSWORD_OVERTAKEN);
    stage.password_done(PasswordOutcome::Hashed("new hash".to_owned()));
    stage.assert_refused(hashed, Problem::PASSWORD_OVERTAKEN);
    assert!(stage.appends.is_empty());
}
