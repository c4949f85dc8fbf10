//! A queue in which each network has its turn.

use std::collections::VecDeque;

use crate::limits::Network;
use crate::map::Map;

/// See the module.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// None of them is empty.
    queues: Map<Network, VecDeque<T>>,
    /// Those who have something, in the order of their turns.
    turns: VecDeque<Network>,
    len: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            queues: Map::default(),
            turns: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> FairQueue<T> {
    /// Adds an item. Where there are more than `len_max` then, returns the newest of the network that has most.
    pub(crate) fn push(&mut self, network: Network, item: T, len_max: usize) -> Option<T> {
        let queue = self.queues.entry(network).or_default();
        if queue.is_empty() {
            self.turns.push_back(network);
        }
        queue.push_back(item);
        self.len += 1;
        if self.len <= len_max {
            return None;
        }
        let (&longest, _) = self.queues.iter().max_by_key(|(_, queue)| queue.len())?;
        let newest = self.take(longest, VecDeque::pop_back);
        if !self.queues.contains_key(&longest) {
            self.turns.retain(|other| *other != longest);
        }
        newest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.queues.values().flatten()
    }

    /// The item that is taken next.
    pub(crate) fn peek(&self) -> Option<&T> {
        self.queues.get(self.turns.front()?)?.front()
    }

    /// Drops all items that don't meet a condition.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        let queues = &mut self.queues;
        queues.retain(|_, queue| {
            queue.retain(&is_kept);
            !queue.is_empty()
        });
        self.turns.retain(|network| queues.contains_key(network));
        self.len = queues.values().map(VecDeque::len).sum();
    }

    /// Takes the oldest item of the network whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let network = self.turns.pop_front()?;
        let oldest = self.take(network, VecDeque::pop_front);
        if self.queues.contains_key(&network) {
            self.turns.push_back(network);
        }
        oldest
    }

    fn take(&mut self, network: Network, one: fn(&mut VecDeque<T>) -> Option<T>) -> Option<T> {
        let queue = self.queues.get_mut(&network)?;
        let item = one(queue)?;
        self.len -= 1;
        if queue.is_empty() {
            self.queues.remove(&network);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn network(n: u8) -> Network {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, n)).into()
    }

    #[test]
    fn each_network_has_its_turn_and_none_is_remembered() {
        let mut queue = FairQueue::default();
        for item in 0..3 {
            queue.push(network(1), item, 10);
        }
        queue.push(network(2), 10, 10);
        let order: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [0, 10, 1, 2]);
        assert_eq!(
            (queue.len, queue.turns.len(), queue.queues.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn what_is_not_kept_leaves_turns_to_others() {
        let mut queue = FairQueue::default();
        for (n, item) in [(1, 0), (2, 10), (1, 1), (3, 20), (3, 21)] {
            queue.push(network(n), item, 10);
        }
        queue.retain(|item| ![0, 10, 21].contains(item));
        assert_eq!((queue.peek(), queue.iter().count()), (Some(&1), 2));
        let order: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [1, 20]);
        assert!(queue.is_empty() && queue.peek().is_none() && queue.turns.is_empty());
    }

    #[test]
    fn at_the_bound_the_network_that_has_most_loses_its_newest() {
        let mut queue = FairQueue::default();
        assert_eq!(queue.push(network(1), 0, 2), None);
        assert_eq!(queue.push(network(1), 1, 2), None);
        assert_eq!(queue.push(network(2), 10, 2), Some(1));
        assert_eq!(queue.push(network(1), 2, 1), Some(2));
        assert!(queue.push(network(3), 20, 0).is_some());
        let rest = std::iter::from_fn(|| queue.pop()).count();
        assert_eq!((rest, queue.turns.len()), (2, 0));
    }
}
