//! What the other shard asks, and what it is answered.

use rookery_engine::limits::Network;
use rookery_engine::mesh::problem::Problem;
use rookery_engine::mesh::{
    Activity, Asker, ChatCommand, Command, HomeCommand, InboxPage, Outcome, Post, ShardMessage,
    Waiting,
};
use rookery_schema::{ChatId, MessageId, UserId};

use super::samples::{creation, network};
use super::{Stage, THERE};

impl Stage {
    /// The other shard asks something; the number names the question.
    pub(crate) fn ask(&mut self, command: Command) -> u64 {
        let question = self.unique();
        let asker = Asker {
            shard: THERE,
            waiting: Waiting::Inbox { gather: question },
        };
        self.tell(ShardMessage::Ask { asker, command });
        question
    }

    pub(crate) fn post(&mut self, chat: ChatId, sender: UserId, client_id: Option<&str>) -> u64 {
        self.post_text(chat, sender, client_id, "hello")
    }

    pub(crate) fn post_text(
        &mut self,
        chat_id: ChatId,
        sender_id: UserId,
        client_id: Option<&str>,
        content: &str,
    ) -> u64 {
        let post = Post {
            sender_id,
            content: content.into(),
            client_id: client_id.map(Into::into),
        };
        self.ask(Command::Chat(chat_id, ChatCommand::Post(post)))
    }

    /// Somebody asks for a page of a user's chats.
    pub(crate) fn list(&mut self, user_id: UserId, limit: usize, before: Option<Activity>) -> u64 {
        self.list_from(network(), user_id, limit, before)
    }

    /// The same, from some network.
    pub(crate) fn list_from(
        &mut self,
        network: Network,
        user_id: UserId,
        limit: usize,
        before: Option<Activity>,
    ) -> u64 {
        let page = InboxPage { before, limit };
        let command = HomeCommand::ListChats { page, network };
        self.ask(Command::Home(user_id, command))
    }

    /// A new chat of this shard, stored.
    pub(crate) fn create(&mut self, members: &[UserId]) -> ChatId {
        let chat_id = self.chat();
        let question = self.ask(Command::Chat(chat_id, creation(None, members)));
        self.settle();
        assert!(matches!(
            self.answer(question),
            Some(Outcome::Json {
                created: Some(_),
                ..
            })
        ));
        chat_id
    }

    /// What a question was answered, once; `None` where it was not answered yet.
    pub(crate) fn answer(&mut self, question: u64) -> Option<Outcome> {
        let index = self.answers.iter().position(|(it, _)| *it == question)?;
        Some(self.answers.swap_remove(index).1)
    }

    /// Asserts that a question was refused.
    #[track_caller]
    pub(crate) fn assert_refused(&mut self, question: u64, with: Problem) {
        match self.answer(question) {
            Some(Outcome::Refused(problem)) => assert_eq!(problem, with),
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that a question is answered with a posted message, and which.
    #[track_caller]
    pub(crate) fn assert_posted(&mut self, question: u64) -> MessageId {
        match self.answer(question) {
            Some(Outcome::Posted { message_id, .. }) => message_id,
            other => panic!("{other:?}"),
        }
    }
}
