//! Which of a chat's members are connected, and on which shards.

use rookery_schema::{ShardId, UserId};

use crate::map::Set;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    subscribers: Set<UserId>,
    /// How many subscribers each home shard has; none that has none.
    interest: Vec<(ShardId, u32)>,
}

impl Audience {
    /// Whether nobody is connected.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// The shards that get the chat's events.
    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.interest.iter().map(|&(shard, _)| shard)
    }

    pub(crate) fn add(&mut self, user: UserId, home: ShardId) {
        if !self.subscribers.insert(user) {
            return;
        }
        match self.interest.iter_mut().find(|(shard, _)| *shard == home) {
            Some((_, count)) => *count += 1,
            None => self.interest.push((home, 1)),
        }
    }

    pub(crate) fn remove(&mut self, user: UserId, home: ShardId) {
        if !self.subscribers.remove(&user) {
            return;
        }
        if let Some(index) = self.interest.iter().position(|(shard, _)| *shard == home) {
            self.interest[index].1 -= 1;
            if self.interest[index].1 == 0 {
                self.interest.swap_remove(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: u8) -> UserId {
        UserId::from_bytes([n; 16])
    }

    #[test]
    fn a_shard_is_interested_as_long_as_one_of_its_users_is_connected() {
        let mut audience = Audience::default();
        audience.add(user(1), ShardId(0));
        audience.add(user(1), ShardId(0));
        audience.add(user(2), ShardId(0));
        audience.add(user(3), ShardId(1));
        let shards = |audience: &Audience| audience.shards().collect::<Vec<_>>();
        audience.remove(user(1), ShardId(0));
        audience.remove(user(1), ShardId(0));
        assert_eq!(shards(&audience), [ShardId(0), ShardId(1)]);
        audience.remove(user(2), ShardId(0));
        assert_eq!(shards(&audience), [ShardId(1)]);
        audience.remove(user(3), ShardId(1));
        assert!(audience.is_empty() && shards(&audience).is_empty());
    }
}
