//! Which shard serves what at the moment: unlike placement, it may change while the process runs.

use std::num::NonZeroU16;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::ids::{PartitionId, ShardId, UserId};
use crate::placement::Placement;

/// Who serves a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// This shard of this process.
    Here(ShardId),
    /// Nobody for now: it is moving, or not opened yet.
    Nobody,
}

/// One shard's knowledge of who serves what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    placement: Placement,
    shards: NonZeroU16,
    routes: Vec<Route>,
}

/// Keeps the placement of users and of chats independent of each other.
const HOME_SEED: u64 = 0x726f_6f6b;

impl Routing {
    /// Every partition is served here, partition `p` by shard `p % shards`. `None` where there are no shards.
    pub fn new(placement: Placement, shards: u16) -> Option<Self> {
        let shards = NonZeroU16::new(shards)?;
        let owner = |partition: PartitionId| {
            Route::Here(ShardId((partition.0 % u32::from(shards.get())) as u16))
        };
        Some(Self {
            placement,
            shards,
            routes: placement.all().map(owner).collect(),
        })
    }

    /// Where keys lie in the log.
    pub const fn placement(&self) -> Placement {
        self.placement
    }

    /// Number of shards of this process.
    pub const fn shards(&self) -> u16 {
        self.shards.get()
    }

    /// All shards, in order.
    pub fn all_shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.shards()).map(ShardId)
    }

    /// Who serves a partition.
    ///
    /// # Panics
    /// Where the log has no such partition.
    pub fn route(&self, partition: PartitionId) -> Route {
        self.routes[partition.index()]
    }

    /// Notes who serves a partition from now on, and tells who did before.
    ///
    /// # Panics
    /// Where the log has no such partition.
    pub fn set(&mut self, partition: PartitionId, route: Route) -> Route {
        std::mem::replace(&mut self.routes[partition.index()], route)
    }

    /// The partitions that a shard serves, in order.
    pub fn served_by(&self, shard: ShardId) -> impl Iterator<Item = PartitionId> + '_ {
        let is_served = move |partition: &PartitionId| self.route(*partition) == Route::Here(shard);
        self.placement.all().filter(is_served)
    }

    /// The home of a user: the shard that has their connections.
    pub fn home(&self, user: UserId) -> ShardId {
        ShardId((xxh3_64_with_seed(user.as_bytes(), HOME_SEED) % u64::from(self.shards())) as u16)
    }

    /// The shard that counts what a network of clients asks for, by its address.
    pub fn shard_of_network(&self, address: &[u8; 16]) -> ShardId {
        ShardId((xxh3_64_with_seed(address, HOME_SEED) % u64::from(self.shards())) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn routing(partitions: u32, shards: u16) -> Routing {
        let placement = Placement::new(partitions).expect("nonzero");
        Routing::new(placement, shards).expect("nonzero")
    }

    #[test]
    fn a_users_home_never_changes_for_a_number_of_shards() {
        let user = UserId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
        assert_eq!(routing(12, 5).home(user), ShardId(4));
    }

    #[test]
    fn a_partition_moves_and_no_other_does() {
        let mut routing = routing(4, 2);
        let before = routing.set(PartitionId(1), Route::Nobody);
        assert_eq!(before, Route::Here(ShardId(1)));
        assert_eq!(routing.route(PartitionId(1)), Route::Nobody);
        let served = |routing: &Routing, shard| -> Vec<u32> {
            let served = routing.served_by(ShardId(shard));
            served.map(|partition| partition.0).collect()
        };
        assert_eq!(served(&routing, 1), [3]);
        routing.set(PartitionId(1), Route::Here(ShardId(0)));
        assert_eq!(served(&routing, 0), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_partition_is_served_by_exactly_one_shard(partitions in 1u32..300, shards in 1u16..70) {
            let routing = routing(partitions, shards);
            let mut owners = vec![0; partitions as usize];
            for shard in routing.all_shards() {
                for partition in routing.served_by(shard) {
                    prop_assert_eq!(routing.route(partition), Route::Here(shard));
                    owners[partition.index()] += 1;
                }
            }
            prop_assert!(owners.iter().all(|&n| n == 1));
        }
    }
}
