//! What is asked of the owner of a username.

use rookery_schema::{SessionId, Timestamp, UserId};

use crate::ids::Invite;
use crate::limits::Network;
use crate::mesh::command::deadlines::PASSWORD_SECONDS_MAX;

/// See [`Command::Name`](crate::mesh::Command::Name).
#[derive(Debug)]
pub enum NameCommand {
    /// Claims the name, which is a key, for a user who is shown as their credentials have it.
    Register {
        credentials: Box<Credentials>,
        network: Network,
        right: Right,
    },
    /// The end of a registration whose invite was spent, by the owner of the invite.
    RegisterInvited {
        username: Box<str>,
        password_hash: Option<Box<str>>,
    },
    /// Logs in whoever the credentials, as they were typed, stand for: first asked of the key, whose owner passes it on where
    /// that is a user from before keys.
    LogIn {
        credentials: Box<Credentials>,
        network: Network,
    },
    /// Sets a user's password, or deletes their account, and ends their sessions.
    SetPassword(UserVersion, Box<NewPassword>),
    /// The same, by the user who is shown as this, if they know the password that they have.
    ChangePassword(Box<str>, Box<PasswordChange>),
}

/// What somebody registers or logs in with.
#[derive(Debug)]
pub struct Credentials {
    /// As a user is shown, or as it was typed.
    pub username: Box<str>,
    /// Absent in trust mode.
    pub password: Option<Box<str>>,
}

/// By what right somebody registers.
#[derive(Debug)]
pub enum Right {
    /// Everybody's.
    Open,
    /// An invite, which is spent.
    Invite(Box<Invite>),
    /// An operator's, who registers somebody else.
    Operator,
}

/// A user as they stood when they were read.
#[derive(Clone, Copy, Debug)]
pub struct UserVersion {
    pub user_id: UserId,
    /// The earliest that a new password of theirs may count from.
    pub password_from: Timestamp,
}

/// What a user's password is to be.
#[derive(Debug)]
pub struct NewPassword {
    /// Without one, the account is to be deleted.
    pub password: Option<Box<str>>,
    /// No session that the user has, or gets in this moment, expires later.
    pub sessions_until: Timestamp,
    /// Who asks for it.
    pub network: Network,
}

/// A user's own change of their password, or the end of their account.
#[derive(Debug)]
pub struct PasswordChange {
    /// As it was typed.
    pub old: Box<str>,
    pub new: NewPassword,
    /// The session that asks for it, which is not ended where the account goes on.
    pub kept: SessionId,
    /// Whether limits by address count it.
    pub is_limited: bool,
}

/// See [`Command::Address`](crate::mesh::Command::Address).
#[derive(Debug)]
pub enum AddressCommand {
    /// Passes on what is asked of a name, if the network is within its limits.
    Name(Box<str>, NameCommand),
}

impl NameCommand {
    /// See [`Command::changes`](crate::mesh::Command::changes).
    pub const fn changes(&self) -> bool {
        match self {
            // A failed login counts against its account.
            Self::Register { .. }
            | Self::RegisterInvited { .. }
            | Self::LogIn { .. }
            | Self::SetPassword(..)
            | Self::ChangePassword(..) => true,
        }
    }

    /// See [`Command::ends_what_was_begun`](crate::mesh::Command::ends_what_was_begun).
    pub(crate) const fn ends_what_was_begun(&self) -> bool {
        matches!(self, Self::RegisterInvited { .. })
    }

    /// See [`Command::seconds_max`](crate::mesh::Command::seconds_max).
    pub(crate) const fn seconds_max(&self) -> u64 {
        match self {
            Self::Register { .. }
            | Self::RegisterInvited { .. }
            | Self::LogIn { .. }
            | Self::SetPassword(..)
            | Self::ChangePassword(..) => PASSWORD_SECONDS_MAX,
        }
    }
}
