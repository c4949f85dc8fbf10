//! Who waits for the hashers, or for an invite to be spent.

use rookery_schema::names::NewName;
use rookery_schema::{SessionId, UserId};

use crate::edge::port::PasswordCheck;
use crate::hashing::Kind;
use crate::ids::Invite;
use crate::limits::Network;
use crate::mesh::{Asker, Invited, Outcome, PasswordChange, UserVersion};

/// A password that the hashers work on.
#[derive(Debug)]
pub(super) enum PasswordWait {
    Register {
        asker: Asker,
        name: Box<NewName>,
        claim: Claim,
    },
    LogIn(LoggingIn),
    Set {
        asker: Asker,
        name: Box<str>,
        user: UserVersion,
        /// The session that is not ended, where the user changes it.
        kept: Option<SessionId>,
        /// The one that the user knew was replaced meanwhile.
        is_overtaken: bool,
    },
}

/// A login whose password is being compared.
#[derive(Debug)]
pub(super) struct LoggingIn {
    pub(super) asker: Asker,
    /// Its failures count against this one.
    pub(super) name: Box<str>,
    /// The user, unless their password was replaced meanwhile.
    pub(super) user_id: Option<UserId>,
    /// What comes of it if the password is right.
    pub(super) right: Option<Outcome>,
    pub(super) network: Network,
    pub(super) second: Option<Box<SecondTry>>,
    /// The password is to be changed, and nobody is logged in.
    pub(super) change: Option<Box<Changing>>,
}

/// A change of a password whose old one is being compared.
#[derive(Debug)]
pub(super) struct Changing {
    /// None where nobody has the name.
    pub(super) user: Option<UserVersion>,
    pub(super) change: Box<PasswordChange>,
}

/// What is compared where the first comparison fails.
#[derive(Debug)]
pub(super) struct SecondTry {
    pub(super) password: Box<str>,
    pub(super) against: PasswordCheck,
    pub(super) kind: Kind,
}

/// By what somebody registers whose password is being hashed.
#[derive(Debug)]
pub(super) enum Claim {
    /// The name is claimed for them.
    User(UserId),
    /// The name is not claimed before this is spent.
    Invite(Box<Invite>),
}

/// A registration whose invite is being spent, or may be.
#[derive(Debug)]
pub(super) struct Registering {
    pub(super) asker: Asker,
    pub(super) invited: Box<Invited>,
    /// The log has not answered.
    pub(super) is_in_flight: bool,
    /// The log may have taken an earlier try.
    pub(super) is_doubtful: bool,
}
