//! What users may send by this shard before their homes have heard of it. A message takes no hop for its sender's
//! quotas: the shard counts what it let through, tells the home in the background, and refuses when that says so.
//!
//! So a user who sends by several shards at once may get through what one lease allows by each, before all wait.

use std::mem;

use rookery_schema::UserId;

use crate::config::ShardConfig;
use crate::limits::Limit;
use crate::map::{Map, entry_within};
use crate::mesh::problem::Problem;
use crate::mesh::{Spending, Verdict};

/// Users with a lease here; beyond it, some are forgotten with what they have spent since their homes heard of them.
const LEASES_MAX: usize = 1 << 18;
/// A lease is this part of the bytes that a user may send in a minute.
const BYTES_SHARE: u64 = 16;
/// Microseconds after which a lease that was not used is forgotten, unless its user must wait.
const IDLE_MICROS: u64 = 60_000_000;
/// What was spent of such a lease is forgotten with it where it is less than this part of its bytes; else the home is told
/// first.
const FORGOTTEN_SHARE: u64 = 16;
/// Microseconds between two looks for those.
const SWEEP_MICROS: u64 = 10_000_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    all: Map<UserId, Lease>,
    swept_micros: u64,
}

/// What one user has sent here that their home has not heard of.
#[derive(Debug, Default)]
struct Lease {
    messages: u64,
    bytes: u64,
    /// The home was told something, and has not answered.
    told: bool,
    verdict: Verdict,
    used_micros: u64,
}

/// How much a shard lets through before it must have heard from the home. 0: without limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit {
    messages: u64,
    bytes: u64,
}

impl Credit {
    pub(crate) fn of(config: &ShardConfig) -> Self {
        Self {
            messages: u64::from(config.user_rate),
            bytes: config.user_bytes.div_ceil(BYTES_SHARE),
        }
    }
}

impl Leases {
    /// Lets a message through, or refuses it. Returns what the home is to be told.
    ///
    /// # Errors
    /// The limit that its sender has met.
    pub(crate) fn spend(
        &mut self,
        user_id: UserId,
        bytes: usize,
        credit: Credit,
        now_micros: u64,
    ) -> Result<Option<Spending>, Problem> {
        if credit.messages == 0 && credit.bytes == 0 {
            return Ok(None);
        }
        let lease = entry_within(&mut self.all, user_id, LEASES_MAX);
        lease.spend(bytes as u64, credit, now_micros)?;
        if lease.told || !lease.is_half_spent(credit) {
            return Ok(None);
        }
        Ok(Some(lease.tell(user_id)))
    }

    /// A user's home has heard what they spent.
    pub(crate) fn leased(&mut self, user_id: UserId, verdict: Verdict) {
        // It may have been forgotten.
        if let Some(lease) = self.all.get_mut(&user_id) {
            lease.told = false;
            lease.verdict = verdict;
        }
    }

    /// Forgets leases that were not used for long. Returns what homes are to be told before that.
    pub(crate) fn tick(&mut self, credit: Credit, now: u64) -> Vec<Spending> {
        let mut untold = Vec::new();
        if now.saturating_sub(self.swept_micros) >= SWEEP_MICROS {
            self.swept_micros = now;
            self.all.retain(|user_id, lease| {
                if lease.is_untold(credit, now) {
                    untold.push(lease.tell(*user_id));
                }
                lease.counts(now)
            });
        }
        untold
    }
}

impl Lease {
    fn spend(&mut self, bytes: u64, credit: Credit, now_micros: u64) -> Result<(), Problem> {
        match self.verdict {
            Verdict::Wait {
                limit,
                until_micros,
            } if now_micros < until_micros => {
                let seconds = (until_micros - now_micros).div_ceil(1_000_000);
                return Err(Problem::over(limit, seconds as u32));
            }
            Verdict::Wait { .. } | Verdict::GoOn => {}
        }
        // One half is with the home already.
        if self.told && has_half(self.messages, credit.messages) {
            return Err(Problem::over(Limit::UserRate, 1));
        }
        if self.told && has_half(self.bytes, credit.bytes) {
            return Err(Problem::over(Limit::UserBytes, 1));
        }
        self.messages += 1;
        self.bytes += bytes;
        self.used_micros = now_micros;
        Ok(())
    }

