//! How many messages a second a user may send: a token bucket at their home.

use rookery_schema::UserId;

use crate::context::Context;
use crate::map::Map;
use crate::mesh::problem::Problem;

/// Buckets of the users who sent something lately.
#[derive(Debug, Default)]
pub(super) struct RateLimits {
    buckets: Map<UserId, Bucket>,
}

/// Holds up to one second's messages.
#[derive(Debug)]
struct Bucket {
    /// Millionths of a message.
    left: u64,
    filled_micros: u64,
}

impl RateLimits {
    /// Spends one token, or refuses.
    pub(super) fn spend(&mut self, user: UserId, cx: &Context<'_>) -> Result<(), Problem> {
        let rate = u64::from(cx.config.user_rate);
        if rate == 0 {
            return Ok(());
        }
        let full = rate * 1_000_000;
        let now = cx.now.micros;
        let bucket = self.buckets.entry(user).or_insert(Bucket {
            left: full,
            filled_micros: now,
        });
        let earned = (now - bucket.filled_micros).min(1_000_000) * rate;
        bucket.left = (bucket.left + earned).min(full);
        bucket.filled_micros = now;
        if bucket.left < 1_000_000 {
            return Err(Problem::too_many(
                "more messages a second than a user may send",
                1,
            ));
        }
        bucket.left -= 1_000_000;
        Ok(())
    }

    /// Forgets buckets that are full again.
    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        self.buckets
            .retain(|_, bucket| cx.now.micros - bucket.filled_micros < 1_000_000);
    }
}
