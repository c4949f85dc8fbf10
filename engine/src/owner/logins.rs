//! Failed logins: an account is locked for an address that failed too often.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use crate::map::Map;

/// Microseconds in which failed logins count.
const WINDOW_MICROS: u64 = 300_000_000;
/// Failures that are remembered; above it, the oldest is forgotten.
const FAILURES_MAX: usize = 65_536;

type AccountAndAddress = (Box<str>, IpAddr);

/// The failures of the last [`WINDOW_MICROS`].
#[derive(Debug, Default)]
pub(super) struct LoginFailures {
    /// Oldest first.
    all: VecDeque<(u64, Rc<AccountAndAddress>)>,
    /// When each account failed from each address, oldest first.
    times: Map<Rc<AccountAndAddress>, VecDeque<u64>>,
}

impl LoginFailures {
    pub(super) fn add(&mut self, username: Box<str>, address: IpAddr, now_micros: u64) {
        if self.all.len() >= FAILURES_MAX {
            self.forget_oldest();
        }
        let key = Rc::new((username, address));
        self.all.push_back((now_micros, Rc::clone(&key)));
        self.times.entry(key).or_default().push_back(now_micros);
    }

    /// Seconds until an account that may fail `allowed` times (0: without limit) may be tried again from
    /// an address.
    pub(super) fn locked_for(
        &self,
        username: &str,
        address: IpAddr,
        allowed: usize,
        now_micros: u64,
    ) -> Option<u32> {
        let times = self.times.get(&(Box::from(username), address))?;
        let ends = times.get(times.len().checked_sub(allowed)?)? + WINDOW_MICROS;
        let left = ends.checked_sub(now_micros)?;
        Some((left / 1_000_000) as u32 + 1)
    }

    /// Forgets failures that count no more.
    pub(super) fn expire(&mut self, now_micros: u64) {
        while let Some((at, _)) = self.all.front()
            && at + WINDOW_MICROS < now_micros
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.all.pop_front() else {
            return;
        };
        if let Some(times) = self.times.get_mut(&key) {
            times.pop_front();
            if times.is_empty() {
                self.times.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn an_account_is_locked_until_its_failures_are_old() {
        let mut failures = LoginFailures::default();
        failures.add("ann".into(), HERE, 0);
        failures.add("bob".into(), HERE, 0);
        assert_eq!(failures.locked_for("ann", HERE, 2, 1_000_000), None);
        failures.add("ann".into(), HERE, 10_000_000);
        assert_eq!(failures.locked_for("ann", HERE, 2, 10_000_000), Some(291));
        assert_eq!(failures.locked_for("bob", HERE, 2, 10_000_000), None);
        // Of three failures, the second must be old too before only one counts.
        failures.add("ann".into(), HERE, 20_000_000);
        assert_eq!(failures.locked_for("ann", HERE, 2, 20_000_000), Some(291));
        failures.expire(WINDOW_MICROS + 15_000_000);
        assert_eq!(
            failures.locked_for("ann", HERE, 2, WINDOW_MICROS + 15_000_000),
            None
        );
        failures.expire(2 * WINDOW_MICROS);
        assert!(failures.all.is_empty() && failures.times.is_empty());
    }

    #[test]
    fn no_more_failures_are_remembered_than_the_bound() {
        let mut failures = LoginFailures::default();
        for n in 0..=FAILURES_MAX as u64 {
            failures.add(n.to_string().into(), HERE, n);
        }
        assert_eq!(failures.all.len(), FAILURES_MAX);
        assert_eq!(failures.times.len(), FAILURES_MAX);
        assert_eq!(failures.locked_for("0", HERE, 1, 0), None);
        assert!(failures.locked_for("1", HERE, 1, 0).is_some());
    }
}
