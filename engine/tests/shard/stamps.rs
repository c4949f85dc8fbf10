//! The time of what is said, where clocks are set back.

use rookery_engine::mesh::{Amend, ChatCommand, Command, MessageChange, ShardMessage};
use rookery_engine::port::{Found, LogEvent, Opened};
use rookery_schema::record::{ChatCreated, MemberList, Record};
use rookery_schema::row::Row;
use rookery_schema::{ChatId, Offset, Timestamp, UserId};

use crate::stage::{P0, Stage, THERE, batch_of, stored_chat};

/// Milliseconds of one day.
const DAY: u64 = 24 * 3600 * 1000;

/// Somebody posts; the time of their message.
fn post(stage: &mut Stage, chat: ChatId, user: UserId) -> Timestamp {
    stage.post(chat, user, None);
    time_of_event(&stage.settle())
}

fn time_of_event(rows: &[Row]) -> Timestamp {
    let at = rows.iter().find_map(|row| match row {
        Row::Event(row) => Record::decode(&row.record).unwrap().at(),
        _ => None,
    });
    at.unwrap()
}

#[test]
fn time_does_not_fall_when_the_clock_is_set_back() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let (one, other) = (stage.create(&[user]), stage.create(&[user]));
    let before = post(&mut stage, one, user);
    stage.step_wall(-(DAY as i64));
    stage.tick_after(5000);
    let after = post(&mut stage, one, user);
    assert!(after > before, "{before} and {after}");
    stage.tick_after(5000);
    assert!(
        post(&mut stage, other, user) > after,
        "in another chat, too"
    );
}

#[test]
fn neither_does_that_of_edits_reactions_and_deletions() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat_id = stage.create(&[user]);
    let posted = stage.post(chat_id, user, None);
    stage.settle();
    let message_id = stage.assert_posted(posted);
    stage.step_wall(-(DAY as i64));
    let mut before = message_id.minted_at();
    for change in [
        MessageChange::Edit {
            content: "new".into(),
        },
        MessageChange::AddReaction { emoji: "x".into() },
        MessageChange::Delete,
    ] {
        let amend = Amend {
            caller: user,
            message_id,
            change,
        };
        stage.tick_after(5000);
        stage.ask(Command::Chat(chat_id, ChatCommand::Amend(Box::new(amend))));
        let at = time_of_event(&stage.settle());
        assert!(at > before, "{before} and {at}");
        before = at;
    }
}

#[test]
fn after_a_restart_time_goes_on_behind_what_the_log_has() {
    let mut stage = Stage::opening(Opened {
        end: Offset(1),
        ..Opened::default()
    });
    let (chat_id, user) = (stage.chat(), stage.foreign_user());
    let late = Timestamp::from_millis(stage.wall().millis() + DAY);
    let created = ChatCreated {
        chat_id,
        at: late,
        creator_id: None,
        name: "chat",
        members: MemberList::new(user.as_bytes()).unwrap(),
    };
    stage.deliver(batch_of(&[Record::ChatCreated(created)]));
    stage.answer_read(Ok(Found::Chat(None)));
    stage.log_event(LogEvent::CaughtUp { partition: P0 });
    stage.store();
    stage.end = Offset(1);
    let other = stage.create(&[user]);
    stage.tick_after(5000);
    let first = post(&mut stage, other, user);
    assert!(first > late, "{late} and {first}");
    // The other shard has replayed what was later still.
    let later = Timestamp::from_millis(late.millis() + DAY);
    stage.tell(ShardMessage::Ready {
        from: THERE,
        stamp: later,
    });
    stage.tick_after(5000);
    assert!(post(&mut stage, other, user) > later);
}

#[test]
fn nothing_is_said_before_what_its_chat_has() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.chat();
    let late = Timestamp::from_millis(stage.wall().millis() + DAY);
    let mut stored = stored_chat(chat, &[user]);
    stored.chat.created_at = late;
    stage.post(chat, user, None);
    stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    assert_eq!(post(&mut stage, chat, user), late);
}
