//! When messages are to be sent.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// Microseconds since the beginning of a run.
pub type Micros = u64;

/// Microseconds in a second.
pub const SECOND: Micros = 1_000_000;

/// The clock of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since it began.
    pub fn now(self) -> Micros {
        micros(self.0.elapsed())
    }
}

/// A duration in the unit of the clock.
pub fn micros(duration: Duration) -> Micros {
    duration.as_micros() as Micros
}

/// How messages follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Open loop: so many a second, evenly, whatever the server does.
    PerSecond(f64),
    /// Closed loop: as many in flight as there may be.
    Max,
    /// The next once all listeners have the last.
    OneAtATime,
    /// None at all.
    Silent,
}

/// An open loop's intended send times.
#[derive(Debug)]
pub struct Schedule {
    per_second: f64,
    planned: u64,
}

impl Schedule {
    /// The first message is due when the run begins.
    pub fn new(per_second: f64) -> Self {
        Self {
            per_second,
            planned: 0,
        }
    }

    /// When the next message is to be sent.
    pub fn next_at(&self) -> Micros {
        (self.planned as f64 * SECOND as f64 / self.per_second) as Micros
    }

    /// The intended time of the next message, if that has come. A late caller gets all that it has
    /// missed, each with the time at which it should have been sent.
    pub fn take_due(&mut self, now: Micros) -> Option<Micros> {
        let next = self.next_at();
        (next <= now).then(|| {
            self.planned += 1;
            next
        })
    }
}

/// `--rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// As fast as it is answered.
    Max,
    /// Messages a second.
    PerSecond(f64),
    /// In terms of what `max` reaches, which is measured first.
    OfSaturation(f64),
}

/// A rate that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "a rate is `max`, messages a second (`5000`), or a part of the rate that `max` reaches (`0.5x`)"
)]
pub struct NoRate;

impl FromStr for Rate {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let (digits, of): (_, fn(f64) -> Self) = match text.strip_suffix('x') {
            Some(factor) => (factor, Self::OfSaturation),
            None => (text, Self::PerSecond),
        };
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && number > 0.0 => Ok(of(number)),
            _ => Err(NoRate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_caller_gets_the_times_that_they_have_missed() {
        let mut schedule = Schedule::new(1000.0);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take_due(3500)).collect();
        assert_eq!(due, [0, 1000, 2000, 3000]);
        assert_eq!(schedule.take_due(3999), None);
        assert_eq!(schedule.next_at(), 4000);
    }

    #[test]
    fn a_rate_that_divides_no_microsecond_does_not_drift() {
        let mut schedule = Schedule::new(300_000.0);
        let due = std::iter::from_fn(|| schedule.take_due(10 * SECOND - 1)).count();
        assert_eq!(due, 3_000_000);
    }

    #[test]
    fn rates_are_understood() {
        assert_eq!("max".parse::<Rate>().ok(), Some(Rate::Max));
        assert_eq!("5e3".parse::<Rate>().ok(), Some(Rate::PerSecond(5000.0)));
        assert_eq!("0.5x".parse::<Rate>().ok(), Some(Rate::OfSaturation(0.5)));
        for wrong in ["", "x", "-1", "0", "inf", "fast"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
