//! How long an asker waits.

/// Seconds after which a request that was not answered is refused.
pub(crate) const ANSWER_SECONDS_MAX: u64 = 10;
/// The same for one that the store, or all shards, answer.
pub(crate) const READ_SECONDS_MAX: u64 = ANSWER_SECONDS_MAX;
/// The same for one that has to wait for a password to be hashed.
pub(crate) const PASSWORD_SECONDS_MAX: u64 = 30;
