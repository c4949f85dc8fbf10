//! Changes of messages: the message is found, in memory or else in the store, and what becomes of the change is decided,
//! one change at a time for each message.

use rookery_schema::message::Message;
use rookery_schema::record::{Change, Edit, MessageAmended, Record};
use rookery_schema::{ChatId, Seq};

use crate::context::Context;
use crate::edge::port::{Found, Read, StoreFault, StoredEvent};
use crate::mesh::problem::Problem;
use crate::mesh::{Amend, Asker, ChatCommand, Outcome};
use crate::owner::amending::{Verdict, judge, outcome, record};
use crate::owner::changes::ChangeKey;
use crate::owner::chat::Chat;
use crate::owner::finding::{Finding, Next};
use crate::owner::fold::Folded;
use crate::owner::message_queues::{AskedAmend, MessageKey};
use crate::owner::partition::Partition;
use crate::owner::partition::reads::PartitionRead;
use crate::owner::progress::SpanId;
use crate::owner::seeking::{Seeking, Sought};

/// Messages of a partition that may be looked for in the store at a time.
const SOUGHT_MAX: usize = 64;

/// Whether a change still has its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A read or an append is under way for it.
    GoesOn,
    /// It was answered.
    IsOver,
}

impl Partition {
    /// A member of a chat that is in memory wants to change a message of it.
    pub(super) fn amend(
        &mut self,
        asker: Asker,
        chat_id: ChatId,
        amend: Box<Amend>,
        cx: &mut Context<'_>,
    ) {
        let key = (chat_id, amend.message_id);
        let asked = AskedAmend {
            asker,
            amend,
            by_admin: false,
            since_micros: cx.now.micros,
        };
        match self.message_queues.enter(key, asked) {
            Err(problem) => cx.refuse(asker, problem),
            Ok(None) => {}
            Ok(Some(asked)) => {
                if self.begin_amendment(chat_id, asked, cx) == Turn::IsOver {
                    self.amendment_is_over(key, cx);
                }
            }
        }
    }

    /// A change of a message is done, or came to nothing: the next one has its turn.
    pub(super) fn amendment_is_over(&mut self, key: MessageKey, cx: &mut Context<'_>) {
        let (chat_id, _) = key;
        if self.chats.active(chat_id).is_none() {
            // They wait for it to be read, and queue again.
            for asked in self.message_queues.take(key) {
                let AskedAmend { asker, amend, .. } = asked;
                self.chat_command_now(asker, chat_id, ChatCommand::Amend(amend), cx);
            }
            return;
        }
        while let Some(next) = self.message_queues.next(key) {
            let member = |chat: &mut Chat| chat.is_member(next.amend.caller);
            if next.is_late(cx.now.micros) {
                cx.refuse(next.asker, Problem::NOT_ANSWERED);
                continue;
            }
            if !self.chats.active(chat_id).is_some_and(member) {
                cx.refuse(next.asker, Problem::NO_SUCH_CHAT);
                continue;
            }
            if self.begin_amendment(chat_id, next, cx) == Turn::GoesOn {
                return;
            }
        }
    }

    fn begin_amendment(
        &mut self,
        chat_id: ChatId,
        mut asked: AskedAmend,
        cx: &mut Context<'_>,
    ) -> Turn {
        let Some(chat) = self.chats.active(chat_id) else {
            cx.bug("a message of a chat is changed that is not in memory");
            cx.refuse(asked.asker, Problem::NO_SUCH_CHAT);
            return Turn::IsOver;
        };
        asked.by_admin = chat.members().is_admin(asked.amend.caller);
        if let Some(message) = chat.timeline.find(asked.amend.message_id) {
            return self.amend_found(chat_id, asked, message, cx);
        }
        let finding = Finding::new(asked.amend.message_id, chat.timeline.recent_from());
        self.seek(chat_id, asked, finding, cx)
    }

    fn seek(
        &mut self,
        chat_id: ChatId,
        asked: AskedAmend,
        finding: Finding,
        cx: &mut Context<'_>,
    ) -> Turn {
        match finding.next() {
            Next::Missing => {
                cx.refuse(asked.asker, Problem::NO_SUCH_MESSAGE);
                Turn::IsOver
            }
            Next::Read(key) => {
                let sought = Sought::Message(finding);
                self.read_sought(chat_id, asked, sought, key.read(chat_id), cx)
            }
        }
    }

    fn read_sought(
        &mut self,
        chat_id: ChatId,
        asked: AskedAmend,
        sought: Sought,
        read: Read,
        cx: &mut Context<'_>,
    ) -> Turn {
        if self.sought >= SOUGHT_MAX {
            cx.refuse(asked.asker, Problem::AMENDMENTS_WAITING);
            return Turn::IsOver;
        }
        self.sought += 1;
        let seeking = Seeking {
            chat_id,
            asked,
            sought,
            reading: self.readings.begin(chat_id),
        };
        self.read(PartitionRead::Sought(Box::new(seeking)), read, cx);
        Turn::GoesOn
    }

    /// The store answered a read that a change waits for.
    pub(super) fn sought_read(
        &mut self,
        seeking: Seeking,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) {
        self.sought -= 1;
        let Seeking {
            chat_id,
            asked,
            sought,
            reading,
        } = seeking;
        let key = (chat_id, asked.amend.message_id);
        let turn = self.go_on_seeking(chat_id, asked, sought, outcome, cx);
        self.end_reading(chat_id, reading);
        if turn == Turn::IsOver {
            self.amendment_is_over(key, cx);
        }
    }

