//! Messages that users edit, delete and react to.

use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Amend, ChatCommand, Command, MessageChange, Outcome, Page, PageStart, ShardMessage,
};
use rookery_engine::port::{Found, LogEvent, Opened, Read, StoreFault};
use rookery_schema::batch::RecordBatch;
use rookery_schema::record::{Change, MessageAmended, Record, Target};
use rookery_schema::row::{EventRow, Mark};
use rookery_schema::{ChatId, MessageId, Offset, Seq, Timestamp, UserId};
use rookery_testing::store::Model;
use serde_json::Value;

use crate::stage::{P0, SECOND, Stage, addition, batch_of};

/// A chat of two, a store that has what it is told to write, and the log.
struct Talk {
    stage: Stage,
    store: Model,
    chat: ChatId,
    alice: UserId,
    bob: UserId,
    /// What was appended, in order.
    log: Vec<RecordBatch>,
}

impl Talk {
    fn new() -> Self {
        let mut stage = Stage::new();
        let (alice, bob) = (stage.foreign_user(), stage.foreign_user());
        let chat = stage.chat();
        let mut talk = Self {
            stage,
            store: Model::default(),
            chat,
            alice,
            bob,
            log: Vec::new(),
        };
        let question = talk.ask(crate::stage::creation(Some(alice), &[alice, bob]));
        assert!(talk.answered(question).is_some());
        talk
    }

    fn ask(&mut self, command: ChatCommand) -> u64 {
        self.stage.ask(Command::Chat(self.chat, command))
    }

    /// Log and store do what they were asked for, until nothing is left to do.
    fn settle(&mut self) {
        loop {
            if let Some(batch) = self.stage.appends.front() {
                self.log.push(batch.clone());
                self.stage.append();
            } else if !self.stage.writes.is_empty() {
                let rows = self.stage.store();
                rows.into_iter().for_each(|row| self.store.write(row));
            } else if let Some((_, read)) = self.stage.reads.front() {
                let found = self.store.read(&read.clone());
                self.stage.answer_read(Ok(found));
            } else {
                return;
            }
        }
    }

    fn answered(&mut self, question: u64) -> Option<Outcome> {
        self.settle();
        self.stage.answer(question)
    }

    fn say(&mut self, content: &str) -> MessageId {
        let question = self.stage.post_text(self.chat, self.alice, None, content);
        self.settle();
        self.stage.assert_posted(question)
    }

    /// Says this so many times, with a number.
    fn say_many(&mut self, count: usize, what: &str) -> Vec<MessageId> {
        (0..count)
            .map(|n| self.say(&format!("{what} {n}")))
            .collect()
    }

    fn ask_to(&mut self, caller: UserId, message_id: MessageId, change: MessageChange) -> u64 {
        self.ask(ChatCommand::Amend(Box::new(Amend {
            caller,
            message_id,
            change,
        })))
    }

    /// The same, and waits for the outcome.
    fn amend(&mut self, caller: UserId, message_id: MessageId, change: MessageChange) -> Outcome {
        let question = self.ask_to(caller, message_id, change);
        self.answered(question).expect("it is answered")
    }

    #[track_caller]
    fn assert_edits(&mut self, message_id: MessageId, content: &str) {
        let shown = self.amend(self.alice, message_id, edit(content));
        let Outcome::Json {
            created: None,
            body,
        } = shown
        else {
            panic!("{shown:?}");
        };
        let shown: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(shown["content"], content);
    }

    fn ask_page(&mut self, from: PageStart) -> u64 {
        let page = Page { from, limit: 100 };
        self.ask(ChatCommand::ShowMessages {
            caller: self.bob,
            page,
        })
    }

    fn page(&mut self, from: PageStart) -> Vec<Value> {
        let question = self.ask_page(from);
        page_of(self.answered(question))
    }

    /// The newest message, as a page and a list of chats show it.
    fn newest(&mut self) -> Value {
        let newest = self.page(PageStart::Newest).remove(0);
        let user_id = self.bob;
        let question = self.ask(ChatCommand::Summarize {
            user_id,
            mark: Mark::default(),
        });
        let Some(Outcome::Summary(Some(summary))) = self.answered(question) else {
            panic!("no summary came");
        };
        let last: Value = serde_json::from_slice(&summary.last_message.unwrap()).unwrap();
        assert_eq!(last, newest);
        newest
    }

