//! Where things live: pure functions of an id, the number of partitions and the number of shards.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::ids::{ChatId, PartitionId, ShardId, UserId};

/// The one answer to "who owns this": partitions are fixed when the log is created, shards are those
/// of the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topology {
    partitions: u32,
    shards: u16,
}

/// Keeps user and chat placement independent of each other.
const HOME_SEED: u64 = 0x726f_6f6b;

impl Topology {
    /// `None` where either number is zero.
    pub const fn new(partitions: u32, shards: u16) -> Option<Self> {
        if partitions == 0 || shards == 0 {
            None
        } else {
            Some(Self { partitions, shards })
        }
    }

    /// Number of partitions of the log.
    pub const fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Number of shards of this process.
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// All shards, in order.
    pub fn all_shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shards).map(ShardId)
    }

    /// The partition that a chat's records go to.
    pub fn partition_of_chat(&self, chat: ChatId) -> PartitionId {
        self.partition_of(chat.as_bytes())
    }

    /// The partition on which a username is claimed.
    pub fn partition_of_username(&self, username: &str) -> PartitionId {
        self.partition_of(username.as_bytes())
    }

    /// The partition that a user's own records (ended sessions) go to.
    pub fn partition_of_user(&self, user: UserId) -> PartitionId {
        self.partition_of(user.as_bytes())
    }

    /// The shard that owns a partition.
    pub const fn owner(&self, partition: PartitionId) -> ShardId {
        ShardId((partition.0 % self.shards as u32) as u16)
    }

    /// The partitions that a shard owns.
    pub fn owned_by(&self, shard: ShardId) -> impl Iterator<Item = PartitionId> + use<> {
        (u32::from(shard.0)..self.partitions)
            .step_by(usize::from(self.shards))
            .map(PartitionId)
    }

    /// The owner of a chat.
    pub fn owner_of_chat(&self, chat: ChatId) -> ShardId {
        self.owner(self.partition_of_chat(chat))
    }

    /// The home of a user.
    pub fn home(&self, user: UserId) -> ShardId {
        ShardId((xxh3_64_with_seed(user.as_bytes(), HOME_SEED) % u64::from(self.shards)) as u16)
    }

    fn partition_of(&self, key: &[u8]) -> PartitionId {
        PartitionId((xxh3_64(key) % u64::from(self.partitions)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    #[test]
    fn golden_vectors_never_change() {
        let topology = Topology::new(12, 5).expect("nonzero");
        let chat = ChatId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        let user = UserId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
        let found = (
            topology.partition_of_chat(chat).0,
            topology.partition_of_username("alice").0,
            topology.partition_of_user(user).0,
            topology.home(user).0,
        );
        assert_eq!(found, GOLDEN);
    }

    /// A change here moves every chat of every existing log to another partition.
    const GOLDEN: (u32, u32, u32, u16) = (5, 0, 4, 4);

    proptest! {
        #[test]
        fn every_partition_has_exactly_one_owner(partitions in 1u32..300, shards in 1u16..70) {
            let topology = Topology::new(partitions, shards).expect("nonzero");
            let mut owners = vec![0; partitions as usize];
            for shard in topology.all_shards() {
                for partition in topology.owned_by(shard) {
                    prop_assert_eq!(topology.owner(partition), shard);
                    owners[partition.index()] += 1;
                }
            }
            prop_assert!(owners.iter().all(|&n| n == 1));
        }
    }
}
