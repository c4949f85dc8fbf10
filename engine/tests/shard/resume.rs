//! WebSockets whose clients missed something, and chats whose owner the test plays.

mod again;
mod removed;
mod turns;

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Asker, ChatCommand, Command, Events, EventsPage, Leaver, Outcome, Rest, ShardMessage,
    SubscriptionAnswer,
};
use rookery_engine::port::Found;
use rookery_schema::{ChatId, Seq, UserId};
use rookery_testing::ws::text_frame;
use serde_json::{Value, json};

use crate::joins::event_at;
use crate::stage::{SECOND, Stage};

/// A user of some chats, and what they hear.
struct Resuming {
    stage: Stage,
    user: UserId,
    chats: Vec<ChatId>,
}

/// A question for events.
struct Asked {
    asker: Asker,
    chat_id: ChatId,
    page: EventsPage,
}

impl Resuming {
    /// A user who is in so many chats, each of which has 4 events.
    fn new(chats: usize) -> Self {
        let mut stage = Stage::new();
        let user = stage.user();
        let chats = (0..chats).map(|_| stage.foreign_chat()).collect();
        Self { stage, user, chats }
    }

    /// There is one more chat, which they are not in.
    fn know_strange_chat(&mut self) {
        let strange = self.stage.foreign_chat();
        self.chats.push(strange);
    }

    /// They connect, and are ready.
    fn connect(&mut self, will_resume: bool) -> ConnId {
        let conn = match will_resume {
            true => self.stage.connect_to_resume(self.user),
            false => self.stage.connect(self.user),
        };
        self.stage.answer_read(Ok(Found::Chats(self.chats.clone())));
        for wanted in self.stage.subscriptions() {
            let answer = SubscriptionAnswer::Accepted { next: Seq(5) };
            self.stage.tell(ShardMessage::Subscribed { wanted, answer });
        }
        assert_eq!(
            self.heard(conn),
            [json!({"type": "ready", "user_id": self.user.to_string()})]
        );
        conn
    }

    fn resume(&mut self, conn: ConnId, chats: &[(usize, u64)]) {
        let chats: serde_json::Map<String, Value> = chats
            .iter()
            .map(|(chat, after)| (self.chats[*chat].to_string(), json!(after)))
            .collect();
        let text = json!({"type": "resume", "chats": chats}).to_string();
        self.stage.step(Input::Received {
            conn,
            bytes: &text_frame(&text),
            waited_micros: 0,
        });
    }

    /// What the owner is asked.
    fn asked(&mut self) -> Vec<Asked> {
        let sent = std::mem::take(&mut self.stage.sent).into_iter();
        sent.filter_map(|message| match message {
            ShardMessage::Ask {
                asker,
                command: Command::Chat(chat_id, ChatCommand::ShowEvents { page, .. }),
            } => Some(Asked {
                asker,
                chat_id,
                page,
            }),
            _ => None,
        })
        .collect()
    }

    /// The one question.
    fn asked_once(&mut self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1);
        asked.remove(0)
    }

    /// The owner answers with events up to one.
    fn answer(&mut self, asked: &Asked, through: u64, rest: Rest) {
        let seqs = asked.page.after.0 + 1..=through;
        let line = |seq: u64| format!("{{\"type\":\"message\",\"seq\":{seq}}}\n");
        let events = Events {
            count: seqs.clone().count() as u32,
            lines: seqs.map(line).collect::<String>().into(),
            through: Seq(through),
            rest,
        };
        self.answer_with(asked, Outcome::Events(Box::new(events)));
    }

    fn answer_with(&mut self, asked: &Asked, outcome: Outcome) {
        let asker = asked.asker;
        self.stage.tell(ShardMessage::Answer { asker, outcome });
    }

    /// An event of a chat comes.
    fn event(&mut self, chat: usize, seq: u64) {
        let text = json!({"type": "message", "seq": seq}).to_string();
        let event = event_at(self.chats[chat], Seq(seq), &text);
        self.stage.tell(event);
    }

    /// Their removal from a chat comes.
    fn remove(&mut self, chat: usize, seq: u64) {
        let text = json!({"type": "message", "seq": seq}).to_string();
        let mut removal = event_at(self.chats[chat], Seq(seq), &text);
        if let ShardMessage::Events(batch) = &mut removal {
            batch.leaver = Some(Leaver::One(self.user));
        }
        self.stage.tell(removal);
    }

    fn heard(&mut self, conn: ConnId) -> Vec<Value> {
        self.stage.heard_texts(conn)
    }

    /// The seqs of the events that came, and what was resumed.
    fn seqs(&mut self, conn: ConnId) -> Vec<String> {
        let heard = self.heard(conn);
        let show = |it: &Value| match it["type"].as_str() {
            Some("message") => it["seq"].to_string(),
            Some("resumed") => format!("resumed {} {}", it["recovered"], it["seq"]),
            _ => it.to_string(),
        };
        heard.iter().map(show).collect()
    }
}

