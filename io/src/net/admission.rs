//! How many connections there may be in the whole process: as many as descriptors are left for, when log, store and
//! shards have theirs; of those, how many may come from one network; and who gives way where hardly any room is left.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rookery_engine::input::Entrance;
use rookery_engine::limits::{Network, Proxies};

use super::sketch::Sketch;

/// Descriptors of the process itself: its output, locks, keys, hashers, signals, and what it reads of the kernel.
const PROCESS_DESCRIPTORS: u64 = 128;
/// Descriptors of a shard: rings, its epoll instance, its listener, its lanes and what wakes them.
const SHARD_DESCRIPTORS: u64 = 32;
/// Connections of the admin listener. They have descriptors of their own: an operator gets in when clients have taken
/// all others.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Seconds after which a client may try again whose network has too many connections.
pub(crate) const TURNED_AWAY_SECONDS: u32 = 10;

/// The part of all connections that is kept free by closing those that only wait for their clients, and connections
/// beyond which no more are kept so.
const ROOM_SHARE: usize = 16;
const ROOM_MAX: usize = 64;

/// How many connections one network may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerAddress {
    /// A share of what there may be in all, so that no network takes them from all others.
    Share,
    /// So many; 0: no limit.
    Max(u32),
}

/// The part of all connections that is one network's.
const NETWORK_SHARE: usize = 4;

impl PerAddress {
    fn max(self, public_max: usize) -> u32 {
        match self {
            Self::Share => u32::try_from(public_max / NETWORK_SHARE)
                .unwrap_or(u32::MAX)
                .max(1),
            Self::Max(max) => max,
        }
    }
}

/// Who may connect. Clones share what they count.
#[derive(Clone)]
pub struct Admission(Arc<Counts>);

struct Counts {
    public: Count,
    admin: Count,
    networks: Networks,
    shards: usize,
}

/// Connections of each network.
struct Networks {
    counts: Sketch,
    /// 0: no limit.
    max: u32,
    /// Their connections are not counted.
    proxies: Proxies,
}

/// Connections there are, of so many that there may be.
#[derive(Debug)]
struct Count {
    now: AtomicUsize,
    max: usize,
}

/// Room for one connection, which is given back when this is dropped.
pub struct Permit {
    counts: Arc<Counts>,
    entrance: Entrance,
    /// The network of its peer, for which it counts; none where that is spared.
    network: Option<Network>,
}

/// There are too few descriptors for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {limit} files may be open, and {needed} are needed: raise ulimit -n")]
pub struct TooFewDescriptors {
    pub limit: u64,
    pub needed: u64,
}

/// What needs descriptors besides the connections of clients.
#[derive(Clone, Copy, Debug)]
pub struct Others {
    pub shards: usize,
    /// Descriptors that log and store take at most.
    pub backend: u64,
}

impl Others {
    /// How many of so many descriptors are left for connections of clients.
    ///
    /// # Errors
    /// Where none are.
    pub fn leave(self, descriptors: u64) -> Result<usize, TooFewDescriptors> {
        let shards = SHARD_DESCRIPTORS.saturating_mul(self.shards as u64);
        let ours = PROCESS_DESCRIPTORS + shards + ADMIN_CONNECTIONS_MAX as u64;
        let others = ours.saturating_add(self.backend);
        match descriptors.checked_sub(others) {
            None | Some(0) => Err(TooFewDescriptors {
                limit: descriptors,
                needed: others.saturating_add(1),
            }),
            Some(left) => Ok(usize::try_from(left).unwrap_or(usize::MAX)),
        }
    }
}

impl Admission {
    /// As many connections as leave enough of `descriptors` for everything else.
    ///
    /// # Errors
    /// Where none are left.
    pub fn within(
        descriptors: u64,
        others: Others,
        per_address: PerAddress,
        proxies: Proxies,
    ) -> Result<Self, TooFewDescriptors> {
        let public_max = others.leave(descriptors)?;
        let network_max = per_address.max(public_max);
        Ok(Self::of(public_max, network_max, proxies, others.shards))
    }

    /// As many connections of clients as this, and of one network.
    pub(crate) fn of(public_max: usize, network_max: u32, proxies: Proxies, shards: usize) -> Self {
        let count = |max| Count {
            now: AtomicUsize::new(0),
            max,
        };
        Self(Arc::new(Counts {
            public: count(public_max),
            admin: count(ADMIN_CONNECTIONS_MAX),
            networks: Networks {
                counts: Sketch::new(),
                max: network_max,
                proxies,
            },
            shards,
        }))
    }

    /// How many clients may be connected.
    pub fn public_max(&self) -> usize {
        self.0.public.max
    }

    /// Takes room for a connection; `None` where there is none.
    pub(crate) fn take(&self, entrance: Entrance) -> Option<Permit> {
        let count = self.0.of(entrance);
        let before = count.now.fetch_add(1, Ordering::Relaxed);
        // Given back below where it was one too many.
        let permit = Permit {
            counts: Arc::clone(&self.0),
            entrance,
            network: None,
        };
        (before < count.max).then_some(permit)
    }

