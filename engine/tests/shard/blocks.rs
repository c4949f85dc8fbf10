//! Who is blocked writes nothing in the direct chat of the two, and is told nothing of it before.

use rookery_engine::config::AuthMode;
use rookery_engine::limits::Limit;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Amend, Blocking, ChatCommand, Command, HomeCommand, MessageChange, Outcome, ShardMessage,
    Whisper,
};
use rookery_engine::port::{Block, Found, Read};
use rookery_schema::limits::BLOCKS_PER_USER_MAX;
use rookery_schema::row::Row;
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};
use rookery_testing::store::Model;

use crate::direct::{open, pair};
use crate::stage::{P0, Stage, network};

/// A shard, and a store that has what was written.
struct Blocked {
    stage: Stage,
    store: Model,
    ann: UserId,
    bob: UserId,
    chat_id: ChatId,
}

impl Blocked {
    /// Two users without a chat.
    fn new() -> Self {
        let mut stage = Stage::new();
        let (ann, bob) = pair(&mut stage);
        Self {
            stage,
            store: Model::default(),
            ann,
            bob,
            chat_id: ChatId::direct(ann, bob),
        }
    }

    fn settle(&mut self) -> Vec<Row> {
        let mut all = Vec::new();
        loop {
            while let Some((_, read)) = self.stage.reads.front().cloned() {
                self.stage.answer_read(Ok(self.store.read(&read)));
            }
            let rows = self.stage.settle();
            if rows.is_empty() {
                return all;
            }
            for row in rows {
                self.store.write(row.clone());
                all.push(row);
            }
        }
    }

    fn set(&mut self, caller: UserId, blocked_id: UserId, is_blocked: bool) -> u64 {
        let blocking = Blocking {
            caller,
            blocked_id,
            is_blocked,
            network: network(),
        };
        let command = ChatCommand::Block(blocking);
        self.stage.ask(Command::Chat(self.chat_id, command))
    }

    /// It is so, when this returns.
    #[track_caller]
    fn block(&mut self, caller: UserId, blocked_id: UserId, is_blocked: bool) {
        let question = self.set(caller, blocked_id, is_blocked);
        self.settle();
        assert_eq!(self.stage.answer(question), Some(Outcome::Done));
    }

    /// Another process, as of what was stored.
    fn restart(&mut self) {
        self.stage = self.stage.restarted();
    }

