//! A chat that is deleted is gone for all, and nothing of it comes back.

use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Activity, Amend, ChatCommand, Command, Creation, Events, EventsPage, Leaver, MembersPage,
    MessageChange, Origin, Outcome, Page, PageStart, Rest, ShardMessage,
};
use rookery_engine::port::{Found, LogEvent, Membership, Opened, Read, StoreEvent, StoreFault};
use rookery_schema::row::{PurgeStep, Row};
use rookery_schema::{ChatId, Offset, Seq, UserId};
use rookery_testing::store::Model;
use serde_json::{Value, json};

use crate::direct;
use crate::stage::{P0, SECOND, Stage, addition, creation, network, stored_chat};

/// A shard, and a store that has what was written.
struct Deleting {
    stage: Stage,
    store: Model,
    ann: UserId,
    bob: UserId,
    chat_id: ChatId,
}

fn delete(caller: UserId) -> ChatCommand {
    ChatCommand::Delete { caller }
}

fn events(caller: UserId, after: u64) -> ChatCommand {
    let page = EventsPage {
        after: Seq(after),
        until: Seq(u64::MAX),
        limit: 100,
        bytes_max: 1 << 20,
    };
    ChatCommand::ShowEvents { caller, page }
}

impl Deleting {
    /// A chat of two members with a message.
    fn new() -> Self {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.user(), stage.user());
        let chat_id = stage.chat();
        stage.ask(Command::Chat(chat_id, creation(None, &[ann, bob])));
        let mut this = Self {
            stage,
            store: Model::default(),
            ann,
            bob,
            chat_id,
        };
        this.settle();
        this.stage.post(chat_id, ann, None);
        this.settle();
        this
    }

    fn ask(&mut self, command: ChatCommand) -> u64 {
        self.stage.ask(Command::Chat(self.chat_id, command))
    }

    /// Log and store confirm everything, but nothing is removed.
    fn settle(&mut self) -> Vec<Row> {
        let rows = self.stage.settle();
        rows.iter().cloned().for_each(|row| self.store.write(row));
        rows
    }

    fn delete(&mut self) {
        let question = self.ask(delete(self.ann));
        self.settle();
        assert_eq!(self.stage.answer(question), Some(Outcome::Done));
    }

    /// The store answers the oldest question about what is left of deleted chats.
    fn look(&mut self) -> Option<Read> {
        let (token, read) = self.stage.purges.pop_front()?;
        let outcome = Ok(self.store.read(&read));
        self.stage
            .step(Input::Store(StoreEvent::Read { token, outcome }));
        Some(read)
    }

    /// Everything is removed that is left; the most rows that were written at once.
    fn purge(&mut self) -> usize {
        let mut most = 0;
        while self.look().is_some() {
            while let Some((_, rows)) = self.stage.writes.back().cloned() {
                most = most.max(rows.len());
                rows.into_iter().for_each(|row| self.store.write(row));
                self.stage.store_newest();
            }
        }
        most
    }

    /// Another process, as of what was stored and committed.
    fn restart(&mut self, opened: Opened) {
        self.stage = Stage::opening(opened);
    }

    /// Somebody who was a member, or not, asks for the events of the chat.
    fn events(&mut self, caller: UserId, after: u64) -> Outcome {
        let question = self.ask(events(caller, after));
        let (chat_id, user_id) = (self.chat_id, caller);
        if matches!(self.stage.reads.front(), Some((_, Read::Chat { .. }))) {
            self.find_chat();
        }
        let membership = Read::Membership { chat_id, user_id };
        let found = self.store.read(&membership);
        assert_eq!(self.stage.answer_read(Ok(found)), membership);
        self.stage.answer(question).unwrap()
    }

    /// The store answers the reading of the chat.
    fn find_chat(&mut self) {
        let (chat_id, recent) = (self.chat_id, 32);
        let read = Read::Chat { chat_id, recent };
        let found = self.store.read(&read);
        assert_eq!(self.stage.answer_read(Ok(found)), read);
    }
}

