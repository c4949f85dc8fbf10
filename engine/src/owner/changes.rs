//! Who waits for a change to be in the store.

use rookery_schema::{ChatId, SessionId, UserId};

use crate::map::Map;
use crate::mesh::Asker;

/// Names a change that somebody waits for, in terms of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChangeKey {
    Chat(ChatId),
    Added(ChatId, UserId),
    Removed(ChatId, UserId),
    User(UserId),
    Session(SessionId),
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
