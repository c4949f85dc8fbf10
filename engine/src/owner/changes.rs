//! Who waits for a change to be applied, or to be in the store.

use rookery_schema::record::{ChatCreated, Record};
use rookery_schema::roles::Role;
use rookery_schema::{ChatId, MessageId, SessionId, Timestamp, UserId};
use xxhash_rust::xxh3::xxh3_64;

use crate::map::Map;
use crate::mesh::Asker;

/// Names a change that somebody waits for, in terms of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChangeKey {
    /// By the digest of what was asked for.
    Chat(ChatId, u64),
    Added(ChatId, UserId),
    Removed(ChatId, UserId),
    Role(ChatId, UserId, Role),
    /// By the digest of its record.
    Settings(ChatId, u64),
    Deleted(ChatId),
    /// A member of a direct chat blocks the other, or does so no more.
    Blocked(ChatId, UserId, bool),
    /// All that a user said.
    Erased(ChatId, UserId),
    /// One at a time for each message.
    Amended(ChatId, MessageId),
    User(UserId),
    /// It is spent.
    Invite(SessionId),
    /// Of this moment.
    Password(UserId, Timestamp),
    /// It is deleted.
    Account(UserId),
    /// By the digest of its record.
    Profile(UserId, u64),
    /// Likewise.
    UserSettings(UserId, u64),
}

impl ChangeKey {
    /// A chat comes to be.
    pub(crate) fn chat(created: &ChatCreated<'_>) -> Self {
        Self::Chat(created.chat_id, created.content_digest())
    }

    /// Settings of a chat are changed by this record.
    pub(crate) fn settings(chat_id: ChatId, record: &[u8]) -> Self {
        Self::Settings(chat_id, xxh3_64(record))
    }

    /// A user's profile is changed by this record.
    pub(crate) fn profile(user_id: UserId, record: &[u8]) -> Self {
        Self::Profile(user_id, xxh3_64(record))
    }

    /// A user's settings are changed by this record.
    pub(crate) fn user_settings(user_id: UserId, record: &[u8]) -> Self {
        Self::UserSettings(user_id, xxh3_64(record))
    }

    /// The change that a record of a chat brings about, but for one of a message.
    pub(crate) fn of_chat(record: &Record<'_>, bytes: &[u8]) -> Option<Self> {
        match record {
            Record::ChatCreated(created) => Some(Self::chat(created)),
            Record::MemberAdded(it) => Some(Self::Added(it.chat_id, it.user_id)),
            Record::MemberRemoved(it) => Some(Self::Removed(it.chat_id, it.user_id)),
            Record::RoleSet(it) => Some(Self::Role(it.chat_id, it.user_id, it.role)),
            Record::ChatChanged(it) => Some(Self::settings(it.chat_id, bytes)),
            Record::ChatDeleted(it) => Some(Self::Deleted(it.chat_id)),
            Record::BlockSet(it) => Some(Self::Blocked(it.chat_id, it.by, it.is_blocked)),
            Record::SenderErased(it) => Some(Self::Erased(it.chat_id, it.user_id)),
            Record::MessagePosted(_)
            | Record::MessageAmended(_)
            | Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => None,
        }
    }

    /// Whether it is a small change, for which the log keeps room: an operator takes control back by it.
    pub(crate) const fn is_small(self) -> bool {
        match self {
            Self::Password(..) | Self::Account(_) => true,
            Self::Chat(..)
            | Self::Added(..)
            | Self::Removed(..)
            | Self::Role(..)
            | Self::Settings(..)
            | Self::Deleted(_)
            | Self::Blocked(..)
            | Self::Erased(..)
            | Self::Amended(..)
            | Self::User(_)
            | Self::Invite(_)
            | Self::Profile(..)
            | Self::UserSettings(..) => false,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Changes(Map<ChangeKey, Vec<Asker>>);

impl Changes {
    pub(crate) fn wait(&mut self, key: ChangeKey, asker: Asker) {
        self.0.entry(key).or_default().push(asker);
    }

    /// Takes all who wait for a change.
    pub(crate) fn take(&mut self, key: ChangeKey) -> Vec<Asker> {
        self.0.remove(&key).unwrap_or_default()
    }

    /// Takes one asker: others may have asked for the same, and their append may succeed.
    pub(crate) fn take_one(&mut self, key: ChangeKey, asker: Asker) -> Option<Asker> {
        let waiting = self.0.get_mut(&key)?;
        let index = waiting.iter().position(|it| *it == asker)?;
        let taken = waiting.swap_remove(index);
        if waiting.is_empty() {
            self.0.remove(&key);
        }
        Some(taken)
    }

    /// Takes all askers.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asker> + '_ {
        self.0.drain().flat_map(|(_, askers)| askers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Waiting;
    use rookery_schema::ShardId;

    const CHANGE: ChangeKey = ChangeKey::User(UserId::from_bytes([1; 16]));
    const OTHER: ChangeKey = ChangeKey::Chat(ChatId::from_bytes([1; 16]), 0);

    fn asker(gather: u64) -> Asker {
        Asker {
            shard: ShardId(0),
            waiting: Waiting::Inbox { gather },
        }
    }

    fn changes(waiting: &[(ChangeKey, u64)]) -> Changes {
        let mut changes = Changes::default();
        for &(key, gather) in waiting {
            changes.wait(key, asker(gather));
        }
        changes
    }

    #[test]
    fn all_who_wait_for_a_change_are_taken_once() {
        let mut changes = changes(&[(CHANGE, 1), (OTHER, 2), (CHANGE, 3)]);
        assert_eq!(changes.take(CHANGE), [asker(1), asker(3)]);
        assert_eq!(changes.take(CHANGE), []);
        assert_eq!(changes.take(OTHER), [asker(2)]);
    }

    #[test]
    fn one_is_taken_and_the_others_wait_on() {
        let mut changes = changes(&[(CHANGE, 1), (CHANGE, 2)]);
        assert_eq!(changes.take_one(CHANGE, asker(3)), None);
        assert_eq!(changes.take_one(OTHER, asker(1)), None);
        assert_eq!(changes.take_one(CHANGE, asker(1)), Some(asker(1)));
        assert_eq!(changes.take_one(CHANGE, asker(1)), None);
        assert_eq!(changes.take(CHANGE), [asker(2)]);
    }

    #[test]
    fn nothing_is_left_of_a_change_that_nobody_waits_for() {
        let mut changes = changes(&[(CHANGE, 1)]);
        changes.take_one(CHANGE, asker(1));
        assert!(changes.0.is_empty());
    }

    #[test]
    fn everybody_is_taken_at_the_end() {
        let mut changes = changes(&[(CHANGE, 1), (OTHER, 2)]);
        let mut all: Vec<Waiting> = changes.drain().map(|asker| asker.waiting).collect();
        all.sort_by_key(|waiting| format!("{waiting:?}"));
        assert_eq!(all, [asker(1).waiting, asker(2).waiting]);
        assert!(changes.0.is_empty());
    }
}
