//! What deleted users said is in no reply, and is overwritten in the store.

use rookery_engine::input::Input;
use rookery_engine::mesh::{
    Amend, ChatCommand, Command, EventsPage, MessageChange, Outcome, Page, PageStart,
};
use rookery_engine::port::{Found, Read, StoreEvent};
use rookery_schema::row::{Amendment, Mark};
use rookery_schema::{ChatId, MessageId, Seq, UserId};
use serde_json::{Value, json};

use crate::erasures::Erasing;
use crate::stage::{P0, SECOND};

const SECRET: &str = "secret";
/// Messages of each, more than memory has of a chat that was read.
const MANY: usize = 90;

/// A chat in which both have said something, and the one who will be gone has edited it.
struct Erased {
    it: Erasing,
    chat_id: ChatId,
}

impl Erased {
    fn with(messages: usize) -> Self {
        let mut it = Erasing::new();
        let chat_id = it.chat();
        let (gone, bob) = (it.gone.user_id, it.bob);
        let mut this = Self { it, chat_id };
        for _ in 0..messages {
            let id = this.post(gone, SECRET);
            this.change(id, gone, "another secret");
            this.change(id, gone, "the last secret");
            this.post(gone, SECRET);
            this.post(bob, "kept");
        }
        this
    }

    fn post(&mut self, sender: UserId, content: &str) -> MessageId {
        let question = self.it.stage.post_text(self.chat_id, sender, None, content);
        self.it.work();
        self.it.stage.assert_posted(question)
    }

    fn change(&mut self, message_id: MessageId, caller: UserId, content: &str) {
        let amend = Amend {
            caller,
            message_id,
            change: MessageChange::Edit {
                content: content.into(),
            },
        };
        let question = self.ask(ChatCommand::Amend(Box::new(amend)));
        self.it.work();
        let answer = self.it.stage.answer(question);
        assert!(matches!(answer, Some(Outcome::Json { .. })), "{answer:?}");
    }

    fn ask(&mut self, command: ChatCommand) -> u64 {
        self.it.stage.ask(Command::Chat(self.chat_id, command))
    }

    fn ask_page(&mut self, from: PageStart) -> u64 {
        let page = Page { from, limit: 100 };
        let caller = self.it.bob;
        self.ask(ChatCommand::ShowMessages { caller, page })
    }

    fn ask_events(&mut self) -> u64 {
        let page = EventsPage {
            after: Seq(0),
            until: Seq(u64::MAX),
            limit: 256,
            bytes_max: 1 << 20,
        };
        let caller = self.it.bob;
        self.ask(ChatCommand::ShowEvents { caller, page })
    }

