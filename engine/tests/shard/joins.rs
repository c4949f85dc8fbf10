//! A user connects, or lists their chats, while a membership is on its way into the store.

use std::collections::HashSet;

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, ChatSummary, Command, EventBatch, Outcome, ShardMessage,
    Subscription, SubscriptionAnswer, Waiting,
};
use rookery_engine::port::{Found, Read};
use rookery_schema::{ChatId, Route, Seq, Timestamp, UserId};

use crate::stage::{Stage, THERE};

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

fn event(stage: &mut Stage, chat_id: ChatId, text: &str) {
    let event = event_of(stage, chat_id, text);
    stage.tell(event);
}

fn event_of(stage: &mut Stage, chat_id: ChatId, text: &str) -> ShardMessage {
    ShardMessage::Events(EventBatch {
        chat_id,
        from: THERE,
        first: stage.next_seq(),
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
    let (wanted, answer) = (*wanted, SubscriptionAnswer::Accepted);
    stage.tell(ShardMessage::Subscribed { wanted, answer });
    event(stage, chat_id, "first");
    let heard = stage.heard(conn);
    assert!(
        heard.contains("ready") && heard.contains("first"),
        "{heard}"
    );
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
        last_seq: Seq(1),
        messages: 0,
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
    let answer = SubscriptionAnswer::Accepted;
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
        leaver: Some(user),
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

/// Chats whose owners are told in one round.
const CHATS_PER_ROUND_MAX: usize = 1024;

fn foreign_chats(stage: &mut Stage, count: usize) -> Vec<ChatId> {
    (0..count).map(|_| stage.foreign_chat()).collect()
}

/// The owners accept all subscriptions that have been sent.
fn accept_all(stage: &mut Stage) {
    let answer = SubscriptionAnswer::Accepted;
    for wanted in stage.subscriptions() {
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
}

/// A user of some chats, who listens to all of them.
fn listener_of(stage: &mut Stage, chats: &[ChatId]) -> (UserId, ConnId) {
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read(Ok(Found::Chats(chats.to_vec())));
    accept_all(stage);
    assert!(stage.heard(conn).contains("ready"));
    stage.sent.clear();
    (user, conn)
}

/// A user of many chats of the other shard, who listens to all of them.
fn listener(stage: &mut Stage) -> (UserId, ConnId, Vec<ChatId>) {
    let chats = foreign_chats(stage, 2500);
    let (user, conn) = listener_of(stage, &chats);
    (user, conn, chats)
}

/// A shard that tells two owners a round.
fn slow() -> Stage {
    Stage::serving(|config| config.subscriptions_per_round = 2)
}

/// Takes what the other shard was told: the chats that somebody subscribed to, and those that they left, in order.
fn told(stage: &mut Stage) -> (Vec<ChatId>, Vec<ChatId>) {
    let (mut subscribed, mut unsubscribed) = (Vec::new(), Vec::new());
    for message in std::mem::take(&mut stage.sent) {
        match message {
            ShardMessage::Subscribe(wanted) => subscribed.push(wanted.chat_id),
            ShardMessage::Unsubscribe { chat_id, .. } => unsubscribed.push(chat_id),
            other => panic!("{other:?}"),
        }
    }
    (subscribed, unsubscribed)
}

fn sorted(mut chats: Vec<ChatId>) -> Vec<ChatId> {
    chats.sort_unstable();
    chats
}

#[test]
fn no_round_subscribes_a_user_of_many_chats_to_all_of_them() {
    let mut stage = Stage::new();
    let chats = foreign_chats(&mut stage, 2500);
    let user = stage.user();
    let conn = stage.connect(user);
    let reads = std::mem::take(&mut stage.reads);
    let asked = stage.asked_by_round(reads, &chats);
    assert_eq!(asked, [CHATS_PER_ROUND_MAX, CHATS_PER_ROUND_MAX, 452]);
    let wanted = stage.subscriptions();
    let of = wanted.iter().map(|it| it.chat_id).collect();
    assert_eq!(sorted(of), sorted(chats.clone()));
    // They are ready when they hear all of them, and not before.
    let (last, others) = wanted.split_last().unwrap();
    let answer = SubscriptionAnswer::Accepted;
    for &wanted in others {
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    event(&mut stage, others[0].chat_id, "too early");
    assert_eq!(stage.heard(conn), "");
    let wanted = *last;
    stage.tell(ShardMessage::Subscribed { wanted, answer });
    event(&mut stage, others[0].chat_id, "in time");
    let heard = stage.heard(conn);
    assert!(heard.contains("ready") && heard.contains("in time"));
    assert!(!heard.contains("too early"), "{heard}");
}

#[test]
fn who_is_subscribed_to_some_of_their_chats_is_not_ready() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 5);
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(chats)));
    // All that were asked for are accepted before the next are.
    for group in [2, 2, 1] {
        assert_eq!(stage.heard(conn), "");
        let answer = SubscriptionAnswer::Accepted;
        let accepted = |wanted| ShardMessage::Subscribed { wanted, answer };
        let messages: Vec<_> = stage.subscriptions().into_iter().map(accepted).collect();
        assert_eq!(messages.len(), group);
        let from = THERE;
        stage.one_round(Input::Mesh { from, messages });
    }
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn a_user_of_few_chats_does_not_wait_for_one_of_many() {
    let mut stage = Stage::new();
    let many = foreign_chats(&mut stage, 10 * CHATS_PER_ROUND_MAX);
    let few = stage.foreign_chat();
    let crowded = stage.user();
    stage.connect(crowded);
    stage.answer_read_in_one_round(Ok(Found::Chats(many)));
    stage.sent.clear();
    let user = stage.user();
    let conn = stage.connect_in_one_round(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(vec![few])));
    let subscriptions = stage.subscriptions();
    let of_user = |it: &&Subscription| it.user_id == user;
    let &wanted = subscriptions.iter().find(of_user).unwrap();
    let answer = SubscriptionAnswer::Accepted;
    stage.tell_in_one_round(ShardMessage::Subscribed { wanted, answer });
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn every_connection_of_a_user_hears_each_event_once_as_long_as_it_is_open() {
    let mut stage = Stage::serving(|config| config.sockets_per_user = 3);
    let chats = foreign_chats(&mut stage, 2500);
    let (user, first) = listener_of(&mut stage, &chats);
    let conns = [(); 3].map(|()| stage.connect(user));
    assert!(stage.sent.is_empty(), "the owners know: {:?}", stage.sent);
    assert!(stage.heard(first).contains("this was the oldest"));
    for conn in conns {
        assert!(stage.heard(conn).contains("ready"));
    }
    stage.disconnect(conns[1]);
    event(&mut stage, chats[7], "hello");
    for conn in [conns[0], conns[2]] {
        assert_eq!(stage.heard(conn).matches("hello").count(), 1);
    }
    assert!(!stage.heard(first).contains("hello"));
    assert_eq!(stage.stats().deliveries, 2);
}

#[test]
fn who_disconnects_while_they_are_subscribed_takes_back_what_was_asked_for() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 5);
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(chats)));
    let (asked, _) = told(&mut stage);
    assert_eq!(asked.len(), 2);
    stage.disconnect(conn);
    let (subscribed, unsubscribed) = told(&mut stage);
    assert_eq!(subscribed, []);
    assert_eq!(sorted(unsubscribed), sorted(asked));
}

