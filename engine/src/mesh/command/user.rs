//! What is asked of the owner of a user's own records.

use rookery_schema::names::NewName;

use crate::ids::{Invite, Session};
use crate::limits::Network;
use crate::mesh::command::name::{NewPassword, PasswordChange};

/// See [`Command::User`](crate::mesh::Command::User).
#[derive(Debug)]
pub enum UserCommand {
    /// Ends a session. The shard that has the user's records says what ends with it.
    EndSession { session: Session, network: Network },
    /// Passes it on to the owner of the user's name.
    SetPassword(Box<NewPassword>),
    /// Likewise.
    ChangePassword(Box<PasswordChange>),
    /// Spends the invite of a registration that could be made now. An invite is owned as if it were a user.
    SpendInvite(Box<Invited>),
}

/// A registration by invite whose name was free.
#[derive(Debug)]
pub struct Invited {
    pub invite: Invite,
    pub name: NewName,
    /// Absent in trust mode.
    pub password_hash: Option<Box<str>>,
}

impl UserCommand {
    /// See [`Command::changes`](crate::mesh::Command::changes).
    pub const fn changes(&self) -> bool {
        match self {
            Self::EndSession { .. }
            | Self::SetPassword(_)
            | Self::ChangePassword(_)
            | Self::SpendInvite(_) => true,
        }
    }
}
