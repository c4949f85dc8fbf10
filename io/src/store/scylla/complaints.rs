//! What is logged of a store that fails.

use std::time::Instant;

use crate::throttle::Throttle;

/// Lines about a store that does not do what it is asked, not too many of them.
pub(super) struct Complaints {
    nodes: String,
    throttle: Throttle,
}

impl Complaints {
    pub(super) fn new(nodes: String) -> Self {
        Self {
            nodes,
            throttle: Throttle::default(),
        }
    }

    pub(super) fn about(&self, what: &str, error: &dyn std::fmt::Display) {
        if let Some(held_back) = self.throttle.pass(Instant::now()) {
            tracing::warn!(nodes = self.nodes, %error, held_back, "{what}");
        }
    }
}
