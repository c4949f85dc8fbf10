//! Which of a chat's members are connected, and on which shards.

use rookery_schema::{ShardId, UserId};

use crate::map::Set;
use crate::owner::budget::{allocated, allocated_table};

/// A table that has room for so many times what is in it is made anew.
const SPARSE: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    subscribers: Set<UserId>,
    /// How many subscribers each home shard has; none that has none.
    interest: Vec<(ShardId, u32)>,
    /// Bytes of memory that both take.
    bytes: usize,
}

impl Audience {
    /// Whether nobody is connected.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// Who is connected, in any order.
    pub(crate) fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.subscribers.iter().copied()
    }

    /// Whether a user listens.
    pub(crate) fn contains(&self, user: UserId) -> bool {
        self.subscribers.contains(&user)
    }

    /// Bytes of memory that it takes, besides itself.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn count_bytes(&mut self) {
        self.bytes = allocated_table(self.subscribers.capacity(), size_of::<UserId>())
            + allocated(self.interest.capacity() * size_of::<(ShardId, u32)>());
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
        self.count_bytes();
    }

    pub(crate) fn remove(&mut self, user: UserId, home: ShardId) {
        if !self.subscribers.remove(&user) {
            return;
        }
        // All who join count as connected until their homes say otherwise.
        if self.subscribers.len() < self.subscribers.capacity() / SPARSE {
            self.subscribers.shrink_to_fit();
        }
        if let Some(index) = self.interest.iter().position(|(shard, _)| *shard == home) {
            self.interest[index].1 -= 1;
            if self.interest[index].1 == 0 {
                self.interest.swap_remove(index);
            }
        }
        self.count_bytes();
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
