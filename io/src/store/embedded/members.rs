//! The keyspaces of who is a member of what, from either side, of who was, and of their roles.

use std::ops::Bound;

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_engine::port::{Membership, StoredMember, StoredRoles};
use rookery_schema::row::{MemberRow, RoleRow};
use rookery_schema::{ChatId, Seq, UserId};

use super::codec;
use super::error::ReadError;

/// Names of the keyspaces.
pub(super) const BY_CHAT: &str = "members_by_chat";
pub(super) const BY_USER: &str = "chats_by_user";
pub(super) const FORMER: &str = "former_members";
pub(super) const FORMER_BY_USER: &str = "former_chats";
pub(super) const ROLES: &str = "roles";

/// See the module.
pub(super) struct Members {
    pub(super) by_chat: Keyspace,
    pub(super) by_user: Keyspace,
    pub(super) former: Keyspace,
    /// The same, by user and chat.
    pub(super) former_by_user: Keyspace,
    pub(super) roles: Keyspace,
}

impl Members {
    pub(super) fn add(&self, batch: &mut OwnedWriteBatch, row: &MemberRow) {
        let (by_chat, by_user) = keys(row.chat_id, row.user_id);
        batch.insert(&self.by_chat, by_chat, codec::member_value(row));
        batch.insert(&self.by_user, by_user, []);
    }

    /// Removes a member who was added by the first of two events, and removed by the second.
    pub(super) fn remove(
        &self,
        batch: &mut OwnedWriteBatch,
        chat_id: ChatId,
        user_id: UserId,
        removal: (Seq, Seq),
    ) {
        let (by_chat, by_user) = keys(chat_id, user_id);
        batch.remove(&self.by_chat, by_chat);
        batch.remove(&self.by_user, by_user);
        batch.insert(&self.former_by_user, by_user, []);
        batch.insert(&self.former, by_chat, codec::former_member_value(removal));
    }

    pub(super) fn set_role(&self, batch: &mut OwnedWriteBatch, row: &RoleRow) {
        let (by_chat, _) = keys(row.chat_id, row.user_id);
        batch.insert(&self.roles, by_chat, row.value());
    }

    /// The roles that were set in a chat whose newest event is `head`.
    pub(super) fn roles(&self, chat_id: ChatId, head: Seq) -> Result<StoredRoles, ReadError> {
        let rows = self.roles.prefix(chat_id.as_bytes()).map(|entry| {
            let (key, value) = entry.into_inner()?;
            let user_id = codec::found_in_pair(&key).map(UserId::from_bytes);
            user_id
                .and_then(|user_id| RoleRow::stored(chat_id, user_id, &value))
                .ok_or(ReadError::Malformed(ROLES))
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(StoredRoles::of(rows, head))
    }

    /// The members of a chat, in the order in which they became that.
    pub(super) fn of_chat(
        &self,
        chat_id: ChatId,
        roles: &StoredRoles,
    ) -> Result<Vec<StoredMember>, ReadError> {
        const MALFORMED: ReadError = ReadError::Malformed(BY_CHAT);
        let mut members = Vec::new();
        for entry in self.by_chat.prefix(chat_id.as_bytes()) {
            let (key, value) = entry.into_inner()?;
            let user_id = codec::found_in_pair(&key)
                .map(UserId::from_bytes)
                .ok_or(MALFORMED)?;
            members.push((codec::member_order(&value).ok_or(MALFORMED)?, user_id));
        }
        members.sort_unstable();
        let member = |((added_seq, _), user_id)| StoredMember {
            user_id,
            added_seq,
            is_admin: roles.is_admin(user_id),
        };
        Ok(members.into_iter().map(member).collect())
    }

    /// Members of a chat behind one, in the order of their ids.
    pub(super) fn after(
        &self,
        chat_id: ChatId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, ReadError> {
        let key = |user_id: &UserId| keys(chat_id, *user_id).0.to_vec();
        let start = match &after {
            Some(user_id) => Bound::Excluded(key(user_id)),
            None => Bound::Included(chat_id.as_bytes().to_vec()),
        };
        let last = key(&UserId::from_bytes([u8::MAX; 16]));
        let entries = self.by_chat.range((start, Bound::Included(last)));
        let user = |key: &[u8]| codec::found_in_pair(key).map(UserId::from_bytes);
        entries
            .take(limit)
            .map(|entry| user(&entry.key()?).ok_or(ReadError::Malformed(BY_CHAT)))
            .collect()
    }

    /// The chats that a user is a member of.
    pub(super) fn chats_of(&self, user_id: UserId) -> Result<Vec<ChatId>, ReadError> {
        let entries = self.by_user.prefix(user_id.as_bytes());
        let chat = |key: &[u8]| codec::found_in_pair(key).map(ChatId::from_bytes);
        entries
            .map(|entry| chat(&entry.key()?).ok_or(ReadError::Malformed(BY_USER)))
            .collect()
    }

    /// Chats that a user was removed from, behind one in the order of their ids.
    pub(super) fn former_of(
        &self,
        user_id: UserId,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Vec<ChatId>, ReadError> {
        let key = |chat_id: &ChatId| keys(*chat_id, user_id).1.to_vec();
        let start = match &after {
            Some(chat_id) => Bound::Excluded(key(chat_id)),
            None => Bound::Included(user_id.as_bytes().to_vec()),
        };
        let last = key(&ChatId::from_bytes([u8::MAX; 16]));
        let entries = self.former_by_user.range((start, Bound::Included(last)));
        let chat = |key: &[u8]| codec::found_in_pair(key).map(ChatId::from_bytes);
        entries
            .take(limit)
            .map(|entry| chat(&entry.key()?).ok_or(ReadError::Malformed(FORMER_BY_USER)))
            .collect()
    }

    pub(super) fn membership(
        &self,
        chat_id: ChatId,
        user_id: UserId,
    ) -> Result<Membership, ReadError> {
        let (key, _) = keys(chat_id, user_id);
        if let Some(value) = self.by_chat.get(key)? {
            let order = codec::member_order(&value).ok_or(ReadError::Malformed(BY_CHAT));
            let (added_seq, _) = order?;
            return Ok(Membership::Member { added_seq });
        }
        let Some((added_seq, removed_seq)) = self.removal(key)? else {
            return Ok(Membership::Never);
        };
        Ok(Membership::Removed {
            added_seq,
            removed_seq,
        })
    }

    /// The event that removed a user last.
    pub(super) fn last_removal(
        &self,
        chat_id: ChatId,
        user_id: UserId,
    ) -> Result<Option<Seq>, ReadError> {
        let (key, _) = keys(chat_id, user_id);
        Ok(self.removal(key)?.map(|(_, removed_seq)| removed_seq))
    }

    fn removal(&self, key: codec::PairKey) -> Result<Option<(Seq, Seq)>, ReadError> {
        let Some(value) = self.former.get(key)? else {
            return Ok(None);
        };
        let removal = codec::former_member(&value).ok_or(ReadError::Malformed(FORMER));
        removal.map(Some)
    }
}

/// The keys of a member by chat, and by user.
fn keys(chat_id: ChatId, user_id: UserId) -> (codec::PairKey, codec::PairKey) {
    let (chat, user) = (chat_id.as_bytes(), user_id.as_bytes());
    (codec::pair_key(chat, user), codec::pair_key(user, chat))
}
