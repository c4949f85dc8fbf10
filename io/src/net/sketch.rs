//! How many connections each network has, counted in bounded memory: a count-min sketch (Cormode and Muthukrishnan,
//! "An improved data stream summary", 2005). Where networks share all of their counters, it counts too many, never too
//! few.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use rookery_engine::limits::Network;

/// Counters of a network, each in a row of its own.
const ROWS: usize = 4;
/// Counters of a row. With a quarter of a million networks, four share one; hardly any share four.
const COLUMNS: usize = 1 << 16;

/// See the module. Shards share it.
pub(super) struct Sketch {
    counters: Box<[AtomicU32]>,
    /// Clients can't know which networks share their counters.
    hasher: RandomState,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self {
            counters: (0..ROWS * COLUMNS).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one more; returns how many there are with it.
    pub(super) fn add(&self, network: Network) -> u32 {
        let counts = self
            .of(network)
            .map(|counter| counter.fetch_add(1, Ordering::Relaxed) + 1);
        counts.into_iter().min().unwrap_or(0)
    }

    /// How many there are.
    pub(super) fn count(&self, network: Network) -> u32 {
        let counts = self.of(network);
        let counts = counts.map(|counter| counter.load(Ordering::Relaxed));
        counts.into_iter().min().unwrap_or(0)
    }

    /// Counts one less, that was added before.
    pub(super) fn remove(&self, network: Network) {
        for counter in self.of(network) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn of(&self, network: Network) -> [&AtomicU32; ROWS] {
        let hash = self.hasher.hash_one(network);
        std::array::from_fn(|row| {
            let column = (hash >> (16 * row)) as usize % COLUMNS;
            &self.counters[row * COLUMNS + column]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn network(n: u32) -> Network {
        IpAddr::from(Ipv4Addr::from_bits(n)).into()
    }

    #[test]
    fn none_is_counted_too_few_and_hardly_any_too_many() {
        const NETWORKS: u32 = 50_000;
        let sketch = Sketch::new();
        for n in 0..NETWORKS {
            sketch.add(network(n));
        }
        let counts: Vec<u32> = (0..NETWORKS).map(|n| sketch.add(network(n))).collect();
        assert!(counts.iter().all(|count| *count >= 2));
        let too_many = counts.iter().filter(|count| **count > 8).count();
        assert!(too_many < 100, "{too_many}");
        for n in (0..NETWORKS).chain(0..NETWORKS) {
            sketch.remove(network(n));
        }
        assert_eq!(sketch.add(network(1)), 1);
        assert_eq!(sketch.count(network(1)), 1);
    }
}