    /// The events that were sent to the other shard's users since this was last called.
    fn heard(&mut self) -> Vec<Value> {
        let sent = std::mem::take(&mut self.stage.sent);
        let batches = sent.iter().filter_map(|message| match message {
            ShardMessage::Events(batch) => Some(batch),
            _ => None,
        });
        let lines = batches.flat_map(|batch| batch.lines.split(|byte| *byte == b'\n'));
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// All events as the store has them, as text.
    fn stored_events(&self) -> String {
        let records = self.store.events_of(self.chat).map(|row| &row.record);
        records
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect()
    }

    /// Another process begins, with the same log, and a store that has nothing or what this one has.
    fn replay(&mut self, with_store: bool) {
        let end = Offset(self.log.iter().map(|batch| u64::from(batch.len())).sum());
        self.stage = Stage::opening(Opened {
            end,
            ..Opened::default()
        });
        if !with_store {
            self.store = Model::default();
        }
        for batch in self.log.clone() {
            self.stage.deliver(batch);
            self.settle();
        }
        self.stage.log_event(LogEvent::CaughtUp { partition: P0 });
        self.settle();
    }
}

fn page_of(outcome: Option<Outcome>) -> Vec<Value> {
    match outcome {
        Some(Outcome::Page { body, .. }) => serde_json::from_slice(&body).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn edit(content: &str) -> MessageChange {
    MessageChange::Edit {
        content: content.into(),
    }
}

fn react(emoji: &str) -> MessageChange {
    MessageChange::AddReaction {
        emoji: emoji.into(),
    }
}

fn take_back(emoji: &str) -> MessageChange {
    MessageChange::RemoveReaction {
        emoji: emoji.into(),
    }
}

const DELETE: MessageChange = MessageChange::Delete;

#[test]
fn an_edit_is_shown_wherever_the_message_is_and_what_it_said_is_gone() {
    let mut talk = Talk::new();
    let message = talk.say("first words");
    talk.assert_edits(message, "second words");
    let newest = talk.newest();
    assert_eq!(newest["content"], "second words");
    assert!(newest["edited_at"].is_string());
    talk.assert_edits(message, "third words");
    assert_eq!(talk.newest()["content"], "third words");
    let stored = talk.stored_events();
    assert!(!stored.contains("first words") && !stored.contains("second words"));
    assert!(stored.contains("third words"));
}

#[test]
fn a_deleted_message_is_shown_without_what_it_ever_said() {
    let mut talk = Talk::new();
    let message = talk.say("first words");
    talk.assert_edits(message, "second words");
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(talk.amend(talk.alice, message, DELETE), Outcome::Done);
    let newest = talk.newest();
    assert_eq!(
        (&newest["content"], &newest["deleted"]),
        (&"".into(), &true.into())
    );
    assert_eq!(newest["deleted_by"], talk.alice.to_string());
    assert!(newest.get("reactions").is_none() && newest.get("edited_at").is_none());
    assert!(!talk.stored_events().contains("words"));
    let rows = talk.store.amendments_of(talk.chat);
    assert!(rows.iter().all(|row| !format!("{row:?}").contains("words")));
}

#[test]
fn listeners_hear_what_changes() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    talk.heard();
    talk.assert_edits(message, "second");
    talk.amend(talk.bob, message, react("👍"));
    talk.amend(talk.bob, message, take_back("👍"));
    talk.amend(talk.alice, message, DELETE);
    let heard = talk.heard();
    let kinds: Vec<_> = heard
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    let expected = [
        "message_edited",
        "reaction_added",
        "reaction_removed",
        "message_deleted",
    ];
    assert_eq!(kinds, expected);
    let seqs: Vec<_> = heard.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [3, 4, 5, 6]);
    assert!(
        heard
            .iter()
            .all(|it| it["message_id"] == message.to_string())
    );
    assert_eq!(heard[0]["content"], "second");
}

#[test]
fn the_author_alone_edits_and_deletes() {
    let mut talk = Talk::new();
    let message = talk.say("hers");
    let stranger = talk.stage.foreign_user();
    for change in [|| edit("his"), || DELETE] {
        let refused = Outcome::Refused(Problem::NOT_AUTHOR);
        assert_eq!(talk.amend(talk.bob, message, change()), refused);
        let refused = Outcome::Refused(Problem::NO_SUCH_CHAT);
        assert_eq!(talk.amend(stranger, message, change()), refused);
    }
    let refused = Outcome::Refused(Problem::NO_SUCH_CHAT);
    assert_eq!(talk.amend(stranger, message, react("👍")), refused);
    assert_eq!(talk.newest()["content"], "hers");
}

#[test]
fn what_changes_nothing_is_no_event() {
    let mut talk = Talk::new();
    let (message, deleted) = (talk.say("same"), talk.say("gone"));
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(talk.amend(talk.alice, deleted, DELETE), Outcome::Done);
    let appended = talk.log.len();
    talk.assert_edits(message, "same");
    assert_eq!(talk.amend(talk.bob, message, react("👍")), Outcome::Done);
    assert_eq!(
        talk.amend(talk.bob, message, take_back("👎")),
        Outcome::Done
    );
    assert_eq!(talk.amend(talk.alice, deleted, DELETE), Outcome::Done);
    assert_eq!(
        talk.amend(talk.bob, deleted, take_back("👍")),
        Outcome::Done
    );
    for change in [edit("back"), react("👍")] {
        let refused = Outcome::Refused(Problem::MESSAGE_DELETED);
        assert_eq!(talk.amend(talk.alice, deleted, change), refused);
    }
    let unknown = MessageId::v7(Timestamp::from_millis(1), &[7; 10]);
    let refused = Outcome::Refused(Problem::NO_SUCH_MESSAGE);
    assert_eq!(talk.amend(talk.alice, unknown, edit("new")), refused);
    assert_eq!(talk.log.len(), appended);
}

#[test]
fn reactions_are_bounded_by_user_and_message() {
    let mut talk = Talk::new();
    let message = talk.say("popular");
    let emoji = |n: usize| react(&format!("e{n}"));
    for n in 0..10 {
        assert_eq!(talk.amend(talk.bob, message, emoji(n)), Outcome::Done);
        assert_eq!(
            talk.amend(talk.alice, message, emoji(10 + n)),
            Outcome::Done
        );
    }
    let refused = Outcome::Refused(Problem::TOO_MANY_OWN_REACTIONS);
    assert_eq!(talk.amend(talk.bob, message, emoji(10)), refused);
    // It counts still: each takes a row.
    assert_eq!(
        talk.amend(talk.bob, message, take_back("e0")),
        Outcome::Done
    );
    assert_eq!(talk.amend(talk.bob, message, emoji(10)), refused);
    assert_eq!(talk.amend(talk.bob, message, emoji(0)), Outcome::Done);
    let (carol, chat) = (talk.stage.foreign_user(), talk.chat);
    let adds = talk
        .stage
        .ask(Command::Chat(chat, addition(talk.alice, carol)));
    assert!(talk.answered(adds).is_some());
    let refused = Outcome::Refused(Problem::TOO_MANY_EMOJI);
    assert_eq!(talk.amend(carol, message, emoji(20)), refused);
    assert_eq!(talk.amend(carol, message, emoji(19)), Outcome::Done);
    let newest = talk.newest();
    assert_eq!(newest["reactions"].as_array().unwrap().len(), 20);
}

#[test]
fn a_message_that_is_not_in_memory_is_found_in_the_store() {
    let mut talk = Talk::new();
    let messages = talk.say_many(300, "number");
    for n in [0, 1, 77, 150] {
        talk.assert_edits(messages[n], "edited");
        let seq = 2 + n as u64;
        let page = talk.page(PageStart::After(Seq(seq - 1)));
        assert_eq!(
            (&page[0]["seq"], &page[0]["content"]),
            (&seq.into(), &"edited".into())
        );
    }
    // The edit of the first one is not in memory any more either.
    talk.say_many(150, "later");
    talk.assert_edits(messages[0], "again");
    talk.assert_edits(messages[0], "and again");
    let stored = talk.stored_events();
    assert!(stored.contains("and again") && !stored.contains("number 0"));
    let edits: Vec<_> = talk
        .store
        .events_of(talk.chat)
        .filter_map(content_of_edit)
        .collect();
    let expected = ["", "edited", "edited", "edited", "", "and again"];
    assert_eq!(edits, expected);
}

/// The content of an edit, as the store has it.
fn content_of_edit(row: &EventRow) -> Option<String> {
    match Record::decode(&row.record).unwrap() {
        Record::MessageAmended(amended) => match amended.change {
            Change::Edited { content, .. } => Some(content.to_owned()),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_page_shows_what_the_store_does_not_have_yet() {
    let mut talk = Talk::new();
    let messages = talk.say_many(200, "number");
    let deletes = talk.ask_to(talk.alice, messages[0], DELETE);
    while let Some((_, read)) = talk.stage.reads.front() {
        let found = talk.store.read(&read.clone());
        talk.stage.answer_read(Ok(found));
    }
    talk.log.push(talk.stage.appends[0].clone());
    talk.stage.append();
    assert_eq!(talk.stage.answer(deletes), None, "it is not stored");
    // The store is asked, and knows nothing of it.
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let read = talk.stage.reads[0].1.clone();
    let before = talk.store.read(&read);
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(
        (&page[0]["content"], &page[0]["deleted"]),
        (&"".into(), &true.into())
    );
    // What the store answers late may have been read before.
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let before = talk.store.read(&read);
    let rows = talk.stage.store();
    rows.into_iter().for_each(|row| talk.store.write(row));
    assert_eq!(talk.stage.answer(deletes), Some(Outcome::Done));
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(
        (&page[0]["content"], &page[0]["deleted"]),
        (&"".into(), &true.into())
    );
    assert_eq!(talk.page(PageStart::After(Seq(1)))[0]["deleted"], true);
}

#[test]
fn a_page_that_was_asked_for_before_a_deletion_does_not_show_what_is_gone_by_then() {
    let mut talk = Talk::new();
    let messages = talk.say_many(150, "number");
    let asked = talk.ask_page(PageStart::Newest);
    let asked_all = talk.ask_page(PageStart::After(Seq(1)));
    let reads: Vec<_> = talk.stage.reads.drain(..).collect();
    assert_eq!(reads.len(), 1, "the newest are in memory");
    assert!(talk.stage.answer(asked).is_some());
    let before = talk.store.read(&reads[0].1);
    for message in [messages[0], messages[90]] {
        assert_eq!(talk.amend(talk.alice, message, DELETE), Outcome::Done);
    }
    talk.stage.reads.extend(reads);
    talk.stage.answer_read(Ok(before));
    let page = page_of(talk.stage.answer(asked_all));
    for n in [0, 90] {
        assert_eq!(
            (&page[n]["content"], &page[n]["deleted"]),
            (&"".into(), &true.into())
        );
    }
}

#[test]
fn changes_of_one_message_are_decided_one_after_the_other() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let deletes = talk.ask_to(talk.alice, message, DELETE);
    let late = talk.ask_to(talk.alice, message, edit("third"));
    let reacts = talk.ask_to(talk.bob, message, react("👍"));
    assert_eq!(talk.stage.appends.len(), 1);
    talk.settle();
    assert!(matches!(
        talk.stage.answer(edits),
        Some(Outcome::Json { .. })
    ));
    assert_eq!(talk.stage.answer(deletes), Some(Outcome::Done));
    talk.stage.assert_refused(late, Problem::MESSAGE_DELETED);
    talk.stage.assert_refused(reacts, Problem::MESSAGE_DELETED);
    assert!(!talk.stored_events().contains("second"));
}

#[test]
fn no_more_changes_wait_for_one_message_than_the_bound() {
    const WAITING_MAX: usize = 64;
    let mut talk = Talk::new();
    let (message, other) = (talk.say("busy"), talk.say("quiet"));
    let asked: Vec<u64> = (0..=WAITING_MAX)
        .map(|n| talk.ask_to(talk.alice, message, edit(&format!("edit {n}"))))
        .collect();
    let refused = talk.ask_to(talk.alice, message, edit("too many"));
    talk.stage
        .assert_refused(refused, Problem::AMENDMENTS_WAITING);
    let unhindered = talk.ask_to(talk.alice, other, edit("done"));
    talk.settle();
    assert!(talk.stage.answer(unhindered).is_some());
    for question in asked {
        assert!(matches!(
            talk.stage.answer(question),
            Some(Outcome::Json { .. })
        ));
    }
    let last = talk.page(PageStart::Newest).remove(1);
    assert_eq!(last["content"], "edit 64");
}

#[test]
fn no_more_messages_are_looked_for_than_the_bound() {
    const SOUGHT_MAX: u64 = 64;
    let mut talk = Talk::new();
    talk.say_many(200, "number");
    let unknown = |n: u64| MessageId::v7(Timestamp::from_millis(n), &[7; 10]);
    let asked: Vec<u64> = (0..SOUGHT_MAX)
        .map(|n| talk.ask_to(talk.alice, unknown(n), DELETE))
        .collect();
    let refused = talk.ask_to(talk.alice, unknown(SOUGHT_MAX), DELETE);
    talk.stage
        .assert_refused(refused, Problem::AMENDMENTS_WAITING);
    talk.settle();
    for question in asked {
        talk.stage
            .assert_refused(question, Problem::NO_SUCH_MESSAGE);
    }
}

#[test]
fn a_change_that_the_log_refuses_lets_the_next_one_have_its_turn() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let fails = talk.ask_to(talk.alice, message, edit("second"));
    let next = talk.ask_to(talk.alice, message, edit("third"));
    talk.stage.fail_append();
    talk.stage.assert_refused(fails, Problem::LOG_UNAVAILABLE);
    assert!(matches!(talk.answered(next), Some(Outcome::Json { .. })));
    assert_eq!(talk.newest()["content"], "third");
    // So does one of which the log does not know what became of it, and that turns out to be in the log.
    let doubtful = talk.ask_to(talk.alice, message, edit("fourth"));
    let deletes = talk.ask_to(talk.alice, message, DELETE);
    let batch = talk.stage.doubt_append();
    talk.stage
        .assert_refused(doubtful, Problem::OUTCOME_UNKNOWN);
    talk.stage.deliver(batch);
    assert_eq!(talk.answered(deletes), Some(Outcome::Done));
    assert_eq!(talk.newest()["content"], "");
    assert!(!talk.stored_events().contains("fourth"));
}

#[test]
fn a_change_that_was_applied_before_its_append_is_answered_is_over() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let next = talk.ask_to(talk.alice, message, edit("third"));
    let last = talk.ask_to(talk.alice, message, edit("fourth"));
    // The log delivers it, and then does not know what became of it.
    let batch = talk.stage.appends[0].clone();
    talk.stage.deliver(batch);
    talk.stage.doubt_append();
    talk.settle();
    for (question, content) in [(edits, "second"), (next, "third"), (last, "fourth")] {
        let Some(Outcome::Json { body, .. }) = talk.stage.answer(question) else {
            panic!("{content}");
        };
        let shown: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(shown["content"], content);
    }
}

#[test]
fn a_message_can_be_changed_as_soon_as_it_is_acknowledged() {
    let mut talk = Talk::new();
    let posted = talk.stage.post_text(talk.chat, talk.alice, None, "first");
    let batch = talk.stage.appends.pop_front().unwrap();
    talk.stage.confirm_append(&batch);
    let message = talk.stage.assert_posted(posted);
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    assert_eq!(talk.stage.answer(edits), None);
    talk.stage.deliver(batch);
    assert!(matches!(talk.answered(edits), Some(Outcome::Json { .. })));
}

#[test]
fn a_store_that_can_t_be_read_refuses_changes_of_what_is_not_in_memory() {
    let mut talk = Talk::new();
    let messages = talk.say_many(200, "number");
    let fails = talk.ask_to(talk.alice, messages[0], edit("new"));
    let waits = talk.ask_to(talk.alice, messages[0], edit("newer"));
    talk.stage.answer_read(Err(StoreFault));
    talk.stage.assert_refused(fails, Problem::STORE_UNAVAILABLE);
    assert!(matches!(talk.answered(waits), Some(Outcome::Json { .. })));
}

#[test]
fn whoever_waited_for_too_long_is_passed_over() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let edits = talk.ask_to(talk.alice, message, edit("second"));
    let waits = talk.ask_to(talk.alice, message, edit("third"));
    talk.stage.tick_after(11 * SECOND);
    talk.settle();
    // The log has taken so long that nothing is known of the first either.
    talk.stage.assert_refused(edits, Problem::OUTCOME_UNKNOWN);
    talk.stage.assert_refused(waits, Problem::NOT_ANSWERED);
    assert_eq!(talk.newest()["content"], "second");
}

