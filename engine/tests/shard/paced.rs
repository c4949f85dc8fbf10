//! Appends that come soon behind others wait for more, where an append costs much.

use rookery_engine::input::Input;
use rookery_schema::{ChatId, UserId};
use serde_json::json;

use crate::stage::{SECOND, Stage};

/// Microseconds between two appends.
const PACE: u64 = 400;
/// Records that wait for no more.
const RECORDS_MAX: usize = 8;

/// A shard whose appends are paced, and whose log has been idle for long.
fn stage() -> (Stage, ChatId, [UserId; 2]) {
    let mut stage = Stage::serving(|config| config.append_pace_micros = PACE);
    let users = [(); 2].map(|()| stage.foreign_user());
    let chat = stage.create(&users);
    stage.tick_after(SECOND);
    (stage, chat, users)
}

#[test]
fn what_comes_soon_behind_an_append_waits_for_more_and_a_round_is_asked_for() {
    let (mut stage, chat, [ann, bob]) = stage();
    let first = stage.post(chat, ann, None);
    assert_eq!(stage.appends.len(), 1, "the log was idle");
    assert_eq!(stage.wake_at_micros, None);
    stage.append();
    stage.assert_posted(first);

    stage.tick_after(PACE / 2);
    let others = [bob, ann].map(|user| stage.post(chat, user, None));
    assert!(stage.appends.is_empty());
    let due = stage.wake_at_micros.unwrap();
    stage.tick_after(PACE / 2 - 1);
    assert!(stage.appends.is_empty());
    assert_eq!(
        stage.wake_at_micros,
        Some(due),
        "not later for those who come"
    );
    stage.tick_after(1);
    assert_eq!(stage.appends.len(), 1, "all in one");
    assert_eq!((stage.appends[0].len(), stage.wake_at_micros), (2, None));
    stage.settle();
    for other in others {
        stage.assert_posted(other);
    }
}

#[test]
fn a_connection_that_posts_alone_waits_for_nobody() {
    let (mut stage, _, [_, bob]) = stage();
    let ann = stage.user();
    let chat = stage.create(&[ann, bob]);
    let conn = stage.connect_to(ann, &[chat]);
    stage.tick_after(SECOND);
    for number in 1..=3 {
        let send = json!({"type": "send", "chat_id": chat.to_string(), "content": "hello", "client_id": format!("{number}")});
        stage.say(conn, &send);
        stage.settle();
        assert_eq!(
            stage.kinds(conn).len(),
            2,
            "it is answered, and hears itself"
        );
    }
    stage.post(chat, bob, None);
    assert!(stage.appends.is_empty(), "not alone any more");
    assert!(stage.wake_at_micros.is_some());
}

#[test]
fn many_records_wait_for_no_more() {
    let (mut stage, chat, [ann, bob]) = stage();
    stage.post(chat, ann, None);
    stage.append();
    for _ in 1..RECORDS_MAX {
        stage.post(chat, bob, None);
    }
    assert!(stage.appends.is_empty());
    stage.post(chat, bob, None);
    assert_eq!(stage.appends[0].len() as usize, RECORDS_MAX);
}

#[test]
fn what_waits_for_an_append_under_way_asks_for_no_round() {
    let (mut stage, chat, [ann, bob]) = stage();
    stage.post(chat, ann, None);
    stage.post(chat, bob, None);
    assert_eq!((stage.appends.len(), stage.wake_at_micros), (1, None));
    stage.tick_after(PACE);
    stage.append();
    assert_eq!(stage.appends.len(), 1, "it has waited long enough");
}

#[test]
fn a_shard_is_not_drained_while_something_waits_to_be_appended() {
    let (mut stage, chat, [ann, bob]) = stage();
    stage.post(chat, ann, None);
    stage.append();
    let post = stage.post(chat, bob, None);
    stage.step(Input::Drain);
    assert!(!stage.is_drained());
    stage.tick_after(PACE);
    stage.settle();
    stage.assert_posted(post);
    stage.commit();
    stage.settle();
    stage.commit();
    assert!(stage.is_drained());
}