    /// Whether somebody may write.
    fn writes(&mut self, sender: UserId) -> bool {
        let question = self.stage.post(self.chat_id, sender, None);
        self.settle();
        match self.stage.answer(question) {
            Some(Outcome::Posted { .. }) => true,
            Some(Outcome::Refused(Problem::BLOCKED)) => false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_is_blocked_does_not_write_until_they_are_not_also_after_a_restart() {
    let mut it = Blocked::new();
    let (ann, bob) = (it.ann, it.bob);
    open(&mut it.stage, ann, bob);
    it.settle();
    assert!(it.writes(bob));
    it.block(ann, bob, true);
    for _ in 0..2 {
        assert!(!it.writes(bob) && it.writes(ann));
        it.restart();
    }
    it.block(bob, ann, true);
    assert!(!it.writes(bob) && !it.writes(ann));
    it.block(ann, bob, false);
    for _ in 0..2 {
        assert!(it.writes(bob) && !it.writes(ann));
        it.restart();
    }
    // Once more changes nothing.
    it.block(bob, ann, true);
    it.block(ann, bob, false);
    assert!(it.writes(bob) && !it.writes(ann));
}

#[test]
fn a_block_makes_the_chat_and_is_no_event() {
    let mut it = Blocked::new();
    let (ann, bob, chat_id) = (it.ann, it.bob, it.chat_id);
    it.block(ann, bob, false);
    assert_eq!(it.settle(), [], "nothing is to be taken back");
    let question = it.set(ann, bob, true);
    let rows = it.settle();
    assert_eq!(it.stage.answer(question), Some(Outcome::Done));
    let events = rows.iter().filter(|row| matches!(row, Row::Event(_)));
    assert_eq!(events.count(), 1, "that the chat was created");
    for user_id in [ann, bob] {
        let chats = it.store.read(&Read::ChatsOfUser(user_id));
        assert_eq!(chats, Found::Chats(vec![chat_id]));
    }
    it.stage.sent.clear();
    it.block(ann, bob, false);
    it.block(ann, bob, true);
    let is_event = |message: &ShardMessage| matches!(message, ShardMessage::Events(_));
    assert!(!it.stage.sent.iter().any(is_event));
    // It is there: whoever is blocked opens it, and does not write.
    let question = open(&mut it.stage, bob, ann);
    assert!(matches!(
        it.stage.answer(question),
        Some(Outcome::Json { created: None, .. })
    ));
    assert!(!it.writes(bob));
    let read = Read::Blocks {
        user_id: ann,
        limit: 10,
    };
    let Found::Blocks(blocks) = it.store.read(&read) else {
        panic!("no blocks");
    };
    assert_eq!(
        blocks.iter().map(|it| it.user_id).collect::<Vec<_>>(),
        [bob]
    );
}

#[test]
fn who_is_blocked_does_not_edit_or_react_but_takes_back_what_they_said() {
    let mut it = Blocked::new();
    let (ann, bob, chat_id) = (it.ann, it.bob, it.chat_id);
    open(&mut it.stage, ann, bob);
    it.settle();
    let question = it.stage.post(chat_id, bob, None);
    it.settle();
    let message_id = it.stage.assert_posted(question);
    it.block(ann, bob, true);
    let amend = |it: &mut Blocked, message_id: MessageId, change| {
        let caller = bob;
        let amend = Amend {
            caller,
            message_id,
            change,
        };
        let command = ChatCommand::Amend(Box::new(amend));
        let question = it.stage.ask(Command::Chat(chat_id, command));
        it.settle();
        it.stage.answer(question)
    };
    for change in [
        MessageChange::Edit {
            content: "edited".into(),
        },
        MessageChange::AddReaction { emoji: "x".into() },
    ] {
        let outcome = amend(&mut it, message_id, change);
        assert_eq!(outcome, Some(Outcome::Refused(Problem::BLOCKED)));
    }
    let outcome = amend(&mut it, message_id, MessageChange::Delete);
    assert_eq!(outcome, Some(Outcome::Done));
}

#[test]
fn nobody_sees_them_type() {
    let mut it = Blocked::new();
    let (ann, bob) = (it.ann, it.stage.foreign_user());
    let mut bob = bob;
    while it.stage.partition_of(ChatId::direct(ann, bob)) != P0 {
        bob = it.stage.foreign_user();
    }
    (it.bob, it.chat_id) = (bob, ChatId::direct(ann, bob));
    let chat_id = it.chat_id;
    open(&mut it.stage, ann, bob);
    it.settle();
    let types = |it: &mut Blocked| {
        it.stage.whispered.clear();
        let user_id = bob;
        it.stage.hear_whisper(Whisper::Types { chat_id, user_id });
        !it.stage.whispered.is_empty()
    };
    assert!(types(&mut it));
    it.block(ann, bob, true);
    assert!(!types(&mut it));
    it.block(ann, bob, false);
    assert!(types(&mut it));
}

#[test]
fn whom_one_blocks_must_exist_and_may_be_in_too_many_chats() {
    let mut it = Blocked::new();
    let (ann, bob) = (it.ann, it.bob);
    it.stage = Stage::serving(|config| {
        config.auth = AuthMode::Token;
        config.memberships_per_user = 1;
    });
    it.stage.all_ready();
    let question = it.set(ann, bob, true);
    it.stage.answer_read(Ok(Found::Chat(None)));
    it.stage.answer_read(Ok(Found::Users(Vec::new())));
    match it.stage.answer(question) {
        Some(Outcome::NotAdmitted(refused)) => assert_eq!(refused.problem, Problem::NO_SUCH_USER),
        other => panic!("{other:?}"),
    }
}

/// One of two blocks the other, and one of them is in as many chats as they may be.
fn blocking_where_one_is_full(full: impl Fn(&Blocked) -> UserId) -> (Blocked, Option<Outcome>) {
    let mut it = Blocked::new();
    let (ann, bob, full) = (it.ann, it.bob, full(&it));
    it.stage = Stage::serving(|config| config.memberships_per_user = 1);
    it.stage.all_ready();
    let question = it.set(ann, bob, true);
    it.stage.answer_read(Ok(Found::Chat(None)));
    let other = it.stage.chat();
    for _ in 0..2 {
        let Some((_, Read::ChatsOfUser(user_id))) = it.stage.reads.front() else {
            panic!("{:?}", it.stage.reads);
        };
        let chats = (*user_id == full).then_some(other);
        let chats = chats.into_iter().collect();
        it.stage.answer_read(Ok(Found::Chats(chats)));
    }
    it.settle();
    let outcome = it.stage.answer(question);
    (it, outcome)
}

#[test]
fn who_is_in_too_many_chats_is_blocked_all_the_same() {
    let (mut it, outcome) = blocking_where_one_is_full(|it| it.bob);
    assert_eq!(outcome, Some(Outcome::Done));
    let bob = it.bob;
    assert!(!it.writes(bob));
}

#[test]
fn who_is_in_too_many_chats_comes_into_no_other_by_a_block_of_theirs() {
    let (it, outcome) = blocking_where_one_is_full(|it| it.ann);
    let Some(Outcome::NotAdmitted(refused)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        refused.problem,
        Problem::over(Limit::MembershipsPerUser, 60)
    );
    assert_eq!(refused.user_ids, [it.ann]);
    let chats = it.store.read(&Read::ChatsOfUser(it.ann));
    assert_eq!(chats, Found::Chats(Vec::new()));
}

#[test]
fn nobody_blocks_too_many() {
    let mut it = Blocked::new();
    let (user_id, blocked_id) = (it.ann, it.bob);
    for (count, is_refused) in [
        (BLOCKS_PER_USER_MAX, true),
        (BLOCKS_PER_USER_MAX - 1, false),
    ] {
        let command = HomeCommand::Block {
            blocked_id,
            network: network(),
        };
        let question = it.stage.ask(Command::Home(user_id, command));
        let block = |_| Block {
            user_id: it.stage.user(),
            created_at: Timestamp::default(),
        };
        let blocks = (0..count).map(block).collect();
        it.stage.answer_read(Ok(Found::Blocks(blocks)));
        it.settle();
        let expected = match is_refused {
            true => Outcome::Refused(Problem::TOO_MANY_BLOCKS),
            false => Outcome::Done,
        };
        assert_eq!(it.stage.answer(question), Some(expected));
    }
}