fn lines(outcome: &Outcome) -> (Vec<Value>, Seq, Rest) {
    let Outcome::Events(events) = outcome else {
        panic!("{outcome:?}");
    };
    let Events {
        lines,
        count,
        through,
        rest,
    } = &**events;
    let all: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(all.len(), *count as usize);
    (all, *through, *rest)
}

#[test]
fn only_an_admin_deletes_and_then_nobody_finds_it() {
    let mut it = Deleting::new();
    let (ann, bob, stranger) = (it.ann, it.bob, it.stage.user());
    let question = it.ask(delete(bob));
    it.stage.assert_refused(question, Problem::NOT_ADMIN);
    let question = it.ask(delete(stranger));
    it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    it.delete();
    let page = Page {
        from: PageStart::Newest,
        limit: 10,
    };
    let members = MembersPage {
        after: None,
        limit: 10,
    };
    for caller in [ann, bob, stranger] {
        for command in [
            delete(caller),
            ChatCommand::Show { caller },
            ChatCommand::ShowMessages { caller, page },
            ChatCommand::ShowMembers {
                caller,
                page: members,
            },
            addition(caller, stranger),
            ChatCommand::RemoveMember {
                caller,
                user_id: caller,
            },
        ] {
            let question = it.ask(command);
            it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
        }
        let question = it.stage.post(it.chat_id, caller, None);
        it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
        let none: Option<Activity> = None;
        let question = it.ask(ChatCommand::ShowActivity { user_id: caller });
        assert_eq!(it.stage.answer(question), Some(Outcome::Activity(none)));
    }
    assert_eq!(it.settle(), []);
}

#[test]
fn members_hear_of_it_last_and_are_told_of_it_whenever_they_ask() {
    let mut it = Deleting::new();
    let (ann, bob, left) = (it.ann, it.bob, it.stage.foreign_user());
    it.ask(addition(ann, left));
    it.settle();
    it.ask(ChatCommand::RemoveMember {
        caller: ann,
        user_id: left,
    });
    let other = it.stage.foreign_user();
    it.ask(addition(ann, other));
    it.settle();
    it.stage.sent.clear();
    it.delete();
    let sent = std::mem::take(&mut it.stage.sent).into_iter();
    let last = sent.filter_map(|message| match message {
        ShardMessage::Events(batch) => Some(batch),
        _ => None,
    });
    let batch = last.last().unwrap();
    assert_eq!(batch.leaver, Some(Leaver::All));
    let event: Value = serde_json::from_slice(&batch.lines).unwrap();
    assert_eq!(event["type"], json!("chat_deleted"));
    let seq = event["seq"].as_u64().unwrap();
    assert_eq!(event["by"], json!(ann));
    assert!(event["deleted_at"].is_string());

    for is_purged in [false, true] {
        if is_purged {
            it.purge();
        }
        for caller in [ann, bob] {
            let told = (vec![event.clone()], Seq(seq), Rest::End);
            assert_eq!(lines(&it.events(caller, 0)), told);
            assert_eq!(lines(&it.events(caller, seq - 1)), told);
            let nothing = (Vec::new(), Seq(seq), Rest::End);
            assert_eq!(lines(&it.events(caller, seq)), nothing);
            assert_eq!(
                lines(&it.events(caller, seq + 9)),
                nothing,
                "no more than that"
            );
        }
        for caller in [left, it.stage.user()] {
            let outcome = it.events(caller, 0);
            assert_eq!(outcome, Outcome::Refused(Problem::NO_SUCH_CHAT));
        }
    }
}

#[test]
fn who_had_left_is_told_of_no_events_where_it_is_deleted_while_that_is_looked_up() {
    let mut it = Deleting::new();
    let (bob, chat_id) = (it.bob, it.chat_id);
    it.ask(ChatCommand::RemoveMember {
        caller: bob,
        user_id: bob,
    });
    it.settle();
    let question = it.ask(events(bob, 0));
    let membership = Read::Membership {
        chat_id,
        user_id: bob,
    };
    let found = it.store.read(&membership);
    it.delete();
    assert_eq!(it.stage.answer_read(Ok(found)), membership);
    it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
}

