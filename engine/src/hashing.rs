//! Whose password is hashed next. Hashes are slow on purpose, so that a few clients could keep the hashers busy: each
//! network has its turn, whoever logged in before from where they are has a share of their own, and registrations
//! give way.

use std::collections::VecDeque;

use crate::edge::port::{PasswordJob, Token};
use crate::fair_queue::FairQueue;
use crate::limits::Network;

/// Passwords that the hashers have at once for one shard: one that they work on, and the next.
pub const HASHED_AT_ONCE: usize = 2;
/// Passwords of one kind that wait in a shard: a few seconds' worth.
const WAITING_MAX: usize = 128;
/// Who comes first, in turn: who is not there leaves their turn to the next one.
const TURNS: [Kind; 8] = [
    Kind::Known,
    Kind::LogIn,
    Kind::Known,
    Kind::LogIn,
    Kind::Known,
    Kind::LogIn,
    Kind::Known,
    Kind::Registration,
];

/// What a password is hashed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A login to an account from a network that logged in to it before; or what an operator asks for.
    Known,
    /// Any other login.
    LogIn,
    /// By themselves, with an invite or without.
    Registration,
}

/// Passwords on their way to the hashers.
#[derive(Debug, Default)]
pub(crate) struct Hashing {
    known: FairQueue<PasswordJob>,
    log_ins: FairQueue<PasswordJob>,
    registrations: FairQueue<PasswordJob>,
    /// How many jobs were handed to the hashers, to know whose turn it is.
    turn: usize,
    at_hashers: usize,
    /// Those that there was no room for.
    refused: VecDeque<Token>,
}

impl Hashing {
    /// Adds a job. Where too many wait, the network that has most of them loses one.
    pub(crate) fn add(
        &mut self,
        job: PasswordJob,
        kind: Kind,
        network: Network,
        hashers: &mut Vec<PasswordJob>,
    ) {
        let refused = self.queue(kind).push(network, job, WAITING_MAX);
        self.refused.extend(refused.map(|job| job.token));
        self.hand_over(hashers);
    }

    /// The hashers are done with a job.
    pub(crate) fn done(&mut self, hashers: &mut Vec<PasswordJob>) {
        self.at_hashers = self.at_hashers.saturating_sub(1);
        self.hand_over(hashers);
    }

    /// Takes a job that there was no room for.
    pub(crate) fn take_refused(&mut self) -> Option<Token> {
        self.refused.pop_front()
    }

    fn hand_over(&mut self, hashers: &mut Vec<PasswordJob>) {
        while self.at_hashers < HASHED_AT_ONCE
            && let Some(job) = self.next()
        {
            self.at_hashers += 1;
            hashers.push(job);
        }
    }

    fn next(&mut self) -> Option<PasswordJob> {
        let first = TURNS[self.turn % TURNS.len()];
        let order = [first, Kind::Known, Kind::LogIn, Kind::Registration];
        let job = order.into_iter().find_map(|kind| self.queue(kind).pop())?;
        self.turn += 1;
        Some(job)
    }

    const fn queue(&mut self, kind: Kind) -> &mut FairQueue<PasswordJob> {
        match kind {
            Kind::Known => &mut self.known,
            Kind::LogIn => &mut self.log_ins,
            Kind::Registration => &mut self.registrations,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::edge::port::{Part, PasswordCheck};

    fn network(n: u8) -> Network {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, n)).into()
    }

    fn job(number: u64) -> PasswordJob {
        PasswordJob {
            token: Token {
                part: Part::Owner,
                number,
            },
            password: String::new(),
            against: PasswordCheck::VerifyNobody,
        }
    }

    /// A shard whose hashers are busy.
    fn busy() -> Hashing {
        Hashing {
            at_hashers: HASHED_AT_ONCE,
            ..Hashing::default()
        }
    }

    /// The order in which everything that waits is handed over.
    fn order(hashing: &mut Hashing) -> Vec<u64> {
        let mut order = Vec::new();
        loop {
            let mut handed = Vec::new();
            hashing.done(&mut handed);
            match handed.as_slice() {
                [] => return order,
                jobs => order.extend(jobs.iter().map(|job| job.token.number)),
            }
        }
    }

    #[test]
    fn the_hashers_have_few_at_once() {
        let (mut hashing, mut handed) = (Hashing::default(), Vec::new());
        for number in 0..5 {
            hashing.add(job(number), Kind::LogIn, network(1), &mut handed);
        }
        assert_eq!(handed.len(), HASHED_AT_ONCE);
    }

    #[test]
    fn each_network_has_its_turn() {
        let mut hashing = busy();
        for number in 0..100 {
            hashing.add(job(number), Kind::LogIn, network(1), &mut Vec::new());
        }
        hashing.add(job(1000), Kind::LogIn, network(2), &mut Vec::new());
        assert_eq!(order(&mut hashing)[..3], [0, 1000, 1]);
    }

    #[test]
    fn who_is_known_has_half_and_registrations_an_eighth() {
        let mut hashing = busy();
        for number in 0..100 {
            for (kind, first) in [
                (Kind::Registration, 2000),
                (Kind::LogIn, 1000),
                (Kind::Known, 0),
            ] {
                hashing.add(job(first + number), kind, network(1), &mut Vec::new());
            }
        }
        let first: Vec<u64> = order(&mut hashing)[..80].iter().map(|n| n / 1000).collect();
        let of = |kind| first.iter().filter(|n| **n == kind).count();
        assert_eq!([of(0), of(1), of(2)], [40, 30, 10]);
    }

    #[test]
    fn at_the_bound_the_network_that_has_most_loses() {
        let mut hashing = busy();
        for number in 0..WAITING_MAX as u64 {
            hashing.add(job(number), Kind::LogIn, network(1), &mut Vec::new());
        }
        assert_eq!(hashing.take_refused(), None);
        hashing.add(job(1000), Kind::LogIn, network(2), &mut Vec::new());
        let last = WAITING_MAX as u64 - 1;
        assert_eq!(hashing.take_refused(), Some(job(last).token));
        assert_eq!(hashing.take_refused(), None);
        assert_eq!(order(&mut hashing)[..2], [0, 1000]);
    }
}
