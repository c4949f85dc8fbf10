//! How much memory the chats of a shard may take, and what something in memory takes.

/// Chats of a shard looked at in one round to find some to forget.
const CHATS_SWEPT: usize = 1024;
/// Below the bound by this part of it, nothing more is forgotten: it is not done for every chat that comes.
const SPARE_PART: usize = 64;
/// However much those take who listen, so great a part of the bound is left for what can be forgotten, so that not
/// every chat is read from the store whenever it is used.
const LEFT_PART: usize = 4;
/// Microseconds until chats are looked at again after all of them were in vain, unless they take more by then.
const VAIN_MICROS: u64 = 1_000_000;

/// Bytes that an allocator needs for an allocation besides what was asked for, and to what it rounds (glibc, 64 bits).
const ALLOCATION_HEADER_BYTES: usize = 8;
const ALLOCATION_UNIT_BYTES: usize = 16;
const ALLOCATION_BYTES_MIN: usize = 32;
/// Bytes of what counts the references to a buffer of shared bytes.
const SHARED_BYTES: usize = 24;

/// Bytes of memory that an allocation takes.
pub(crate) const fn allocated(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let taken = (bytes + ALLOCATION_HEADER_BYTES).next_multiple_of(ALLOCATION_UNIT_BYTES);
    if taken < ALLOCATION_BYTES_MIN {
        ALLOCATION_BYTES_MIN
    } else {
        taken
    }
}

/// Bytes of memory that a buffer of shared bytes takes.
pub(crate) const fn allocated_shared(capacity: usize) -> usize {
    allocated(capacity) + allocated(SHARED_BYTES)
}

/// Bytes of memory that a hash table takes which has room for so many entries of so many bytes: it has a power of two
/// of places, of which an eighth stays empty, and a byte beside each.
pub(crate) const fn allocated_table(capacity: usize, entry_bytes: usize) -> usize {
    if capacity == 0 {
        return 0;
    }
    let places = (capacity * 8 / 7).next_power_of_two();
    allocated(places * (entry_bytes + 1) + ALLOCATION_UNIT_BYTES)
}

/// Bytes that chats in memory may take, where the audiences of others take so many of `bytes_max`.
pub(crate) const fn left_for_chats(bytes_max: usize, kept_bytes: usize) -> usize {
    let (left, least) = (bytes_max.saturating_sub(kept_bytes), bytes_max / LEFT_PART);
    if left < least { least } else { left }
}

/// What a partition may do to bound its chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Bytes to be given up.
    pub(crate) bytes: usize,
    /// Chats that may be looked at.
    pub(crate) chats: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Bytes that were given up.
    pub(crate) bytes: usize,
    /// Chats that were looked at.
    pub(crate) looked_at: usize,
    /// Chats that were forgotten.
    pub(crate) forgotten: usize,
}

/// Says when a shard's chats are to take less memory, and how much.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Chats that were looked at since one gave something up.
    in_vain: usize,
    rest: Rest,
}

/// Nothing is looked at for now, since nothing could be forgotten.
#[derive(Debug, Default)]
struct Rest {
    until_micros: u64,
    /// Unless chats take more than this.
    until_bytes: usize,
}

impl Budget {
    /// Bytes to be given up where the chats take so many of `bytes_max`; `None` where they need not, or can't for now.
    pub(crate) const fn excess(
        &self,
        bytes: usize,
        bytes_max: usize,
        now_micros: u64,
    ) -> Option<usize> {
        let rests = now_micros < self.rest.until_micros && bytes <= self.rest.until_bytes;
        if bytes <= bytes_max || rests {
            return None;
        }
        Some(bytes - (bytes_max - bytes_max / SPARE_PART))
    }

    /// What one of so many partitions is to do, whose chats take `part` of `bytes`.
    pub(crate) const fn sweep(
        excess: usize,
        part: usize,
        bytes: usize,
        partitions: usize,
    ) -> Sweep {
        let share = excess as u128 * part as u128 / bytes as u128;
        Sweep {
            bytes: share as usize + 1,
            chats: CHATS_SWEPT.div_ceil(partitions),
        }
    }

    /// Notes what came of a round, after which a shard's chats are so many, and take so many bytes.
    pub(crate) const fn swept(
        &mut self,
        swept: Swept,
        chats: usize,
        bytes: usize,
        now_micros: u64,
    ) {
        if swept.bytes > 0 {
            self.in_vain = 0;
            return;
        }
        self.in_vain += swept.looked_at;
        // Chats that were used lately are spared when they are first looked at.
        if self.in_vain >= 2 * chats {
            self.in_vain = 0;
            self.rest = Rest {
                until_micros: now_micros + VAIN_MICROS,
                until_bytes: bytes + bytes / SPARE_PART,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_take_what_they_are_rounded_to() {
        let taken = [0, 1, 24, 25, 40, 41, 100].map(allocated);
        assert_eq!(taken, [0, 32, 32, 48, 48, 64, 112]);
    }

    #[test]
    fn tables_take_as_much_as_their_places() {
        for entries in [1, 3, 4, 7, 8, 28, 1000, 1640] {
            let map: std::collections::HashSet<u128> = (0..entries).collect();
            let places = match entries {
                1..=3 => 4,
                4..=7 => 8,
                8 => 16,
                28 => 32,
                _ => 2048,
            };
            assert_eq!(
                allocated_table(map.capacity(), 16),
                allocated(places * 17 + 16)
            );
        }
    }

    #[test]
    fn partitions_give_up_in_proportion_what_is_above_the_bound_and_some_to_spare() {
        let budget = Budget::default();
        assert_eq!(budget.excess(6400, 6400, 0), None);
        assert_eq!(budget.excess(6500, 6400, 0), Some(200));
        let sweep = Budget::sweep(200, 1625, 6500, 4);
        assert_eq!((sweep.bytes, sweep.chats), (51, CHATS_SWEPT / 4));
    }

    #[test]
    fn audiences_leave_some_of_the_bound_for_what_can_be_forgotten() {
        assert_eq!(left_for_chats(6400, 0), 6400);
        assert_eq!(left_for_chats(6400, 4000), 2400);
        assert_eq!(left_for_chats(6400, 4801), 1600);
        assert_eq!(left_for_chats(6400, usize::MAX), 1600);
    }

    #[test]
    fn what_was_in_vain_is_tried_again_after_a_while_or_when_there_is_more() {
        let mut budget = Budget::default();
        let vain = Swept {
            looked_at: 5,
            ..Swept::default()
        };
        budget.swept(vain, 5, 6400, 7);
        assert!(budget.excess(6400, 1, 7).is_some());
        budget.swept(vain, 5, 6400, 7);
        assert_eq!(budget.excess(6500, 1, 6 + VAIN_MICROS), None);
        assert!(budget.excess(6400, 1, 7 + VAIN_MICROS).is_some());
        assert!(budget.excess(6501, 1, 7).is_some());
    }
}
