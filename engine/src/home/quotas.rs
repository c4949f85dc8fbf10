//! What users may send in a time, all shards together: their homes keep the books.

use rookery_schema::UserId;

use crate::context::Context;
use crate::limits::{Buckets, Limit, Rate};
use crate::mesh::{Spending, Verdict};

/// Users who are remembered for having sent something lately.
const USERS_MAX: usize = 1 << 20;
const SECONDS_PER_MINUTE: u64 = 60;

/// Buckets of the users who sent something lately.
#[derive(Debug)]
pub(super) struct Quotas {
    /// Of one second's messages.
    messages: Buckets<UserId>,
    /// Of one minute's bytes.
    bytes: Buckets<UserId>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            messages: Buckets::new(USERS_MAX),
            bytes: Buckets::new(USERS_MAX),
        }
    }
}

impl Quotas {
    /// Charges a user for what they sent, and tells whether they may go on.
    pub(super) fn charge(&mut self, spending: Spending, cx: &Context<'_>) -> Verdict {
        let Spending {
            user_id,
            messages,
            bytes,
        } = spending;
        let now = cx.now.micros;
        let a_second = u64::from(cx.config.user_rate);
        let a_minute = cx.config.user_bytes;
        let of_messages = (a_second > 0)
            .then(|| Rate::new(a_second, 1, a_second))
            .and_then(|rate| self.messages.charge(user_id, messages, rate, now))
            .map(|seconds| (Limit::UserRate, seconds));
        let of_bytes = (a_minute > 0)
            .then(|| Rate::new(a_minute, SECONDS_PER_MINUTE, a_minute))
            .and_then(|rate| self.bytes.charge(user_id, bytes, rate, now))
            .map(|seconds| (Limit::UserBytes, seconds));
        match of_messages
            .into_iter()
            .chain(of_bytes)
            .max_by_key(|it| it.1)
        {
            None => Verdict::GoOn,
            Some((limit, seconds)) => Verdict::Wait {
                limit,
                until_micros: now + u64::from(seconds) * 1_000_000,
            },
        }
    }

    pub(super) fn tick(&mut self, cx: &Context<'_>) {
        self.messages.tick(cx.now.micros);
        self.bytes.tick(cx.now.micros);
    }
}
