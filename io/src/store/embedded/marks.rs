//! The keyspace of what users have read, by user and chat.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{Keyspace, OwnedWriteBatch};
use rookery_schema::row::{Mark, Row};
use rookery_schema::{ChatId, Seq, UserId};

use super::codec;
use super::error::ReadError;
use super::members::Members;

/// Name of the keyspace.
pub(super) const MARKS: &str = "marks";

/// See the module.
pub(super) struct Marks {
    keyspace: Keyspace,
    /// Held from the look at what is stored until that is overwritten: the lanes of several shards write marks of one
    /// user.
    writing: Mutex<()>,
}

/// Marks of a batch are compared with what is stored as long as this lives.
pub(super) struct Marking<'a> {
    _writing: Option<MutexGuard<'a, ()>>,
}

/// What a row does to a mark.
enum Change {
    Set(Mark),
    /// By the event with this seq its user is no member any more.
    Removed(Seq),
}

/// A mark, and what removed its user last.
struct Changed {
    mark: Option<Mark>,
    removed: Option<Seq>,
}

impl Changed {
    fn take(&mut self, change: Change) {
        let mark = match change {
            Change::Set(mark) => self.mark.max(Some(mark)),
            Change::Removed(seq) => {
                self.removed = Some(seq);
                self.mark
            }
        };
        self.mark = mark.filter(|mark| self.removed.is_none_or(|removed| removed < mark.seq));
    }
}

const fn change(row: &Row) -> Option<(UserId, ChatId, Change)> {
    if let Row::Mark(row) = row {
        return Some((row.user_id, row.chat_id, Change::Set(row.mark)));
    }
    let Row::NotMember {
        chat_id,
        user_id,
        removed_seq,
        ..
    } = row
    else {
        return None;
    };
    Some((*user_id, *chat_id, Change::Removed(*removed_seq)))
}

impl Marks {
    pub(super) const fn new(keyspace: Keyspace) -> Self {
        let writing = Mutex::new(());
        Self { keyspace, writing }
    }

    /// Adds to a batch what rows do to marks: one counts if it is further than what is stored, and is behind the last event that
    /// removed its user from the chat, who has none up to there. The batch is to be committed before what this returns is dropped.
    pub(super) fn put<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        members: &Members,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<Marking<'_>, ReadError> {
        let mut changes = rows.filter_map(change).peekable();
        let is_any = changes.peek().is_some();
        let writing = is_any.then(|| self.writing.lock().unwrap_or_else(PoisonError::into_inner));
        let mut changed: BTreeMap<codec::PairKey, (Option<Mark>, Changed)> = BTreeMap::new();
        for (user_id, chat_id, change) in changes {
            let (_, now) = match changed.entry(key(user_id, chat_id)) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let mark = self.stored(*entry.key())?;
                    let removed = members.last_removal(chat_id, user_id)?;
                    entry.insert((mark, Changed { mark, removed }))
                }
            };
            now.take(change);
        }
        for (key, (before, now)) in changed {
            match now.mark {
                Some(mark) if before != now.mark => {
                    batch.insert(&self.keyspace, key, codec::mark_value(mark));
                }
                None if before.is_some() => batch.remove(&self.keyspace, key),
                Some(_) | None => {}
            }
        }
        Ok(Marking { _writing: writing })
    }

    fn stored(&self, key: codec::PairKey) -> Result<Option<Mark>, ReadError> {
        let value = self.keyspace.get(key)?;
        let mark = value.map(|value| codec::mark(&value).ok_or(ReadError::Malformed(MARKS)));
        mark.transpose()
    }

    pub(super) fn of_chat(
        &self,
        user_id: UserId,
        chat_id: ChatId,
    ) -> Result<Vec<(ChatId, Mark)>, ReadError> {
        let mark = self.stored(key(user_id, chat_id))?;
        Ok(mark.into_iter().map(|mark| (chat_id, mark)).collect())
    }

    pub(super) fn of_user(&self, user_id: UserId) -> Result<Vec<(ChatId, Mark)>, ReadError> {
        let entries = self.keyspace.prefix(user_id.as_bytes()).map(|entry| {
            let (key, value) = entry.into_inner()?;
            let chat_id = codec::found_in_pair(&key).map(ChatId::from_bytes);
            let found = chat_id.zip(codec::mark(&value));
            found.ok_or(ReadError::Malformed(MARKS))
        });
        entries.collect()
    }
}

fn key(user_id: UserId, chat_id: ChatId) -> codec::PairKey {
    codec::pair_key(user_id.as_bytes(), chat_id.as_bytes())
}
