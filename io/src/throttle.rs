//! Throttles log lines that would repeat for as long as something is away.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long other lines are held back after one has passed.
const QUIET: Duration = Duration::from_secs(5);

/// Lets one line pass, then holds others back for [`QUIET`].
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    since: u64,
}

impl Throttle {
    /// How many lines were held back since the last that passed; `None` where this is one of them.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passed
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < QUIET)
        {
            passed.since += 1;
            return None;
        }
        passed.last = Some(now);
        Some(std::mem::take(&mut passed.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_in_a_while_and_says_how_many_did_not() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass(start), Some(0));
        assert_eq!(throttle.pass(start + QUIET / 2), None);
        assert_eq!(throttle.pass(start + QUIET / 2), None);
        assert_eq!(throttle.pass(start + QUIET), Some(2));
        assert_eq!(throttle.pass(start + QUIET * 2), Some(0));
    }
}
