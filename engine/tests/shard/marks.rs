//! Up to where users have read: what their home makes of it, and what the owner of a chat knows.

use rookery_engine::ids::ConnId;
use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, Command, HomeCommand, Marked, Outcome, ShardMessage,
};
use rookery_engine::port::{Found, LogEvent, Read, StoreFault};
use rookery_schema::row::{Mark, MarkRow, Row};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};
use rookery_testing::ws::text_frame;
use serde_json::{Value, json};

use crate::stage::{P0, SECOND, Stage, addition, stored_chat};

/// Wishes that may wait for owners and store.
const QUESTIONS_MAX: usize = 4096;

/// A user, and a chat of theirs, which the other shard owns; the test plays it. Each second event of it is a message.
struct Reading {
    stage: Stage,
    user: UserId,
    chat: ChatId,
}

fn mark(seq: u64) -> Mark {
    Mark {
        seq: Seq(seq),
        messages: seq / 2,
    }
}

impl Reading {
    fn new() -> Self {
        let mut stage = Stage::new();
        let (user, chat) = (stage.user(), stage.foreign_chat());
        Self { stage, user, chat }
    }

    /// The user has read up to a seq, over HTTP at another shard.
    fn ask(&mut self, seq: u64) -> u64 {
        let (chat_id, seq) = (self.chat, Seq(seq));
        let command = HomeCommand::MarkRead { chat_id, seq };
        self.stage.ask(Command::Home(self.user, command))
    }

    /// The same over a WebSocket.
    fn say(&mut self, conn: ConnId, seq: u64) {
        let text = json!({"type": "read", "chat_id": self.chat.to_string(), "seq": seq});
        self.stage.step(Input::Received {
            conn,
            bytes: &text_frame(&text.to_string()),
            waited_micros: 0,
        });
    }

    /// Who asks the owner how far a mark is, and what they say.
    fn asked(&mut self) -> Option<(Asker, Seq)> {
        let sent = std::mem::take(&mut self.stage.sent).into_iter();
        let mut asked = sent.filter_map(|message| match message {
            ShardMessage::Ask {
                asker,
                command: Command::Chat(_, ChatCommand::ResolveMark { seq, .. }),
            } => Some((asker, seq)),
            _ => None,
        });
        asked.next()
    }

    /// The owner of the chat, which has 20 events, answers.
    fn resolve(&mut self) {
        let (asker, seq) = self.asked().unwrap();
        let mark = mark(seq.0.min(20));
        let unread = 10 - mark.messages;
        let last_seq = Seq(20);
        self.answer(
            asker,
            Outcome::Marked(Marked {
                mark,
                unread,
                last_seq,
            }),
        );
    }

    fn answer(&mut self, asker: Asker, outcome: Outcome) {
        self.stage.tell(ShardMessage::Answer { asker, outcome });
    }

    /// The user has read up to a seq. Nothing was known of that, and the store has this.
    fn first(&mut self, seq: u64, stored: &[Mark]) -> u64 {
        let question = self.ask(seq);
        self.resolve();
        let found = stored.iter().map(|mark| (self.chat, *mark)).collect();
        let read = self.stage.answer_read(Ok(Found::Marks(found)));
        let (user_id, chat_id) = (self.user, self.chat);
        assert_eq!(read, Read::Mark { user_id, chat_id });
        question
    }

    fn next(&mut self, seq: u64) -> u64 {
        let question = self.ask(seq);
        self.resolve();
        question
    }

    fn row(&self, seq: u64) -> Row {
        Row::Mark(MarkRow {
            user_id: self.user,
            chat_id: self.chat,
            mark: mark(seq),
        })
    }

    fn event(&self, seq: u64) -> Value {
        json!({
            "type": "read", "chat_id": self.chat.to_string(), "seq": seq, "unread": 10 - seq / 2,
            "last_seq": 20
        })
    }
}

#[test]
fn a_mark_is_told_at_once_and_answered_when_it_is_stored() {
    let mut reading = Reading::new();
    let one = reading.stage.connect_idle(reading.user);
    let other = reading.stage.connect(reading.user);
    let stranger = reading.stage.user();
    let stranger = reading.stage.connect_idle(stranger);
    reading.stage.heard(other);
    let question = reading.first(6, &[]);
    for conn in [one, other] {
        assert_eq!(reading.stage.heard_texts(conn), [reading.event(6)]);
    }
    assert!(reading.stage.heard(stranger).is_empty());
    assert_eq!(reading.stage.answer(question), None, "it is not stored");
    assert_eq!(reading.stage.store(), [reading.row(6)]);
    assert_eq!(reading.stage.answer(question), Some(Outcome::Done));
}

