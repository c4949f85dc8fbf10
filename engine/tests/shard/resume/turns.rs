//! Whose turn it is to get a page, what a page tells of where its chat stands, and what operators see of all that.

use super::*;
use crate::stage::creation;

/// Pages that a shard has asked for and not got.
const PAGES_ASKED_MAX: usize = 64;

#[test]
fn who_resumes_several_chats_of_their_own_shard_waits_for_no_tick() {
    let mut stage = Stage::new();
    let user = stage.user();
    let mut chats = Vec::new();
    for _ in 0..3 {
        let chat = stage.chat();
        stage.ask(Command::Chat(chat, creation(None, &[user])));
        stage.settle();
        chats.push(chat);
    }
    let mut resuming = Resuming { stage, user, chats };
    let conn = resuming.stage.connect_to_resume(user);
    let found = Found::Chats(resuming.chats.clone());
    resuming.stage.answer_read(Ok(found));
    assert_eq!(resuming.heard(conn)[0]["type"], "ready");
    resuming.resume(conn, &[(0, 0), (1, 0), (2, 0)]);
    let heard = resuming.heard(conn);
    let kinds: Vec<_> = heard
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["chat_created", "resumed"].repeat(3));
}

#[test]
fn more_sockets_than_may_get_pages_at_a_time_have_one_after_the_other() {
    let mut resuming = Resuming::new(1);
    resuming.connect(false);
    let user = resuming.user;
    let conns: Vec<ConnId> = (0..=PAGES_ASKED_MAX)
        .map(|_| resuming.stage.connect_to_resume(user))
        .collect();
    for conn in &conns {
        assert_eq!(resuming.heard(*conn)[0]["type"], "ready");
        resuming.resume(*conn, &[(0, 3)]);
    }
    let asked = resuming.asked();
    assert_eq!(asked.len(), PAGES_ASKED_MAX);
    resuming.answer(&asked[0], 4, Rest::Live);
    let last = resuming.asked_once();
    resuming.answer(&last, 4, Rest::Live);
    for conn in [conns[0], conns[PAGES_ASKED_MAX]] {
        assert_eq!(resuming.seqs(conn), ["4", "resumed true 4"]);
    }
}

#[test]
fn who_is_ahead_of_their_home_waits_for_it_and_hears_nothing_twice() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 3)]);
    let asked = resuming.asked_once();
    // The owner has sent these, and they are on their way.
    resuming.answer(&asked, 6, Rest::Live);
    assert!(resuming.asked().is_empty());
    resuming.event(0, 5);
    resuming.event(0, 6);
    resuming.stage.tick_after(SECOND);
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(6));
    resuming.answer(&asked, 6, Rest::Live);
    resuming.event(0, 7);
    assert_eq!(resuming.seqs(conn), ["4", "5", "6", "resumed true 6", "7"]);
}

#[test]
fn an_operator_sees_how_much_was_resumed() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.know_strange_chat();
    resuming.resume(conn, &[(0, 2), (1, 2), (2, 2)]);
    let asked = resuming.asked_once();
    resuming.answer(&asked, 3, Rest::More);
    let asked = resuming.asked_once();
    resuming.answer(&asked, 4, Rest::Live);
    for missed in [
        Outcome::TooFarBehind { last: Seq(4) },
        Outcome::Refused(Problem::NO_SUCH_CHAT),
    ] {
        let asked = resuming.asked_once();
        resuming.answer_with(&asked, missed);
    }
    let stats = resuming.stage.stats();
    assert_eq!((stats.chats_resumed, stats.resumed_events), (1, 2));
    assert_eq!(stats.chats_not_resumed, 2);
}
