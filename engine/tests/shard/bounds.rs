//! What happens at the bounds of an owner's queues.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    ChatCommand, Command, Outcome, ShardMessage, Subscription, SubscriptionAnswer,
};
use rookery_engine::port::{Found, StoreFault};
use rookery_schema::row::Mark;
use rookery_schema::{ChatId, Seq, UserId};

use crate::stage::{SECOND, Stage, stored_chat};

fn show(stage: &mut Stage, chat_id: ChatId, caller: UserId) -> u64 {
    stage.ask(Command::Chat(chat_id, ChatCommand::Show { caller }))
}

fn stored(chat_id: ChatId, members: &[UserId]) -> Found {
    Found::Chat(Some(Box::new(stored_chat(chat_id, members))))
}

#[test]
fn a_chat_that_is_read_keeps_no_more_commands_than_the_bound() {
    let mut stage = Stage::new();
    let (chat_id, user_id) = (stage.chat(), stage.foreign_user());
    // Those who listen wait as well, and take nobody's place.
    for stay in 0..2000 {
        let user_id = stage.foreign_user();
        stage.tell(ShardMessage::Subscribe(Subscription {
            chat_id,
            user_id,
            stay,
        }));
    }
    let kept: Vec<u64> = (0..1024)
        .map(|_| show(&mut stage, chat_id, user_id))
        .collect();
    let refused = show(&mut stage, chat_id, user_id);
    stage.assert_refused(refused, Problem::CHAT_WAITING);
    let summarize = ChatCommand::Summarize {
        user_id,
        mark: Mark::default(),
    };
    let summarize = stage.ask(Command::Chat(chat_id, summarize));
    stage.assert_refused(summarize, Problem::CHAT_WAITING);
    stage.answer_read(Ok(stored(chat_id, &[user_id])));
    for question in kept {
        assert!(matches!(stage.answer(question), Some(Outcome::Json { .. })));
    }
    let later = show(&mut stage, chat_id, user_id);
    assert!(matches!(stage.answer(later), Some(Outcome::Json { .. })));
}

#[test]
fn a_chat_that_cannot_be_read_is_read_again_after_a_pause_for_who_listens() {
    let mut stage = Stage::new();
    let (chat_id, user_id) = (stage.chat(), stage.foreign_user());
    let wanted = Subscription {
        chat_id,
        user_id,
        stay: 1,
    };
    stage.tell(ShardMessage::Subscribe(wanted));
    let refused = show(&mut stage, chat_id, user_id);
    stage.answer_read(Err(StoreFault));
    stage.assert_refused(refused, Problem::STORE_UNAVAILABLE);
    stage.tick_after(100_000);
    assert!(stage.reads.is_empty());
    // The bound counts anew.
    let kept: Vec<u64> = (0..1024)
        .map(|_| show(&mut stage, chat_id, user_id))
        .collect();
    assert!(
        kept.iter()
            .all(|question| stage.answer(*question).is_none())
    );
    stage.tick_after(SECOND);
    assert_eq!(stage.reads.len(), 1);
    stage.answer_read(Ok(stored(chat_id, &[user_id])));
    let accepted = stage.sent.iter().any(|message| {
        let answer = SubscriptionAnswer::Accepted { next: Seq(1) };
        matches!(message, ShardMessage::Subscribed { wanted: it, answer: its } if *it == wanted && *its == answer)
    });
    assert!(accepted);
    stage.tick_after(SECOND);
    assert!(stage.reads.is_empty());
}

#[test]
fn records_beyond_what_may_be_in_flight_are_refused() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let text = "x".repeat(4096);
    let mut accepted = Vec::new();
    let refused = loop {
        let question = stage.post_text(chat, user, None, &text);
        match stage.answer(question) {
            None => accepted.push(question),
            answer => break answer,
        }
    };
    assert!(matches!(
        refused,
        Some(Outcome::Refused(Problem::APPEND_BYTES))
    ));
    let bytes = accepted.len() * text.len();
    assert!((31 << 20..33 << 20).contains(&bytes), "{bytes}");
    let remove = ChatCommand::RemoveMember {
        caller: user,
        user_id: user,
    };
    let change = stage.ask(Command::Chat(chat, remove));
    stage.assert_refused(change, Problem::APPEND_BYTES);
    stage.settle();
    for question in accepted {
        stage.assert_posted(question);
    }
    let later = stage.post(chat, user, None);
    stage.settle();
    stage.assert_posted(later);
}