#[test]
fn a_replay_shows_messages_as_they_stood() {
    let mut talk = Talk::new();
    let (edited, deleted) = (talk.say("a"), talk.say("b"));
    talk.assert_edits(edited, "a2");
    talk.assert_edits(edited, "a3");
    talk.amend(talk.bob, edited, react("👍"));
    talk.assert_edits(deleted, "b2");
    talk.amend(talk.alice, deleted, DELETE);
    talk.say("c");
    let expected = talk.page(PageStart::Newest);
    let stored = talk.stored_events();
    // With nothing stored, with everything, and once more.
    for with_store in [false, true, true] {
        talk.replay(with_store);
        assert_eq!(talk.page(PageStart::Newest), expected);
        assert_eq!(talk.page(PageStart::After(Seq(0))).len(), 3);
        assert_eq!(talk.stored_events(), stored);
    }
}

#[test]
fn an_edit_that_comes_after_a_deletion_never_brings_a_message_back() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    let target = Target {
        seq: Seq(2),
        messages: 1,
        message_id: message,
        sender_id: talk.alice,
        at: message.minted_at(),
        client_id: None,
    };
    // An earlier owner of the chat appended it.
    let late = batch_of(&[Record::MessageAmended(Box::new(MessageAmended {
        chat_id: talk.chat,
        by: talk.alice,
        at: Timestamp::from_millis(7),
        target,
        change: Change::Edited {
            supersedes: None,
            content: "resurrected",
        },
    }))]);
    talk.amend(talk.alice, message, DELETE);
    talk.heard();
    talk.log.push(late.clone());
    talk.stage.deliver(late);
    talk.settle();
    assert_eq!(talk.newest()["deleted"], true);
    let heard = talk.heard();
    assert_eq!((heard.len(), &heard[0]["superseded"]), (1, &true.into()));
    assert!(!heard[0].to_string().contains("resurrected"));
    assert!(!talk.stored_events().contains("resurrected"));
    for with_store in [false, true] {
        talk.replay(with_store);
        assert_eq!(talk.newest()["deleted"], true);
        assert!(!talk.stored_events().contains("resurrected"));
    }
}

