//! What a shard asks of its password hashers, and what they answer.

use crate::edge::port::token::Token;

/// Work for the password hashers: slow on purpose, so never done on a shard.
#[derive(Debug)]
pub struct PasswordJob {
    pub token: Token,
    pub password: String,
    /// Verify against this PHC string; hash anew where there is none.
    pub against: PasswordCheck,
}

/// What to do with a password.
#[derive(Clone, Debug)]
pub enum PasswordCheck {
    /// Make a PHC string of it, unless it is a common one.
    Hash,
    /// Compare it with a PHC string.
    Verify(String),
    /// Take as long as a comparison, for a user who doesn't exist.
    VerifyNobody,
}

/// The outcome of a [`PasswordJob`].
#[derive(Debug)]
pub enum PasswordOutcome {
    Hashed(String),
    /// The password to be hashed is among the most common ones.
    Common,
    Verified(bool),
    /// The hashers' queue is full.
    Busy,
}
