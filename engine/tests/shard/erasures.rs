//! Users who were deleted leave their chats, whatever happens meanwhile.

use rookery_engine::input::Input;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{ChatCommand, Command, NewPassword, UserCommand};
use rookery_engine::port::{Found, Membership, Read, StoreEvent, StoreFault};
use rookery_schema::record::Record;
use rookery_schema::roles::Role;
use rookery_schema::row::{Row, UserRow};
use rookery_schema::{ChatId, Timestamp, UserId};
use rookery_testing::store::Model;

use crate::direct;
use crate::stage::{P0, SECOND, Stage, account, creation, network};

/// A shard, and a store that has what was written.
pub(crate) struct Erasing {
    pub(crate) stage: Stage,
    pub(crate) store: Model,
    pub(crate) gone: UserRow,
    pub(crate) bob: UserId,
    /// Nothing is overwritten in the store.
    pub(crate) keeps_content: bool,
    /// The store gets events later than all else, and has not got these.
    pub(crate) late: Option<Vec<Row>>,
    /// What the store has of this chat can't be read.
    pub(crate) unreadable: Option<ChatId>,
}

impl Erasing {
    pub(crate) fn new() -> Self {
        let mut stage = Stage::new();
        let gone = account(stage.owned_user(), &stage.username(), Some("hash"));
        let bob = stage.user();
        let mut store = Model::default();
        store.write(Row::User(gone.clone()));
        Self {
            stage,
            store,
            gone,
            bob,
            keeps_content: false,
            late: None,
            unreadable: None,
        }
    }

    /// A chat that the one made who will be gone.
    pub(crate) fn chat(&mut self) -> ChatId {
        let chat_id = self.stage.chat_made_by(self.gone.user_id);
        let members = [self.gone.user_id, self.bob];
        let command = creation(Some(self.gone.user_id), &members);
        self.stage.ask(Command::Chat(chat_id, command));
        self.settle();
        chat_id
    }

    /// Log and store confirm everything.
    pub(crate) fn settle(&mut self) {
        for row in self.stage.settle() {
            match &mut self.late {
                Some(late) if matches!(row, Row::Event(_)) => late.push(row),
                Some(_) | None => self.store.write(row),
            }
        }
    }

    /// The store gets what it had not got.
    pub(crate) fn settle_late(&mut self) {
        let late = self.late.take().into_iter().flatten();
        late.for_each(|row| self.store.write(row));
    }

    fn find(&self, read: &Read) -> Result<Found, StoreFault> {
        let is_unreadable = match read {
            Read::Chat { chat_id, .. } | Read::EventsAfter { chat_id, .. } => {
                self.unreadable == Some(*chat_id)
            }
            _ => false,
        };
        match is_unreadable {
            true => Err(StoreFault),
            false => Ok(self.store.read(read)),
        }
    }

    pub(crate) fn delete(&mut self) {
        let new = NewPassword {
            password: None,
            sessions_until: Timestamp::default(),
            network: network(),
        };
        let command = UserCommand::SetPassword(Box::new(new));
        self.stage.ask(Command::User(self.gone.user_id, command));
        let found = || Ok(Found::Users(vec![self.gone.clone()]));
        self.stage.answer_read(found());
        self.stage.append();
        self.stage.answer_read(found());
        self.settle();
    }

    /// The store answers what it is asked for deleted users, until nothing is under way.
    pub(crate) fn work(&mut self) {
        loop {
            let stage = &mut self.stage;
            let wanted = stage.erasures.pop_front();
            let wanted = wanted.or_else(|| stage.purges.pop_front());
            let wanted = wanted.or_else(|| stage.reads.pop_front());
            let rewrites = || stage.rewrites.pop_front_if(|_| !self.keeps_content);
            if let Some((token, read)) = wanted.or_else(rewrites) {
                let outcome = self.find(&read);
                self.stage
                    .step(Input::Store(StoreEvent::Read { token, outcome }));
            } else if !self.stage.appends.is_empty() || !self.stage.writes.is_empty() {
                self.settle();
            } else {
                return;
            }
        }
    }

    /// The store answers what it was asked, and does nothing else.
    fn answer_reads(&mut self) {
        while let Some((token, read)) = self
            .stage
            .erasures
            .pop_front()
            .or_else(|| self.stage.reads.pop_front())
        {
            let outcome = self.find(&read);
            self.stage
                .step(Input::Store(StoreEvent::Read { token, outcome }));
        }
    }

    /// Another process takes over what is stored.
    pub(crate) fn restart(&mut self) {
        self.stage = self.stage.restarted();
    }

    /// Two minutes pass, in which nobody adds them any more.
    pub(crate) fn wait(&mut self) {
        for _ in 0..13 {
            self.stage.tick_after(10 * SECOND);
            self.work();
        }
    }

    fn chats(&self) -> Vec<ChatId> {
        match self.store.read(&Read::ChatsOfUser(self.gone.user_id)) {
            Found::Chats(chats) => chats,
            other => panic!("{other:?}"),
        }
    }

