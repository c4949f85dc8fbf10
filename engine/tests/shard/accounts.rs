//! Usernames and passwords, while the store can't be read and while others are at it too.

mod invites;
mod logins;

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, NameCommand, NewPassword, Outcome, Right, UserCommand};
use rookery_engine::port::{Found, LogEvent, Opened, PasswordOutcome, Read, StoreFault};
use rookery_schema::limits::SESSION_MILLIS;
use rookery_schema::names::key_of;
use rookery_schema::record::{Record, UserRegistered};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{Offset, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use crate::stage::{P0, SECOND, Stage, account, batch_of, credentials, network};

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

/// Those of a login behind the change before may expire up to a minute later than what that ended, where logouts put it ahead, and
/// a clock that was ahead makes them longer.
#[test]
fn whatever_ends_all_sessions_ends_them_whenever_they_expire() {
    let mut stage = Stage::new();
    let username = stage.username();
    let user_id = stage.owned_user();
    let now = EPOCH_MILLIS + SECOND / 1000;
    let ended_by = |at: u64| at + SESSION_MILLIS + 120_000;
    for (updated_at, sessions_until, expected) in [
        (now - 62_000, now + SESSION_MILLIS, ended_by(now)),
        (now, now, ended_by(now + 62_000)),
        (now + 7, now, ended_by(now + 62_007)),
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
            updated_at: Timestamp::from_millis(updated_at),
            ..account(user_id, &username, None)
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
