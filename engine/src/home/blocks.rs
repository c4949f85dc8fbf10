//! Whom users block: no more than so many, however much is asked at once.

use rookery_schema::UserId;
use rookery_schema::limits::BLOCKS_PER_USER_MAX;

use crate::edge::port::Block;
use crate::limits::Network;
use crate::map::Map;
use crate::mesh::Asker;

/// Seconds within which the store knows of a block that was asked for, or it does not come about.
pub(super) const UNSTORED_SECONDS: u64 = 60;

/// Blocks that the store may not know yet.
#[derive(Debug, Default)]
pub(super) struct Blocks(Map<UserId, Vec<(UserId, u64)>>);

/// A user who is to be blocked, once it is known whom else their blocker has.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) asker: Asker,
    pub(super) user_id: UserId,
    pub(super) blocked_id: UserId,
    pub(super) network: Network,
}

impl Blocks {
    /// Notes that a user blocks another one; false where they have too many, of whom the store knows these.
    pub(super) fn begin(
        &mut self,
        user_id: UserId,
        blocked_id: UserId,
        known: &[Block],
        until: u64,
    ) -> bool {
        let unstored = self.0.entry(user_id).or_default();
        unstored.retain(|(it, _)| *it != blocked_id);
        let is_known = |id: UserId| known.iter().any(|it| it.user_id == id);
        let others = unstored.iter().filter(|(it, _)| !is_known(*it)).count();
        let has_room = is_known(blocked_id) || known.len() + others < BLOCKS_PER_USER_MAX;
        if has_room {
            unstored.push((blocked_id, until));
        } else if unstored.is_empty() {
            self.0.remove(&user_id);
        }
        has_room
    }

    pub(super) fn tick(&mut self, now_micros: u64) {
        self.0.retain(|_, unstored| {
            unstored.retain(|(_, until)| *until > now_micros);
            !unstored.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schema::Timestamp;

    fn user(n: usize) -> UserId {
        UserId::from_bytes((n as u128).to_be_bytes())
    }

    fn known(count: usize) -> Vec<Block> {
        let block = |n| Block {
            user_id: user(n),
            created_at: Timestamp::default(),
        };
        (1..=count).map(block).collect()
    }

    #[test]
    fn those_that_the_store_does_not_know_yet_count_once() {
        let (mut blocks, ann) = (Blocks::default(), user(0));
        let stored = known(BLOCKS_PER_USER_MAX - 2);
        let other = |n: usize| user(BLOCKS_PER_USER_MAX + n);
        assert!(blocks.begin(ann, other(1), &stored, 10));
        assert!(blocks.begin(ann, other(1), &stored, 10), "again");
        assert!(blocks.begin(ann, other(2), &stored, 20));
        assert!(!blocks.begin(ann, other(3), &stored, 20));
        assert!(blocks.begin(ann, user(1), &stored, 20), "who is blocked");
        assert!(blocks.begin(other(9), other(3), &[], 20), "by another");
        blocks.tick(10);
        assert!(
            blocks.begin(ann, other(3), &stored, 20),
            "it did not come about"
        );
        blocks.tick(20);
        assert!(blocks.0.is_empty());
        assert!(!blocks.begin(ann, other(3), &known(BLOCKS_PER_USER_MAX), 30));
        assert!(blocks.0.is_empty());
    }
}
