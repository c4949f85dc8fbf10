//! A user connects, or lists their chats, while a membership is on its way into the store.

use rookery_engine::input::Input;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, ChatSummary, Command, EventBatch, Leaver, Marked, Outcome,
    ShardMessage, Subscription, SubscriptionAnswer, Waiting,
};
use rookery_engine::port::{Found, Read};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};

use crate::stage::{SECOND, Stage, THERE};

fn joined(stage: &mut Stage, chat_id: ChatId, user: UserId) {
    stage.told_joined(chat_id, user, false);
}

fn joins_stored(stage: &mut Stage, chat_id: ChatId, user: UserId) {
    let users = vec![user];
    stage.tell(ShardMessage::JoinsStored { chat_id, users });
}

/// The store answers the read of their chats as it was before they joined any.
fn no_chats_found(stage: &mut Stage, user: UserId) {
    let read = stage.answer_read(Ok(Found::Chats(Vec::new())));
    assert_eq!(read, Read::ChatsOfUser(user));
}

pub(crate) fn event(stage: &mut Stage, chat_id: ChatId, text: &str) {
    let event = event_of(stage, chat_id, text);
    stage.tell(event);
}

pub(crate) fn event_of(stage: &mut Stage, chat_id: ChatId, text: &str) -> ShardMessage {
    event_at(chat_id, stage.next_seq(), text)
}

pub(crate) fn event_at(chat_id: ChatId, first: Seq, text: &str) -> ShardMessage {
    ShardMessage::Events(EventBatch {
        chat_id,
        from: THERE,
        first,
        lines: format!("{text}\n").into(),
        count: 1,
        accepted_at: Timestamp::default(),
        applied_micros: 0,
        leaver: None,
    })
}

/// The owner accepts the one subscription to this chat, and its events come.
fn assert_listens(stage: &mut Stage, conn: rookery_engine::ids::ConnId, chat_id: ChatId) {
    let subscriptions = stage.subscriptions();
    let [wanted] = subscriptions.as_slice() else {
        panic!("{subscriptions:?}");
    };
    assert_eq!(wanted.chat_id, chat_id);
    assert!(!stage.heard(conn).contains("ready"));
    let next = stage.upcoming_seq();
    let (wanted, answer) = (*wanted, SubscriptionAnswer::Accepted { next });
    stage.tell(ShardMessage::Subscribed { wanted, answer });
    event(stage, chat_id, "first");
    let heard = stage.heard(conn);
    assert!(
        heard.contains("ready") && heard.contains("first"),
        "{heard}"
    );
}

#[test]
fn a_drain_waits_not_long_for_chats_that_the_store_does_not_read() {
    let mut stage = Stage::new();
    let ann = stage.user();
    let before = stage.connect(ann);
    stage.step(Input::Drain);
    let amid = stage.connect(ann);
    stage.tick_after(6 * SECOND);
    for conn in [before, amid] {
        let heard = stage.heard(conn);
        assert!(heard.contains("could not be read"), "{heard}");
    }
}

#[test]
fn who_connects_before_their_membership_is_stored_listens() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    joined(&mut stage, chat, user);
    let conn = stage.connect(user);
    no_chats_found(&mut stage, user);
    assert_listens(&mut stage, conn, chat);
}

#[test]
fn a_membership_that_is_stored_while_their_chats_are_read_is_listened_to() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    joined(&mut stage, chat, user);
    let conn = stage.connect(user);
    joins_stored(&mut stage, chat, user);
    no_chats_found(&mut stage, user);
    assert_listens(&mut stage, conn, chat);
}

#[test]
fn who_joins_while_their_chats_are_read_is_not_subscribed_twice() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect(user);
    joined(&mut stage, chat, user);
    joins_stored(&mut stage, chat, user);
    no_chats_found(&mut stage, user);
    assert_listens(&mut stage, conn, chat);
}

#[test]
fn who_joins_again_while_they_reconnect_is_subscribed_behind_what_takes_it_back() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let before = stage.connect(user);
    joined(&mut stage, chat, user);
    no_chats_found(&mut stage, user);
    assert_listens(&mut stage, before, chat);
    stage.disconnect(before);
    let conn = stage.connect(user);
    // The owner has told of their new membership before it heard that nobody was connected.
    joined(&mut stage, chat, user);
    let sent = std::mem::take(&mut stage.sent);
    let order: Vec<&str> = sent
        .iter()
        .filter_map(|message| match message {
            ShardMessage::Unsubscribe { .. } => Some("unsubscribe"),
            ShardMessage::Subscribe(_) => Some("subscribe"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["unsubscribe", "subscribe"]);
    stage.sent = sent;
    no_chats_found(&mut stage, user);
    assert_listens(&mut stage, conn, chat);
}

#[test]
fn the_absent_one_who_joins_is_not_sent_for() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    joined(&mut stage, chat, user);
    assert!(stage.sent.iter().any(|message| matches!(
        message,
        ShardMessage::Unsubscribe { chat_id, users } if *chat_id == chat && *users == [user]
    )));
}

