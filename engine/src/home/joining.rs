//! Chats that users were admitted to and have not joined yet.

use rookery_schema::{ChatId, UserId};

use crate::map::Map;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Joining(Map<UserId, Vec<Admitted>>);

#[derive(Clone, Copy, Debug)]
struct Admitted {
    chat_id: ChatId,
    /// How many requests are on their way by which they join.
    requests: usize,
    until_micros: u64,
}

impl Joining {
    /// A user was admitted to a chat. That counts until they have joined it, and until then at most.
    pub(super) fn begin(&mut self, user_id: UserId, chat_id: ChatId, until_micros: u64) {
        let chats = self.0.entry(user_id).or_default();
        match chats.iter_mut().find(|it| it.chat_id == chat_id) {
            Some(admitted) => {
                admitted.requests += 1;
                admitted.until_micros = until_micros;
            }
            None => chats.push(Admitted {
                chat_id,
                requests: 1,
                until_micros,
            }),
        }
    }

    /// A user has joined a chat.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        self.remove_if(user_id, chat_id, |_| true);
    }

    /// A request by which a user was to join a chat has failed; true where it was the last one.
    pub(super) fn failed(&mut self, user_id: UserId, chat_id: ChatId) -> bool {
        self.remove_if(user_id, chat_id, |admitted| {
            admitted.requests -= 1;
            admitted.requests == 0
        })
    }

    fn remove_if(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        is_over: impl FnOnce(&mut Admitted) -> bool,
    ) -> bool {
        let Some(chats) = self.0.get_mut(&user_id) else {
            return false;
        };
        let Some(index) = chats.iter().position(|it| it.chat_id == chat_id) else {
            return false;
        };
        let is_over = is_over(&mut chats[index]);
        if is_over {
            chats.swap_remove(index);
            if chats.is_empty() {
                self.0.remove(&user_id);
            }
        }
        is_over
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
