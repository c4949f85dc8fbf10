//! Invites, which are spent once, whatever the log and the store are like.

use rookery_engine::ids::Invite;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Command, Invited, NameCommand, Outcome, UserCommand};
use rookery_engine::port::{Found, LogEvent, StoreFault};
use rookery_schema::names::NewName;
use rookery_schema::row::Row;
use rookery_schema::{Route, SessionId, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use super::register;
use crate::stage::{P0, SECOND, Stage};

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
