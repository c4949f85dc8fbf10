//! Hash maps of a shard.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// How ids are hashed: in a build with debug assertions always alike, so that a seed of the simulator shows the same world
/// each time, and maps are walked in the same order.
#[cfg(debug_assertions)]
pub(crate) type Hashing = foldhash::fast::FixedState;
/// How ids are hashed: fast, and so that it can't be predicted from outside.
#[cfg(not(debug_assertions))]
pub(crate) type Hashing = foldhash::fast::RandomState;

/// A map keyed by ids.
pub(crate) type Map<K, V> = HashMap<K, V, Hashing>;

/// A set of ids.
pub(crate) type Set<K> = HashSet<K, Hashing>;

/// The value of a key; a new key has the default one. Where there are `count_max` keys already, one of the others is
/// forgotten for it.
pub(crate) fn entry_within<K, V>(map: &mut Map<K, V>, key: K, count_max: usize) -> &mut V
where
    K: Clone + Eq + Hash,
    V: Default,
{
    if map.len() >= count_max
        && !map.contains_key(&key)
        && let Some(other) = map.keys().next().cloned()
    {
        map.remove(&other);
    }
    map.entry(key).or_default()
}

/// What was asked for and not answered yet, by the number that the answer will carry.
#[derive(Debug)]
pub(crate) struct Unanswered<T> {
    last: u64,
    waiting: Map<u64, T>,
}

impl<T> Default for Unanswered<T> {
    fn default() -> Self {
        Self::above(0)
    }
}

impl<T> Unanswered<T> {
    /// Numbers begin above `last`, so that answers to earlier questions match none.
    pub(crate) fn above(last: u64) -> Self {
        let waiting = Map::default();
        Self { last, waiting }
    }

    /// Adds what waits, and returns its number.
    pub(crate) fn add(&mut self, what: T) -> u64 {
        self.add_with(|_| what)
    }

    /// The same for what knows its number.
    pub(crate) fn add_with(&mut self, what: impl FnOnce(u64) -> T) -> u64 {
        self.last += 1;
        self.waiting.insert(self.last, what(self.last));
        self.last
    }

    /// Takes what waits for an answer; `None` where nothing does.
    pub(crate) fn take(&mut self, number: u64) -> Option<T> {
        self.waiting.remove(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.waiting.get_mut(&number)
    }

    /// Takes everything that meets a condition.
    pub(crate) fn take_if(&mut self, mut is_over: impl FnMut(&mut T) -> bool) -> Vec<T> {
        let over = self.waiting.extract_if(|_, what| is_over(what));
        over.map(|(_, what)| what).collect()
    }

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.waiting.iter().map(|(number, what)| (*number, what))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.waiting.values()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.waiting.values_mut()
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.waiting.drain().map(|(_, what)| what)
    }
}
