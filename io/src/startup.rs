//! A start that may have to wait for outside servers: what for, and whether it still should.

use std::sync::{Arc, Mutex, PoisonError};

use crate::signals::StopFlag;

/// What it waits for where nobody has said more.
const ENGINES: &str = "its log and store";

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Startup {
    stop: StopFlag,
    /// Empty where nobody has said.
    waits_for: Arc<Mutex<String>>,
}

impl Startup {
    /// Of a process that gives up once it is told to stop.
    pub fn new(stop: StopFlag) -> Self {
        Self {
            stop,
            waits_for: Arc::default(),
        }
    }

    /// Whether the process was told to stop: whoever waits gives up.
    pub fn is_interrupted(&self) -> bool {
        self.stop.is_set()
    }

    pub(crate) const fn stop(&self) -> &StopFlag {
        &self.stop
    }

    /// Notes what is waited for, and why, for operators to read.
    pub(crate) fn wait_for(&self, what: String) {
        *self
            .waits_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// Notes that nothing outside is waited for any more.
    pub(crate) fn go_on(&self) {
        self.wait_for(String::new());
    }

    pub(crate) fn waits_for(&self) -> String {
        let waits_for = self
            .waits_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &**waits_for {
            "" => ENGINES.to_owned(),
            what => what.to_owned(),
        }
    }
}
