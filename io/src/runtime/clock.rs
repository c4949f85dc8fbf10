//! A shard's clock, read once for all steps that run together.

use std::cell::Cell;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rookery_engine::input::Now;
use rookery_schema::Timestamp;

/// Both clocks from one system call: the time of day is that of the last
/// [`Clock::set_wall`], moved on by the clock that never goes back.
pub(crate) struct Clock {
    start: Instant,
    anchor: Cell<Now>,
    current: Cell<Option<Now>>,
}

impl Clock {
    pub(crate) fn new(start: Instant) -> Self {
        let clock = Self {
            start,
            anchor: Cell::default(),
            current: Cell::new(None),
        };
        clock.set_wall();
        clock
    }

    /// The time since [`Clock::expire`].
    pub(crate) fn now(&self) -> Now {
        self.current.get().unwrap_or_else(|| {
            let now = self.read();
            self.current.set(Some(now));
            now
        })
    }

    /// Has the clock read anew when it is asked next.
    pub(crate) fn expire(&self) {
        self.current.set(None);
    }

    /// Asks the system for the time of day, which may have been set since.
    pub(crate) fn set_wall(&self) {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64);
        self.anchor.set(Now {
            micros: self.micros(),
            wall: Timestamp::from_millis(wall),
        });
        self.expire();
    }

    fn read(&self) -> Now {
        let (micros, anchor) = (self.micros(), self.anchor.get());
        let passed = (micros - anchor.micros) / 1000;
        Now {
            micros,
            wall: Timestamp::from_millis(anchor.wall.millis() + passed),
        }
    }

    fn micros(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_stands_still_within_a_round_and_goes_on_behind_it() {
        let clock = Clock::new(Instant::now());
        let first = clock.now();
        std::thread::sleep(Duration::from_millis(3));
        assert_eq!(clock.now().micros, first.micros);
        clock.expire();
        let second = clock.now();
        assert!(second.micros >= first.micros + 3_000);
        assert!(second.wall.millis() >= first.wall.millis() + 2);
    }

    #[test]
    fn the_time_of_day_is_the_systems() {
        let system = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |t| t.as_millis());
        let clock = Clock::new(Instant::now());
        assert!(u128::from(clock.now().wall.millis()).abs_diff(system) < 1_000);
    }
}
