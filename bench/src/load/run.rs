//! What a run is to do, and what came of it.

use std::ops::Range;
use std::time::Duration;

use crate::check::Verdict;
use crate::load::codec::Broken;
use crate::load::ledger::Ledger;
use crate::schedule::{Micros, Pace, SECOND, micros};

/// How often there is something to look after when nothing happens.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What a worker is to do.
#[derive(Clone)]
pub struct Plan {
    pub pace: Pace,
    /// Time with load that is not measured.
    pub warmup: Duration,
    /// Time with load that is measured.
    pub duration: Duration,
    /// So many messages at most, if that comes first.
    pub messages_max: u64,
    /// Messages of one connection without an answer.
    pub in_flight: usize,
    /// How much more popular some rooms are, see [`crate::world::RoomPicker`].
    pub zipf_exponent: f64,
    /// When all listeners lose their connections, after the beginning.
    pub storm_at: Option<Duration>,
    /// How long all listeners stop reading in each second; less than a second.
    pub pause: Duration,
    /// The least time between two rounds of the loop: the longer, the more is done at once, and the less often
    /// this process takes a core from the one that it measures. It is part of the latency.
    pub gather: Duration,
}

impl Plan {
    pub(super) fn window(&self) -> Range<Micros> {
        let begin = micros(self.warmup);
        begin..begin + micros(self.duration)
    }

    /// Whether listeners don't read now: they pause at the end of each second.
    pub(super) fn is_pause(&self, now: Micros) -> bool {
        now % SECOND + micros(self.pause) >= SECOND
    }
}

/// What came of a run.
pub struct Outcome {
    pub ledger: Ledger,
    pub verdict: Verdict,
    /// Connections that broke.
    pub broken: u64,
    /// Why the first of them did.
    pub first_break: Option<Broken>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_pause_for_as_long_as_planned_in_each_second() {
        let paused = |millis: u64| {
            let plan = Plan {
                pace: Pace::Max,
                warmup: Duration::ZERO,
                duration: Duration::ZERO,
                messages_max: 0,
                in_flight: 1,
                zipf_exponent: 0.0,
                storm_at: None,
                pause: Duration::from_millis(millis),
                gather: Duration::ZERO,
            };
            let millis = (0..3_000).map(|milli| milli * SECOND / 1_000);
            millis.filter(|now| plan.is_pause(*now)).count()
        };
        assert_eq!([0, 1, 150, 999].map(paused), [0, 3, 450, 2_997]);
    }
}
