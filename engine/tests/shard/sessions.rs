//! Logins: recorded before they are answered, listed at once, and ended one by one or all together.

use rookery_engine::ids::Session;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Ended, EndedBy, EndingId, NewSession, Outcome, ShardMessage, UserCommand,
};
use rookery_engine::port::{Found, Read, StoreFault};
use rookery_schema::limits::{SESSION_MILLIS, SESSIONS_LISTED_MAX};
use rookery_schema::row::{Row, SessionRow};
use rookery_schema::{SessionId, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use crate::stage::{SECOND, Stage, network};

/// A session of this number, which lasts for two weeks.
fn session(n: u8) -> Session {
    Session::new(
        SessionId::from_bytes([n; 16]),
        Timestamp::from_millis(EPOCH_MILLIS + SESSION_MILLIS),
    )
}

fn row(user_id: UserId, n: u8) -> SessionRow {
    let Session {
        session_id,
        expires_at,
        ..
    } = session(n);
    SessionRow {
        user_id,
        session_id,
        created_at: Timestamp::from_millis(EPOCH_MILLIS + 1000),
        expires_at,
        address: network().address(),
        name: "a client".to_owned(),
    }
}

/// A user whose password was right logs in.
fn start(stage: &mut Stage, user_id: UserId, n: u8) -> u64 {
    let new = NewSession {
        session: session(n),
        network: network(),
        name: "a client".into(),
    };
    let command = UserCommand::StartSession(Box::new(new));
    stage.ask(Command::User(user_id, command))
}

/// The sessions that a user is shown, where the store has these.
#[track_caller]
fn listed(stage: &mut Stage, user_id: UserId, stored: Vec<SessionRow>) -> Vec<SessionRow> {
    let question = stage.ask(Command::User(user_id, UserCommand::ListSessions));
    let read = stage.answer_read(Ok(Found::Sessions(stored)));
    let limit = SESSIONS_LISTED_MAX;
    assert_eq!(read, Read::SessionsOfUser { user_id, limit });
    match stage.answer(question) {
        Some(Outcome::Sessions(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

/// A user ends a session of this number, where the store has these.
fn end(stage: &mut Stage, user_id: UserId, n: u8, stored: Vec<SessionRow>) -> u64 {
    let command = UserCommand::EndListed {
        session_id: session(n).session_id,
        network: network(),
    };
    let question = stage.ask(Command::User(user_id, command));
    stage.answer_read(Ok(Found::Sessions(stored)));
    question
}

/// What the other shard was told is void, and has to confirm.
fn told(stage: &mut Stage) -> Vec<(Ended, Option<EndingId>)> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::SessionsEnded { ended, tell } => Some((ended, tell)),
        _ => None,
    })
    .collect()
}

#[test]
fn a_login_is_answered_when_it_is_in_the_log_and_listed_from_then_on() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = start(&mut stage, user, 1);
    assert_eq!(stage.answer(question), None, "a crash would forget it");
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    let read = stage.answer_read(Ok(Found::Sessions(Vec::new())));
    assert!(
        matches!(read, Read::SessionsOfUser { .. }),
        "what is too much"
    );
    assert_eq!(listed(&mut stage, user, Vec::new()), [row(user, 1)]);
    let rows = stage.store();
    assert!(rows.contains(&Row::Session(row(user, 1))));
    assert_eq!(listed(&mut stage, user, Vec::new()), [], "the store has it");
    let stored = vec![row(user, 1)];
    assert_eq!(listed(&mut stage, user, stored.clone()), stored);
}

#[test]
fn a_login_that_the_log_does_not_take_is_given_and_not_listed() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = start(&mut stage, user, 1);
    stage.fail_append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    let question = start(&mut stage, user, 2);
    let landed = stage.doubt_append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert_eq!(listed(&mut stage, user, Vec::new()), []);
    assert_eq!(stage.stats().logins_unrecorded, 2);
    // It is in the log nevertheless.
    stage.deliver(landed);
    stage.answer_read(Err(StoreFault));
    assert_eq!(listed(&mut stage, user, Vec::new()), [row(user, 2)]);
    stage.store();

    stage.step(Input::DiskFull(true));
    let question = start(&mut stage, user, 3);
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert!(stage.appends.is_empty(), "room is kept for logouts");
    assert_eq!(listed(&mut stage, user, Vec::new()), []);
    assert_eq!(stage.stats().logins_unrecorded, 3);
}