#[test]
fn nothing_is_left_in_the_store_but_that_it_was() {
    let mut it = Deleting::new();
    it.delete();
    assert!(!it.store.is_purged(it.chat_id));
    it.purge();
    assert!(it.store.is_purged(it.chat_id));
    let chats = it.store.read(&Read::ChatsOfUser(it.bob));
    assert_eq!(chats, Found::Chats(Vec::new()));
    let membership = Read::Membership {
        chat_id: it.chat_id,
        user_id: it.bob,
    };
    let removed_seq = Seq(3);
    assert_eq!(
        it.store.read(&membership),
        Found::Membership(Membership::Removed {
            added_seq: removed_seq,
            removed_seq
        })
    );
}

#[test]
fn many_members_are_removed_in_many_small_writes() {
    let mut it = Deleting::new();
    let members: Vec<UserId> = (0..2_000).map(|_| it.stage.user()).collect();
    it.chat_id = it.stage.chat();
    it.ann = members[0];
    let command = Creation {
        creator_id: None,
        name: "chat".into(),
        members: members.iter().copied().collect(),
        network: network(),
        origin: Origin::Chance,
    };
    it.ask(ChatCommand::Create(Box::new(command)));
    it.settle();
    let question = it.ask(delete(members[0]));
    let rows = it.settle();
    assert_eq!(it.stage.answer(question), Some(Outcome::Done));
    assert!(rows.len() < 10, "{} rows", rows.len());
    assert_eq!(it.purge(), 512);
    assert!(it.store.is_purged(it.chat_id));
}

#[test]
fn another_process_goes_on_where_one_was_interrupted() {
    let mut it = Deleting::new();
    it.delete();
    // It looked, and ended.
    it.look();
    let end = it.stage.end;
    it.restart(Opened {
        start: end,
        committed: end,
        end,
    });
    it.stage.log_event(LogEvent::CaughtUp { partition: P0 });
    let (token, _) = it.stage.purges.pop_front().unwrap();
    let outcome = Err(StoreFault);
    it.stage
        .step(Input::Store(StoreEvent::Read { token, outcome }));
    it.stage.tick_after(SECOND);
    it.purge();
    assert!(it.store.is_purged(it.chat_id));
    let caller = it.bob;
    let outcome = it.events(caller, 0);
    let (told, through, _) = lines(&outcome);
    assert_eq!((told.len(), through), (1, Seq(3)));
    let question = it.ask(ChatCommand::Show { caller });
    it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
}

#[test]
fn a_replay_revives_nothing() {
    let mut it = Deleting::new();
    let (ann, bob, chat_id) = (it.ann, it.bob, it.chat_id);
    it.stage.post(chat_id, bob, Some("key"));
    let posted = it.stage.appends.front().unwrap().clone();
    it.settle();
    let mut rest = Vec::new();
    let other = it.stage.user();
    for command in [addition(ann, other), delete(ann)] {
        it.ask(command);
        rest.extend(it.stage.appends.iter().cloned());
        it.settle();
    }
    it.purge();
    assert!(it.store.is_purged(chat_id));
    // The store is ahead of what was committed: of these records, it has all.
    it.restart(Opened {
        start: Offset(2),
        committed: Offset(2),
        end: Offset(5),
    });
    it.stage.deliver(posted);
    for batch in rest {
        it.stage.deliver(batch);
    }
    it.stage.log_event(LogEvent::CaughtUp { partition: P0 });
    it.find_chat();
    let rows = it.settle();
    let is_harmless = |row: &Row| matches!(row, Row::Reached { .. } | Row::ChatDeleted(_));
    assert!(rows.iter().all(is_harmless), "{rows:?}");
    it.purge();
    assert!(it.store.is_purged(chat_id));
    let question = it.stage.post(chat_id, bob, Some("key"));
    it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
}