#[test]
fn what_is_marked_within_a_second_is_told_and_written_once() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect_idle(reading.user);
    reading.first(2, &[]);
    assert_eq!(reading.stage.store(), [reading.row(2)]);
    assert_eq!(reading.stage.heard_texts(conn), [reading.event(2)]);
    let questions = [4, 8, 6].map(|seq| reading.next(seq));
    reading.stage.tick_after(SECOND / 2);
    assert!(reading.stage.heard(conn).is_empty());
    assert!(reading.stage.writes.is_empty());
    reading.stage.tick_after(SECOND / 2);
    reading.resolve();
    assert_eq!(reading.stage.heard_texts(conn), [reading.event(8)]);
    assert_eq!(reading.stage.store(), [reading.row(8)]);
    assert!(reading.stage.writes.is_empty());
    for question in questions {
        assert_eq!(reading.stage.answer(question), Some(Outcome::Done));
    }
}

#[test]
fn what_is_told_later_is_how_much_is_unread_then() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect_idle(reading.user);
    reading.first(2, &[]);
    reading.stage.heard(conn);
    let told = |unread: u64, last_seq: u64, reading: &Reading| {
        let chat_id = reading.chat.to_string();
        [json!({
            "type": "read", "chat_id": chat_id, "seq": 20, "unread": unread, "last_seq": last_seq
        })]
    };
    reading.next(20);
    reading.stage.tick_after(SECOND);
    let (asker, seq) = reading.asked().unwrap();
    assert_eq!(seq, Seq(20));
    assert!(reading.stage.heard(conn).is_empty());
    // Five messages have come since.
    let marked = Marked {
        mark: mark(20),
        unread: 5,
        last_seq: Seq(30),
    };
    reading.answer(asker, Outcome::Marked(marked));
    assert_eq!(reading.stage.heard_texts(conn), told(5, 30, &reading));
}

#[test]
fn what_nobody_counts_is_told_as_it_was() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect_idle(reading.user);
    reading.first(2, &[]);
    reading.stage.heard(conn);
    reading.next(4);
    reading.stage.tick_after(SECOND);
    let (asker, _) = reading.asked().unwrap();
    reading.answer(asker, Outcome::Elsewhere);
    assert_eq!(reading.stage.heard_texts(conn), [reading.event(4)]);
    reading.next(6);
    reading.stage.tick_after(SECOND);
    reading.asked().unwrap();
    reading.stage.tick_after(10 * SECOND);
    assert_eq!(reading.stage.heard_texts(conn), [reading.event(6)]);
}

#[test]
fn a_slow_store_gets_one_mark_at_a_time_and_devices_do_not_wait_for_it() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect_idle(reading.user);
    let first = reading.first(2, &[]);
    reading.stage.tick_after(SECOND);
    let second = reading.next(4);
    reading.stage.tick_after(SECOND);
    reading.resolve();
    let heard = reading.stage.heard_texts(conn);
    assert_eq!(heard, [2, 4].map(|seq| reading.event(seq)));
    assert_eq!(reading.stage.writes.len(), 1);
    assert_eq!(reading.stage.store(), [reading.row(2)]);
    assert_eq!(reading.stage.answer(first), Some(Outcome::Done));
    assert_eq!(reading.stage.answer(second), None);
    reading.stage.tick_after(SECOND);
    assert_eq!(reading.stage.store(), [reading.row(4)]);
    assert_eq!(reading.stage.answer(second), Some(Outcome::Done));
}

#[test]
fn a_mark_only_goes_up_also_when_it_was_forgotten() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect_idle(reading.user);
    reading.first(8, &[]);
    reading.stage.store();
    reading.stage.heard(conn);
    let lower = reading.next(6);
    assert_eq!(reading.stage.answer(lower), Some(Outcome::Done));
    for _ in 0..10 {
        reading.stage.tick_after(SECOND);
    }
    let lower = reading.first(4, &[mark(8)]);
    assert_eq!(reading.stage.answer(lower), Some(Outcome::Done));
    reading.stage.tick_after(SECOND);
    assert!(reading.stage.heard(conn).is_empty());
    assert!(reading.stage.writes.is_empty());
    let beyond = reading.next(70);
    assert_eq!(reading.stage.store(), [reading.row(20)]);
    assert_eq!(reading.stage.answer(beyond), Some(Outcome::Done));
}

#[test]
fn a_socket_marks_and_only_the_others_hear_of_it() {
    let mut reading = Reading::new();
    let one = reading.stage.connect_idle(reading.user);
    let other = reading.stage.connect(reading.user);
    reading.stage.heard(other);
    reading.say(one, 6);
    reading.resolve();
    reading.stage.answer_read(Ok(Found::Marks(Vec::new())));
    reading.stage.store();
    assert_eq!(reading.stage.heard_texts(other), [reading.event(6)]);
    assert!(reading.stage.heard(one).is_empty());

    reading.say(one, 7);
    let (asker, _) = reading.asked().unwrap();
    reading.answer(asker, Outcome::Refused(Problem::NO_SUCH_CHAT));
    let refusal = &reading.stage.heard_texts(one)[0];
    assert_eq!(refusal["code"], "not_found", "{refusal}");
}

