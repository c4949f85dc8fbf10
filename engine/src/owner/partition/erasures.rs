//! What is left to do once an account is deleted: nothing of its user is to be left in any chat.

use rookery_schema::row::Row;

use crate::context::Context;
use crate::edge::port::{Found, Part, StoreFault, Token};
use crate::mesh::{Asker, ChatCommand, Command, Outcome, Waiting};
use crate::owner::erasing::Next;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;

impl Partition {
    /// Does the next step for deleted users, unless one is under way.
    pub(super) fn go_on_erasing(&mut self, cx: &mut Context<'_>) {
        match self.erasing.next(self.id, cx.now.micros) {
            Some(Next::Users(read)) => self.read(PartitionRead::Erasures, read, cx),
            Some(Next::Chats(read)) => self.read(PartitionRead::ErasedChats, read, cx),
            Some(Next::Erase {
                question,
                chat_id,
                user_id,
                step,
            }) => {
                let asker = Asker {
                    shard: cx.id(),
                    waiting: Waiting::Erasing {
                        partition: self.id,
                        question,
                    },
                };
                let command = ChatCommand::Erase { user_id, step };
                cx.ask(asker, Command::Chat(chat_id, command));
            }
            Some(Next::Write(row)) => self.write_erasure(row, cx),
            None => {}
        }
    }

    fn write_erasure(&self, row: Row, cx: &mut Context<'_>) {
        let token = Token {
            part: Part::Erasing(self.id),
            number: self.number_base,
        };
        cx.write(token, vec![row]);
    }

    /// The store told which deleted users are still in chats.
    pub(super) fn erasures_read(
        &mut self,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match cx.found(outcome, Found::erasures) {
            Some(users) => {
                self.erasing.found_users(users);
                self.go_on_erasing(cx);
            }
            None => self.erasing.failed(cx.now.micros),
        }
    }

    /// The store told which chats one of them is in.
    pub(super) fn erased_chats_read(
        &mut self,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        match cx.found(outcome, Found::chats) {
            Some(chats) => {
                self.erasing.found_chats(chats, cx.now.latest_wall);
                self.go_on_erasing(cx);
            }
            None => self.erasing.failed(cx.now.micros),
        }
    }

    /// A step is done in a chat, or could not be.
    pub(crate) fn erasure_answered(
        &mut self,
        question: u64,
        outcome: &Outcome,
        cx: &mut Context<'_>,
    ) {
        let is_done = matches!(outcome, Outcome::Done);
        self.erasing.answered(question, is_done, cx.now.micros);
        self.go_on_erasing(cx);
    }

    /// That a user has left all their chats is in the store.
    pub(crate) fn erasure_written(&mut self, number: u64, cx: &mut Context<'_>) {
        // It may be of an earlier time that the partition was open.
        if number == self.number_base {
            self.erasing.written();
            self.go_on_erasing(cx);
        }
    }
}
