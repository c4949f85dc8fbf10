//! How long an answer that is due may stay away before the client that waits for it is replaced.

use std::time::{Duration, Instant};

/// The most that the patience grows to where a new client does not help either.
const PATIENCE_MAX: Duration = Duration::from_secs(3_600);

/// The patience with one kind of answer. It doubles with each client that got none.
#[derive(Debug)]
pub(super) struct Silence {
    first: Duration,
    patience: Duration,
    /// Since when an answer is due and has not come.
    since: Option<Instant>,
}

impl Silence {
    pub(super) const fn new(patience: Duration) -> Self {
        Self {
            first: patience,
            patience,
            since: None,
        }
    }

    /// Takes whether an answer is due, and whether one has come since the last look; says whether the patience is
    /// over, and begins anew then.
    pub(super) fn is_over(&mut self, due: bool, heard: bool, now: Instant) -> bool {
        if heard {
            self.patience = self.first;
        }
        if heard || !due {
            self.since = None;
        }
        if !due {
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) < self.patience {
            return false;
        }
        self.since = Some(now);
        self.patience = (self.patience * 2).min(PATIENCE_MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// At which seconds the patience is over, by the seconds at which an answer comes.
    fn over(due: impl Fn(u64) -> bool, heard: &[u64], seconds: u64) -> Vec<u64> {
        let (mut silence, start) = (Silence::new(PATIENCE), Instant::now());
        let mut look = |second: &u64| {
            let now = start + Duration::from_secs(*second);
            silence.is_over(due(*second), heard.contains(second), now)
        };
        (0..seconds).filter(|second| look(second)).collect()
    }

    #[test]
    fn only_an_answer_that_is_due_is_missed() {
        assert!(over(|_| false, &[], 100).is_empty());
        assert!(over(|second| second % 10 != 0, &[], 100).is_empty());
        assert!(over(|_| true, &[9, 18, 27], 37).is_empty());
        assert_eq!(over(|second| second >= 5, &[], 16), [15]);
    }

    #[test]
    fn a_client_that_is_new_gets_twice_the_time_until_one_has_an_answer() {
        assert_eq!(over(|_| true, &[], 100), [10, 30, 70]);
        assert_eq!(over(|_| true, &[31], 60), [10, 30, 41]);
        let many = over(|_| true, &[], 40_000);
        let last: Vec<_> = many.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(last.last(), Some(&PATIENCE_MAX.as_secs()));
    }
}