/// Their chats are listed, with the owners answering for these.
fn assert_lists(stage: &mut Stage, question: u64, chat_id: ChatId) {
    let sent = std::mem::take(&mut stage.sent);
    let asked = sent.into_iter().find_map(|message| match message {
        ShardMessage::Ask {
            asker,
            command: Command::Chat(asked, ChatCommand::ShowActivity { .. }),
        } => Some((asker, asked)),
        _ => None,
    });
    let Some((asker, asked)) = asked else {
        panic!("no owner was asked");
    };
    assert_eq!(asked, chat_id);
    assert!(matches!(asker.waiting, Waiting::Inbox { .. }));
    let activity = Activity {
        at: Timestamp::default(),
        chat_id,
    };
    let outcome = Outcome::Activity(Some(activity));
    stage.tell(ShardMessage::Answer { asker, outcome });
    summarize(stage, asker, chat_id);
    match stage.answer(question) {
        Some(Outcome::Page { body, next: None }) => {
            let body = String::from_utf8(body).unwrap();
            assert!(body.contains(&chat_id.to_string()), "{body}");
        }
        other => panic!("{other:?}"),
    }
}

fn summarize(stage: &mut Stage, asker: Asker, chat_id: ChatId) {
    let summary = ChatSummary {
        chat_id,
        name: "chat".into(),
        other_user_id: None,
        last_seq: Seq(1),
        read: Marked::default(),
        last_message: None,
    };
    let outcome = Outcome::Summary(Some(Box::new(summary)));
    stage.tell(ShardMessage::Answer { asker, outcome });
}

#[test]
fn a_list_of_chats_has_a_membership_that_is_not_stored() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    joined(&mut stage, chat, user);
    let question = stage.list(user, 1, None);
    no_chats_found(&mut stage, user);
    assert_lists(&mut stage, question, chat);
}

#[test]
fn a_list_of_chats_has_a_membership_that_was_stored_behind_its_read() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    joined(&mut stage, chat, user);
    let question = stage.list(user, 1, None);
    joins_stored(&mut stage, chat, user);
    no_chats_found(&mut stage, user);
    assert_lists(&mut stage, question, chat);
}

#[test]
fn a_list_of_chats_may_be_empty() {
    let mut stage = Stage::new();
    let user = stage.user();
    let question = stage.list(user, 1, None);
    no_chats_found(&mut stage, user);
    let Some(Outcome::Page { body, next: None }) = stage.answer(question) else {
        panic!("no list came");
    };
    assert_eq!(body, b"[]");
}

#[test]
fn an_answer_to_an_earlier_stay_does_not_make_them_ready() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let found = || Ok(Found::Chats(vec![chat]));
    let first = stage.connect(user);
    stage.answer_read(found());
    let earlier = stage.subscriptions();
    stage.disconnect(first);
    let second = stage.connect(user);
    stage.answer_read(found());
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
    for wanted in earlier {
        // Between this and the second subscription the owner sends nothing here.
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    assert!(!stage.heard(second).contains("ready"));
    for wanted in stage.subscriptions() {
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    assert!(stage.heard(second).contains("ready"));
}

#[test]
fn who_leaves_a_chat_while_they_subscribe_to_it_becomes_ready() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect(user);
    stage.answer_read(Ok(Found::Chats(vec![chat])));
    let subscriptions = stage.subscriptions();
    assert_eq!(subscriptions.len(), 1);
    // Others here listen, and hear that they left, before the owner finds them to be no member.
    stage.tell(ShardMessage::Events(EventBatch {
        chat_id: chat,
        from: THERE,
        first: Seq(1),
        lines: "left\n".into(),
        count: 1,
        accepted_at: Timestamp::default(),
        applied_micros: 0,
        leaver: Some(Leaver::One(user)),
    }));
    for wanted in subscriptions {
        let answer = SubscriptionAnswer::NoMember;
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn an_owner_takes_back_a_subscription_that_waits_for_its_chat() {
    let mut stage = Stage::new();
    let (chat_id, user_id) = (stage.chat(), stage.foreign_user());
    let wanted = |stay| Subscription {
        chat_id,
        user_id,
        stay,
    };
    stage.tell(ShardMessage::Subscribe(wanted(1)));
    let users = vec![user_id];
    stage.tell(ShardMessage::Unsubscribe { chat_id, users });
    stage.tell(ShardMessage::Subscribe(wanted(2)));
    stage.answer_read(Ok(Found::Chat(None)));
    let answered = stage.sent.iter().filter_map(|message| match message {
        ShardMessage::Subscribed { wanted, .. } => Some(wanted.stay),
        _ => None,
    });
    assert_eq!(answered.collect::<Vec<_>>(), [2]);
}

#[test]
fn who_can_not_be_told_of_their_chats_in_time_is_sent_away() {
    const SECOND: u64 = 1_000_000;
    let mut stage = Stage::new();
    let (chat, user) = (stage.foreign_chat(), stage.user());
    let conn = stage.connect(user);
    let read = stage.answer_read(Ok(Found::Chats(vec![chat])));
    assert_eq!(read, Read::ChatsOfUser(user));
    stage.tick_after(20 * SECOND);
    assert_eq!(stage.heard(conn), "");
    stage.tick_after(11 * SECOND);
    let heard = stage.heard(conn);
    assert!(
        heard.contains("the chats could not be read in time"),
        "{heard}"
    );
    assert_eq!(stage.stats().overdue_requests, 1);
}
