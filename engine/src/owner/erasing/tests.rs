use super::*;

const PARTITION: PartitionId = PartitionId(3);

fn chat(n: u8) -> ChatId {
    ChatId::from_bytes([n; 16])
}

fn user(n: u8) -> UserId {
    UserId::from_bytes([n; 16])
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// One user, who is in these chats.
fn leaving(chats: Vec<ChatId>, now: u64) -> Erasing {
    let mut erasing = Erasing::above(0);
    erasing.want();
    assert!(matches!(erasing.next(PARTITION, 0), Some(Next::Users(_))));
    erasing.found_users(vec![(user(1), at(0))]);
    let read = Read::ChatsOfUser(user(1));
    assert_eq!(erasing.next(PARTITION, 0), Some(Next::Chats(read)));
    erasing.found_chats(chats, at(now));
    erasing
}

fn erase(question: u64, chat_id: ChatId, step: ErasureStep) -> Option<Next> {
    let user_id = user(1);
    Some(Next::Erase {
        question,
        chat_id,
        user_id,
        step,
    })
}

#[test]
fn who_is_deleted_while_the_store_is_asked_is_looked_for_again() {
    let mut erasing = Erasing::above(0);
    erasing.want();
    let first = erasing.next(PARTITION, 0);
    erasing.want();
    erasing.found_users(Vec::new());
    assert_eq!(erasing.next(PARTITION, 0), first);
    erasing.failed(0);
    assert_eq!(erasing.next(PARTITION, 0), None, "not at once");
    let again = erasing.next(PARTITION, RETRY_MICROS);
    assert_eq!(again, first, "it was not answered");
    erasing.found_users(Vec::new());
    assert_eq!(erasing.next(PARTITION, u64::MAX), None);
}

/// Both steps in a chat are done.
fn erase_all(erasing: &mut Erasing, first: u64, chat_id: ChatId, now: u64) {
    for (n, step) in [(0, ErasureStep::Content), (1, ErasureStep::Membership)] {
        let question = first + n;
        assert_eq!(erasing.next(PARTITION, now), erase(question, chat_id, step));
        erasing.answered(question, true, now);
    }
}

#[test]
fn who_does_not_answer_or_can_not_do_it_is_asked_again_behind_others_and_a_late_answer_is_none() {
    use ErasureStep::{Content, Membership};
    let mut erasing = leaving(vec![chat(1), chat(2), chat(3)], SETTLED_MILLIS);
    assert_eq!(erasing.next(PARTITION, 0), erase(1, chat(1), Content));
    let nothing = erasing.next(PARTITION, ANSWER_MICROS - 1);
    assert_eq!(nothing, None, "one at a time");
    let mut now = ANSWER_MICROS;
    assert_eq!(erasing.next(PARTITION, now), erase(2, chat(2), Content));
    erasing.answered(1, true, now);
    assert_eq!(erasing.next(PARTITION, now), None);
    erasing.answered(2, true, now);
    assert_eq!(erasing.next(PARTITION, now), erase(3, chat(2), Membership));
    erasing.answered(3, false, now);
    erase_all(&mut erasing, 4, chat(3), now);
    let read = Read::FormerChats {
        user_id: user(1),
        after: None,
        limit: CHATS_MAX - 2,
    };
    assert_eq!(erasing.next(PARTITION, now), Some(Next::Chats(read)));
    erasing.found_chats(Vec::new(), at(SETTLED_MILLIS));
    assert_eq!(erasing.next(PARTITION, now), None, "there is more to do");
    now += AGAIN_MICROS;
    let again = Some(Next::Chats(Read::ChatsOfUser(user(1))));
    assert_eq!(erasing.next(PARTITION, now), again);
    erasing.found_chats(vec![chat(2)], at(SETTLED_MILLIS));
    erase_all(&mut erasing, 6, chat(1), now);
    erase_all(&mut erasing, 8, chat(2), now);
    let done = erasing.next(PARTITION, now);
    assert!(matches!(done, Some(Next::Write(_))), "{done:?}");
}

#[test]
fn while_many_chats_can_not_be_left_no_more_are_looked_for() {
    let chats =
        |from: u16| (from..from + 600).map(|n| ChatId::from_bytes(u128::from(n).to_be_bytes()));
    let mut erasing = leaving(chats(0).collect(), SETTLED_MILLIS);
    let mut now = 0;
    let mut asked = Vec::new();
    for nth in 1..=MISSED_MAX {
        match erasing.next(PARTITION, now) {
            Some(Next::Erase {
                question, chat_id, ..
            }) => {
                asked.push(chat_id);
                erasing.answered(question, false, now);
            }
            other => panic!("{other:?}"),
        }
        if nth % REFUSED_MAX as usize == 0 {
            assert_eq!(erasing.next(PARTITION, now), None, "there is a pause");
            now += PAUSE_MICROS;
        }
    }
    assert_eq!(asked, chats(0).take(MISSED_MAX).collect::<Vec<_>>());
    assert_eq!(erasing.next(PARTITION, now), None);
    now += AGAIN_MICROS;
    let again = Some(Next::Chats(Read::ChatsOfUser(user(1))));
    assert_eq!(
        erasing.next(PARTITION, now),
        again,
        "they come before others"
    );
    erasing.found_chats(chats(0).collect(), at(SETTLED_MILLIS));
    for (nth, chat_id) in chats(0).enumerate() {
        let question = (MISSED_MAX + 2 * nth + 1) as u64;
        erase_all(&mut erasing, question, chat_id, now);
    }
    let next = erasing.next(PARTITION, now);
    let is_former = |read: &Read| matches!(read, Read::FormerChats { .. });
    assert!(matches!(next, Some(Next::Chats(read)) if is_former(&read)));
}

#[test]
fn whoever_is_deleted_meanwhile_has_a_turn_and_sends_nobody_back_to_the_start() {
    let mut erasing = leaving(Vec::new(), 0);
    let of_second = Some(Next::Chats(Read::ChatsOfUser(user(2))));
    find_former(&mut erasing, None, vec![chat(1), chat(2)]);
    erasing.want();
    erase_all(&mut erasing, 1, chat(1), 0);
    erase_all(&mut erasing, 3, chat(2), 0);
    assert!(matches!(erasing.next(PARTITION, 0), Some(Next::Users(_))));
    erasing.found_users(vec![(user(1), at(0)), (user(2), at(0))]);
    find_former(&mut erasing, Some(chat(2)), Vec::new());
    assert_eq!(erasing.next(PARTITION, 0), of_second);
    erasing.failed(0);
    let now = AGAIN_MICROS;
    let again = Some(Next::Chats(Read::ChatsOfUser(user(1))));
    assert_eq!(erasing.next(PARTITION, now), again);
    erasing.found_chats(Vec::new(), at(0));
    assert_eq!(erasing.next(PARTITION, now), of_second);
}

#[test]
fn so_many_users_are_known_at_a_time_and_others_are_looked_for_when_half_of_them_are_done() {
    let user = |n: usize| UserId::from_bytes((n as u128).to_be_bytes());
    let users = |from: usize| (from..from + USERS_MAX).map(|n| (user(n), at(0)));
    let mut erasing = Erasing::above(0);
    for from in [0, 50] {
        erasing.want();
        assert!(matches!(erasing.next(PARTITION, 0), Some(Next::Users(_))));
        erasing.found_users(users(from).collect());
        assert_eq!(erasing.users.len(), USERS_MAX);
    }
    for left in (0..USERS_MAX).rev() {
        let is_asked = matches!(erasing.next(PARTITION, 0), Some(Next::Users(_)));
        assert_eq!(
            is_asked,
            left == USERS_MAX / 2 - 1,
            "{left} and one are left"
        );
        if is_asked {
            break;
        }
        erasing.written();
    }
}

/// The store is asked for chats that they were in, and has these.
fn find_former(erasing: &mut Erasing, behind: Option<ChatId>, chats: Vec<ChatId>) {
    let read = Read::FormerChats {
        user_id: user(1),
        after: behind,
        limit: CHATS_MAX,
    };
    assert_eq!(erasing.next(PARTITION, 0), Some(Next::Chats(read)));
    erasing.found_chats(chats, at(SETTLED_MILLIS));
}

#[test]
fn chats_that_they_were_in_before_come_behind_those_that_they_are_in() {
    let mut erasing = leaving(vec![chat(5)], SETTLED_MILLIS);
    erase_all(&mut erasing, 1, chat(5), 0);
    find_former(&mut erasing, None, vec![chat(5), chat(7)]);
    erase_all(&mut erasing, 3, chat(5), 0);
    erase_all(&mut erasing, 5, chat(7), 0);
    find_former(&mut erasing, Some(chat(7)), Vec::new());
    assert_eq!(erasing.next(PARTITION, 0), None);
    let again = erasing.next(PARTITION, AGAIN_MICROS);
    assert_eq!(again, Some(Next::Chats(Read::ChatsOfUser(user(1)))));
    erasing.found_chats(Vec::new(), at(SETTLED_MILLIS));
    let done = erasing.next(PARTITION, AGAIN_MICROS);
    assert!(matches!(done, Some(Next::Write(_))), "{done:?}");
}

#[test]
fn a_user_is_done_when_nobody_may_be_adding_them_any_more() {
    let mut erasing = leaving(Vec::new(), SETTLED_MILLIS - 1);
    find_former(&mut erasing, None, Vec::new());
    assert_eq!(erasing.next(PARTITION, 0), None);
    let again = erasing.next(PARTITION, AGAIN_MICROS);
    assert_eq!(again, Some(Next::Chats(Read::ChatsOfUser(user(1)))));
    erasing.found_chats(Vec::new(), at(SETTLED_MILLIS));
    let Some(Next::Write(Row::Erasure(row))) = erasing.next(PARTITION, AGAIN_MICROS) else {
        panic!("they are done")
    };
    assert_eq!((row.user_id, row.is_done), (user(1), true));
    erasing.written();
    assert_eq!(erasing.next(PARTITION, u64::MAX), None);
}

#[test]
fn who_can_not_be_erased_in_many_chats_keeps_nobody_else_for_long() {
    let mut erasing = Erasing::above(0);
    erasing.want();
    erasing.next(PARTITION, 0);
    erasing.found_users(vec![(user(1), at(0)), (user(2), at(0))]);
    let mut now = 0;
    let left = loop {
        match erasing.next(PARTITION, now) {
            None => now += PAUSE_MICROS,
            Some(Next::Chats(Read::ChatsOfUser(who))) if who == user(1) => {
                let stuck = (0..400u16).map(|n| ChatId::from_bytes(u128::from(n).to_be_bytes()));
                erasing.found_chats(stuck.collect(), at(0));
            }
            Some(Next::Chats(Read::ChatsOfUser(_))) => {
                erasing.found_chats(vec![chat(9)], at(0));
            }
            Some(Next::Chats(_)) => erasing.found_chats(Vec::new(), at(0)),
            Some(Next::Erase {
                question,
                user_id,
                step,
                ..
            }) => {
                let is_stuck = user_id == user(1);
                erasing.answered(question, !is_stuck, now);
                if !is_stuck && step == ErasureStep::Membership {
                    break now;
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(left < 2_000_000, "{left} \u{b5}s");
}