    fn messages(&mut self, question: u64) -> Vec<Value> {
        match self.it.stage.answer(question) {
            Some(Outcome::Page { body, .. }) => serde_json::from_slice(&body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn events(&mut self, question: u64) -> Vec<Value> {
        let events = match self.it.stage.answer(question) {
            Some(Outcome::Events(events)) => events,
            other => panic!("{other:?}"),
        };
        let lines = events.lines.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// Nothing is told of what they said, but that they did.
    fn check_messages(&self, messages: &[Value]) {
        assert!(!messages.is_empty());
        let gone = json!(self.it.gone.user_id);
        for message in messages {
            let is_theirs = message["sender_id"] == gone;
            assert_eq!(message["content"] == "", is_theirs, "{message}");
            assert_eq!(message["deleted"] == true, is_theirs, "{message}");
            assert_eq!(message["deleted_by"] == gone, is_theirs, "{message}");
            assert_eq!(message.get("edited_at"), None);
        }
    }

    fn check_events(&self, events: &[Value]) {
        let of = |kind: &'static str| events.iter().filter(move |it| it["type"] == kind);
        let said: Vec<Value> = of("message").cloned().collect();
        self.check_messages(&said);
        for edit in of("message_edited") {
            assert_eq!(
                (&edit["content"], &edit["superseded"]),
                (&json!(""), &json!(true))
            );
        }
    }

    /// All that the chat's owner shows.
    fn check_all(&mut self) {
        let question = self.ask_page(PageStart::Newest);
        self.it.work();
        let newest = self.messages(question);
        self.check_messages(&newest);
        let question = self.ask_page(PageStart::After(Seq(0)));
        self.it.work();
        let oldest = self.messages(question);
        self.check_messages(&oldest);
        let question = self.ask_events();
        self.it.work();
        let events = self.events(question);
        self.check_events(&events);
    }

    /// There is nothing left to overwrite, and nobody looks for it.
    fn check_done(&mut self) {
        let read = Read::Rewrites {
            partition: P0,
            after: None,
            limit: 9,
        };
        assert_eq!(self.it.store.read(&read), Found::Rewrites(Vec::new()));
        self.it.stage.tick_after(60 * SECOND);
        assert!(self.it.stage.reads.is_empty() && self.it.stage.rewrites.is_empty());
    }

    /// What the store has of what they said.
    fn is_in_store(&self) -> bool {
        let store = &self.it.store;
        let said = store.events_of(self.chat_id).any(|row| {
            let bytes: &[u8] = &row.record;
            bytes
                .windows(SECRET.len())
                .any(|it| it == SECRET.as_bytes())
        });
        let is_secret = |change: &Amendment| match change {
            Amendment::Edited { content } => content.contains(SECRET),
            Amendment::Deleted | Amendment::Reaction { .. } => false,
        };
        let amendments = store.amendments_of(self.chat_id);
        said || amendments.iter().any(|row| is_secret(&row.change))
    }
}

#[test]
fn what_a_deleted_user_said_is_in_no_reply_and_not_in_the_store() {
    let mut it = Erased::with(3);
    assert!(it.is_in_store());
    it.it.delete();
    it.it.work();
    assert!(!it.is_in_store());
    it.check_all();
    let bob = it.it.bob;
    let question = it.ask(ChatCommand::Summarize {
        user_id: bob,
        mark: Mark::default(),
    });
    let Some(Outcome::Summary(Some(summary))) = it.it.stage.answer(question) else {
        panic!("they are a member")
    };
    let last: Value = serde_json::from_slice(&summary.last_message.unwrap()).unwrap();
    assert_eq!(last["content"], "kept");
    let told = {
        let question = it.ask_events();
        it.it.work();
        it.events(question)
    };
    let gone = json!(it.it.gone.user_id);
    let about: Vec<_> = told.iter().filter(|it| it["user_id"] == gone).collect();
    let kinds: Vec<_> = about
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["messages_erased", "member_removed"]);
    assert!(about[0]["deleted_at"].is_string());
}

#[test]
fn nor_is_it_where_the_store_still_has_it() {
    let mut it = Erased::with(MANY);
    it.it.keeps_content = true;
    it.it.delete();
    it.it.work();
    it.check_all();
    it.it.restart();
    it.it.work();
    assert!(it.is_in_store());
    it.check_all();
    it.it.keeps_content = false;
    it.it.work();
    assert!(!it.is_in_store());
    it.it.restart();
    it.it.work();
    it.check_all();
}

#[test]
fn a_page_whose_messages_were_read_before_has_nothing_of_it() {
    let mut it = Erased::with(MANY);
    it.it.restart();
    it.it.keeps_content = true;
    let newest = it.ask_page(PageStart::Newest);
    it.it.work();
    let is_shown = it.messages(newest).iter().any(|it| it["deleted"] != true);
    assert!(is_shown);
    let pages = [
        it.ask_page(PageStart::Newest),
        it.ask_page(PageStart::After(Seq(0))),
        it.ask_events(),
    ];
    let reads: Vec<_> = it.it.stage.reads.drain(..).collect();
    assert_eq!(reads.len(), 3);
    let found: Vec<_> = reads
        .iter()
        .map(|(_, read)| it.it.store.read(read))
        .collect();
    it.it.delete();
    it.it.work();
    for ((token, _), found) in reads.into_iter().zip(found) {
        let outcome = Ok(found);
        let event = StoreEvent::Read { token, outcome };
        it.it.stage.step(Input::Store(event));
    }
    let [newest, oldest, events] = pages;
    for page in [newest, oldest] {
        let messages = it.messages(page);
        it.check_messages(&messages);
    }
    let events = it.events(events);
    it.check_events(&events);
}

#[test]
fn what_is_overwritten_is_a_page_at_a_time_from_where_an_earlier_owner_was() {
    let mut it = Erased::with(MANY);
    it.it.keeps_content = true;
    it.it.delete();
    it.it.work();
    let mut afters = Vec::new();
    for _ in 0..2 {
        let (token, read) = it.it.stage.rewrites.pop_front().unwrap();
        assert!(matches!(read, Read::Rewrites { .. }));
        let outcome = Ok(it.it.store.read(&read));
        let event = StoreEvent::Read { token, outcome };
        it.it.stage.step(Input::Store(event));
        let (token, read) = it.it.stage.reads.pop_front().unwrap();
        let Read::EventsAfter { after, limit, .. } = read else {
            panic!("{read:?}")
        };
        assert_eq!(limit, 100);
        assert!(it.it.stage.reads.is_empty(), "one at a time");
        afters.push(after);
        let outcome = Ok(it.it.store.read(&read));
        let event = StoreEvent::Read { token, outcome };
        it.it.stage.step(Input::Store(event));
        it.it.settle();
        it.it.restart();
    }
    assert_eq!(afters, [Seq(0), Seq(100)]);
    it.it.keeps_content = false;
    it.it.work();
    assert!(!it.is_in_store());
    it.it.wait();
    it.it.stage.tick_after(60 * SECOND);
    assert!(it.it.stage.reads.is_empty() && it.it.stage.rewrites.is_empty());
}

#[test]
fn what_they_said_in_a_chat_that_they_had_left_goes_too() {
    let mut it = Erased::with(1);
    let gone = it.it.gone.user_id;
    it.ask(ChatCommand::RemoveMember {
        caller: gone,
        user_id: gone,
    });
    it.it.work();
    it.post(it.it.bob, "kept");
    it.it.delete();
    it.it.work();
    assert!(!it.is_in_store());
    it.check_all();
    it.it.wait();
    let read = Read::Erasures {
        partition: P0,
        limit: 9,
    };
    assert_eq!(it.it.store.read(&read), Found::Erasures(Vec::new()));
}

#[test]
fn what_the_store_gets_behind_the_row_that_says_that_it_is_gone_goes_too() {
    let mut it = Erased::with(1);
    let gone = it.it.gone.user_id;
    it.it.late = Some(Vec::new());
    it.post(gone, SECRET);
    it.it.delete();
    it.it.work();
    it.it.wait();
    it.it.settle_late();
    assert!(it.is_in_store());
    it.it.wait();
    assert!(!it.is_in_store());
    it.check_done();
}

#[test]
fn nothing_is_left_to_overwrite_of_a_chat_that_is_deleted_meanwhile() {
    let mut it = Erased::with(1);
    it.it.keeps_content = true;
    it.it.delete();
    it.it.work();
    let caller = it.it.bob;
    it.ask(ChatCommand::Delete { caller });
    it.it.work();
    assert!(it.it.store.is_purged(it.chat_id));
    it.it.keeps_content = false;
    it.it.wait();
    it.check_done();
}

#[test]
fn a_chat_that_can_not_be_read_keeps_nothing_in_the_others() {
    let mut it = Erased::with(1);
    let unreadable = it.chat_id;
    it.chat_id = it.it.chat();
    let gone = it.it.gone.user_id;
    it.post(gone, SECRET);
    it.it.keeps_content = true;
    it.it.delete();
    it.it.work();
    assert!(unreadable < it.chat_id, "it comes first");
    it.it.unreadable = Some(unreadable);
    it.it.keeps_content = false;
    it.it.wait();
    assert!(!it.is_in_store());
    it.chat_id = unreadable;
    assert!(it.is_in_store());
    it.it.unreadable = None;
    it.it.wait();
    assert!(!it.is_in_store());
    it.check_done();
}