#[test]
fn who_resumes_hears_what_they_missed_and_then_what_comes() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    assert!(resuming.heard(conn).is_empty(), "it is held");
    resuming.resume(conn, &[(0, 2)]);
    let asked = resuming.asked_once();
    assert_eq!(
        (asked.chat_id, asked.page.after),
        (resuming.chats[0], Seq(2))
    );
    resuming.answer(&asked, 4, Rest::More);
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(4));
    // It comes behind the page that reaches up to it.
    resuming.event(0, 6);
    resuming.answer(&asked, 6, Rest::Live);
    resuming.event(0, 7);
    assert_eq!(
        resuming.seqs(conn),
        ["3", "4", "5", "6", "resumed true 6", "7"]
    );
    assert!(resuming.asked().is_empty());
}

#[test]
fn of_chats_that_are_not_named_what_was_held_comes() {
    let mut resuming = Resuming::new(3);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    resuming.event(1, 5);
    resuming.event(1, 6);
    resuming.resume(conn, &[(0, 4)]);
    resuming.event(2, 5);
    assert_eq!(resuming.seqs(conn), ["5"], "nothing was held of this one");
    // One page at a time.
    let asked = resuming.asked_once();
    resuming.answer(&asked, 5, Rest::Live);
    let asked = resuming.asked_once();
    assert_eq!(
        (asked.chat_id, asked.page.after),
        (resuming.chats[1], Seq(4))
    );
    resuming.answer(&asked, 6, Rest::Live);
    assert_eq!(resuming.seqs(conn), ["5", "resumed true 5", "5", "6"]);
}

#[test]
fn who_does_not_resume_in_time_hears_what_was_held() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    resuming.stage.tick_after(5 * SECOND - 1);
    assert!(resuming.asked().is_empty());
    resuming.stage.tick_after(1);
    let asked = resuming.asked_once();
    resuming.answer(&asked, 5, Rest::Live);
    resuming.event(0, 6);
    resuming.event(1, 5);
    assert_eq!(resuming.seqs(conn), ["5", "6", "5"]);
}

#[test]
fn what_was_sent_live_is_not_repeated() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(false);
    resuming.event(0, 5);
    resuming.resume(conn, &[(0, 1), (1, 4)]);
    assert_eq!(
        resuming.seqs(conn),
        ["5", "resumed true 4"],
        "of the other it has all"
    );
    let asked = resuming.asked_once();
    assert_eq!((asked.page.after, asked.page.until), (Seq(1), Seq(4)));
    resuming.event(0, 6);
    resuming.answer(&asked, 4, Rest::End);
    assert_eq!(resuming.seqs(conn), ["6", "2", "3", "4", "resumed true 4"]);
}

#[test]
fn who_misses_too_much_is_told_and_hears_what_comes() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 1)]);
    let asked = resuming.asked_once();
    resuming.event(0, 5);
    resuming.answer_with(&asked, Outcome::TooFarBehind { last: Seq(5) });
    resuming.event(0, 6);
    assert_eq!(resuming.seqs(conn), ["resumed false 5", "6"]);
}

