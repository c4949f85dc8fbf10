//! Settings of users that are being changed: one change of a user after the other, each of what the one before has made.

use std::collections::VecDeque;

use rookery_schema::{Offset, UserId};

use crate::map::Map;
use crate::merge_patch::JsonObject;
use crate::mesh::Asker;

/// Changes of one user that wait, with the one that is under way.
const CHANGES_MAX: usize = 16;

/// A change that is asked for.
#[derive(Debug)]
pub(crate) struct Patch {
    pub(crate) asker: Asker,
    pub(crate) patch: Box<JsonObject>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct UserSettings {
    /// The first of each user is under way.
    queues: Map<UserId, VecDeque<Option<Patch>>>,
    /// What was applied, and is on its way into the store.
    unstored: Map<UserId, (Offset, String)>,
}

/// What becomes of a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It is the only one.
    First,
    /// It waits for another.
    Behind,
    Full,
}

impl UserSettings {
    pub(crate) fn wait(&mut self, user_id: UserId, patch: Patch) -> Queued {
        let queue = self.queues.entry(user_id).or_default();
        if queue.len() >= CHANGES_MAX {
            return Queued::Full;
        }
        queue.push_back(Some(patch));
        match queue.len() {
            1 => Queued::First,
            _ => Queued::Behind,
        }
    }

    /// Takes the change of a user that is under way.
    pub(crate) fn take(&mut self, user_id: UserId) -> Option<Patch> {
        self.queues.get_mut(&user_id)?.front_mut()?.take()
    }

    /// The change of a user that was under way is done, or refused; whether another comes next.
    pub(crate) fn end(&mut self, user_id: UserId) -> bool {
        let Some(queue) = self.queues.get_mut(&user_id) else {
            return false;
        };
        // One that was applied here may have been another owner's.
        if queue.front().is_some_and(Option::is_some) {
            return false;
        }
        queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&user_id);
            return false;
        }
        true
    }

    pub(crate) fn applied(&mut self, user_id: UserId, offset: Offset, settings: String) {
        self.unstored.insert(user_id, (offset, settings));
    }

    /// What a user has set, where the store does not have it yet.
    pub(crate) fn unstored(&self, user_id: UserId) -> Option<&str> {
        self.unstored.get(&user_id).map(|(_, settings)| &**settings)
    }

    /// What was applied from here is in the store: takes it, unless something newer was applied since.
    pub(crate) fn stored(&mut self, user_id: UserId, offset: Offset) -> Option<String> {
        let is_newest = |(newest, _): &mut (Offset, String)| *newest == offset;
        match self.unstored.get_mut(&user_id).is_some_and(is_newest) {
            true => self.unstored.remove(&user_id).map(|(_, settings)| settings),
            false => None,
        }
    }

    /// Takes all who wait.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asker> + '_ {
        let queues = self.queues.drain().flat_map(|(_, queue)| queue);
        queues.flatten().map(|patch| patch.asker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::Waiting;
    use rookery_schema::ShardId;

    const USER: UserId = UserId::from_bytes([1; 16]);

    fn patch(gather: u64) -> Patch {
        let asker = Asker {
            shard: ShardId(0),
            waiting: Waiting::Inbox { gather },
        };
        let patch = Box::default();
        Patch { asker, patch }
    }

    #[test]
    fn changes_of_a_user_come_one_after_the_other_and_so_many_wait() {
        let mut settings = UserSettings::default();
        assert_eq!(settings.wait(USER, patch(0)), Queued::First);
        for n in 1..CHANGES_MAX as u64 {
            assert_eq!(settings.wait(USER, patch(n)), Queued::Behind);
        }
        assert_eq!(settings.wait(USER, patch(99)), Queued::Full);
        assert!(!settings.end(USER), "the first is not under way");
        let asker = |patch: Option<Patch>| patch.map(|it| it.asker);
        assert_eq!(asker(settings.take(USER)), Some(patch(0).asker));
        assert!(settings.take(USER).is_none());
        assert!(settings.end(USER));
        assert_eq!(asker(settings.take(USER)), Some(patch(1).asker));
        assert_eq!(settings.drain().count(), CHANGES_MAX - 2);
    }

    #[test]
    fn what_is_not_stored_is_known_until_it_is() {
        let mut settings = UserSettings::default();
        settings.applied(USER, Offset(1), "{}".to_owned());
        settings.applied(USER, Offset(2), "{\"a\":1}".to_owned());
        assert_eq!(settings.stored(USER, Offset(1)), None);
        assert_eq!(settings.unstored(USER), Some("{\"a\":1}"));
        assert_eq!(
            settings.stored(USER, Offset(2)).as_deref(),
            Some("{\"a\":1}")
        );
        assert_eq!(settings.unstored(USER), None);
    }
}
