//! Chats that are resumed more than once, and chats whose users leave them and come back.

use super::*;

impl Resuming {
    /// Somebody else of the same home listens to a chat.
    pub(super) fn another_listens(&mut self, chat: usize) {
        let other = loop {
            let other = self.stage.user();
            if other != self.user {
                break other;
            }
        };
        self.stage.connect(other);
        let chats = vec![self.chats[chat]];
        self.stage.answer_read(Ok(Found::Chats(chats)));
        self.accept(5);
    }

    /// The owner accepts what the home subscribes to, and sends what comes from an event on.
    fn accept(&mut self, next: u64) {
        for wanted in self.stage.subscriptions() {
            let answer = SubscriptionAnswer::Accepted { next: Seq(next) };
            self.stage.tell(ShardMessage::Subscribed { wanted, answer });
        }
    }

    /// They are added to a chat by an event, which comes.
    fn add(&mut self, chat: usize, seq: u64) {
        let (chat_id, user) = (self.chats[chat], self.user);
        self.stage.told_joined(chat_id, user, false);
        self.accept(seq);
        self.event(chat, seq);
    }

    /// They are removed by event 6 and added by event 10, and others hear what is said in between.
    fn leave_and_come_back(&mut self) {
        self.event(0, 5);
        self.remove(0, 6);
        (7..10).for_each(|seq| self.event(0, seq));
        self.add(0, 10);
    }

    /// Asserts what the owner is asked, and has it answer with all of that.
    pub(super) fn assert_asked(
        &mut self,
        chat: usize,
        (after, until): (u64, u64),
        through: u64,
        rest: Rest,
    ) {
        let asked = self.asked_once();
        let page = (asked.page.after.0, asked.page.until.0);
        assert_eq!(
            (asked.chat_id, page),
            (self.chats[chat], (after, until)),
            "what is asked"
        );
        self.answer(&asked, through, rest);
    }
}

pub(super) const LIVE: u64 = u64::MAX;

#[test]
fn a_second_frame_names_chats_that_the_first_did_not() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.event(1, 5);
    resuming.resume(conn, &[(0, 4)]);
    let first = resuming.asked_once();
    resuming.resume(conn, &[(1, 2)]);
    resuming.answer(&first, 4, Rest::Live);
    resuming.assert_asked(1, (2, LIVE), 5, Rest::Live);
    resuming.event(1, 6);
    assert_eq!(
        resuming.seqs(conn),
        ["resumed true 4", "3", "4", "5", "resumed true 5", "6"]
    );
    assert!(resuming.asked().is_empty());
}

#[test]
fn a_second_frame_gets_what_lies_below_that_which_comes_already() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    resuming.resume(conn, &[]);
    let first = resuming.asked_once();
    resuming.resume(conn, &[(0, 2)]);
    resuming.event(0, 6);
    resuming.answer(&first, 6, Rest::Live);
    resuming.event(0, 7);
    resuming.assert_asked(0, (2, 4), 4, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        ["5", "6", "7", "3", "4", "resumed true 4"]
    );
}

#[test]
fn a_chat_that_is_named_again_from_further_below_comes_from_there() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 3), (1, 3)]);
    let first = resuming.asked_once();
    let other = 1 - usize::from(first.chat_id == resuming.chats[1]);
    resuming.resume(conn, &[(0, 1), (1, 1)]);
    resuming.resume(conn, &[(0, 3), (1, 4)]);
    resuming.answer(&first, 4, Rest::Live);
    resuming.assert_asked(other, (1, LIVE), 4, Rest::Live);
    resuming.assert_asked(1 - other, (1, 3), 3, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        [
            "4",
            "resumed true 4",
            "2",
            "3",
            "4",
            "resumed true 4",
            "2",
            "3",
            "resumed true 3"
        ]
    );
    assert!(resuming.asked().is_empty());
}

#[test]
fn chats_that_nobody_named_count_against_no_limit() {
    let mut resuming = Resuming::new(9_500);
    let conn = resuming.connect(true);
    (0..9_500).for_each(|chat| resuming.event(chat, 5));
    for first in [0, 1_000] {
        let some: Vec<(usize, u64)> = (first..first + 1_000).map(|chat| (chat, 1)).collect();
        resuming.resume(conn, &some);
    }
    assert!(resuming.heard(conn).is_empty(), "nothing is refused");
}

#[test]
fn who_is_removed_while_they_resume_gets_up_to_that_and_their_other_chats() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.another_listens(0);
    resuming.resume(conn, &[(0, 2)]);
    resuming.resume(conn, &[(1, 2)]);
    let asked = resuming.asked_once();
    // The removal comes while the page is on its way.
    resuming.remove(0, 5);
    resuming.answer(&asked, 5, Rest::End);
    resuming.assert_asked(1, (2, 4), 4, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        ["3", "4", "5", "resumed true 5", "3", "4", "resumed true 4"]
    );
}

