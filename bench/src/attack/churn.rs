//! Connections that come and go, and take descriptors while they are there.

use std::time::Duration;

use crate::attack::script::{Force, Habits};

/// Enough to be at the limit of a server that has 4,096 descriptors, beside those of the other attacks.
const CONNECTIONS: usize = 3_000;

const HABITS: Habits = Habits {
    every: Duration::from_millis(500),
    reads: true,
    awaits: false,
    stays: Duration::from_secs(2),
    rests: Duration::from_millis(100),
};

/// They say nothing.
pub(super) fn force() -> Force {
    Force {
        connections: CONNECTIONS,
        habits: HABITS,
        script: Box::new(|_| Box::new(|_, _: &mut Vec<u8>| {})),
    }
}
