//! How many users are looked into at a time, and whose turn it is.

use std::net::IpAddr;

use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{Candidates, Command, NotAdmitted, ShardMessage};
use rookery_engine::port::{Found, StoreFault};
use rookery_schema::UserId;
use rookery_schema::limits::CHAT_MEMBERS_MAX;

use super::{
    answer, asked, assert_done, create, find_users_but, knowing, limited, not_admitted, question,
    request, told_not_joining,
};
use crate::stage::{SECOND, Stage, THERE, creation_from};

/// Users of a chat about whom homes are asked at a time.
const CANDIDATES_MAX: usize = 64;
/// Users whom a home looks into at a time.
const USERS_AT_ONCE_MAX: usize = 256;

#[test]
fn of_many_members_only_some_are_asked_about_at_a_time_and_none_after_a_refusal() {
    const MEMBERS: usize = 1640;
    let mut stage = knowing();
    let members: Vec<UserId> = (0..MEMBERS).map(|_| stage.foreign_user()).collect();
    let ask = |stage: &mut Stage| {
        let chat_id = stage.chat();
        create(stage, chat_id, None, &members)
    };
    let question = ask(&mut stage);
    let mut found = Vec::new();
    while let [candidates] = &asked(&mut stage)[..] {
        assert!(candidates.user_ids.len() <= CANDIDATES_MAX);
        found.extend_from_slice(&candidates.user_ids);
        answer(&mut stage, candidates, Ok(()));
    }
    assert_eq!(found, members);
    stage.settle();
    assert_done(&mut stage, question);

    let question = ask(&mut stage);
    let [candidates] = &asked(&mut stage)[..] else {
        panic!("one home is asked");
    };
    let refusal = NotAdmitted {
        problem: Problem::UNKNOWN_MEMBER,
        user_ids: candidates.user_ids.clone(),
    };
    answer(&mut stage, candidates, Err(refusal));
    let refused = not_admitted(&mut stage, question);
    assert_eq!(refused.user_ids, members[..CANDIDATES_MAX]);
    assert!(asked(&mut stage).is_empty());
}

#[test]
fn a_home_looks_into_some_users_at_a_time_and_into_the_others_when_these_are_known() {
    const QUESTIONS: u64 = 11;
    const READS_MAX: usize = USERS_AT_ONCE_MAX / CANDIDATES_MAX;
    let mut stage = knowing();
    for number in 0..QUESTIONS {
        let chat_id = stage.foreign_chat();
        let users: Vec<UserId> = (0..CANDIDATES_MAX).map(|_| stage.user()).collect();
        stage.tell(question(number, chat_id, &users));
        assert!(stage.reads.len() <= READS_MAX);
    }
    let mut answered = Vec::new();
    while !stage.reads.is_empty() {
        assert!(stage.reads.len() <= READS_MAX);
        match answered.len() {
            1 => drop(stage.answer_read(Err(StoreFault))),
            _ => find_users_but(&mut stage, &[]),
        }
        answered.extend(stage.sent.drain(..).map(|message| match message {
            ShardMessage::Admitted { id, outcome } => (id.number, outcome),
            other => panic!("{other:?}"),
        }));
    }
    for (place, (number, outcome)) in (0..).zip(&answered) {
        assert_eq!(*number, place, "in turn");
        let expected = match place {
            1 => Err(Problem::STORE_UNAVAILABLE.into()),
            _ => Ok(()),
        };
        assert_eq!(*outcome, expected);
    }
    assert_eq!(answered.len() as u64, QUESTIONS);
}

#[test]
fn more_users_than_may_wait_are_not_asked_about() {
    let mut stage = knowing();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let members: Vec<UserId> = (0..CHAT_MEMBERS_MAX).map(id).collect();
    let ask = |stage: &mut Stage| {
        let chat_id = stage.chat();
        create(stage, chat_id, None, &members)
    };
    let first = ask(&mut stage);
    ask(&mut stage);
    let third = ask(&mut stage);
    stage.assert_refused(third, Problem::ADMISSIONS_WAITING);
    // Nobody answers, until those who asked have given up.
    stage.tick_after(10 * SECOND);
    stage.assert_refused(first, Problem::NOT_ANSWERED);
    assert!(!told_not_joining(&mut stage).is_empty());
    let fourth = ask(&mut stage);
    assert_eq!(stage.answer(fourth), None, "there is room again");
}

