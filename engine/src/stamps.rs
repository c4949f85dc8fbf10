//! The time that records are stamped with. It never falls, whatever becomes of the system's clock: while the process runs
//! it is the latest time of day that any shard has seen, moved on by the clock that never goes back; and after a restart
//! it begins at the latest time in the logs that were replayed. So a clock that is set back does not change the order of
//! anything.

use rookery_schema::Timestamp;

use crate::edge::input::Now;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// No stamp is earlier.
    floor: Timestamp,
    /// When that was so, in microseconds.
    since_micros: u64,
}

impl Stamps {
    /// The time that a record is stamped with now.
    pub(crate) fn at(&self, now: Now) -> Timestamp {
        let passed = now.micros.saturating_sub(self.since_micros) / 1000;
        let floor = Timestamp::from_millis(self.floor.millis() + passed);
        now.latest_wall.max(floor)
    }

    /// A record has been stamped with this time, by this process or an earlier one.
    pub(crate) fn raise(&mut self, stamp: Timestamp, now: Now) {
        if self.at(now) < stamp {
            self.floor = stamp;
            self.since_micros = now.micros;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stamps_never_fall_and_go_on_with_the_clock_that_never_goes_back(
            steps in proptest::collection::vec((0..5_000_000u64, proptest::option::of(0..10_000u64)), 1..60),
            wall in 0..10_000u64,
        ) {
            let mut stamps = Stamps::default();
            let mut now = Now { latest_wall: Timestamp::from_millis(wall), ..Now::default() };
            let mut before = stamps.at(now);
            for (micros, seen) in steps {
                now.micros += micros;
                now.latest_wall = Timestamp::from_millis(wall + now.micros / 1000);
                let least = before.millis() + micros / 1000;
                if let Some(seen) = seen {
                    stamps.raise(Timestamp::from_millis(seen), now);
                    prop_assert!(stamps.at(now).millis() >= seen);
                }
                // Parts of milliseconds are lost.
                prop_assert!(stamps.at(now).millis() + 2 >= least);
                prop_assert!(stamps.at(now) >= before);
                before = stamps.at(now);
            }
        }
    }
}