#[test]
fn who_came_back_gets_what_was_said_while_they_were_away() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.another_listens(0);
    resuming.leave_and_come_back();
    assert_eq!(resuming.seqs(conn), ["5", "6", "10"]);
    resuming.resume(conn, &[(0, 6)]);
    resuming.assert_asked(0, (6, 9), 9, Rest::End);
    assert_eq!(resuming.seqs(conn), ["7", "8", "9", "resumed true 9"]);

    // They are removed again.
    resuming.remove(0, 11);
    resuming.event(0, 12);
    resuming.resume(conn, &[(0, 6)]);
    resuming.assert_asked(0, (6, 9), 9, Rest::End);
    assert_eq!(resuming.seqs(conn), ["11", "7", "8", "9", "resumed true 9"]);
}

#[test]
fn who_came_back_while_all_was_held_gets_all_of_it_once() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.another_listens(0);
    resuming.leave_and_come_back();
    resuming.resume(conn, &[]);
    resuming.assert_asked(0, (4, LIVE), 10, Rest::Live);
    resuming.event(0, 11);
    assert!(resuming.asked().is_empty());
    assert_eq!(resuming.seqs(conn), ["5", "6", "7", "8", "9", "10", "11"]);
}

#[test]
fn who_left_chats_while_all_was_held_gets_of_each_all_of_it_once() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.another_listens(0);
    resuming.leave_and_come_back();
    resuming.remove(0, 11);
    resuming.event(1, 5);
    resuming.remove(1, 6);
    resuming.resume(conn, &[]);
    resuming.assert_asked(0, (4, LIVE), 11, Rest::End);
    resuming.assert_asked(1, (4, LIVE), 6, Rest::End);
    assert!(resuming.asked().is_empty());
    assert_eq!(
        resuming.seqs(conn),
        ["5", "6", "7", "8", "9", "10", "11", "5", "6"]
    );
}

#[test]
fn who_came_while_all_was_held_gets_what_follows_that() {
    let mut resuming = Resuming::new(1);
    let strange = resuming.stage.foreign_chat();
    let conn = resuming.connect(true);
    resuming.chats.insert(0, strange);
    resuming.another_listens(0);
    (5..10).for_each(|seq| resuming.event(0, seq));
    resuming.add(0, 10);
    resuming.resume(conn, &[]);
    resuming.assert_asked(0, (9, LIVE), 10, Rest::Live);
    assert_eq!(resuming.seqs(conn), ["10"]);
}

#[test]
fn who_has_more_than_there_is_is_told_at_once_and_hears_what_comes() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 99)]);
    resuming.resume(conn, &[(1, 2)]);
    resuming.assert_asked(0, (99, LIVE), 4, Rest::Live);
    resuming.assert_asked(1, (2, 4), 4, Rest::End);
    resuming.event(0, 5);
    assert_eq!(
        resuming.seqs(conn),
        ["resumed false 4", "3", "4", "resumed true 4", "5"]
    );
}

#[test]
fn who_has_more_than_there_is_and_hears_it_live_is_told_too() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.resume(conn, &[(0, 99)]);
    resuming.assert_asked(0, (99, 99), 4, Rest::Live);
    // What an owner has shown may be on its way to their home.
    resuming.resume(conn, &[(0, 5)]);
    resuming.event(0, 5);
    resuming.assert_asked(0, (5, 5), 5, Rest::End);
    assert_eq!(
        resuming.seqs(conn),
        ["resumed false 4", "5", "resumed true 5"]
    );
}

#[test]
fn who_comes_back_before_they_have_what_was_held_hears_that_first() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    resuming.remove(0, 6);
    resuming.resume(conn, &[]);
    let asked = resuming.asked_once();
    resuming.add(0, 7);
    assert!(resuming.heard(conn).is_empty(), "the page is on its way");
    resuming.answer(&asked, 7, Rest::Live);
    resuming.event(0, 8);
    assert_eq!(resuming.seqs(conn), ["5", "6", "7", "8"]);
}

#[test]
fn who_joins_a_chat_while_they_resume_another_hears_it_at_once() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 2)]);
    let asked = resuming.asked_once();
    resuming.know_strange_chat();
    resuming.add(1, 7);
    resuming.event(0, 5);
    assert_eq!(resuming.seqs(conn), ["7"]);
    resuming.answer(&asked, 5, Rest::Live);
    assert_eq!(resuming.seqs(conn), ["3", "4", "5", "resumed true 5"]);
}

#[test]
fn who_joins_the_chat_that_they_ask_for_misses_nothing() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.know_strange_chat();
    resuming.resume(conn, &[(1, 5)]);
    let asked = resuming.asked_once();
    resuming.add(1, 7);
    assert!(resuming.seqs(conn).is_empty());
    // They had not joined when its owner was asked.
    resuming.answer_with(&asked, Outcome::Refused(Problem::NO_SUCH_CHAT));
    resuming.stage.tick_after(2 * SECOND);
    let asked = resuming.asked_once();
    resuming.answer(&asked, 7, Rest::Live);
    assert_eq!(resuming.seqs(conn), ["6", "7", "resumed true 7"]);
}