#[test]
fn changes_of_one_batch_are_applied_in_order() {
    let mut talk = Talk::new();
    let message = talk.say("first");
    talk.assert_edits(message, "second");
    talk.assert_edits(message, "third");
    let expected = talk.page(PageStart::Newest);
    let records: Vec<_> = talk.log.iter().flat_map(RecordBatch::iter).collect();
    let records: Vec<_> = records
        .iter()
        .map(|it| Record::decode(it).unwrap())
        .collect();
    talk.log = vec![batch_of(&records)];
    talk.replay(false);
    assert_eq!(talk.page(PageStart::Newest), expected);
    assert!(!talk.stored_events().contains("first") && !talk.stored_events().contains("second"));
}

#[test]
fn a_chat_is_not_forgotten_while_what_is_read_of_it_may_be_out_of_date() {
    let mut talk = Talk::new();
    let messages = talk.say_many(150, "number");
    let asked = talk.ask_page(PageStart::After(Seq(1)));
    let reads: Vec<_> = talk.stage.reads.drain(..).collect();
    assert!(matches!(reads[0].1, Read::MessagesAfter { .. }));
    let Found::Messages(before) = talk.store.read(&reads[0].1) else {
        panic!("messages are read");
    };
    talk.assert_edits(messages[0], "new");
    // Much is said since: the event of the edit is in memory no more.
    talk.say_many(150, "later");
    talk.stage.reads.extend(reads);
    talk.stage.answer_read(Ok(Found::Messages(before)));
    let page = page_of(talk.stage.answer(asked));
    assert_eq!(page[0]["content"], "new");
}
