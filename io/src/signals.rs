//! What signals mean to the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Whether the process was told to stop: set by the very signal, so that all threads know at once. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Has the process stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// `SIGTERM` and `SIGINT`, and for a server `SIGHUP`; also `SIGXFSZ`, which means nothing. Once registered, they no
/// longer end the process by themselves.
pub(crate) struct StopSignals {
    signals: Signals,
    stop: StopFlag,
}

impl StopSignals {
    /// Registers for all of them.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn register() -> io::Result<Self> {
        let signals = Signals::new([SIGTERM, SIGINT])?;
        let stop = StopFlag::default();
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        // A write beyond the limit of file sizes then fails, as on a full disk.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(Self { signals, stop })
    }

    /// Waits for `SIGHUP` too; one that comes before [`Self::hangups`] are asked for is kept.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn with_hangup(self) -> io::Result<Self> {
        self.signals.add_signal(SIGHUP)?;
        Ok(self)
    }

    /// Set once a signal to stop has arrived.
    pub(crate) const fn flag(&self) -> &StopFlag {
        &self.stop
    }

    /// Waits for each `SIGHUP`; ends with a signal to stop.
    pub(crate) fn hangups(&mut self) -> impl Iterator<Item = ()> + '_ {
        let signals = self.signals.forever();
        signals.take_while(|signal| *signal == SIGHUP).map(drop)
    }
}
