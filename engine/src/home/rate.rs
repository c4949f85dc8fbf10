//! How many messages a second a user may send: a token bucket at their home.

use rookery_schema::UserId;

use crate::context::Context;
use crate::limits::{Buckets, Limit, Rate};
use crate::mesh::problem::Problem;

/// Users who are remembered for having sent something lately.
const USERS_MAX: usize = 1 << 20;

/// Buckets of the users who sent something lately, each of one second's messages.
#[derive(Debug)]
pub(super) struct RateLimits(Buckets<UserId>);

impl Default for RateLimits {
    fn default() -> Self {
        Self(Buckets::new(USERS_MAX))
    }
}

impl RateLimits {
    /// Spends one message, or refuses.
    pub(super) fn spend(&mut self, user: UserId, cx: &Context<'_>) -> Result<(), Problem> {
        let a_second = u64::from(cx.config.user_rate);
        if a_second == 0 {
            return Ok(());
        }
        let rate = Rate::new(a_second, 1, a_second);
        let spent = self.0.spend(user, 1, rate, cx.now.micros);
        spent.map_err(|seconds| Problem::over(Limit::UserRate, seconds))
    }

    /// Forgets buckets that are full again.
    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        self.0.tick(cx.now.micros);
    }
}
