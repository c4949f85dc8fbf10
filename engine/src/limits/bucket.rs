//! Token buckets, as one number each: the time at which a bucket will be full again (the generic cell rate algorithm,
//! ITU-T I.371, Annex A).

use std::hash::Hash;

use crate::map::{Map, entry_within};

const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    nanos_each: u64,
    burst: u64,
}

impl Rate {
    /// So many tokens in so many seconds, and at most `burst` at once. Above a billion a second, it is a billion.
    pub(crate) fn new(tokens: u64, seconds: u64, burst: u64) -> Self {
        Self {
            nanos_each: (seconds * NANOS_PER_SECOND / tokens.max(1)).max(1),
            burst,
        }
    }

    const fn nanos_of(self, tokens: u64) -> u64 {
        self.nanos_each.saturating_mul(tokens)
    }
}

/// One bucket; a new one is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at_nanos: u64,
}

impl Bucket {
    /// Takes tokens.
    ///
    /// # Errors
    /// The seconds until there are as many, where there are too few; then none are taken.
    pub(crate) fn spend(&mut self, tokens: u64, rate: Rate, now_micros: u64) -> Result<(), u32> {
        match self.seconds_until(tokens, rate, now_micros) {
            Some(seconds) => Err(seconds),
            None => {
                self.charge(tokens, rate, now_micros);
                Ok(())
            }
        }
    }

    /// Takes tokens whether or not there are as many: what was spent already.
    pub(crate) fn charge(&mut self, tokens: u64, rate: Rate, now_micros: u64) {
        let now = now_micros * NANOS_PER_MICRO;
        let full_at = self.full_at_nanos.max(now);
        self.full_at_nanos = full_at.saturating_add(rate.nanos_of(tokens));
    }

    /// The seconds until there are as many tokens; `None` where there are.
    pub(crate) fn seconds_until(self, tokens: u64, rate: Rate, now_micros: u64) -> Option<u32> {
        let now = now_micros * NANOS_PER_MICRO;
        let full_at = self
            .full_at_nanos
            .max(now)
            .saturating_add(rate.nanos_of(tokens));
        let late = full_at.checked_sub(now.saturating_add(rate.nanos_of(rate.burst)))?;
        match late {
            0 => None,
            late => Some(u32::try_from(late.div_ceil(NANOS_PER_SECOND)).unwrap_or(u32::MAX)),
        }
    }

    const fn is_full(self, now_micros: u64) -> bool {
        self.full_at_nanos <= now_micros * NANOS_PER_MICRO
    }
}

/// Microseconds between two looks for buckets that are full.
const SWEEP_MICROS: u64 = 1_000_000;

/// A bucket for each of many keys; those that are full take no memory.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    /// Buckets at most. Beyond it some are forgotten, which lets their keys do more and refuses nobody.
    count_max: usize,
    all: Map<K, Bucket>,
    swept_micros: u64,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    pub(crate) fn new(count_max: usize) -> Self {
        Self {
            count_max,
            all: Map::default(),
            swept_micros: 0,
        }
    }

    /// See [`Bucket::spend`].
    pub(crate) fn spend(
        &mut self,
        key: K,
        tokens: u64,
        rate: Rate,
        now_micros: u64,
    ) -> Result<(), u32> {
        let bucket = entry_within(&mut self.all, key, self.count_max);
        bucket.spend(tokens, rate, now_micros)
    }

    /// See [`Bucket::charge`]. Returns the seconds until there is a token again; `None` where there is one.
    pub(crate) fn charge(
        &mut self,
        key: K,
        tokens: u64,
        rate: Rate,
        now_micros: u64,
    ) -> Option<u32> {
        let bucket = entry_within(&mut self.all, key, self.count_max);
        bucket.charge(tokens, rate, now_micros);
        bucket.seconds_until(1, rate, now_micros)
    }

    /// See [`Bucket::seconds_until`].
    pub(crate) fn seconds_until(
        &self,
        key: &K,
        tokens: u64,
        rate: Rate,
        now_micros: u64,
    ) -> Option<u32> {
        let bucket = self.all.get(key)?;
        bucket.seconds_until(tokens, rate, now_micros)
    }

    /// Forgets those that are full.
    pub(crate) fn tick(&mut self, now_micros: u64) {
        if now_micros.saturating_sub(self.swept_micros) >= SWEEP_MICROS {
            self.swept_micros = now_micros;
            self.all.retain(|_, bucket| !bucket.is_full(now_micros));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let rate = Rate::new(2, 1, 3);
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.spend(1, rate, SECOND), Ok(()));
        }
        assert_eq!(bucket.spend(1, rate, SECOND), Err(1));
        assert_eq!(bucket.spend(1, rate, SECOND + SECOND / 2), Ok(()));
        assert_eq!(bucket.spend(3, rate, SECOND + SECOND / 2), Err(2));
        assert!(!bucket.is_full(2 * SECOND) && bucket.is_full(3 * SECOND));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let rate = Rate::new(1, 60, 1);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.spend(1, rate, 0), Ok(()));
        for _ in 0..100 {
            assert_eq!(bucket.spend(1, rate, 0), Err(60));
        }
        assert_eq!(bucket.spend(1, rate, 60 * SECOND), Ok(()));
    }

    #[test]
    fn no_more_keys_are_remembered_than_the_bound() {
        let (mut buckets, rate) = (Buckets::new(10), Rate::new(1, 1, 1));
        for key in 0..100 {
            assert_eq!(buckets.spend(key, 1, rate, 0), Ok(()));
            assert!(buckets.all.len() <= 10);
            assert_eq!(buckets.spend(key, 1, rate, 0), Err(1));
        }
        buckets.tick(SECOND);
        assert!(buckets.all.is_empty());
    }

    proptest! {
        #[test]
        fn no_more_passes_than_the_burst_and_what_came_since(
            tokens in 1u64..1000, burst in 1u64..1000, pauses in proptest::collection::vec(0u64..SECOND, 1..200),
        ) {
            let rate = Rate::new(tokens, 1, burst);
            let (mut bucket, mut now, mut passed) = (Bucket::default(), 0, 0);
            for pause in pauses {
                now += pause;
                passed += u64::from(bucket.spend(1, rate, now).is_ok());
                // A token takes whole nanoseconds.
                prop_assert!(passed <= burst + (now + 1) * tokens / SECOND + 1);
            }
        }
    }
}
