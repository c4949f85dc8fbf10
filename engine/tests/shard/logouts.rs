//! The end of sessions: void everywhere before it is answered, whatever becomes of the disk.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rookery_engine::effect::Notice;
use rookery_engine::ids::Session;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Command, Ended, EndedBy, EndingId, NewPassword, Outcome, ShardMessage, UserCommand,
};
use rookery_engine::port::{Found, PasswordOutcome};
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{SessionId, Timestamp, UserId};
use rookery_testing::host::EPOCH_MILLIS;

use crate::stage::{SECOND, Stage, account, addition, network};

const EXPIRES: Timestamp = Timestamp::from_millis(u64::MAX / 1_000_000);
/// Longer than a lag that posts are taken with.
const LAG: u64 = 2 * SECOND;

/// A user logs out of their session of this number.
fn log_out(stage: &mut Stage, user_id: UserId, session: u8) -> u64 {
    let session = Session::new(SessionId::from_bytes([session; 16]), EXPIRES);
    end(stage, user_id, session)
}

fn end(stage: &mut Stage, user_id: UserId, session: Session) -> u64 {
    let command = UserCommand::EndSession {
        session,
        network: network(),
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
        password: Some("a new password".into()),
        network: IpAddr::from([192, 0, 2, 1]).into(),
        sessions_until,
    };
    let command = UserCommand::SetPassword(Box::new(password));
    let question = stage.ask(Command::User(user.user_id, command));
    stage.answer_read(Ok(Found::Users(vec![user.clone()])));
    stage.password_done(PasswordOutcome::Hashed("new hash".to_owned()));
    question
}

fn user(stage: &mut Stage) -> UserRow {
    account(stage.owned_user(), &stage.username(), Some("hash"))
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

/// A login of this number, which expires so many seconds after the first.
fn login(number: u16) -> Session {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_le_bytes());
    Session::new(
        SessionId::from_bytes(bytes),
        Timestamp::from_millis(EPOCH_MILLIS + u64::from(number) * 1000),
    )
}

/// What the other shard was told is void.
fn void(stage: &mut Stage) -> Vec<Ended> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::SessionsEnded { ended, .. } => Some(ended),
        _ => None,
    })
    .collect()
}

/// All users share the memory for logins that are ended one by one, and everybody's end where it is full.
#[test]
fn who_logs_out_very_often_ends_their_own_earlier_logins_and_nobody_else_s() {
    const ONE_BY_ONE: u16 = 1024;
    let mut stage = Stage::new();
    let (user_id, other) = (stage.owned_user(), stage.owned_user());
    for number in 1..=ONE_BY_ONE {
        end(&mut stage, user_id, login(number));
    }
    let one = |ended: &Ended| matches!(ended, Ended::One(_));
    assert!(void(&mut stage).iter().all(one));
    assert_eq!(stage.notices, []);

    let until = login(5000).expires_at;
    let all = Ended::AllOf {
        user_id,
        until,
        by: EndedBy::Logouts,
        kept: None,
    };
    end(&mut stage, user_id, login(5000));
    // It would have ended less.
    end(&mut stage, user_id, login(3000));
    assert_eq!(void(&mut stage), [all, all]);
    end(&mut stage, other, login(4000));
    assert!(void(&mut stage).iter().all(one));
    let [Notice::Security(event), Notice::Security(_)] = stage.notices.as_slice() else {
        panic!("{:?}", stage.notices);
    };
    assert_eq!(event.user_id, Some(user_id));
    assert_eq!(
        (event.act.name(), event.outcome),
        ("logout", "logouts-per-user")
    );

    // A restart finds no more of them than one by one and one for all.
    let rows = stage.settle().into_iter().filter_map(|row| match row {
        Row::EndedSession {
            session_id,
            expires_at,
        } => Some((session_id, expires_at)),
        _ => None,
    });
    let rows: BTreeMap<SessionId, Timestamp> = rows.collect();
    assert_eq!(rows.len(), usize::from(ONE_BY_ONE) + 2);
    assert_eq!(rows[&SessionId::up_to_logout_of(user_id)], until);
    assert!(void(&mut stage).iter().all(|it| one(it) || *it == all));

    // Those who have expired count no more.
    stage.tick_after(6000 * SECOND);
    stage.sent.clear();
    end(&mut stage, user_id, login(7000));
    assert!(void(&mut stage).iter().all(one));
}

/// That would end all logins of theirs for as long.
#[test]
fn a_login_from_when_a_clock_was_ahead_is_ended_by_itself() {
    let mut stage = Stage::new();
    let user_id = stage.owned_user();
    for number in 1..=2000 {
        end(&mut stage, user_id, login(number));
    }
    void(&mut stage);
    log_out(&mut stage, user_id, 255);
    assert!(matches!(void(&mut stage)[..], [Ended::One(_)]));
}
