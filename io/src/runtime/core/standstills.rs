//! When a shard stood still: as a whole, as when the process was stopped, or in one long turn.

/// Microseconds between two heartbeats after which the shard counts as having stood still.
const STANDSTILL_MICROS: u64 = 1_000_000;

/// What the times of heartbeats tell of standstills.
#[derive(Default)]
pub(super) struct Standstills {
    /// When the last heartbeat came, in microseconds.
    beat_micros: u64,
    /// It came after a standstill, too.
    stood_still: bool,
}

impl Standstills {
    /// Whether a heartbeat ends a standstill. A shard whose turns are always this long is busy, not still: its time
    /// goes on.
    pub(super) fn ends_one(&mut self, now_micros: u64) -> bool {
        let since = now_micros.saturating_sub(self.beat_micros);
        self.beat_micros = now_micros;
        let before = std::mem::replace(&mut self.stood_still, since > STANDSTILL_MICROS);
        self.stood_still && !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_of_long_turns_is_a_standstill() {
        const BEAT: u64 = 100_000;
        const LONG: u64 = STANDSTILL_MICROS + 1;
        let mut standstills = Standstills::default();
        let mut now = 0;
        let mut after = |micros| {
            now += micros;
            standstills.ends_one(now)
        };
        assert!(!after(BEAT) && !after(STANDSTILL_MICROS));
        assert!(after(LONG), "as after a stop");
        assert!(!after(LONG) && !after(LONG), "its time goes on");
        assert!(!after(BEAT));
        assert!(after(LONG), "another one");
    }
}