#[test]
fn what_a_moment_is_too_long_ago_for_is_not_resumed() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.event(0, 5);
    assert_eq!(resuming.seqs(conn), ["5"]);
    resuming.stage.tick_after(31 * SECOND);
    // Somebody else became ready since then, so the room notes where it stands again.
    let other = resuming.stage.connect(resuming.user);
    resuming.event(0, 6);
    resuming.resume(conn, &[(0, 1)]);
    assert_eq!(resuming.seqs(conn), ["6", "resumed false 6"]);
    resuming.resume(other, &[(0, 1)]);
    assert_eq!(resuming.asked_once().page.until, Seq(5));
}

#[test]
fn it_is_forgotten_where_a_room_stood_also_where_nobody_else_becomes_ready() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.event(0, 5);
    resuming.heard(conn);
    resuming.stage.tick_after(20 * SECOND);
    let other = resuming.stage.connect(resuming.user);
    resuming.event(0, 6);
    for it in [conn, other] {
        resuming.heard(it);
    }
    resuming.stage.tick_after(10 * SECOND);
    resuming.resume(conn, &[(0, 1)]);
    assert_eq!(resuming.seqs(conn), ["resumed false 6"]);
    resuming.resume(other, &[(0, 1)]);
    assert_eq!(resuming.asked_once().page.until, Seq(5), "it is not old");
}

#[test]
fn a_chat_that_is_not_theirs_is_not_resumed() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.know_strange_chat();
    resuming.resume(conn, &[(1, 1)]);
    let asked = resuming.asked_once();
    resuming.answer_with(&asked, Outcome::Refused(Problem::NO_SUCH_CHAT));
    assert_eq!(resuming.seqs(conn), ["resumed false 0"]);
}

#[test]
fn who_was_removed_while_all_was_held_hears_up_to_that() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.event(0, 5);
    resuming.remove(0, 6);
    resuming.resume(conn, &[]);
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(4));
    resuming.answer(&asked, 6, Rest::End);
    assert_eq!(resuming.seqs(conn), ["5", "6"]);
}

#[test]
fn who_was_removed_before_their_home_hears_it_is_asked_about_again_later() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 3)]);
    let asked = resuming.asked_once();
    resuming.answer(&asked, 4, Rest::End);
    assert!(resuming.asked().is_empty(), "not at once");
    resuming.remove(0, 5);
    resuming.stage.tick_after(SECOND);
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(4));
    resuming.answer(&asked, 5, Rest::End);
    assert_eq!(resuming.seqs(conn), ["4", "5", "resumed true 5"]);
}

#[test]
fn an_owner_that_does_not_answer_is_asked_again_and_not_for_ever() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 1)]);
    for _ in 0..3 {
        let asked = resuming.asked_once();
        resuming.answer_with(&asked, Outcome::Refused(Problem::STORE_UNAVAILABLE));
        resuming.stage.tick_after(SECOND - 1);
        assert!(resuming.asked().is_empty(), "not at once");
        resuming.stage.tick_after(1);
    }
    // No answer at all.
    resuming.asked_once();
    resuming.stage.tick_after(10 * SECOND);
    let asked = resuming.asked_once();
    resuming.answer_with(&asked, Outcome::Elsewhere);
    // Half a minute since the first time.
    resuming.stage.tick_after(17 * SECOND);
    let asked = resuming.asked_once();
    resuming.answer_with(&asked, Outcome::Elsewhere);
    let heard = resuming.stage.heard(conn);
    assert!(
        heard.contains("a chat could not be read in time"),
        "{heard}"
    );
}

#[test]
fn a_socket_that_closes_leaves_nothing_behind() {
    let mut resuming = Resuming::new(2);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 1), (1, 1)]);
    let asked = resuming.asked_once();
    let other = resuming.stage.connect(resuming.user);
    resuming.stage.disconnect(conn);
    resuming.answer(&asked, 4, Rest::More);
    assert!(resuming.asked().is_empty());
    resuming.event(0, 5);
    assert_eq!(resuming.seqs(other)[1..], ["5"]);
}