    /// The home is told what was spent, and has not answered from here on.
    const fn tell(&mut self, user_id: UserId) -> Spending {
        self.told = true;
        Spending {
            user_id,
            messages: mem::replace(&mut self.messages, 0),
            bytes: mem::replace(&mut self.bytes, 0),
        }
    }

    /// Whether anything would be lost with it.
    const fn counts(&self, now: u64) -> bool {
        let must_wait = match self.verdict {
            Verdict::Wait { until_micros, .. } => now < until_micros,
            Verdict::GoOn => false,
        };
        self.told || must_wait || !self.is_idle(now)
    }

    const fn is_idle(&self, now: u64) -> bool {
        now.saturating_sub(self.used_micros) >= IDLE_MICROS
    }

    /// Whether it is not used any more, and the home has not heard of much that was spent.
    const fn is_untold(&self, credit: Credit, now: u64) -> bool {
        let is_much = credit.bytes > 0 && FORGOTTEN_SHARE * self.bytes >= credit.bytes;
        is_much && !self.told && self.is_idle(now)
    }

    const fn is_half_spent(&self, credit: Credit) -> bool {
        has_half(self.messages, credit.messages) || has_half(self.bytes, credit.bytes)
    }
}

/// Whether half of a credit is spent; of none, never.
const fn has_half(spent: u64, credit: u64) -> bool {
    credit > 0 && 2 * spent >= credit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Buckets, Rate};

    const USER: UserId = UserId::from_bytes([1; 16]);
    const SECOND: u64 = 1_000_000;
    const CREDIT: Credit = Credit {
        messages: 10,
        bytes: 1000,
    };
    const A_MINUTE: u64 = BYTES_SHARE * CREDIT.bytes;

    fn spend(leases: &mut Leases, bytes: usize, at: u64) -> Result<Option<Spending>, Limit> {
        let spent = leases.spend(USER, bytes, CREDIT, at);
        spent.map_err(|problem| problem.limit.expect("a limit"))
    }

    const fn spending(messages: u64, bytes: u64) -> Spending {
        Spending {
            user_id: USER,
            messages,
            bytes,
        }
    }

    #[test]
    fn the_home_is_told_of_one_half_and_meanwhile_the_other_passes() {
        let mut leases = Leases::default();
        for _ in 0..4 {
            assert_eq!(spend(&mut leases, 1, 0), Ok(None));
        }
        assert_eq!(spend(&mut leases, 1, 0), Ok(Some(spending(5, 5))));
        for _ in 0..5 {
            assert_eq!(spend(&mut leases, 1, 0), Ok(None), "it was told");
        }
        assert_eq!(spend(&mut leases, 1, 0), Err(Limit::UserRate));
        leases.leased(USER, Verdict::GoOn);
        assert_eq!(spend(&mut leases, 1, 0), Ok(Some(spending(6, 6))));
    }

    #[test]
    fn bytes_count_by_themselves() {
        let mut leases = Leases::default();
        assert_eq!(spend(&mut leases, 600, 0), Ok(Some(spending(1, 600))));
        assert_eq!(spend(&mut leases, 499, 0), Ok(None));
        assert_eq!(spend(&mut leases, 499, 0), Ok(None));
        assert_eq!(spend(&mut leases, 1, 0), Err(Limit::UserBytes));
    }

    #[test]
    fn who_must_wait_is_refused_until_then() {
        let mut leases = Leases::default();
        assert_eq!(spend(&mut leases, 1, 0), Ok(None));
        let wait = Verdict::Wait {
            limit: Limit::UserBytes,
            until_micros: 3 * SECOND,
        };
        leases.leased(USER, wait);
        let refused = leases.spend(USER, 1, CREDIT, SECOND / 2);
        assert_eq!(refused, Err(Problem::over(Limit::UserBytes, 3)));
        assert_eq!(spend(&mut leases, 1, 3 * SECOND), Ok(None));
    }

    #[test]
    fn what_is_not_used_is_forgotten() {
        let mut leases = Leases::default();
        assert_eq!(spend(&mut leases, 1, SECOND), Ok(None));
        assert_eq!(leases.tick(CREDIT, IDLE_MICROS), []);
        assert_eq!(leases.all.len(), 1);
        assert_eq!(leases.tick(CREDIT, IDLE_MICROS + SWEEP_MICROS), []);
        assert!(leases.all.is_empty());
    }

    #[test]
    fn the_home_is_told_of_much_that_was_spent_before_it_is_forgotten() {
        let mut leases = Leases::default();
        assert_eq!(spend(&mut leases, 100, 0), Ok(None));
        assert_eq!(leases.tick(CREDIT, IDLE_MICROS), [spending(1, 100)]);
        assert_eq!(leases.tick(CREDIT, IDLE_MICROS + SWEEP_MICROS), []);
        assert_eq!(leases.all.len(), 1, "the home may have it wait");
        leases.leased(USER, Verdict::GoOn);
        assert_eq!(leases.tick(CREDIT, IDLE_MICROS + 2 * SWEEP_MICROS), []);
        assert!(leases.all.is_empty());
    }

    /// What a user gets through in so many minutes who sends as much as they can by each of 64 shards: in each period of
    /// so many seconds, messages of so many bytes in all by each, unless they are refused.
    fn sent_by_64_shards(minutes: u64, period: u64, bytes: usize) -> u64 {
        let rate = Rate::new(A_MINUTE, 60, A_MINUTE);
        let mut home = Buckets::new(1);
        let mut shards: Vec<Leases> = (0..64).map(|_| Leases::default()).collect();
        let mut sent = 0;
        for second in 0..60 * minutes {
            let now = second * SECOND;
            for leases in &mut shards {
                let mut told = leases.tick(CREDIT, now);
                for _ in (0..bytes / 100).filter(|_| second.is_multiple_of(period)) {
                    let spent = leases.spend(USER, 100, CREDIT, now);
                    sent += if spent.is_ok() { 100 } else { 0 };
                    told.extend(spent.ok().flatten());
                }
                for spending in told {
                    let seconds = home.charge(USER, spending.bytes, rate, now);
                    let wait = |seconds| Verdict::Wait {
                        limit: Limit::UserBytes,
                        until_micros: now + u64::from(seconds) * SECOND,
                    };
                    leases.leased(USER, seconds.map_or(Verdict::GoOn, wait));
                }
            }
        }
        sent
    }

    #[test]
    fn what_many_shards_let_through_at_once_is_waited_for() {
        const MINUTES: u64 = 30;
        // What a user may have sent at once, a lease by each shard, and what came free.
        let most = A_MINUTE + 64 * CREDIT.bytes + MINUTES * A_MINUTE;
        for (period, bytes) in [(1, 1000), (10, 400), (75, 400), (75, 1000)] {
            let sent = sent_by_64_shards(MINUTES, period, bytes);
            assert!(
                sent <= most,
                "{bytes} bytes in {period} s: {sent} of {most}"
            );
        }
    }

    #[test]
    fn no_more_leases_are_kept_than_the_bound() {
        let mut leases = Leases::default();
        for n in 0..=LEASES_MAX {
            let user_id = UserId::from_bytes((n as u128).to_le_bytes());
            assert!(leases.spend(user_id, 1, CREDIT, 0).is_ok());
        }
        assert_eq!(leases.all.len(), LEASES_MAX);
    }

    #[test]
    fn without_limits_nothing_is_kept() {
        let mut leases = Leases::default();
        let none = Credit {
            messages: 0,
            bytes: 0,
        };
        assert_eq!(leases.spend(USER, 1 << 30, none, 0), Ok(None));
        assert!(leases.all.is_empty());
    }
}