#[test]
fn a_socket_for_which_events_are_held_hears_of_marks_at_once() {
    let mut reading = Reading::new();
    let one = reading.stage.connect_idle(reading.user);
    let held = reading.stage.connect_to_resume(reading.user);
    assert!(reading.stage.heard(held).contains("ready"));
    reading.say(one, 2);
    reading.resolve();
    reading.stage.answer_read(Ok(Found::Marks(Vec::new())));
    assert_eq!(reading.stage.heard_texts(held), [reading.event(2)]);
    // What is told later finds it, too.
    reading.stage.store();
    reading.say(one, 8);
    reading.resolve();
    reading.stage.tick_after(SECOND);
    reading.resolve();
    assert_eq!(reading.stage.heard_texts(held), [reading.event(8)]);
    assert!(reading.stage.heard(one).is_empty());
}

#[test]
fn a_socket_that_is_not_ready_is_told_no_mark() {
    let mut reading = Reading::new();
    let conn = reading.stage.connect(reading.user);
    reading.stage.reads.rotate_left(1);
    let before = reading.stage.reads.len();
    let question = reading.ask(6);
    reading.resolve();
    assert_eq!(reading.stage.reads.len(), before + 1);
    reading.stage.reads.rotate_right(1);
    reading.stage.answer_read(Ok(Found::Marks(Vec::new())));
    reading.stage.store();
    assert_eq!(reading.stage.answer(question), Some(Outcome::Done));
    assert!(!reading.stage.heard(conn).contains("read\""));
}

#[test]
fn whoever_can_not_be_answered_is_refused() {
    let mut reading = Reading::new();
    let question = reading.ask(6);
    let (asker, _) = reading.asked().unwrap();
    reading.answer(asker, Outcome::Refused(Problem::NO_SUCH_CHAT));
    reading
        .stage
        .assert_refused(question, Problem::NO_SUCH_CHAT);
    let question = reading.ask(6);
    reading.resolve();
    reading.stage.answer_read(Err(StoreFault));
    reading
        .stage
        .assert_refused(question, Problem::STORE_UNAVAILABLE);
    assert!(reading.stage.writes.is_empty());
}

#[test]
fn only_so_many_wishes_wait_and_those_that_nobody_answers_give_way() {
    let mut reading = Reading::new();
    let first = reading.ask(1);
    let (asker, _) = reading.asked().unwrap();
    for _ in 1..QUESTIONS_MAX {
        reading.ask(1);
    }
    let refused = reading.ask(1);
    reading
        .stage
        .assert_refused(refused, Problem::MARKS_WAITING);
    reading.stage.tick_after(10 * SECOND);
    let late = Outcome::Marked(Marked::default());
    reading.answer(asker, late);
    assert_eq!(reading.stage.answer(first), None, "it was given up");
    reading.asked();
    let question = reading.first(6, &[]);
    reading.stage.store();
    assert_eq!(reading.stage.answer(question), Some(Outcome::Done));
}

#[test]
fn a_list_shows_marks_that_the_store_does_not_have_yet() {
    let mut reading = Reading::new();
    reading.stage.has_marks = true;
    reading.first(8, &[]);
    let other = reading.stage.foreign_chat();
    let chats = [reading.chat, other];
    reading.stage.list(reading.user, 10, None);
    reading.stage.answer_read(Ok(Found::Chats(chats.to_vec())));
    let stored = vec![(reading.chat, mark(4)), (other, mark(2))];
    let read = reading.stage.answer_read(Ok(Found::Marks(stored)));
    assert_eq!(read, Read::MarksOfUser(reading.user));
    let mut known = Vec::new();
    loop {
        let sent = std::mem::take(&mut reading.stage.sent);
        if sent.is_empty() {
            break;
        }
        for message in sent {
            let ShardMessage::Ask {
                asker,
                command: Command::Chat(chat_id, command),
            } = message
            else {
                continue;
            };
            let outcome = match command {
                ChatCommand::ShowActivity { .. } => Outcome::Activity(Some(Activity {
                    at: Timestamp::from_millis(1),
                    chat_id,
                })),
                ChatCommand::Summarize { mark, .. } => {
                    known.push((chat_id, mark));
                    Outcome::Summary(None)
                }
                other => panic!("{other:?}"),
            };
            reading.answer(asker, outcome);
        }
    }
    known.sort_unstable();
    let mut expected = vec![(reading.chat, mark(8)), (other, mark(2))];
    expected.sort_unstable();
    assert_eq!(known, expected);
}

