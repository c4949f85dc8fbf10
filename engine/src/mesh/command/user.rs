//! What is asked of the owner of a user's own records.

use rookery_schema::SessionId;
use rookery_schema::names::NewName;
use serde_json::{Map, Value};

use crate::ids::{Invite, Session};
use crate::limits::Network;
use crate::mesh::command::name::{NewPassword, PasswordChange};

/// See [`Command::User`](crate::mesh::Command::User).
#[derive(Debug)]
pub enum UserCommand {
    /// Records a login that was right, before its client is told.
    StartSession(Box<NewSession>),
    ListSessions,
    /// Ends a session. The shard that has the user's records says what ends with it.
    EndSession {
        session: Session,
        network: Network,
    },
    /// Ends a session that is listed.
    EndListed {
        session_id: SessionId,
        network: Network,
    },
    /// The same, once it is found, unless it has ended.
    EndFound {
        session: Session,
        network: Network,
    },
    /// Ends all sessions of the user, of whom this one asks for it.
    EndAllSessions(Session),
    /// What others call the user besides their username; nothing takes that away.
    SetDisplayName(Option<Box<str>>),
    /// Changes the user's settings as this says, a JSON Merge Patch (RFC 7396).
    ChangeSettings(Box<Map<String, Value>>),
    /// Passes it on to the owner of the user's name.
    SetPassword(Box<NewPassword>),
    /// Likewise.
    ChangePassword(Box<PasswordChange>),
    /// Spends the invite of a registration that could be made now. An invite is owned as if it were a user.
    SpendInvite(Box<Invited>),
}

/// A session that is to start.
#[derive(Debug)]
pub struct NewSession {
    pub session: Session,
    /// From where.
    pub network: Network,
    /// What people call the client.
    pub name: Box<str>,
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
            Self::ListSessions => false,
            Self::StartSession(_)
            | Self::EndSession { .. }
            | Self::EndListed { .. }
            | Self::EndFound { .. }
            | Self::EndAllSessions(_)
            | Self::SetDisplayName(_)
            | Self::ChangeSettings(_)
            | Self::SetPassword(_)
            | Self::ChangePassword(_)
            | Self::SpendInvite(_) => true,
        }
    }
}
