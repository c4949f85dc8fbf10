//! Randomness that can be repeated: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", 2014).

use std::hash::{BuildHasher, RandomState};

/// See the module.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of a seed that nobody has seen.
    pub fn from_entropy() -> Self {
        Self(RandomState::new().hash_one(0))
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `n` times.
    pub const fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A random UUID as text.
    pub fn uuid(&mut self) -> String {
        let high = u128::from(self.next());
        let low = u128::from(self.next());
        uuid::Builder::from_random_bytes((high << 64 | low).to_be_bytes())
            .into_uuid()
            .to_string()
    }

    /// Letters that no compression shortens much, for finding them again in a file.
    pub fn letters(&mut self, count: usize) -> String {
        const LETTERS: &[u8; 64] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
        (0..count)
            .map(|_| char::from(*self.pick(LETTERS)))
            .collect()
    }
}
