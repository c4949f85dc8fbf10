//! Failed and earlier logins: an account is locked for a network that failed too often, and slowed down for all where
//! nobody has logged in to it before.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use rookery_schema::UserId;

use crate::limits::{Buckets, Limit, Network, Rate};
use crate::map::Map;
use crate::mesh::problem::Problem;

/// Seconds in which failed logins count.
const WINDOW_SECONDS: u64 = 300;
const WINDOW_MICROS: u64 = WINDOW_SECONDS * 1_000_000;
/// Failures that are remembered; above it, the oldest is forgotten.
const FAILURES_MAX: usize = 65_536;
/// Accounts with the networks that logged in to them, as many as are remembered; above it, the one that
/// was used least lately is forgotten.
const KNOWN_MAX: usize = 65_536;
/// Accounts whose failures are counted over all networks.
const ACCOUNTS_MAX: usize = 65_536;
/// How many networks' failures an account bears at once from where nobody has logged in to it.
const NETWORKS_PER_ACCOUNT: u64 = 5;

type AccountAndNetwork = (Box<str>, Network);

/// The logins of the last time, without those that nothing is to be learned from.
#[derive(Debug)]
pub(super) struct Logins {
    /// Failures of the last [`WINDOW_SECONDS`], oldest first.
    failures: VecDeque<(u64, Rc<AccountAndNetwork>)>,
    /// The same, by account and network.
    failed: Map<Rc<AccountAndNetwork>, Failed>,
    /// What each account bears from where nobody has logged in to it.
    accounts: Buckets<Box<str>>,
    known: Known,
}

/// The failures of an account from a network.
#[derive(Debug)]
struct Failed {
    /// Whose account it is, where it is anybody's.
    user_id: Option<UserId>,
    /// Oldest first.
    times: VecDeque<u64>,
}

/// Who has logged in from where.
#[derive(Debug, Default)]
struct Known {
    /// With the number of the newest login of each.
    all: Map<Rc<AccountAndNetwork>, u64>,
    /// By that number.
    order: BTreeMap<u64, Rc<AccountAndNetwork>>,
    last: u64,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            failures: VecDeque::new(),
            failed: Map::default(),
            accounts: Buckets::new(ACCOUNTS_MAX),
            known: Known::default(),
        }
    }
}

impl Logins {
    /// Notes a login.
    pub(super) fn succeeded(&mut self, username: Box<str>, network: Network) {
        self.known.add((username, network));
    }

    /// Notes a failed login to an account, which may be nobody's. `allowed` is how many an account may have from a
    /// network, 1 at least.
    pub(super) fn failed(
        &mut self,
        username: Box<str>,
        user_id: Option<UserId>,
        network: Network,
        allowed: usize,
        now_micros: u64,
    ) {
        if self.failures.len() >= FAILURES_MAX {
            self.forget_oldest();
        }
        if !self.is_known(&username, network) {
            let (account, rate) = (username.clone(), account_rate(allowed));
            // Others may have failed at the same time: then there is nothing left to spend.
            let _ = self.accounts.spend(account, 1, rate, now_micros);
        }
        let key = Rc::new((username, network));
        self.failures.push_back((now_micros, Rc::clone(&key)));
        let failed = self.failed.entry(key).or_insert_with(|| Failed {
            user_id,
            times: VecDeque::new(),
        });
        failed.user_id = user_id;
        failed.times.push_back(now_micros);
    }

    /// Whether somebody has logged in to an account from a network.
    pub(super) fn is_known(&self, username: &str, network: Network) -> bool {
        self.known.all.contains_key(&(Box::from(username), network))
    }

    /// Why an account that may fail `allowed` times may not be tried from a network now.
    pub(super) fn lockout(
        &self,
        username: &str,
        network: Network,
        allowed: usize,
        now_micros: u64,
    ) -> Option<Problem> {
        if let Some(seconds) = self.locked_for(username, network, allowed, now_micros) {
            return Some(Problem::over(Limit::LoginRate, seconds));
        }
        if self.is_known(username, network) {
            return None;
        }
        let (account, rate) = (Box::from(username), account_rate(allowed));
        let seconds = self.accounts.seconds_until(&account, 1, rate, now_micros)?;
        Some(Problem::over(Limit::AccountLogins, seconds))
    }

    /// Whose account it is that failed from a network.
    pub(super) fn user_id(&self, username: &str, network: Network) -> Option<UserId> {
        self.failures(username, network)?.user_id
    }

    fn failures(&self, username: &str, network: Network) -> Option<&Failed> {
        self.failed.get(&(Box::from(username), network))
    }

    fn locked_for(
        &self,
        username: &str,
        network: Network,
        allowed: usize,
        now_micros: u64,
    ) -> Option<u32> {
        let times = &self.failures(username, network)?.times;
        let ends = times.get(times.len().checked_sub(allowed)?)? + WINDOW_MICROS;
        let left = ends.checked_sub(now_micros)?;
        Some((left / 1_000_000) as u32 + 1)
    }

