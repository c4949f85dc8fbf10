//! Chats that users were admitted to, or join by a record of the log, and have not joined yet.

use rookery_schema::{ChatId, UserId};
use smallvec::SmallVec;

use crate::map::Map;
use crate::mesh::AdmissionId;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Joining(Map<UserId, Vec<Admitted>>);

#[derive(Debug)]
struct Admitted {
    chat_id: ChatId,
    /// The requests on their way by which they join. There is always one, or a record.
    requests: SmallVec<[AdmissionId; 1]>,
    /// The log has a record by which they join.
    is_recorded: bool,
    /// The chat was counted for these requests, and not because the user was in it already.
    is_counted: bool,
    until_micros: u64,
}

impl Joining {
    /// A user was admitted to a chat. That counts until they have joined it, and until then at most.
    pub(super) fn begin(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        id: AdmissionId,
        until_micros: u64,
    ) {
        let admitted = self.admitted(user_id, chat_id, until_micros);
        admitted.requests.push(id);
    }

    /// The log has a record by which a user joins a chat. That counts in the same way, whatever comes of requests.
    pub(super) fn record(&mut self, user_id: UserId, chat_id: ChatId, until_micros: u64) {
        let admitted = self.admitted(user_id, chat_id, until_micros);
        admitted.is_recorded = true;
    }

    fn admitted(&mut self, user_id: UserId, chat_id: ChatId, until_micros: u64) -> &mut Admitted {
        let chats = self.0.entry(user_id).or_default();
        let index = match chats.iter().position(|it| it.chat_id == chat_id) {
            Some(index) => index,
            None => {
                chats.push(Admitted {
                    chat_id,
                    requests: SmallVec::new(),
                    is_recorded: false,
                    is_counted: true,
                    until_micros,
                });
                chats.len() - 1
            }
        };
        let admitted = &mut chats[index];
        admitted.until_micros = until_micros;
        admitted
    }

    /// A user has joined a chat.
    pub(super) fn joined(&mut self, user_id: UserId, chat_id: ChatId) {
        self.remove_if(user_id, chat_id, |_| true);
    }

    /// A request by which a user was to join a chat has failed; true where the chat counts no more.
    pub(super) fn failed(&mut self, user_id: UserId, chat_id: ChatId, id: AdmissionId) -> bool {
        let removed = self.remove_if(user_id, chat_id, |admitted| {
            admitted.requests.retain(|it| *it != id);
            admitted.requests.is_empty() && !admitted.is_recorded
        });
        removed.is_some_and(|it| it.is_counted)
    }

    fn remove_if(
        &mut self,
        user_id: UserId,
        chat_id: ChatId,
        is_over: impl FnOnce(&mut Admitted) -> bool,
    ) -> Option<Admitted> {
        let chats = self.0.get_mut(&user_id)?;
        let index = chats.iter().position(|it| it.chat_id == chat_id)?;
        if !is_over(&mut chats[index]) {
            return None;
        }
        let removed = chats.swap_remove(index);
        if chats.is_empty() {
            self.0.remove(&user_id);
        }
        Some(removed)
    }

    /// Whether a user was admitted to a chat that they have not joined.
    pub(super) fn contains(&self, user_id: UserId, chat_id: ChatId) -> bool {
        let mut chats = self.0.get(&user_id).into_iter().flatten();
        chats.any(|it| it.chat_id == chat_id)
    }

    /// A user's chats are counted anew, who is in these already (sorted): gives those that count besides.
    pub(super) fn count_besides(&mut self, user_id: UserId, chats: &[ChatId]) -> Vec<ChatId> {
        let mut besides = Vec::new();
        for admitted in self.0.get_mut(&user_id).into_iter().flatten() {
            admitted.is_counted = chats.binary_search(&admitted.chat_id).is_err();
            if admitted.is_counted {
                besides.push(admitted.chat_id);
            }
        }
        besides
    }

    pub(super) fn expire(&mut self, now_micros: u64) {
        self.0.retain(|_, chats| {
            chats.retain(|it| it.until_micros > now_micros);
            !chats.is_empty()
        });
    }
}
