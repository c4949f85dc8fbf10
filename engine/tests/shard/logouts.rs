//! The end of sessions: void everywhere before it is answered, whatever becomes of the disk.

use std::net::IpAddr;

use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Ended, EndingId, NewPassword, Outcome, ShardMessage, UserCommand,
};
use rookery_engine::port::Found;
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{SessionId, Timestamp, UserId};

use crate::stage::{SECOND, Stage, addition};

const EXPIRES: Timestamp = Timestamp::from_millis(u64::MAX / 1_000_000);
/// Longer than a lag that posts are taken with.
const LAG: u64 = 2 * SECOND;

/// A user logs out of their session of this number.
fn log_out(stage: &mut Stage, user_id: UserId, session: u8) -> u64 {
    let command = UserCommand::EndSession {
        session_id: SessionId::from_bytes([session; 16]),
        expires_at: EXPIRES,
    };
    stage.ask(Command::User(user_id, command))
}

/// The endings that the other shard was told of and has not confirmed.
fn told(stage: &mut Stage) -> Vec<EndingId> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::SessionsEnded { tell, .. } => tell,
        _ => None,
    })
    .collect()
}

/// The other shard confirms that they are void there.
fn confirm(stage: &mut Stage, endings: Vec<EndingId>) {
    for ending in endings {
        stage.tell(ShardMessage::SessionsVoid(ending));
    }
}

/// An operator sets a user's password, when their sessions expire by then.
fn set_password(stage: &mut Stage, user: &UserRow, sessions_until: Timestamp) -> u64 {
    let password = NewPassword {
        password: None,
        network: IpAddr::from([192, 0, 2, 1]).into(),
        sessions_until,
    };
    let command = UserCommand::SetPassword(Box::new(password));
    let question = stage.ask(Command::User(user.user_id, command));
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    question
}

fn user(stage: &mut Stage) -> UserRow {
    UserRow {
        user_id: stage.owned_user(),
        username: stage.username(),
        password_hash: Some("hash".to_owned()),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

#[test]
fn a_logout_is_answered_when_it_is_in_the_log_and_all_shards_have_heard_of_it() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    assert_eq!(endings.len(), 1, "the other shard hears of it at once");
    stage.append();
    assert_eq!(
        stage.answer(question),
        None,
        "its token is good there still"
    );
    confirm(&mut stage, endings);
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert_eq!(stage.writes.len(), 1, "it does not wait for the store");

    let question = log_out(&mut stage, user, 2);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    assert_eq!(stage.answer(question), None, "a restart would forget it");
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
}

#[test]
fn a_full_disk_takes_logouts_and_nothing_else() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let chat = stage.create(&[user]);
    stage.step(Input::DiskFull(true));
    let post = stage.post(chat, user, None);
    stage.assert_refused(post, Problem::DISK_FULL);
    let joins = addition(user, UserId::from_bytes([9; 16]));
    let joins = stage.ask(Command::Chat(chat, joins));
    stage.assert_refused(joins, Problem::DISK_FULL);

    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));

    stage.step(Input::DiskFull(false));
    stage.store();
    let post = stage.post(chat, user, None);
    stage.append();
    stage.assert_posted(post);
}

#[test]
fn a_store_that_can_not_write_keeps_nobody_from_logging_out() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let chat = stage.create(&[user]);
    stage.post(chat, user, None);
    stage.append();
    stage.tick_after(LAG);
    let post = stage.post(chat, user, None);
    stage.assert_refused(post, Problem::LAGGING);
    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
}

#[test]
fn a_small_change_goes_to_the_log_apart_from_others() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let chat = stage.create(&[user]);
    // The first is under way, and what follows is gathered.
    let first = stage.post(chat, user, None);
    let second = stage.post(chat, user, None);
    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    stage.append();
    stage.assert_posted(first);
    assert_eq!(stage.appends.len(), 2);
    stage.append();
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert_eq!(stage.answer(second), None);
    stage.fail_append();
    stage.assert_refused(second, Problem::LOG_UNAVAILABLE);
}

#[test]
fn a_logout_that_the_log_does_not_take_is_void_everywhere_and_recorded_later() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = log_out(&mut stage, user, 1);
    stage.fail_append();
    assert_eq!(
        stage.answer(question),
        None,
        "the other shard does not know"
    );
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    stage.assert_refused(question, Problem::LOGOUT_NOT_RECORDED);

    stage.tick_after(SECOND);
    stage.fail_append();
    stage.tick_after(SECOND / 2);
    assert!(stage.appends.is_empty(), "not with each tick");
    stage.tick_after(SECOND);
    let rows = stage.settle();
    let session_id = SessionId::from_bytes([1; 16]);
    let expires_at = EXPIRES;
    assert!(rows.contains(&Row::EndedSession {
        session_id,
        expires_at
    }));
    stage.tick_after(2 * SECOND);
    assert!(stage.appends.is_empty(), "it is recorded once");
}

#[test]
fn a_logout_whose_record_is_in_doubt_is_recorded_again() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    let landed = stage.doubt_append();
    stage.assert_refused(question, Problem::LOGOUT_NOT_RECORDED);
    stage.deliver(landed);
    stage.tick_after(SECOND);
    stage.settle();
}

#[test]
fn a_logout_is_answered_in_time_where_the_log_answers_nothing() {
    let mut stage = Stage::new();
    let user = stage.owned_user();
    let question = log_out(&mut stage, user, 1);
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    stage.tick_after(6 * SECOND);
    stage.assert_refused(question, Problem::OUTCOME_UNKNOWN);
    stage.append();
    assert_eq!(stage.answer(question), None);
}

#[test]
fn a_password_is_set_on_a_full_disk_and_answered_when_all_sessions_are_void_everywhere() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    stage.step(Input::DiskFull(true));
    let question = set_password(&mut stage, &user, Timestamp::default());
    stage.append();
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    assert_eq!(stage.answer(question), None);
    let is_told = |message: &ShardMessage| match message {
        ShardMessage::SessionsEnded { ended, .. } => {
            matches!(ended, Ended::AllOf { user_id, .. } if *user_id == user.user_id)
        }
        _ => false,
    };
    assert!(stage.sent.iter().any(is_told));
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    assert_eq!(stage.answer(question), Some(Outcome::Done));
    assert!(!stage.writes.is_empty(), "it does not wait for the store");
}

#[test]
fn a_password_that_is_not_stored_yet_can_be_set_anew() {
    let mut stage = Stage::new();
    let user = user(&mut stage);
    let question = set_password(&mut stage, &user, EXPIRES);
    stage.append();
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    assert_eq!(stage.answer(question), Some(Outcome::Done));

    let question = set_password(&mut stage, &user, Timestamp::default());
    stage.append();
    let endings = told(&mut stage);
    confirm(&mut stage, endings);
    assert_eq!(stage.answer(question), Some(Outcome::Done));
}
