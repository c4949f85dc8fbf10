//! When a shard stood still: as a whole, as when the process was stopped, or in one long turn.

/// Microseconds between two looks at the clock after which the shard counts as having stood still. It looks at the
/// begin of each round, and with each heartbeat.
const STANDSTILL_MICROS: u64 = 1_000_000;
/// Microseconds that it must have gone on without a pause before another one counts. A shard whose turns are always
/// long is busy, not still: its time goes on.
const STEADY_MICROS: u64 = 200_000;

/// What the times of looks tell of standstills.
pub(super) struct Standstills {
    /// When it was looked last, in microseconds.
    looked_micros: u64,
    /// Microseconds that it has gone on without a pause.
    steady_micros: u64,
    /// A standstill has ended since the last heartbeat.
    has_ended: bool,
}

impl Default for Standstills {
    fn default() -> Self {
        Self {
            looked_micros: 0,
            steady_micros: STEADY_MICROS,
            has_ended: false,
        }
    }
}

impl Standstills {
    /// Notes the time; true where a standstill ends with it.
    pub(super) fn look(&mut self, now_micros: u64) -> bool {
        let since = now_micros.saturating_sub(self.looked_micros);
        self.looked_micros = now_micros;
        if since <= STANDSTILL_MICROS {
            self.steady_micros = self.steady_micros.saturating_add(since);
            return false;
        }
        let was_steady = self.steady_micros >= STEADY_MICROS;
        self.steady_micros = 0;
        self.has_ended |= was_steady;
        was_steady
    }

    /// Whether a standstill has ended since this was asked last.
    pub(super) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.has_ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: u64 = 1000;
    const LONG: u64 = STANDSTILL_MICROS + 1;

    /// Looks after each of these times; which of the looks end a standstill.
    fn ends(passed: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let (mut standstills, mut now) = (Standstills::default(), 0);
        let mut look = |micros| {
            now += micros;
            let ends = standstills.look(now);
            assert_eq!(standstills.take_ended(), ends);
            assert!(!standstills.take_ended(), "told once");
            ends
        };
        passed.into_iter().map(&mut look).collect()
    }

    #[test]
    fn a_pause_is_a_standstill() {
        assert_eq!(ends([MOMENT, STANDSTILL_MICROS]), [false, false]);
        assert_eq!(ends([LONG, STEADY_MICROS, LONG]), [true, false, true]);
    }

    #[test]
    fn of_turns_that_are_always_long_only_the_first_is_one() {
        assert_eq!(
            ends([LONG, MOMENT, LONG, MOMENT, LONG, LONG]),
            [true, false, false, false, false, false]
        );
    }
}
