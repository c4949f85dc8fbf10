//! Whose turn it is: networks take turns where more sockets have something to do than one round serves, so that many
//! sockets of some networks don't keep others waiting. Stochastic fairness queueing (McKenney, 1990), with the lists of
//! FQ-CoDel (RFC 8290, section 4.1): a network that had nothing to do lately comes before those that always have.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use rookery_engine::ids::ConnId;
use rookery_engine::limits::Network;

/// Queues among which networks are spread. Two of them share one sometimes, and then a turn.
const QUEUES: usize = 1024;

/// One of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueId(u16);

/// See the module. As long as each round serves all that came, it is a queue like any other.
pub(super) struct Turns {
    /// Those that came in this round, in order.
    arrived: VecDeque<(ConnId, QueueId)>,
    /// Those that earlier rounds did not get to.
    queues: Box<[Queue]>,
    /// How many they are.
    waiting: usize,
    /// Queues that have their first turn before all others, and those that have had it.
    fresh: VecDeque<QueueId>,
    seen: VecDeque<QueueId>,
    /// Clients can't know whom they share a queue with.
    hasher: RandomState,
}

#[derive(Clone, Default)]
struct Queue {
    conns: VecDeque<ConnId>,
    /// It is among those that have turns.
    listed: bool,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            arrived: VecDeque::new(),
            queues: vec![Queue::default(); QUEUES].into(),
            waiting: 0,
            fresh: VecDeque::new(),
            seen: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// The queue of a connection: that of its network, or where none counts, one of its own, nearly.
    pub(super) fn queue_of(&self, conn: ConnId, network: Option<Network>) -> QueueId {
        let hash = network.map(|network| self.hasher.hash_one(network));
        let index = hash.unwrap_or(u64::from(conn.slot)) % QUEUES as u64;
        QueueId(index as u16)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrived.is_empty() && self.waiting == 0
    }

    /// Adds a connection that has something to do.
    pub(super) fn push(&mut self, conn: ConnId, queue: QueueId) {
        self.arrived.push_back((conn, queue));
    }

    /// Takes the connection whose turn it is.
    pub(super) fn pop(&mut self) -> Option<ConnId> {
        if self.waiting == 0 {
            return self.arrived.pop_front().map(|(conn, _)| conn);
        }
        self.sort();
        loop {
            let id = self.fresh.pop_front().or_else(|| self.seen.pop_front())?;
            let queue = &mut self.queues[usize::from(id.0)];
            if let Some(conn) = queue.conns.pop_front() {
                // Behind the others also where nothing is left: it must not come back as a fresh one at once.
                self.seen.push_back(id);
                self.waiting -= 1;
                return Some(conn);
            }
            queue.listed = false;
        }
    }

    /// The round ends: who had no turn in it waits in the queue of their network.
    pub(super) fn end_round(&mut self) {
        if !self.arrived.is_empty() {
            self.sort();
        }
    }

    fn sort(&mut self) {
        for (conn, id) in self.arrived.drain(..) {
            let queue = &mut self.queues[usize::from(id.0)];
            queue.conns.push_back(conn);
            self.waiting += 1;
            if !std::mem::replace(&mut queue.listed, true) {
                self.fresh.push_back(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{IpAddr, Ipv4Addr};

    const ROUND: usize = 128;

    const fn conn(slot: u32) -> ConnId {
        ConnId {
            slot,
            generation: 0,
        }
    }

    /// A network that shares its queue with none below it.
    fn networks(count: u32, turns: &Turns) -> Vec<QueueId> {
        let mut queues = Vec::new();
        for n in 0.. {
            let network = Network::from(IpAddr::from(Ipv4Addr::from_bits(n)));
            let queue = turns.queue_of(conn(0), Some(network));
            if !queues.contains(&queue) {
                queues.push(queue);
            }
            if queues.len() == count as usize {
                break;
            }
        }
        queues
    }

    fn round(turns: &mut Turns) -> Vec<ConnId> {
        let served: Vec<ConnId> = std::iter::from_fn(|| turns.pop()).take(ROUND).collect();
        turns.end_round();
        served
    }

    #[test]
    fn who_comes_once_is_served_in_the_next_round_however_many_others_wait() {
        let mut turns = Turns::new();
        let queues = networks(51, &turns);
        for slot in 0..10_000 {
            turns.push(conn(slot), queues[slot as usize % 50]);
        }
        // From here on each of the others has had a turn.
        for _ in 0..2 {
            round(&mut turns);
        }
        for n in 0..20 {
            let served = round(&mut turns);
            assert_eq!(served.len(), ROUND);
            for attacker in served {
                turns.push(attacker, queues[attacker.slot as usize % 50]);
            }
            let honest = conn(20_000 + n);
            turns.push(honest, queues[50]);
            assert_eq!(turns.pop(), Some(honest), "before those that always have");
            round(&mut turns);
        }
    }

    #[test]
    fn networks_have_as_many_turns_however_many_sockets_they_have() {
        let mut turns = Turns::new();
        let queues = networks(2, &turns);
        let queue_of = |conn: ConnId| queues[usize::from(conn.slot >= 9_000)];
        for slot in 0..9_010 {
            turns.push(conn(slot), queue_of(conn(slot)));
        }
        round(&mut turns);
        let mut few = 0;
        for _ in 0..10 {
            for _ in 0..ROUND {
                let one = turns.pop().expect("all always have something to do");
                few += usize::from(one.slot >= 9_000);
                turns.push(one, queue_of(one));
            }
            turns.end_round();
        }
        assert!((600..=680).contains(&few), "{few} of {}", 10 * ROUND);
    }

    proptest! {
        /// In whichever order: as long as a round serves all, in the order in which they came.
        #[test]
        fn each_gets_as_many_turns_as_it_came(rounds in proptest::collection::vec(0..300_u32, 1..20)) {
            let mut turns = Turns::new();
            let (mut pushed, mut popped, mut slot) = (Vec::new(), Vec::new(), 0);
            for count in rounds {
                let had_time = turns.is_empty();
                let first = pushed.len();
                for _ in 0..count {
                    turns.push(conn(slot), QueueId((slot % 7) as u16));
                    pushed.push(conn(slot));
                    slot += 1;
                }
                let served = round(&mut turns);
                if had_time && served.len() < ROUND {
                    prop_assert_eq!(&served, &pushed[first..]);
                }
                popped.extend(served);
            }
            while !turns.is_empty() {
                popped.extend(round(&mut turns));
            }
            popped.sort_by_key(|one| one.slot);
            prop_assert_eq!(popped, pushed);
        }
    }
}
