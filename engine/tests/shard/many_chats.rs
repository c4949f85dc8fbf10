//! Users of many chats come and go: how much of that is done in a round, and that they hear all the same.

use std::collections::HashSet;

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::{EventBatch, Leaver, ShardMessage, Subscription, SubscriptionAnswer};
use rookery_engine::port::Found;
use rookery_schema::{ChatId, Route, Seq, Timestamp, UserId};

use crate::joins::{event, event_of};
use crate::stage::{Stage, THERE};

/// Chats whose owners are told in one round.
const CHATS_PER_ROUND_MAX: usize = 1024;

fn foreign_chats(stage: &mut Stage, count: usize) -> Vec<ChatId> {
    (0..count).map(|_| stage.foreign_chat()).collect()
}

/// The owners accept all subscriptions that have been sent.
fn accept_all(stage: &mut Stage) {
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
        let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
        leaver: Some(Leaver::One(user)),
    }));
    assert!(stage.heard(other).contains("left"));
    stage.sent_by_round();
    let subscriptions = stage.subscriptions();
    assert_eq!(subscriptions.len(), chats.len());
    for wanted in subscriptions {
        assert_eq!(stage.heard(conn), "");
        let answer = match wanted.chat_id == chats[0] {
            true => SubscriptionAnswer::NoMember,
            false => SubscriptionAnswer::Accepted { next: Seq(1) },
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
    let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
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
fn what_nobody_serves_keeps_nobody_from_their_turn() {
    const CHATS_PER_TURN_MAX: usize = 64;
    let mut stage = slow();
    let chats = foreign_chats(&mut stage, 200);
    stage.reroute(chats[0], Route::Nobody);
    let stuck = stage.user();
    stage.connect(stuck);
    stage.answer_read(Ok(Found::Chats(chats)));
    let user = stage.user();
    let served = stage.create(&[user]);
    stage.one_round(Input::Tick);
    let conn = stage.connect_in_one_round(user);
    stage.answer_read_in_one_round(Ok(Found::Chats(vec![served])));
    // Two are sent again in each round.
    let mut rounds = 0;
    while !stage.heard(conn).contains("ready") {
        stage.one_round(Input::Tick);
        rounds += 1;
        assert!(rounds <= CHATS_PER_TURN_MAX / 2 + 1, "they wait on");
    }
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
    // The second event was sent while nobody here counted as a listener.
    stage.next_seq();
    let next = stage.upcoming_seq();
    let answer = SubscriptionAnswer::Accepted { next };
    stage.tell_in_one_round(ShardMessage::Subscribed { wanted, answer });
    let third = event_of(&mut stage, chats[0], "third");
    stage.tell_in_one_round(third);
    assert!(stage.heard(conn).contains("third"));
}
