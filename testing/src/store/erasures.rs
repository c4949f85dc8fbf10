//! Users who were deleted: who is still in chats, and of whom nothing is left that they said.

use std::collections::{BTreeMap, HashSet};

use rookery_engine::port::ErasedSender;
use rookery_schema::row::{ErasedRow, ErasureRow, RewriteRow};
use rookery_schema::{ChatId, PartitionId, Timestamp, UserId};

/// See the module. Where rows are `guarded`, one that comes late undoes nothing.
#[derive(Default)]
pub(super) struct Erasures {
    erasures: BTreeMap<(PartitionId, UserId), Timestamp>,
    /// Who is in no chat any more.
    done: HashSet<UserId>,
    senders: BTreeMap<(ChatId, UserId), ErasedRow>,
    rewrites: BTreeMap<(PartitionId, ChatId, UserId), RewriteRow>,
    /// What is rewritten, to the end.
    rewritten: HashSet<(ChatId, UserId)>,
}

impl Erasures {
    pub(super) fn put(&mut self, row: ErasureRow, guarded: bool) {
        let key = (row.partition, row.user_id);
        if row.is_done {
            self.erasures.remove(&key);
            self.done.insert(row.user_id);
        } else if !guarded || !self.done.contains(&row.user_id) {
            self.erasures.insert(key, row.deleted_at);
        }
    }

    pub(super) fn erase(&mut self, row: ErasedRow, guarded: bool) {
        self.senders.insert((row.chat_id, row.user_id), row);
        self.rewrite(row.rewriting(), guarded);
    }

    pub(super) fn rewrite(&mut self, row: RewriteRow, guarded: bool) {
        let key = (row.partition, row.chat_id, row.user_id);
        if row.is_done {
            self.rewrites.remove(&key);
            self.rewritten.insert((row.chat_id, row.user_id));
            return;
        }
        let is_done = self.rewritten.contains(&(row.chat_id, row.user_id));
        let before = self.rewrites.get(&key);
        let is_late = is_done || before.is_some_and(|before| before.through > row.through);
        if !guarded || !is_late {
            self.rewrites.insert(key, row);
        }
    }

    /// A chat that was deleted is removed.
    pub(super) fn purge(&mut self, partition: PartitionId, chat_id: ChatId) {
        self.senders.retain(|(chat, _), _| *chat != chat_id);
        let is_of_it = |of: PartitionId, chat: ChatId| (of, chat) == (partition, chat_id);
        self.rewrites
            .retain(|(of, chat, _), _| !is_of_it(*of, *chat));
    }

    /// Whether anything is here of a chat.
    pub(super) fn has_chat(&self, chat_id: ChatId) -> bool {
        self.senders.keys().any(|(chat, _)| *chat == chat_id)
            || self.rewrites.keys().any(|(_, chat, _)| *chat == chat_id)
    }

    /// Of whom nothing is left that they said in a chat.
    pub(super) fn senders_of(&self, chat_id: ChatId) -> Vec<ErasedSender> {
        let rows = self.senders.values();
        let rows = rows.filter(|row| row.chat_id == chat_id);
        let senders = rows.map(|row| ErasedSender {
            user_id: row.user_id,
            seq: row.seq,
            at: row.at,
        });
        senders.collect()
    }

    pub(super) fn of_partition(
        &self,
        partition: PartitionId,
        limit: usize,
    ) -> Vec<(UserId, Timestamp)> {
        let all = self.erasures.iter().filter(|((it, _), _)| *it == partition);
        let users = all.map(|((_, user_id), at)| (*user_id, *at));
        users.take(limit).collect()
    }

    /// Behind a chat, in the order of their ids.
    pub(super) fn rewrites_of(
        &self,
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Vec<RewriteRow> {
        let all = self.rewrites.values();
        let all = all.filter(|row| row.partition == partition);
        let all = all.filter(|row| after.is_none_or(|after| row.chat_id > after));
        all.take(limit).copied().collect()
    }
}