#[test]
fn of_too_many_users_who_are_asked_about_the_network_that_adds_most_gives_way() {
    let mut stage = knowing();
    let id = |n: usize| UserId::from_bytes((u128::MAX - n as u128).to_be_bytes());
    let many: Vec<UserId> = (0..CHAT_MEMBERS_MAX).map(id).collect();
    let there = stage.foreign_user();
    let ask = |stage: &mut Stage, n: u8, members: &[UserId]| {
        let chat_id = stage.chat();
        let network = IpAddr::from([198, 51, 100, n]).into();
        stage.ask(Command::Chat(
            chat_id,
            creation_from(network, None, members),
        ))
    };
    // They have added many, who were refused, and one who is still asked about.
    let waiting = ask(&mut stage, 2, &[there]);
    asked(&mut stage);
    for _ in 0..3 {
        let done = ask(&mut stage, 2, &many);
        for candidates in asked(&mut stage) {
            answer(&mut stage, &candidates, Err(Problem::UNKNOWN_MEMBER.into()));
        }
        while !stage.reads.is_empty() {
            stage.answer_read(Err(StoreFault));
        }
        not_admitted(&mut stage, done);
    }
    let rest = &many[..(1 << 18) - 2 * CHAT_MEMBERS_MAX - 1];
    let crowd = [&many[..], &many, rest].map(|members| ask(&mut stage, 1, members));
    asked(&mut stage);
    let other = ask(&mut stage, 2, &[there]);
    assert_eq!(asked(&mut stage).len(), 1, "they are asked about at once");
    for question in [waiting, other] {
        assert_eq!(stage.answer(question), None);
    }
    stage.assert_refused(crowd[2], Problem::ADMISSIONS_WAITING);
    assert!(crowd[..2].iter().all(|it| stage.answer(*it).is_none()));
}

#[test]
fn a_home_looks_into_users_whom_networks_add_in_turn() {
    const CROWD: u64 = 100;
    let mut stage = knowing();
    let ask = |stage: &mut Stage, n: u8, number| {
        let candidates = Candidates {
            id: request(number),
            chat_id: stage.foreign_chat(),
            network: IpAddr::from([198, 51, 100, n]).into(),
            spared: None,
            user_ids: (0..CANDIDATES_MAX).map(|_| stage.user()).collect(),
        };
        stage.tell(ShardMessage::Admit(candidates));
    };
    (0..CROWD).for_each(|number| ask(&mut stage, 1, number));
    ask(&mut stage, 2, CROWD);
    let mut answered = Vec::new();
    while !stage.reads.is_empty() {
        find_users_but(&mut stage, &[]);
        answered.extend(stage.sent.drain(..).map(|message| match message {
            ShardMessage::Admitted { id, .. } => id.number,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(answered.len() as u64, CROWD + 1);
    let place = answered.iter().position(|number| *number == CROWD).unwrap();
    let under_way = USERS_AT_ONCE_MAX / CANDIDATES_MAX;
    assert!(
        place <= under_way + 1,
        "behind {place} of the other network"
    );
}

#[test]
fn a_round_looks_into_some_users_also_where_nothing_is_to_be_read() {
    const QUESTIONS: usize = 11;
    const PER_ROUND_MAX: usize = USERS_AT_ONCE_MAX / CANDIDATES_MAX;
    let mut stage = limited(0, QUESTIONS + 1);
    let users: Vec<UserId> = (0..CANDIDATES_MAX).map(|_| stage.user()).collect();
    let ask = |stage: &mut Stage, number| question(number, stage.foreign_chat(), &users);
    // From here on it is known how many chats they are in.
    let first = ask(&mut stage, 0);
    stage.tell(first);
    while !stage.reads.is_empty() {
        stage.answer_read(Ok(Found::Chats(Vec::new())));
    }
    stage.sent.clear();

    let messages = (1..).take(QUESTIONS).map(|n| ask(&mut stage, n)).collect();
    let from = THERE;
    stage.one_round(Input::Mesh { from, messages });
    assert_eq!(stage.sent.len(), PER_ROUND_MAX);
    assert_eq!(stage.sent_by_round(), [PER_ROUND_MAX, 3]);
    let admitted = |message: &ShardMessage| match message {
        ShardMessage::Admitted { id, outcome } => outcome.is_ok().then_some(id.number),
        other => panic!("{other:?}"),
    };
    let answered: Vec<_> = stage.sent.iter().map(admitted).collect();
    let all: Vec<_> = (1..).take(QUESTIONS).map(Some).collect();
    assert_eq!(answered, all);
}