    /// How many connections of an entrance each shard should close, so that new ones find room.
    pub(crate) fn shortage(&self, entrance: Entrance) -> usize {
        let Count { now, max } = self.0.of(entrance);
        let room = (max / ROOM_SHARE).min(ROOM_MAX);
        let free = max.saturating_sub(now.load(Ordering::Relaxed));
        room.saturating_sub(free).div_ceil(self.0.shards)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("entrance", &self.entrance)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl Permit {
    /// Counts it for the network of its peer; false where that has as many connections as it may.
    #[must_use]
    pub(crate) fn count_for(&mut self, peer: IpAddr) -> bool {
        let Networks {
            counts,
            max,
            proxies,
        } = &self.counts.networks;
        let is_spared = match self.entrance {
            Entrance::Public { .. } => proxies.spares(peer),
            Entrance::Admin => true,
        };
        if is_spared {
            return true;
        }
        let network = Network::from(peer);
        self.network = Some(network);
        counts.add(network) <= *max || *max == 0
    }

    pub(crate) const fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// How soon its connection gives way to a new one: the more connections its network has, the sooner. `None`: never.
    pub(crate) fn gives_way(&self) -> Option<u32> {
        match (self.entrance, self.network) {
            (Entrance::Admin, _) => Some(0),
            // A trusted proxy goes on to use what it has open.
            (Entrance::Public { .. }, None) => None,
            (Entrance::Public { .. }, Some(network)) => {
                Some(self.counts.networks.counts.count(network))
            }
        }
    }

    /// The network of its peer; none where that is spared by limits by address.
    pub(crate) const fn network(&self) -> Option<Network> {
        self.network
    }
}

impl Counts {
    const fn of(&self, entrance: Entrance) -> &Count {
        match entrance {
            Entrance::Public { .. } => &self.public,
            Entrance::Admin => &self.admin,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let count = self.counts.of(self.entrance);
        count.now.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.network {
            self.counts.networks.counts.remove(network);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const PUBLIC: Entrance = Entrance::Public { operations: true };

    fn of(public_max: usize, network_max: u32) -> Admission {
        Admission::of(public_max, network_max, Proxies::new(Vec::new(), true), 2)
    }

    #[test]
    fn a_network_has_its_share_and_no_other_is_touched() {
        let admission = of(100, 2);
        let take = |entrance, peer: &str| {
            let mut permit = admission.take(entrance).unwrap();
            permit.count_for(peer.parse().unwrap()).then_some(permit)
        };
        let kept = ["2001:db8::1", "2001:db8::2"].map(|peer| take(PUBLIC, peer).unwrap());
        assert!(take(PUBLIC, "2001:db8::3").is_none());
        let _other = take(PUBLIC, "2001:db8:0:1::1").unwrap();
        let _local = [(); 3].map(|()| take(PUBLIC, "127.0.0.1").unwrap());
        let _operator = [(); 3].map(|()| take(Entrance::Admin, "192.0.2.1").unwrap());
        drop(kept);
        assert!(take(PUBLIC, "2001:db8::3").is_some());
    }

    #[test]
    fn where_room_is_short_large_networks_give_way_first_and_spared_ones_never() {
        let admission = of(64, 0);
        let take = |peer: &str| {
            let mut permit = admission.take(PUBLIC).unwrap();
            assert!(permit.count_for(peer.parse().unwrap()));
            permit
        };
        let large: Vec<_> = (0..58).map(|_| take("192.0.2.1")).collect();
        let (small, local) = (take("192.0.2.2"), take("127.0.0.1"));
        assert_eq!(admission.shortage(PUBLIC), 0, "four are free");
        let ranks = [&large[0], &small, &local].map(Permit::gives_way);
        assert_eq!(ranks, [Some(58), Some(1), None]);
        let more = [(); 3].map(|()| take("192.0.2.3"));
        assert_eq!(
            admission.shortage(PUBLIC),
            2,
            "three of four, by two shards"
        );
        assert_eq!(admission.shortage(Entrance::Admin), 0);
        drop(more);
    }

    #[test]
    fn room_that_was_given_back_can_be_taken_again() {
        let admission = of(2, 0);
        let first = admission.take(PUBLIC).unwrap();
        let _second = admission.clone().take(PUBLIC).unwrap();
        for _ in 0..3 {
            assert!(admission.take(PUBLIC).is_none());
        }
        drop(first);
        assert!(admission.take(PUBLIC).is_some());
    }

    #[test]
    fn an_operator_gets_in_when_clients_have_taken_everything() {
        let admission = of(0, 0);
        assert!(admission.take(PUBLIC).is_none());
        let all: Vec<_> = (0..ADMIN_CONNECTIONS_MAX)
            .map(|_| admission.take(Entrance::Admin).unwrap())
            .collect();
        assert!(admission.take(Entrance::Admin).is_none());
        drop(all);
    }

    #[test]
    fn descriptors_are_left_for_everything_else() {
        let others = |shards, backend| Others { shards, backend };
        let admission =
            Admission::within(1024, others(2, 400), PerAddress::Share, Proxies::default());
        let admission = admission.unwrap();
        let left = 1024 - 128 - 2 * 32 - 64 - 400;
        assert_eq!(admission.public_max(), left);
        assert_eq!(admission.0.networks.max as usize, left / NETWORK_SHARE);
        assert_eq!(others(2, 400).leave(657), Ok(1));
        let refused = others(2, 400).leave(656).unwrap_err();
        assert_eq!((refused.limit, refused.needed), (656, 657));
        assert!(others(2, u64::MAX).leave(1 << 20).is_err());
        assert!(refused.to_string().contains("ulimit -n"));
    }
}
