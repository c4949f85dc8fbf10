//! When a shard ticks, and how much of its time it sleeps.

use std::cell::Cell;
use std::time::Duration;

use rookery_engine::input::TICK_MILLIS;

/// Microseconds between two ticks.
const TICK_MICROS: u64 = TICK_MILLIS * 1000;

#[derive(Default)]
pub(super) struct Ticks {
    /// When it ticked last, by its clock, in microseconds.
    ticked_micros: Cell<u64>,
    /// Microseconds that it has slept since.
    slept_micros: Cell<u64>,
}

impl Ticks {
    pub(super) fn slept(&self, micros: u64) {
        self.slept_micros.set(self.slept_micros.get() + micros);
    }

    /// How long it is until the next tick.
    pub(super) fn until_tick(&self, now_micros: u64) -> Duration {
        let next = self.ticked_micros.get() + TICK_MICROS;
        Duration::from_micros(next.saturating_sub(now_micros))
    }

    /// Where a tick is due: the microseconds since the last one in which the shard did not sleep.
    pub(super) fn tick(&self, now_micros: u64) -> Option<u64> {
        let passed = now_micros.saturating_sub(self.ticked_micros.get());
        if passed < TICK_MICROS {
            return None;
        }
        self.ticked_micros.set(now_micros);
        Some(passed.saturating_sub(self.slept_micros.take()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ticks_in_time_and_tells_how_long_it_was_awake() {
        let ticks = Ticks::default();
        assert_eq!(ticks.until_tick(TICK_MICROS - 5), Duration::from_micros(5));
        assert_eq!(ticks.tick(TICK_MICROS - 5), None);
        ticks.slept(TICK_MICROS / 2);
        ticks.slept(TICK_MICROS / 4);
        assert_eq!(ticks.tick(TICK_MICROS), Some(TICK_MICROS / 4));
        assert_eq!(ticks.tick(TICK_MICROS), None, "once");
        assert_eq!(ticks.until_tick(3 * TICK_MICROS), Duration::ZERO);
        assert_eq!(ticks.tick(3 * TICK_MICROS), Some(2 * TICK_MICROS), "late");
    }
}