#[test]
fn messages_are_refused_while_the_store_lags() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let first = stage.post(chat, user, None);
    stage.append();
    stage.assert_posted(first);
    assert_eq!(stage.stats().lag_messages, 1);
    stage.tick_after(SECOND / 2);
    let in_time = stage.post(chat, user, None);
    stage.append();
    stage.assert_posted(in_time);
    stage.tick_after(SECOND * 6 / 10);
    let stats = stage.stats();
    assert_eq!(
        (stats.lag_messages, stats.lag_micros),
        (2, SECOND * 11 / 10)
    );
    let refused = stage.post(chat, user, None);
    stage.assert_refused(refused, Problem::LAGGING);
    stage.store();
    let later = stage.post(chat, user, None);
    stage.settle();
    stage.assert_posted(later);
    assert_eq!(stage.stats().lag_messages, 0);
}

#[test]
fn messages_are_refused_while_the_log_does_not_confirm_the_oldest() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    let first = stage.post(chat, user, None);
    stage.tick_after(SECOND);
    // It is gathered behind the first, which is in flight.
    let in_time = stage.post(chat, user, None);
    stage.tick_after(SECOND / 10);
    let refused = stage.post(chat, user, None);
    stage.assert_refused(refused, Problem::LAGGING);
    stage.append();
    stage.assert_posted(first);
    stage.tick_after(SECOND);
    let refused = stage.post(chat, user, None);
    stage.assert_refused(refused, Problem::LAGGING);
    stage.settle();
    stage.assert_posted(in_time);
    let later = stage.post(chat, user, None);
    stage.settle();
    stage.assert_posted(later);
}

#[test]
fn messages_are_refused_while_the_log_does_not_deliver_what_it_confirmed() {
    let mut stage = Stage::new();
    let user = stage.foreign_user();
    let chat = stage.create(&[user]);
    stage.post(chat, user, None);
    let batch = stage.appends.pop_front().unwrap();
    stage.confirm_append(&batch);
    assert_eq!(stage.stats().lag_messages, 1);
    stage.tick_after(SECOND * 11 / 10);
    assert_eq!(stage.stats().lag_micros, SECOND * 11 / 10);
    let refused = stage.post(chat, user, None);
    stage.assert_refused(refused, Problem::LAGGING);
    stage.deliver(batch);
    stage.store();
    let later = stage.post(chat, user, None);
    stage.settle();
    stage.assert_posted(later);
    assert_eq!(stage.stats().lag_messages, 0);
}

#[test]
fn no_round_takes_over_all_members_of_a_large_chat() {
    const MEMBERS: usize = 100_000;
    const MEMBERS_PER_ROUND_MAX: usize = 4096;
    let mut stage = Stage::new();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let members: Vec<UserId> = (0..MEMBERS).map(id).collect();
    let large = stage.chat();
    let last = members[MEMBERS - 1];
    let shown = show(&mut stage, large, last);
    let posted = stage.post(large, last, None);
    let before = stage.rounds;
    stage.answer_read(Ok(stored(large, &members)));
    let rounds = stage.rounds - before;
    assert!(rounds >= MEMBERS / MEMBERS_PER_ROUND_MAX, "{rounds} rounds");
    assert!(matches!(stage.answer(shown), Some(Outcome::Json { .. })));
    stage.settle();
    stage.assert_posted(posted);

    let small = stage.chat();
    let shown = show(&mut stage, small, members[0]);
    let before = stage.rounds;
    stage.answer_read(Ok(stored(small, &members[..100])));
    assert_eq!(stage.rounds - before, 1);
    assert!(matches!(stage.answer(shown), Some(Outcome::Json { .. })));
}
