//! The format that data on disk carries.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use rookery_schema::format::OLDEST;

/// Which version reads a format that this one does not.
pub(crate) const fn version_for(found: u32) -> &'static str {
    if found < OLDEST {
        "the version that wrote it"
    } else {
        "the version that wrote it, or a newer one,"
    }
}

/// The format of a log or a store, which several lanes may raise. It is never lowered.
#[derive(Debug)]
pub(crate) struct FormatMark {
    current: AtomicU32,
    raising: Mutex<()>,
}

impl FormatMark {
    /// With the format that the data was found to carry.
    pub(crate) const fn new(found: u32) -> Self {
        Self {
            current: AtomicU32::new(found),
            raising: Mutex::new(()),
        }
    }

    pub(crate) fn current(&self) -> u32 {
        self.current.load(Ordering::Acquire)
    }

    /// Has the data carry at least this format, before something that needs it is written. `write` makes
    /// a format durable; where it fails, nothing was raised.
    pub(crate) fn raise<E>(
        &self,
        needed: u32,
        write: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        if needed <= self.current() {
            return Ok(());
        }
        let _guard = self.raising.lock().unwrap_or_else(PoisonError::into_inner);
        if needed > self.current() {
            write()?;
            self.current.store(needed, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_once_and_before_it_counts() {
        let mark = FormatMark::new(2);
        assert_eq!(mark.raise(2, || Err("needless")), Ok(()));
        assert_eq!(
            mark.raise(3, || Err("the disk is full")),
            Err("the disk is full")
        );
        assert_eq!(mark.current(), 2);
        let written = mark.raise(3, || {
            assert_eq!(mark.current(), 2);
            Ok::<(), &str>(())
        });
        assert_eq!((written, mark.current()), (Ok(()), 3));
        assert_eq!(mark.raise(3, || Err("twice")), Ok(()));
        assert_eq!(mark.raise(2, || Err("lower")), Ok(()));
    }
}
