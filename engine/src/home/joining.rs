//! Chats that users were admitted to and have not joined yet.

use rookery_schema::{ChatId, UserId};

use crate::map::Map;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Joining(Map<UserId, Vec<Admitted>>);

#[derive(Clone, Copy, Debug)]
struct Admitted {
    chat_id: ChatId,
    until_micros: u64,
}

impl Joining {
    /// A user was admitted to a chat. That counts until they have joined it, and until then at most.
    pub(super) fn begin(&mut self, user_id: UserId, chat_id: ChatId, until_micros: u64) {
        let chats = self.0.entry(user_id).or_default();
        chats.retain(|it| it.chat_id != chat_id);
        chats.push(Admitted {
            chat_id,
            until_micros,
        });
    }

    /// Users have joined a chat, or do not.
    pub(super) fn end(&mut self, chat_id: ChatId, users: &[UserId]) {
        if self.0.is_empty() {
            return;
        }
        for user_id in users {
            if let Some(chats) = self.0.get_mut(user_id) {
                chats.retain(|it| it.chat_id != chat_id);
                if chats.is_empty() {
                    self.0.remove(user_id);
                }
            }
        }
    }

    pub(super) fn of(&self, user_id: UserId) -> impl Iterator<Item = ChatId> {
        let chats = self.0.get(&user_id).into_iter().flatten();
        chats.map(|it| it.chat_id)
    }

    pub(super) fn expire(&mut self, now_micros: u64) {
        self.0.retain(|_, chats| {
            chats.retain(|it| it.until_micros > now_micros);
            !chats.is_empty()
        });
    }
}