    /// Forgets failures that count no more.
    pub(super) fn tick(&mut self, now_micros: u64) {
        self.accounts.tick(now_micros);
        while let Some((at, _)) = self.failures.front()
            && at + WINDOW_MICROS < now_micros
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.failures.pop_front() else {
            return;
        };
        if let Some(failed) = self.failed.get_mut(&key) {
            failed.times.pop_front();
            if failed.times.is_empty() {
                self.failed.remove(&key);
            }
        }
    }
}

/// As many failures as some networks may have together, and then one at a time.
fn account_rate(allowed: usize) -> Rate {
    let allowed = allowed as u64;
    Rate::new(allowed, WINDOW_SECONDS, allowed * NETWORKS_PER_ACCOUNT)
}

impl Known {
    fn add(&mut self, key: AccountAndNetwork) {
        let key = Rc::new(key);
        self.last += 1;
        self.order.insert(self.last, Rc::clone(&key));
        if let Some(earlier) = self.all.insert(key, self.last) {
            self.order.remove(&earlier);
        } else if self.order.len() > KNOWN_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.all.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn network(n: u8) -> Network {
        IpAddr::from(Ipv4Addr::new(192, 0, 2, n)).into()
    }

    fn fail(logins: &mut Logins, username: &str, from: u8, at: u64) {
        logins.failed(username.into(), None, network(from), 2, at);
    }

    /// The limit that a login would meet, and the seconds that it would have to wait.
    fn lockout(logins: &Logins, username: &str, from: u8, at: u64) -> Option<(Limit, u32)> {
        let problem = logins.lockout(username, network(from), 2, at)?;
        Some((problem.limit?, problem.retry_after?))
    }

    #[test]
    fn an_account_is_locked_until_its_failures_are_old() {
        let mut logins = Logins::default();
        fail(&mut logins, "ann", 1, 0);
        fail(&mut logins, "bob", 1, 0);
        assert_eq!(lockout(&logins, "ann", 1, SECOND), None);
        fail(&mut logins, "ann", 1, 10 * SECOND);
        let locked = Some((Limit::LoginRate, 291));
        assert_eq!(lockout(&logins, "ann", 1, 10 * SECOND), locked);
        assert_eq!(lockout(&logins, "ann", 2, 10 * SECOND), None);
        assert_eq!(lockout(&logins, "bob", 1, 10 * SECOND), None);
        // Of three failures, the second must be old too before only one counts.
        fail(&mut logins, "ann", 1, 20 * SECOND);
        assert_eq!(lockout(&logins, "ann", 1, 20 * SECOND), locked);
        logins.tick(WINDOW_MICROS + 15 * SECOND);
        assert_eq!(
            lockout(&logins, "ann", 1, WINDOW_MICROS + 15 * SECOND),
            None
        );
        logins.tick(2 * WINDOW_MICROS);
        assert!(logins.failures.is_empty() && logins.failed.is_empty());
    }

    #[test]
    fn many_networks_together_slow_an_account_down_but_for_who_logged_in_there() {
        let mut logins = Logins::default();
        logins.succeeded("ann".into(), network(100));
        for from in 0..10 {
            assert_eq!(lockout(&logins, "ann", from, 0), None);
            fail(&mut logins, "ann", from, 0);
        }
        let slowed = Some((Limit::AccountLogins, 150));
        assert_eq!(lockout(&logins, "ann", 11, 0), slowed);
        assert_eq!(lockout(&logins, "ann", 100, 0), None);
        assert_eq!(lockout(&logins, "bob", 11, 0), None);
        assert_eq!(lockout(&logins, "ann", 11, 150 * SECOND), None);
        fail(&mut logins, "ann", 11, 150 * SECOND);
        assert_eq!(lockout(&logins, "ann", 12, 150 * SECOND), slowed);
        // A known network's failures are counted for that network alone.
        fail(&mut logins, "ann", 100, 300 * SECOND);
        fail(&mut logins, "ann", 100, 300 * SECOND);
        let locked = Some((Limit::LoginRate, 301));
        assert_eq!(lockout(&logins, "ann", 100, 300 * SECOND), locked);
        assert_eq!(lockout(&logins, "ann", 12, 300 * SECOND), None);
    }

    #[test]
    fn no_more_is_remembered_than_the_bounds() {
        let mut logins = Logins::default();
        for n in 0..=FAILURES_MAX as u64 {
            fail(&mut logins, &n.to_string(), 1, n);
            logins.succeeded(n.to_string().into(), network(1));
            if n.is_multiple_of(1000) {
                logins.succeeded("daily".into(), network(1));
            }
        }
        assert_eq!(logins.failures.len(), FAILURES_MAX);
        assert_eq!(logins.failed.len(), FAILURES_MAX);
        assert_eq!(
            (logins.known.all.len(), logins.known.order.len()),
            (KNOWN_MAX, KNOWN_MAX)
        );
        assert!(logins.is_known("daily", network(1)));
        assert!(!logins.is_known("1", network(1)) && logins.is_known("2", network(1)));
    }
}
