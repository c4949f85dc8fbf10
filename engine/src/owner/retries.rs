//! Reads of the store that failed and are retried after a pause.

use std::collections::VecDeque;

/// Microseconds from a failed read to the next try.
const RETRY_MICROS: u64 = 500_000;

/// What is to be read again, in the order in which it falls due.
#[derive(Debug)]
pub(super) struct Retries<T>(VecDeque<(u64, T)>);

impl<T> Default for Retries<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Retries<T> {
    /// Schedules what could not be read.
    pub(super) fn add(&mut self, what: T, now_micros: u64) {
        self.0.push_back((now_micros + RETRY_MICROS, what));
    }

    /// Takes something that is due.
    pub(super) fn next(&mut self, now_micros: u64) -> Option<T> {
        let (_, what) = self.0.pop_front_if(|(due, _)| *due <= now_micros)?;
        Some(what)
    }
}
