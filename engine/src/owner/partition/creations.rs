//! Chats that are asked for by a key, or by their two members, and may have been made before.

use rookery_schema::record::ChatCreated;
use rookery_schema::{ChatId, Seq};

use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault};
use crate::mesh::problem::Problem;
use crate::mesh::{Asker, ChatCommand, Creation, Outcome};
use crate::owner::changes::ChangeKey;
use crate::owner::chat::stored::creation_digest;
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::progress::SpanId;

impl Partition {
    /// A chat is asked for by its key: reads what it was made with, which its first event tells.
    pub(super) fn compare_creation(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        command: ChatCommand,
        cx: &mut Context<'_>,
    ) {
        let ChatCommand::Create(creation) = command else {
            return cx.bug("a chat is compared with what does not make one");
        };
        let read = Read::EventsAfter {
            chat_id,
            after: Seq(0),
            limit: 1,
        };
        self.read(PartitionRead::Creation(asker, chat_id, creation), read, cx);
    }

    /// The store told what a chat was made with: it is decided anew.
    pub(super) fn creation_read(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        creation: Box<Creation>,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        let Some(events) = cx.found(outcome, Found::events) else {
            return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
        };
        // It may have been deleted, or forgotten, meanwhile.
        if self.is_there(chat_id)
            && let Some(chat) = self.chats.active(chat_id)
        {
            match events.first().and_then(|it| creation_digest(&it.row)) {
                Some(digest) => chat.note_creation(digest),
                None => {
                    cx.bug("the first event of a chat is missing, or can't be read");
                    return cx.refuse(asker, Problem::STORE_UNAVAILABLE);
                }
            }
        }
        self.chat_command_now(asker, chat_id, ChatCommand::Create(creation), cx);
    }

    /// A record would have made a chat that an earlier one has made.
    pub(super) fn made_again(
        &mut self,
        span: SpanId,
        created: &ChatCreated<'_>,
        cx: &mut Context<'_>,
    ) {
        let key = ChangeKey::chat(created);
        let chat = self.chats.active(created.chat_id);
        let problem = match chat.and_then(|it| it.creation_digest()) {
            Some(made) if made == created.content_digest() => None,
            Some(_) => Some(Problem::CHAT_KEY_REUSED),
            // It was forgotten and read again between two tries.
            None => Some(Problem::OUTCOME_UNKNOWN),
        };
        match problem {
            None => self.show_when_stored(span, key, created.chat_id, cx),
            Some(problem) => {
                self.answer_when_stored(span, key, || Outcome::Refused(problem), cx);
            }
        }
    }
}