#[test]
fn a_login_that_the_log_does_not_answer_is_given_in_time_and_the_next_at_once() {
    for lands in [true, false] {
        let mut stage = Stage::new();
        let user = stage.owned_user();
        let first = start(&mut stage, user, 1);
        stage.tick_after(4 * SECOND);
        assert_eq!(stage.answer(first), None, "there is time left");
        stage.tick_after(2 * SECOND);
        assert_eq!(stage.answer(first), Some(Outcome::Done));
        let second = start(&mut stage, user, 2);
        assert_eq!(stage.answer(second), Some(Outcome::Done));
        let posted = stage.stats().messages_posted;
        if lands {
            stage.append();
            stage.answer_read(Err(StoreFault));
        } else {
            stage.fail_append();
        }
        assert_eq!(stage.answer(first), None, "nobody is answered twice");
        assert_eq!(stage.stats().messages_posted, posted);
        let recorded = lands.then(|| row(user, 1));
        assert_eq!(
            listed(&mut stage, user, Vec::new()),
            recorded.into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn people_log_in_also_while_the_store_lags() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let chat = stage.create(&[user]);
    stage.post(chat, user, None);
    stage.append();
    stage.tick_after(2 * SECOND);
    let post = stage.post(chat, user, None);
    stage.assert_refused(post, Problem::LAGGING);
    let question = start(&mut stage, user, 1);
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
}

#[test]
fn a_session_that_is_listed_is_ended_once_and_others_are_none_of_the_user_s() {
    let mut stage = Stage::new();
    let (user, other) = (stage.owned_user(), stage.owned_user());
    let stored = || vec![row(user, 1), row(user, 2)];
    let question = end(&mut stage, user, 3, stored());
    stage.assert_refused(question, Problem::NO_SUCH_SESSION);
    let question = end(&mut stage, other, 1, Vec::new());
    stage.assert_refused(question, Problem::NO_SUCH_SESSION);
    assert!(told(&mut stage).is_empty() && stage.appends.is_empty());

    let question = end(&mut stage, user, 1, stored());
    let told = told(&mut stage);
    let [(Ended::One(ended), Some(ending))] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(ended.session_id, session(1).session_id);
    stage.append();
    assert_eq!(stage.answer(question), None, "it is good elsewhere");
    stage.tell(ShardMessage::SessionsVoid(ending));
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    // The store may have it still.
    let question = end(&mut stage, user, 1, stored());
    stage.assert_refused(question, Problem::NO_SUCH_SESSION);
    let rows = stage.store();
    assert!(rows.contains(&Row::NoSession {
        user_id: user,
        session_id: session(1).session_id,
        expires_at: session(1).expires_at,
    }));
}

#[test]
fn all_sessions_end_at_once_and_one_that_lives_too_long_for_that_besides() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let long = Session {
        expires_at: Timestamp::from_millis(session(1).expires_at.millis() * 2),
        ..session(1)
    };
    for (asking, besides) in [(session(1), false), (long, true)] {
        stage.sent.clear();
        let command = UserCommand::EndAllSessions(asking);
        let question = stage.ask(Command::User(user, command));
        let told = told(&mut stage);
        let one = |(ended, _): &&(Ended, _)| matches!(ended, Ended::One(it) if it.session_id == asking.session_id);
        assert_eq!(told.iter().any(|it| one(&it)), besides);
        let all = told.iter().find(|it| !one(it)).map(|(ended, _)| *ended);
        let Some(Ended::AllOf {
            user_id,
            until,
            by,
            kept: None,
        }) = all
        else {
            panic!("{told:?}")
        };
        assert_eq!((user_id, by), (user, EndedBy::Logouts));
        assert!(until >= session(1).expires_at);
        // The next login may not be far ahead of the clock.
        assert!(until.millis() < EPOCH_MILLIS + SESSION_MILLIS + 10_000);
        assert_eq!(stage.answer(question), None);
        for ending in told.into_iter().filter_map(|(_, tell)| tell) {
            stage.tell(ShardMessage::SessionsVoid(ending));
        }
        let rows = stage.settle();
        assert_eq!(stage.answer(question), Some(Outcome::Done));
        assert!(rows.contains(&Row::NoSessions { user_id, until }));
    }
}

#[test]
fn a_user_who_logs_in_very_often_has_so_many_sessions_listed() {
    let mut stage = Stage::new();
    let user_id = stage.owned_user();
    start(&mut stage, user_id, 1);
    stage.append();
    let rows = (0..SESSIONS_LISTED_MAX as u64).rev().map(|n| SessionRow {
        expires_at: Timestamp::from_millis(EPOCH_MILLIS + 10_000 + n),
        ..row(user_id, n as u8)
    });
    stage.answer_read(Ok(Found::Sessions(rows.collect())));
    let until = Timestamp::from_millis(EPOCH_MILLIS + 10_000);
    assert!(stage.store().contains(&Row::NoSessions { user_id, until }));
}
