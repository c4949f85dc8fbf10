//! A shard's clock, read once for all steps that run together.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rookery_engine::input::Now;
use rookery_schema::Timestamp;

/// What the clocks of all shards have in common.
#[derive(Clone)]
pub struct ClockOrigin {
    start: Instant,
    /// The time of day at the start, in milliseconds, by the latest time of day that any shard has seen.
    latest_wall: Arc<AtomicI64>,
}

impl ClockOrigin {
    /// Clocks that begin now.
    pub(crate) fn now() -> Self {
        Self {
            start: Instant::now(),
            latest_wall: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }
}

/// All clocks from one system call: the times of day are those of the last
/// [`Clock::set_wall`], moved on by the clock that never goes back.
pub(crate) struct Clock {
    origin: ClockOrigin,
    anchor: Cell<Now>,
    current: Cell<Option<Now>>,
}

impl Clock {
    pub(crate) fn new(origin: ClockOrigin) -> Self {
        let clock = Self {
            origin,
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
        self.set_wall_to(wall);
    }

    fn set_wall_to(&self, wall_millis: u64) {
        let micros = self.micros();
        let passed = (micros / 1000) as i64;
        let wall_at_start = wall_millis as i64 - passed;
        let latest = &self.origin.latest_wall;
        let latest_at_start = latest
            .fetch_max(wall_at_start, Ordering::Relaxed)
            .max(wall_at_start);
        self.anchor.set(Now {
            micros,
            wall: Timestamp::from_millis(wall_millis),
            latest_wall: Timestamp::from_millis((latest_at_start + passed) as u64),
        });
        self.expire();
    }

    fn read(&self) -> Now {
        let (micros, anchor) = (self.micros(), self.anchor.get());
        let passed = (micros - anchor.micros) / 1000;
        Now {
            micros,
            wall: Timestamp::from_millis(anchor.wall.millis() + passed),
            latest_wall: Timestamp::from_millis(anchor.latest_wall.millis() + passed),
        }
    }

    fn micros(&self) -> u64 {
        self.origin.start.elapsed().as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_stands_still_within_a_round_and_goes_on_behind_it() {
        let clock = Clock::new(ClockOrigin::now());
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
        let clock = Clock::new(ClockOrigin::now());
        assert!(u128::from(clock.now().wall.millis()).abs_diff(system) < 1_000);
        assert!(u128::from(clock.now().latest_wall.millis()).abs_diff(system) < 1_000);
    }

    #[test]
    fn the_latest_time_of_day_goes_on_where_the_other_is_set_back_on_all_shards() {
        const DAY_MILLIS: u64 = 24 * 3600 * 1000;
        let origin = ClockOrigin::now();
        let (one, other) = (Clock::new(origin.clone()), Clock::new(origin));
        let today = one.now().wall.millis();
        one.set_wall_to(today + DAY_MILLIS);
        one.set_wall_to(today);
        other.set_wall_to(today);
        for clock in [one, other] {
            let first = clock.now();
            assert!(first.wall.millis() < today + 60_000);
            assert!(first.latest_wall.millis() >= today + DAY_MILLIS);
            std::thread::sleep(Duration::from_millis(3));
            clock.expire();
            let second = clock.now();
            assert!(second.latest_wall.millis() >= first.latest_wall.millis() + 2);
            assert!(second.latest_wall.millis() < today + DAY_MILLIS + 60_000);
        }
    }
}
