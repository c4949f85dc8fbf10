//! Requests that come to nothing: what they added to users' counts is taken back, and nothing else.

use rookery_engine::config::AuthMode;
use rookery_engine::mesh::ShardMessage;
use rookery_schema::{ChatId, UserId};

use super::{
    READS_AT_ONCE_MAX, find_chats, find_users_but, knowing, limited, question, request, stage,
};
use crate::stage::{SECOND, Stage};

/// A request asks whether users may join a chat.
fn ask(stage: &mut Stage, number: u64, chat_id: ChatId, users: &[UserId]) {
    stage.tell(question(number, chat_id, users));
}

/// A request comes to nothing.
fn give_up(stage: &mut Stage, number: u64, chat_id: ChatId, users: &[UserId]) {
    stage.tell(ShardMessage::NotJoining {
        id: request(number),
        chat_id,
        users: users.to_vec(),
    });
}

/// Takes which requests were answered, and whether their users may join.
fn answers(stage: &mut Stage) -> Vec<(u64, bool)> {
    let sent = std::mem::take(&mut stage.sent).into_iter();
    sent.filter_map(|message| match message {
        ShardMessage::Admitted { id, outcome } => Some((id.number, outcome.is_ok())),
        _ => None,
    })
    .collect()
}

/// Whether a user may join a chat who is stored to be in these.
pub(super) fn may_join(
    stage: &mut Stage,
    number: u64,
    chat_id: ChatId,
    user: UserId,
    in_: &[ChatId],
) -> bool {
    ask(stage, number, chat_id, &[user]);
    find_chats(stage, in_);
    match answers(stage)[..] {
        [(answered, is_admitted)] if answered == number => is_admitted,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_chat_counts_until_all_requests_to_join_it_have_failed() {
    let mut stage = limited(0, 1);
    let (ann, there) = (stage.user(), stage.foreign_user());
    let (chat_id, other) = (stage.foreign_chat(), stage.foreign_chat());
    for number in [1, 2] {
        assert!(may_join(&mut stage, number, chat_id, ann, &[]));
    }
    give_up(&mut stage, 1, chat_id, &[ann, there]);
    assert!(
        !may_join(&mut stage, 3, other, ann, &[]),
        "one is on its way"
    );
    give_up(&mut stage, 2, chat_id, &[ann, there]);
    assert!(may_join(&mut stage, 4, other, ann, &[]));
}

#[test]
fn a_request_that_added_nobody_takes_nobody_back() {
    let mut stage = stage(|config| {
        config.auth = AuthMode::Token;
        config.memberships_per_user = 1;
    });
    let (ann, nobody) = (stage.user(), stage.user());
    let (chat_id, other) = (stage.foreign_chat(), stage.foreign_chat());
    ask(&mut stage, 1, chat_id, &[ann]);
    find_users_but(&mut stage, &[]);
    find_chats(&mut stage, &[]);
    assert_eq!(answers(&mut stage), [(1, true)]);

    ask(&mut stage, 2, chat_id, &[ann, nobody]);
    find_users_but(&mut stage, &[nobody]);
    assert_eq!(answers(&mut stage), [(2, false)]);
    give_up(&mut stage, 2, chat_id, &[ann, nobody]);
    ask(&mut stage, 3, other, &[ann]);
    find_users_but(&mut stage, &[]);
    assert_eq!(answers(&mut stage), [(3, false)], "the first is on its way");
}

#[test]
fn a_request_takes_back_no_chat_that_its_user_was_in_already() {
    let mut stage = limited(0, 2);
    let ann = stage.user();
    let [chat_id, second, third] = [(); 3].map(|()| stage.foreign_chat());
    assert!(may_join(&mut stage, 1, chat_id, ann, &[]));
    stage.told_joined(chat_id, ann, false);
    stage.tell(ShardMessage::JoinsStored {
        chat_id,
        users: vec![ann],
    });
    stage.tick_after(40 * SECOND);
    assert!(may_join(&mut stage, 2, chat_id, ann, &[]));
    // Their chats are read anew.
    stage.tick_after(30 * SECOND);
    assert!(may_join(&mut stage, 3, second, ann, &[chat_id]));
    give_up(&mut stage, 2, chat_id, &[ann]);
    assert!(!may_join(&mut stage, 4, third, ann, &[]), "they are in two");
}

#[test]
fn nobody_is_looked_into_for_a_request_that_was_given_up() {
    const BEGUN: u64 = 4;
    let mut stage = knowing();
    let chat_id = stage.foreign_chat();
    let users: Vec<UserId> = (0..64).map(|_| stage.user()).collect();
    for number in 0..BEGUN + 3 {
        ask(&mut stage, number, chat_id, &users);
    }
    assert_eq!(stage.reads.len() as u64, BEGUN);
    // One whose turn has not come, and then one whose turn has: another has its turn instead.
    give_up(&mut stage, BEGUN, chat_id, &users);
    assert_eq!(stage.reads.len() as u64, BEGUN);
    give_up(&mut stage, 0, chat_id, &users);
    assert_eq!(stage.reads.len() as u64, BEGUN + 1);
    while !stage.reads.is_empty() {
        find_users_but(&mut stage, &[]);
    }
    let answered: Vec<u64> = answers(&mut stage).iter().map(|it| it.0).collect();
    assert_eq!(answered, [1, 2, 3, 5, 6]);
}

#[test]
fn whose_chats_are_read_for_a_request_that_was_given_up_joins_nothing_by_it() {
    let mut stage = limited(0, 1);
    let users: Vec<UserId> = (0..=READS_AT_ONCE_MAX).map(|_| stage.user()).collect();
    let (chat_id, other) = (stage.foreign_chat(), stage.foreign_chat());
    ask(&mut stage, 1, chat_id, &users);
    give_up(&mut stage, 1, chat_id, &users);
    find_chats(&mut stage, &[]);
    assert_eq!(answers(&mut stage), []);
    for (number, user) in (2..).zip(users) {
        assert!(may_join(&mut stage, number, other, user, &[]));
    }
}

/// What the other shard is told as a home names the request that it was asked for.
#[test]
fn who_is_not_to_join_is_told_with_the_request() {
    let mut stage = knowing();
    let there = stage.foreign_user();
    let chat_id = stage.chat();
    super::create(&mut stage, chat_id, None, &[there]);
    let [candidates] = &super::asked(&mut stage)[..] else {
        panic!("one home is asked");
    };
    stage.tick_after(10 * SECOND);
    let told = stage.sent.iter().find_map(|message| match message {
        ShardMessage::NotJoining { id, .. } => Some(*id),
        _ => None,
    });
    assert_eq!(told, Some(candidates.id));
}
