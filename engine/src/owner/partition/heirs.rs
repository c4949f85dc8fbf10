//! Where the last admin of a chat leaves, another member is one from then on; a record tells who.

use rookery_schema::ChatId;
use rookery_schema::record::{Record, RoleSet};
use rookery_schema::roles::Role;

use crate::context::Context;
use crate::owner::appends::Pending;
use crate::owner::partition::Partition;

impl Partition {
    /// Appends the record where it is missing. It may get lost, as may a process: so this is asked again whenever the chat
    /// is used. One that is repeated is no event.
    pub(super) fn tell_heir(&mut self, chat_id: ChatId, cx: &mut Context<'_>) {
        // In a replay, it may follow.
        if !self.caught_up {
            return;
        }
        let Some(chat) = self.chats.active(chat_id) else {
            return;
        };
        let Some((heir, leaver)) = chat.untold_heir_due(cx.now.micros) else {
            return;
        };
        let at = cx.stamp().max(chat.activity().at);
        if self.admit(cx).is_err() {
            return;
        }
        let record = Record::RoleSet(RoleSet {
            chat_id,
            user_id: heir,
            role: Role::Admin,
            by: leaver,
            at,
        });
        self.appends.append(&record, Pending::Heir, cx.now.micros);
    }
}
