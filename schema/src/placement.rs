//! Which partition of the log a key belongs to: a pure function that never changes for an existing log.

use std::num::NonZeroU32;

use xxhash_rust::xxh3::xxh3_64;

use crate::ids::{ChatId, PartitionId, UserId};

/// Places chats, usernames and users on the partitions of one log, whose number is fixed when the log is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    partitions: NonZeroU32,
}

impl Placement {
    /// `None` where there are no partitions.
    pub const fn new(partitions: u32) -> Option<Self> {
        match NonZeroU32::new(partitions) {
            Some(partitions) => Some(Self { partitions }),
            None => None,
        }
    }

    /// Number of partitions of the log.
    pub const fn partitions(self) -> u32 {
        self.partitions.get()
    }

    /// All partitions, in order.
    pub fn all(self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions()).map(PartitionId)
    }

    /// The partition that a chat's records go to.
    pub fn of_chat(self, chat: ChatId) -> PartitionId {
        self.of(chat.as_bytes())
    }

    /// The partition on which a name is claimed: for all that are claimed now, a key ([`crate::names`]).
    pub fn of_name(self, username: &str) -> PartitionId {
        self.of(username.as_bytes())
    }

    /// The partition that a user's own records (ended sessions) go to.
    pub fn of_user(self, user: UserId) -> PartitionId {
        self.of(user.as_bytes())
    }

    fn of(self, key: &[u8]) -> PartitionId {
        PartitionId((xxh3_64(key) % u64::from(self.partitions())) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A change here moves every chat of every existing log to another partition.
    const GOLDEN: (u32, u32, u32) = (5, 0, 4);

    #[test]
    fn golden_vectors_never_change() {
        let placement = Placement::new(12).expect("nonzero");
        let chat = ChatId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        let user = UserId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
        let found = (
            placement.of_chat(chat).0,
            placement.of_name("alice").0,
            placement.of_user(user).0,
        );
        assert_eq!(found, GOLDEN);
    }

    #[test]
    fn a_log_without_partitions_places_nothing() {
        assert_eq!(Placement::new(0), None);
    }
}
