//! How many partitions a log is to have.

use crate::config::Config;

/// How many partitions a log is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// As many where the log is created now; an existing one keeps its own number.
    IfNew(u32),
    /// As many in any case.
    Exactly(u32),
}

impl Partitions {
    /// What a configuration says. A default asks nothing of a log that exists.
    pub(crate) const fn of(config: &Config) -> Self {
        if config.partitions_given {
            Self::Exactly(config.partitions)
        } else {
            Self::IfNew(config.partitions)
        }
    }

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::IfNew(number) | Self::Exactly(number) => number,
        }
    }

    /// The number that was asked for, where the log has another.
    pub(crate) fn conflict(self, found: u32) -> Option<u32> {
        match self {
            Self::IfNew(_) => None,
            Self::Exactly(wanted) => (wanted != found).then_some(wanted),
        }
    }
}
