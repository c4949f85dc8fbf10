//! How many connections there may be in the whole process: as many as descriptors are left for, when log, store and
//! shards have theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rookery_engine::input::Entrance;

/// Descriptors of the process itself and of its embedded log and store: segments, tables, journals, and what
/// compaction opens beside them.
const PROCESS_DESCRIPTORS: u64 = 512;
/// Descriptors of a shard: rings, its epoll instance, its listener, its lanes and what wakes them.
const SHARD_DESCRIPTORS: u64 = 32;
/// Connections of the admin listener. They have descriptors of their own: an operator gets in when clients have taken
/// all others.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Who may connect. Clones share what they count.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    public: Count,
    admin: Count,
}

/// Connections there are, of so many that there may be.
#[derive(Debug)]
struct Count {
    now: AtomicUsize,
    max: usize,
}

/// Room for one connection, which is given back when this is dropped.
#[derive(Debug)]
pub struct Permit {
    counts: Arc<Counts>,
    entrance: Entrance,
}

/// There are too few descriptors for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {limit} files may be open, and {needed} are needed: raise ulimit -n")]
pub struct TooFewDescriptors {
    pub limit: u64,
    pub needed: u64,
}

impl Admission {
    /// As many connections as leave enough of `descriptors` for everything else.
    ///
    /// # Errors
    /// Where none are left.
    pub fn within(descriptors: u64, shards: usize) -> Result<Self, TooFewDescriptors> {
        let shards = SHARD_DESCRIPTORS.saturating_mul(shards as u64);
        let others = PROCESS_DESCRIPTORS + shards + ADMIN_CONNECTIONS_MAX as u64;
        match descriptors.checked_sub(others) {
            None | Some(0) => Err(TooFewDescriptors {
                limit: descriptors,
                needed: others + 1,
            }),
            Some(left) => Ok(Self::of(usize::try_from(left).unwrap_or(usize::MAX))),
        }
    }

    /// As many connections of clients as this.
    pub(crate) fn of(public_max: usize) -> Self {
        let count = |max| Count {
            now: AtomicUsize::new(0),
            max,
        };
        Self(Arc::new(Counts {
            public: count(public_max),
            admin: count(ADMIN_CONNECTIONS_MAX),
        }))
    }

    /// How many clients may be connected.
    pub fn public_max(&self) -> usize {
        self.0.public.max
    }

    /// Takes room for a connection; `None` where there is none.
    pub(crate) fn take(&self, entrance: Entrance) -> Option<Permit> {
        let count = self.0.of(entrance);
        let before = count.now.fetch_add(1, Ordering::Relaxed);
        // Given back below where it was one too many.
        let permit = Permit {
            counts: Arc::clone(&self.0),
            entrance,
        };
        (before < count.max).then_some(permit)
    }
}

impl Counts {
    const fn of(&self, entrance: Entrance) -> &Count {
        match entrance {
            Entrance::Public { .. } => &self.public,
            Entrance::Admin => &self.admin,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let count = self.counts.of(self.entrance);
        count.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const PUBLIC: Entrance = Entrance::Public { operations: true };

    #[test]
    fn room_that_was_given_back_can_be_taken_again() {
        let admission = Admission::of(2);
        let first = admission.take(PUBLIC).unwrap();
        let _second = admission.clone().take(PUBLIC).unwrap();
        for _ in 0..3 {
            assert!(admission.take(PUBLIC).is_none());
        }
        drop(first);
        assert!(admission.take(PUBLIC).is_some());
    }

    #[test]
    fn an_operator_gets_in_when_clients_have_taken_everything() {
        let admission = Admission::of(0);
        assert!(admission.take(PUBLIC).is_none());
        let all: Vec<_> = (0..ADMIN_CONNECTIONS_MAX)
            .map(|_| admission.take(Entrance::Admin).unwrap())
            .collect();
        assert!(admission.take(Entrance::Admin).is_none());
        drop(all);
    }

    #[test]
    fn descriptors_are_left_for_everything_else() {
        let admission = Admission::within(1024, 2).unwrap();
        assert_eq!(admission.public_max(), 1024 - 512 - 2 * 32 - 64);
        let refused = Admission::within(640, 2).unwrap_err();
        assert_eq!((refused.limit, refused.needed), (640, 641));
        assert!(refused.to_string().contains("ulimit -n"));
    }
}
