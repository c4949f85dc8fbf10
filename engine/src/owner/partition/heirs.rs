//! Where the last admin of a chat leaves, another member is one from then on; a record tells who.

use rookery_schema::record::{Record, RoleSet};
use rookery_schema::roles::Role;
use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::owner::appends::Pending;
use crate::owner::partition::Partition;

impl Partition {
    /// The last admin may have left a chat: appends the record where it is missing.
    pub(super) fn tell_heir(&mut self, chat_id: ChatId, cx: &mut Context<'_>) {
        // In a replay, it may follow.
        if !self.caught_up {
            return;
        }
        let chat = self.chats.active(chat_id);
        if let Some(untold) = chat.and_then(|chat| chat.untold_heir_due(cx.now.micros)) {
            self.append_heir(chat_id, untold, cx);
        }
    }

    /// Tells who is admin since somebody left. That may get lost, as may a process: so it is done again when the chat is used
    /// later, and one that is repeated is no event.
    pub(super) fn append_heir(
        &mut self,
        chat_id: ChatId,
        (heir, leaver): (UserId, UserId),
        cx: &mut Context<'_>,
    ) {
        if self.admit(cx).is_err() {
            return;
        }
        let newest = self.chats.active(chat_id).map(|chat| chat.activity().at);
        let record = Record::RoleSet(RoleSet {
            chat_id,
            user_id: heir,
            role: Role::Admin,
            by: leaver,
            at: cx.stamp().max(newest.unwrap_or_default()),
        });
        self.appends.append(&record, Pending::Heir, cx.now.micros);
    }
}