#[test]
fn more_chats_than_may_be_resumed_are_refused() {
    let mut resuming = Resuming::new(0);
    let conn = resuming.connect(true);
    let chats: Vec<ChatId> = (0..1001).map(|_| resuming.stage.foreign_chat()).collect();
    resuming.chats = chats;
    for _ in 0..10 {
        let some: Vec<(usize, u64)> = (0..1000).map(|chat| (chat, 1)).collect();
        resuming.resume(conn, &some);
        // They are others each time.
        let others: Vec<ChatId> = (0..1001).map(|_| resuming.stage.foreign_chat()).collect();
        resuming.chats = others;
    }
    assert!(resuming.heard(conn).is_empty());
    resuming.resume(conn, &[(0, 1)]);
    let heard = resuming.heard(conn);
    assert_eq!(heard[0]["limit"], "chats-resumed");
}

#[test]
fn a_slow_reader_gets_the_next_page_when_there_is_room() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(true);
    resuming.resume(conn, &[(0, 1)]);
    let mut pages = 0;
    loop {
        let asked = resuming.asked();
        let Some(asked) = asked.first() else {
            break;
        };
        pages += 1;
        let line = format!("{{\"x\":\"{}\"}}\n", "x".repeat(100 << 10));
        let events = Events {
            lines: line.into(),
            count: 1,
            through: asked.page.after.next(),
            rest: Rest::More,
        };
        resuming.answer_with(asked, Outcome::Events(Box::new(events)));
    }
    assert_eq!(pages, 3, "256 KiB wait");
    resuming.stage.heard(conn);
    resuming.stage.tick_after(SECOND / 10);
    assert_eq!(resuming.asked().len(), 1);
}

#[test]
fn who_was_added_while_their_leaving_was_on_its_way_misses_nothing() {
    let mut resuming = Resuming::new(0);
    let conn = resuming.connect(false);
    let (chat, user) = (resuming.stage.foreign_chat(), resuming.user);
    resuming.chats.push(chat);
    resuming.stage.told_joined(chat, user, false);
    let subscriptions = resuming.stage.subscriptions();
    resuming.event(0, 5);
    // The owner has heard meanwhile that they were gone, which was before: it did not send 6 and 7.
    let answer = SubscriptionAnswer::Accepted { next: Seq(8) };
    for wanted in subscriptions {
        resuming
            .stage
            .tell(ShardMessage::Subscribed { wanted, answer });
    }
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(5));
    resuming.event(0, 8);
    resuming.answer(&asked, 8, Rest::Live);
    resuming.event(0, 9);
    assert_eq!(resuming.seqs(conn), ["5", "6", "7", "8", "9"]);
}

#[test]
fn what_an_owner_does_not_send_of_an_earlier_one_is_caught_up_with() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.event(0, 5);
    // The owner has read the chat again, and found 6 and 7 in it.
    resuming.event(0, 8);
    let asked = resuming.asked_once();
    assert_eq!(asked.page.after, Seq(5));
    resuming.answer(&asked, 8, Rest::Live);
    resuming.event(0, 9);
    assert_eq!(resuming.seqs(conn), ["5", "6", "7", "8", "9"]);
}

#[test]
fn what_was_sent_live_of_a_chat_that_was_left_is_not_repeated_either() {
    let mut resuming = Resuming::new(1);
    let conn = resuming.connect(false);
    resuming.event(0, 5);
    resuming.remove(0, 6);
    resuming.resume(conn, &[(0, 2)]);
    let asked = resuming.asked_once();
    assert_eq!((asked.page.after, asked.page.until), (Seq(2), Seq(4)));
    resuming.answer(&asked, 4, Rest::End);
    assert_eq!(resuming.seqs(conn), ["5", "6", "3", "4", "resumed true 4"]);
}