#[test]
fn who_joins_a_chat_while_they_are_subscribed_is_subscribed_to_it_once() {
    let mut stage = slow();
    let mut chats = foreign_chats(&mut stage, 5);
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(chats.clone())));
    // One that the store found, whose turn has not come, and another.
    chats.push(stage.foreign_chat());
    for chat_id in [chats[0], chats[5]] {
        stage.tell_in_one_round(ShardMessage::Joined {
            chat_id,
            from: THERE,
            users: vec![user],
            under_earlier: false,
        });
    }
    stage.sent_by_round();
    let subscriptions = stage.subscriptions();
    let asked = subscriptions.iter().map(|it| it.chat_id).collect();
    assert_eq!(sorted(asked), sorted(chats.clone()));
    let answer = SubscriptionAnswer::Accepted;
    for wanted in subscriptions {
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    event(&mut stage, chats[0], "hello");
    let heard = stage.heard(conn);
    assert!(
        heard.contains("ready") && heard.contains("hello"),
        "{heard}"
    );
}

#[test]
fn who_leaves_a_chat_before_they_are_subscribed_to_it_becomes_ready() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 5);
    let (_, other) = listener_of(&mut stage, &chats[..1]);
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(chats.clone())));
    stage.tell_in_one_round(ShardMessage::Events(EventBatch {
        chat_id: chats[0],
        from: THERE,
        first: Seq(1),
        lines: "left\n".into(),
        count: 1,
        accepted_at: Timestamp::default(),
        applied_micros: 0,
        leaver: Some(user),
    }));
    assert!(stage.heard(other).contains("left"));
    stage.sent_by_round();
    let subscriptions = stage.subscriptions();
    assert_eq!(subscriptions.len(), chats.len());
    for wanted in subscriptions {
        assert_eq!(stage.heard(conn), "");
        let answer = match wanted.chat_id == chats[0] {
            true => SubscriptionAnswer::NoMember,
            false => SubscriptionAnswer::Accepted,
        };
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn no_round_tells_all_owners_that_a_user_of_many_chats_is_gone() {
    let mut stage = Stage::new();
    let (user, conn, chats) = listener(&mut stage);
    let told = stage.disconnected_by_round(conn);
    assert_eq!(told, [CHATS_PER_ROUND_MAX, CHATS_PER_ROUND_MAX, 452]);
    let mut gone = HashSet::new();
    for message in &stage.sent {
        match message {
            ShardMessage::Unsubscribe { chat_id, users } if *users == [user] => {
                gone.insert(*chat_id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(gone, chats.into_iter().collect());
}

#[test]
fn who_comes_back_before_all_owners_know_that_they_left_waits_for_that() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 7);
    let (user, before) = listener_of(&mut stage, &chats);
    stage.one_round(Input::Gone { conn: before });
    let conn = stage.connect_in_one_round(user);
    assert!(stage.reads.is_empty(), "what they left is not told yet");
    // They join a chat meanwhile, the store hears of it, and its owner is told that they do not listen yet.
    let joined = stage.foreign_chat();
    stage.tell_in_one_round(ShardMessage::Joined {
        chat_id: joined,
        from: THERE,
        users: vec![user],
        under_earlier: false,
    });
    event(&mut stage, chats[0], "while they are away");
    let sent = stage.sent_by_round();
    assert!(sent.iter().all(|count| *count <= 2), "{sent:?}");
    let (subscribed, unsubscribed) = told(&mut stage);
    assert_eq!(subscribed, []);
    let left: Vec<ChatId> = chats.iter().copied().chain([joined]).collect();
    assert_eq!(sorted(unsubscribed), sorted(left.clone()));
    stage.answer_read(Ok(Found::Chats(chats)));
    let subscriptions = stage.subscriptions();
    let asked = subscriptions.iter().map(|it| it.chat_id).collect();
    assert_eq!(sorted(asked), sorted(left));
    let answer = SubscriptionAnswer::Accepted;
    for wanted in subscriptions {
        assert_eq!(stage.heard(conn), "");
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn subscriptions_that_nobody_served_are_sent_again_in_groups() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 5);
    let user = stage.user();
    let conn = stage.connect(user);
    stage.answer_read(Ok(Found::Chats(chats)));
    let answer = SubscriptionAnswer::Elsewhere;
    for wanted in stage.subscriptions() {
        stage.tell(ShardMessage::Subscribed { wanted, answer });
    }
    stage.one_round(Input::Tick);
    assert_eq!(stage.sent.len(), 2);
    assert_eq!(stage.sent_by_round(), [2, 1]);
    accept_all(&mut stage);
    assert!(stage.heard(conn).contains("ready"));
}

#[test]
fn a_room_that_is_being_left_is_empty_once_its_chat_has_moved() {
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 1000);
    let (_, gone) = listener_of(&mut stage, &chats);
    event(&mut stage, chats[0], "first");
    stage.one_round(Input::Gone { conn: gone });
    for route in [Route::Nobody, Route::Here(THERE)] {
        let partition = stage.partition_of(chats[0]);
        stage.one_round(Input::Routed { partition, route });
    }
    let user = stage.user();
    let conn = stage.connect_in_one_round(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(vec![chats[0]])));
    let wanted = loop {
        if let Some(wanted) = stage.subscriptions().pop() {
            break wanted;
        }
        stage.one_round(Input::Tick);
    };
    let answer = SubscriptionAnswer::Accepted;
    stage.tell_in_one_round(ShardMessage::Subscribed { wanted, answer });
    // The second event was sent while nobody here counted as a listener.
    stage.next_seq();
    let third = event_of(&mut stage, chats[0], "third");
    stage.tell_in_one_round(third);
    assert!(stage.heard(conn).contains("third"));
}
