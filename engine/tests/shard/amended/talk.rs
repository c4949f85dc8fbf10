//! What the tests of changed messages share.

use rookery_engine::mesh::{
    Amend, ChatCommand, Command, Events, EventsPage, MessageChange, Outcome, Page, PageStart,
    ShardMessage,
};
use rookery_engine::port::{LogEvent, Opened};
use rookery_schema::batch::RecordBatch;
use rookery_schema::row::Mark;
use rookery_schema::{ChatId, MessageId, Offset, UserId};
use rookery_testing::store::Model;
use serde_json::Value;

use crate::stage::{P0, Stage};

/// A chat of two, a store that has what it is told to write, and the log.
pub(super) struct Talk {
    pub(super) stage: Stage,
    pub(super) store: Model,
    pub(super) chat: ChatId,
    pub(super) alice: UserId,
    pub(super) bob: UserId,
    /// What was appended, in order.
    pub(super) log: Vec<RecordBatch>,
}

impl Talk {
    pub(super) fn new() -> Self {
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

    pub(super) fn ask(&mut self, command: ChatCommand) -> u64 {
        self.stage.ask(Command::Chat(self.chat, command))
    }

    /// Log and store do what they were asked for, until nothing is left to do.
    pub(super) fn settle(&mut self) {
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

    pub(super) fn answered(&mut self, question: u64) -> Option<Outcome> {
        self.settle();
        self.stage.answer(question)
    }

    pub(super) fn say(&mut self, content: &str) -> MessageId {
        let question = self.stage.post_text(self.chat, self.alice, None, content);
        self.settle();
        self.stage.assert_posted(question)
    }

    /// Says this so many times, with a number.
    pub(super) fn say_many(&mut self, count: usize, what: &str) -> Vec<MessageId> {
        (0..count)
            .map(|n| self.say(&format!("{what} {n}")))
            .collect()
    }

    pub(super) fn ask_to(
        &mut self,
        caller: UserId,
        message_id: MessageId,
        change: MessageChange,
    ) -> u64 {
        self.ask(ChatCommand::Amend(Box::new(Amend {
            caller,
            message_id,
            change,
        })))
    }

    /// The same, and waits for the outcome.
    pub(super) fn amend(
        &mut self,
        caller: UserId,
        message_id: MessageId,
        change: MessageChange,
    ) -> Outcome {
        let question = self.ask_to(caller, message_id, change);
        self.answered(question).expect("it is answered")
    }

    #[track_caller]
    pub(super) fn assert_edits(&mut self, message_id: MessageId, content: &str) {
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

    pub(super) fn ask_page(&mut self, from: PageStart) -> u64 {
        let page = Page { from, limit: 100 };
        self.ask(ChatCommand::ShowMessages {
            caller: self.bob,
            page,
        })
    }

    pub(super) fn page(&mut self, from: PageStart) -> Vec<Value> {
        let question = self.ask_page(from);
        page_of(self.answered(question))
    }

    /// The newest message, as a page and a list of chats show it.
    pub(super) fn newest(&mut self) -> Value {
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
    pub(super) fn heard(&mut self) -> Vec<Value> {
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
    pub(super) fn stored_events(&self) -> String {
        let records = self.store.events_of(self.chat).map(|row| &row.record);
        records
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect()
    }

    /// Another process begins, with the same log, and a store that has nothing or what this one has.
    pub(super) fn replay(&mut self, with_store: bool) {
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

    pub(super) fn ask_events(&mut self, page: EventsPage) -> u64 {
        let caller = self.bob;
        self.ask(ChatCommand::ShowEvents { caller, page })
    }

    pub(super) fn shown(&mut self, question: u64) -> Events {
        match self.stage.answer(question) {
            Some(Outcome::Events(events)) => *events,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn events(&mut self, page: EventsPage) -> Events {
        let question = self.ask_events(page);
        self.settle();
        self.shown(question)
    }

    /// Log and store do what they were asked for, but that the store confirms no write, and has none.
    pub(super) fn apply(&mut self) {
        loop {
            if let Some(batch) = self.stage.appends.front() {
                self.log.push(batch.clone());
                self.stage.append();
            } else if let Some((_, read)) = self.stage.reads.front() {
                let found = self.store.read(&read.clone());
                self.stage.answer_read(Ok(found));
            } else {
                return;
            }
        }
    }
}

pub(super) fn page_of(outcome: Option<Outcome>) -> Vec<Value> {
    match outcome {
        Some(Outcome::Page { body, .. }) => serde_json::from_slice(&body).unwrap(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn edit(content: &str) -> MessageChange {
    MessageChange::Edit {
        content: content.into(),
    }
}

pub(super) fn react(emoji: &str) -> MessageChange {
    MessageChange::AddReaction {
        emoji: emoji.into(),
    }
}

pub(super) fn take_back(emoji: &str) -> MessageChange {
    MessageChange::RemoveReaction {
        emoji: emoji.into(),
    }
}

pub(super) const DELETE: MessageChange = MessageChange::Delete;