    /// What is still to be done.
    fn erasures(&self) -> usize {
        let read = Read::Erasures {
            partition: P0,
            limit: 99,
        };
        match self.store.read(&read) {
            Found::Erasures(users) => users.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_deleted_user_leaves_all_their_chats_and_hands_over() {
    let mut it = Erasing::new();
    let chats = [it.chat(), it.chat(), it.chat()];
    it.work();
    it.delete();
    assert_eq!(it.erasures(), 1);
    it.work();
    assert_eq!(it.chats(), []);
    for chat_id in chats {
        let (gone, bob) = (it.gone.user_id, it.bob);
        let read = Read::Membership {
            chat_id,
            user_id: gone,
        };
        let membership = it.store.read(&read);
        assert!(matches!(
            membership,
            Found::Membership(Membership::Removed { .. })
        ));
        // The other is the only admin now.
        let change = ChatCommand::SetRole {
            caller: bob,
            user_id: bob,
            role: Role::Member,
        };
        let question = it.stage.ask(Command::Chat(chat_id, change));
        it.work();
        it.stage.assert_refused(question, Problem::LAST_ADMIN);
    }
    assert_eq!(it.erasures(), 1, "somebody may be adding them still");
    it.wait();
    assert_eq!(it.erasures(), 0);
    it.stage.tick_after(60 * SECOND);
    assert!(it.stage.reads.is_empty() && it.stage.erasures.is_empty());
}

#[test]
fn who_is_added_while_they_are_deleted_leaves_as_well() {
    let mut it = Erasing::new();
    it.work();
    it.delete();
    it.work();
    let chat_id = it.chat();
    assert_eq!(it.chats(), [chat_id]);
    it.wait();
    assert_eq!((it.chats(), it.erasures()), (Vec::new(), 0));
}

#[test]
fn a_direct_chat_stays_and_nobody_posts_in_it_any_more() {
    let mut it = Erasing::new();
    let gone = it.gone.user_id;
    let bob = loop {
        let bob = it.stage.user();
        if it.stage.partition_of(ChatId::direct(gone, bob)) == P0 {
            break bob;
        }
    };
    let chat_id = ChatId::direct(gone, bob);
    direct::open(&mut it.stage, bob, gone);
    it.work();
    let question = it.stage.post(chat_id, bob, None);
    it.work();
    it.stage.assert_posted(question);
    it.delete();
    it.work();
    assert_eq!(it.chats(), [chat_id], "whom it was with is to be told");
    let question = it.stage.post(chat_id, bob, None);
    it.work();
    it.stage.assert_refused(question, Problem::BLOCKED);
    it.wait();
    assert_eq!(it.erasures(), 0);
    let question = it.stage.post(chat_id, bob, None);
    it.work();
    it.stage.assert_refused(question, Problem::BLOCKED);
}

#[test]
fn it_goes_on_where_it_was_after_a_restart_and_when_the_store_can_be_read() {
    let mut it = Erasing::new();
    let chats = [it.chat(), it.chat()];
    it.work();
    it.delete();
    assert_eq!(it.chats().len(), chats.len());
    it.restart();
    for _ in 0..3 {
        let (token, read) = it.stage.erasures.pop_front().unwrap();
        assert!(matches!(read, Read::Erasures { .. }));
        let outcome = Err(StoreFault);
        it.stage
            .step(Input::Store(StoreEvent::Read { token, outcome }));
        it.stage.tick_after(2 * SECOND);
    }
    it.work();
    assert_eq!(it.chats(), []);
    it.wait();
    assert_eq!(it.erasures(), 0);
}

#[test]
fn a_chat_whose_log_takes_nothing_is_left_when_it_does() {
    let mut it = Erasing::new();
    let chat_id = it.chat();
    it.work();
    it.delete();
    for _ in 0..3 {
        while it.stage.appends.is_empty() {
            it.answer_reads();
            it.stage.tick_after(2 * SECOND);
        }
        let batch = it.stage.appends.front().unwrap();
        let record = Record::decode(batch.first().unwrap()).unwrap();
        assert!(matches!(record, Record::SenderErased(_)), "{record:?}");
        it.stage.fail_append();
    }
    assert_eq!(it.chats(), [chat_id]);
    it.wait();
    assert_eq!(it.chats(), []);
}

#[test]
fn a_chat_that_can_not_be_read_keeps_nobody_in_the_others() {
    let mut it = Erasing::new();
    let chats = [it.chat(), it.chat(), it.chat()];
    it.work();
    it.restart();
    it.unreadable = Some(chats[0]);
    it.delete();
    for _ in 0..3 {
        it.wait();
    }
    assert_eq!(it.chats(), [chats[0]]);
    assert_eq!(it.erasures(), 1, "there is more to do");
    it.unreadable = None;
    it.wait();
    assert_eq!((it.chats(), it.erasures()), (Vec::new(), 0));
}