#[test]
fn what_lands_behind_the_deletion_does_nothing_and_who_waits_is_told() {
    let mut it = Deleting::new();
    let (ann, bob, chat_id) = (it.ann, it.bob, it.chat_id);
    let question = it.stage.post(chat_id, bob, None);
    it.settle();
    let message_id = it.stage.assert_posted(question);
    let other = it.stage.user();
    let deletion = it.ask(delete(ann));
    let post = it.stage.post(chat_id, bob, None);
    let addition = it.ask(addition(ann, other));
    let edit = it.ask(ChatCommand::Amend(Box::new(Amend {
        caller: bob,
        message_id,
        change: MessageChange::Edit {
            content: "edited".into(),
        },
    })));
    let again = it.ask(delete(ann));
    let rows = it.settle();
    let is_harmless = |row: &Row| matches!(row, Row::Reached { .. } | Row::ChatDeleted(_));
    assert!(rows.iter().all(is_harmless), "{rows:?}");
    for question in [deletion, again] {
        assert_eq!(it.stage.answer(question), Some(Outcome::Done));
    }
    // It was said, and deleted with the chat.
    it.stage.assert_posted(post);
    for question in [addition, edit] {
        it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    }
    it.purge();
    assert!(it.store.is_purged(chat_id));
}

#[test]
fn a_page_that_is_read_meanwhile_shows_nothing() {
    let mut it = Deleting::new();
    let (caller, chat_id) = (it.ann, it.chat_id);
    let end = it.stage.end;
    it.restart(Opened {
        start: end,
        committed: end,
        end,
    });
    it.stage.log_event(LogEvent::CaughtUp { partition: P0 });
    it.purge();
    let page = Page {
        from: PageStart::After(Seq(0)),
        limit: 1,
    };
    let messages = it.ask(ChatCommand::ShowMessages { caller, page });
    // Memory has nothing of what was said.
    let mut chat = stored_chat(chat_id, &[caller]);
    (chat.head.seq, chat.head.messages) = (Seq(2), 1);
    it.stage.answer_read(Ok(Found::Chat(Some(Box::new(chat)))));
    let shown = it.ask(events(caller, 0));
    assert_eq!(it.stage.reads.len(), 2);
    it.delete();
    for question in [messages, shown] {
        it.stage.assert_refused(question, Problem::NO_SUCH_CHAT);
    }
    it.purge();
    while let Some((_, read)) = it.stage.reads.front().cloned() {
        it.stage.answer_read(Ok(it.store.read(&read)));
    }
}

#[test]
fn the_key_of_a_deleted_chat_makes_no_other() {
    let mut it = Deleting::new();
    let ann = it.ann;
    let keys = (0..).map(|n| ChatId::by_key(Some(ann), &format!("key {n}")));
    let mut here = keys.filter(|id| it.stage.partition_of(*id) == P0);
    it.chat_id = here.next().unwrap();
    let keyed = || {
        ChatCommand::Create(Box::new(Creation {
            creator_id: Some(ann),
            name: "chat".into(),
            members: [ann].into_iter().collect(),
            network: network(),
            origin: Origin::Key,
        }))
    };
    it.ask(keyed());
    it.find_chat();
    it.settle();
    it.delete();
    let again = it.ask(keyed());
    it.stage.assert_refused(again, Problem::CHAT_DELETED);
}

#[test]
fn a_direct_chat_is_not_deleted() {
    let mut it = Deleting::new();
    let (ann, bob) = direct::pair(&mut it.stage);
    it.chat_id = ChatId::direct(ann, bob);
    direct::open(&mut it.stage, ann, bob);
    it.find_chat();
    it.settle();
    for caller in [ann, bob] {
        let question = it.ask(delete(caller));
        it.stage.assert_refused(question, Problem::DIRECT_CHAT);
    }
}

#[test]
fn the_last_step_of_a_removal_is_that_nothing_more_is_to_be_done() {
    let mut it = Deleting::new();
    it.delete();
    let mut steps = Vec::new();
    while it.look().is_some() {
        for row in it.stage.store() {
            if let Row::Purged(row) = &row {
                steps.push(row.step);
            }
            it.store.write(row);
        }
    }
    assert_eq!(steps, [PurgeStep::Events { bucket: 0 }, PurgeStep::Rest]);
}