/// The marks among rows.
fn marks(rows: &[Row]) -> Vec<(UserId, Mark)> {
    let mark = |row: &Row| match row {
        Row::Mark(row) => Some((row.user_id, row.mark)),
        _ => None,
    };
    rows.iter().filter_map(mark).collect()
}

fn at(seq: u64, messages: u64) -> Mark {
    let seq = Seq(seq);
    Mark { seq, messages }
}

/// A chat of this shard, and two members; the first has posted twice.
fn talk() -> (Stage, ChatId, [UserId; 2]) {
    let mut stage = Stage::new();
    let users = [stage.foreign_user(), stage.foreign_user()];
    let chat = stage.create(&users);
    for _ in 0..2 {
        stage.post(chat, users[0], None);
    }
    assert_eq!(marks(&stage.settle()), [], "no post writes a mark");
    (stage, chat, users)
}

fn resolved(stage: &mut Stage, chat: ChatId, user_id: UserId, seq: u64) -> Option<Outcome> {
    let seq = Seq(seq);
    let command = ChatCommand::ResolveMark { user_id, seq };
    let question = stage.ask(Command::Chat(chat, command));
    stage.answer(question)
}

#[test]
fn the_newest_post_of_each_sender_is_written_as_a_mark_within_a_minute() {
    let (mut stage, chat, [one, other]) = talk();
    stage.post(chat, other, None);
    stage.settle();
    stage.tick_after(31 * SECOND);
    let mut written = marks(&stage.settle());
    written.sort_unstable();
    let mut expected = [(one, at(3, 2)), (other, at(4, 3))];
    expected.sort_unstable();
    assert_eq!(written, expected);
    for _ in 0..3 {
        stage.tick_after(31 * SECOND);
        assert_eq!(marks(&stage.settle()), [], "once");
    }
    stage.post(chat, one, None);
    stage.settle();
    stage.tick_after(31 * SECOND);
    assert_eq!(marks(&stage.settle()), [(one, at(5, 4))]);
}

#[test]
fn it_is_written_at_once_when_its_partition_goes_or_the_process_ends() {
    let (mut stage, _, [one, _]) = talk();
    stage.log_event(LogEvent::Closed { partition: P0 });
    assert_eq!(marks(&stage.store()), [(one, at(3, 2))]);

    let (mut stage, _, [one, _]) = talk();
    stage.step(Input::Drain);
    stage.tick_after(SECOND);
    assert_eq!(marks(&stage.settle()), [(one, at(3, 2))]);
}

#[test]
fn who_joins_has_a_mark_with_their_membership() {
    let (mut stage, chat, [one, _]) = talk();
    let joiner = stage.foreign_user();
    stage.ask(Command::Chat(chat, addition(one, joiner)));
    assert_eq!(marks(&stage.settle()), [(joiner, at(4, 2))]);
}

#[test]
fn an_owner_says_how_far_a_mark_is_and_what_is_unread() {
    let (mut stage, chat, [one, other]) = talk();
    let marked = |mark, unread| {
        Some(Outcome::Marked(Marked {
            mark,
            unread,
            last_seq: Seq(3),
        }))
    };
    for (user, seq, expected) in [
        (other, 0, marked(at(1, 0), 2)),
        (other, 1, marked(at(1, 0), 2)),
        (other, 2, marked(at(2, 1), 1)),
        (other, 99, marked(at(3, 2), 0)),
        // They have posted.
        (one, 2, marked(at(3, 2), 0)),
    ] {
        assert_eq!(resolved(&mut stage, chat, user, seq), expected, "{seq}");
    }
    let stranger = stage.foreign_user();
    let refused = Some(Outcome::Refused(Problem::NO_SUCH_CHAT));
    assert_eq!(resolved(&mut stage, chat, stranger, 1), refused);
}

#[test]
fn a_mark_on_what_is_not_in_memory_is_looked_for_in_the_store() {
    let mut stage = Stage::new();
    let (chat, user) = (stage.chat(), stage.foreign_user());
    let command = |seq| {
        let user_id = user;
        Command::Chat(
            chat,
            ChatCommand::ResolveMark {
                user_id,
                seq: Seq(seq),
            },
        )
    };
    let question = stage.ask(command(4));
    let mut stored = stored_chat(chat, &[user]);
    (stored.head.seq, stored.head.messages) = (Seq(9), 7);
    stage.answer_read(Ok(Found::Chat(Some(Box::new(stored)))));
    let read = stage.answer_read(Err(StoreFault));
    let expected = Read::EventsAfter {
        chat_id: chat,
        after: Seq(3),
        limit: 1,
    };
    assert_eq!(read, expected);
    stage.assert_refused(question, Problem::STORE_UNAVAILABLE);
}