    fn go_on_seeking(
        &mut self,
        chat_id: ChatId,
        asked: AskedAmend,
        sought: Sought,
        outcome: Result<Found, StoreFault>,
        cx: &mut Context<'_>,
    ) -> Turn {
        match (sought, outcome) {
            (Sought::Message(mut finding), Ok(Found::Messages(messages))) => {
                match finding.take(messages) {
                    Some(message) => self.amend_found(chat_id, asked, message, cx),
                    None => self.seek(chat_id, asked, finding, cx),
                }
            }
            (Sought::Edit(message), Ok(Found::Events(events))) => {
                let edit = events.first().and_then(|event| edit_of(event, &message));
                self.append_amendment(chat_id, asked, *message, edit, cx)
            }
            (_, outcome) => {
                if outcome.is_ok() {
                    cx.bug("the store answered something else than was sought");
                }
                cx.refuse(asked.asker, Problem::STORE_UNAVAILABLE);
                Turn::IsOver
            }
        }
    }

    /// Decides about a change of a message that was found, as of now or as of the store.
    fn amend_found(
        &mut self,
        chat_id: ChatId,
        asked: AskedAmend,
        mut message: Message,
        cx: &mut Context<'_>,
    ) -> Turn {
        let chat = self.chats.active(chat_id);
        if let Some(chat) = &chat {
            if message.seq < chat.shown_since(asked.amend.caller) {
                cx.refuse(asked.asker, Problem::NO_SUCH_MESSAGE);
                return Turn::IsOver;
            }
            chat.timeline.lay_over(&mut message);
        }
        let supersedes_edit = match judge(&message, &asked.amend, asked.by_admin) {
            Err(problem) => {
                cx.refuse(asked.asker, problem);
                return Turn::IsOver;
            }
            Ok(Verdict::Unchanged) => {
                cx.answer(asked.asker, outcome(&message, asked.amend.change.is_edit()));
                return Turn::IsOver;
            }
            Ok(Verdict::Changes { supersedes_edit }) => supersedes_edit,
        };
        let superseded = message.edited().filter(|_| supersedes_edit);
        let Some(stamp) = superseded else {
            return self.append_amendment(chat_id, asked, message, None, cx);
        };
        let known = chat.and_then(|chat| chat.timeline.newest_edit(message.seq));
        if let Some(edit) = known.filter(|edit| edit.seq == stamp.seq) {
            return self.append_amendment(chat_id, asked, message, Some(edit), cx);
        }
        let read = Read::EventsAfter {
            chat_id,
            after: Seq(stamp.seq.0 - 1),
            limit: 1,
        };
        self.read_sought(chat_id, asked, Sought::Edit(Box::new(message)), read, cx)
    }

    fn append_amendment(
        &mut self,
        chat_id: ChatId,
        asked: AskedAmend,
        message: Message,
        supersedes: Option<Edit>,
        cx: &mut Context<'_>,
    ) -> Turn {
        let AskedAmend { asker, amend, .. } = asked;
        if let Err(problem) = self.admit(cx) {
            cx.refuse(asker, problem);
            return Turn::IsOver;
        }
        let chat = self.chats.active(chat_id);
        let newest = chat.map_or(message.created_at, |it| it.activity().at);
        let at = cx.stamp().max(newest);
        let key = ChangeKey::Amended(chat_id, amend.message_id);
        let record = Record::MessageAmended(Box::new(record(&message, &amend, supersedes, at)));
        self.append_admitted(asker, key, &record, false, cx);
        self.message_queues
            .appended((chat_id, amend.message_id), asker, at, amend, message);
        Turn::GoesOn
    }

    /// A change of a message was applied: whoever asked for it is answered when it is stored.
    pub(super) fn amended(
        &mut self,
        amended: &MessageAmended<'_>,
        folded: Folded,
        span: SpanId,
        cx: &mut Context<'_>,
    ) {
        let (chat_id, message_id) = (amended.chat_id, amended.target.message_id);
        let key = (chat_id, message_id);
        let Some(mut message) = self.message_queues.applied(amended) else {
            return;
        };
        if let Some(chat) = self.chats.active(chat_id) {
            chat.timeline.lay_over(&mut message);
        }
        let is_edit = matches!(amended.change, Change::Edited { .. });
        let outcome = || {
            if folded == Folded::Void {
                return Outcome::Refused(Problem::NO_SUCH_CHAT);
            }
            match folded == Folded::TooLate {
                // A deletion that an earlier owner appended came first.
                true => Outcome::Refused(Problem::MESSAGE_DELETED),
                false => outcome(&message, is_edit),
            }
        };
        let change = ChangeKey::Amended(chat_id, message_id);
        self.answer_when_stored(span, change, outcome, cx);
        self.amendment_is_over(key, cx);
    }

    /// A read of a chat's messages has ended: what amends them need not be kept for it any more.
    pub(super) fn end_reading(&mut self, chat_id: ChatId, reading: u64) {
        self.readings.end(chat_id, reading);
        let is_kept = |chat: &mut Chat| !chat.timeline.unstored().is_empty();
        if self.chats.active(chat_id).is_some_and(is_kept) {
            let (stored, reading) = (self.progress.stored(), self.readings.of(chat_id));
            self.chats.change(chat_id, |chat| {
                chat.timeline.release_amendments(stored, reading);
            });
        }
    }
}

/// The edit that a message shows, by its event.
fn edit_of(event: &StoredEvent, message: &Message) -> Option<Edit> {
    let stamp = message.edited()?;
    (event.row.head.seq == stamp.seq).then_some(Edit {
        seq: stamp.seq,
        messages: event.row.head.messages,
        at: stamp.at,
        by: stamp.by,
    })
}
