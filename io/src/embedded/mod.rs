//! What the embedded log and the embedded store have in common: the data directory, and the
//! databases below it.

mod data_dir;
pub(crate) mod database;
mod journal;

pub use crate::config::Durability;
pub use data_dir::{DataDir, DataDirError};
pub(crate) use journal::Unsynced;

use std::time::Duration;

/// Waits between tries, longer from one to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    const MIN: Duration = Duration::from_millis(20);
    const MAX: Duration = Duration::from_secs(1);

    /// How long to wait before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Self::MAX);
        wait
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self(Self::MIN)
    }
}
