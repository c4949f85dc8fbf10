//! What is asked of the home of a user.

use rookery_schema::{ChatId, Seq, SessionId, Timestamp, UserId};

use crate::limits::Network;
use crate::mesh::outcome::Activity;

/// See [`Command::Home`](crate::mesh::Command::Home).
#[derive(Debug)]
pub enum HomeCommand {
    ListChats {
        page: InboxPage,
        /// From where they are asked for.
        network: Network,
    },
    /// The user blocks another one, if they have not blocked too many.
    Block {
        blocked_id: UserId,
        /// From where that is asked for.
        network: Network,
    },
    /// The user has read a chat up to this seq.
    MarkRead { chat_id: ChatId, seq: Seq },
    /// Spends a ticket, which works once.
    SpendTicket {
        ticket_id: SessionId,
        expires_at: Timestamp,
    },
}

/// Which of a user's chats are asked for, latest activity first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxPage {
    /// Those that come behind this one.
    pub before: Option<Activity>,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

impl HomeCommand {
    /// See [`Command::changes`](crate::mesh::Command::changes).
    pub const fn changes(&self) -> bool {
        match self {
            Self::MarkRead { .. } => true,
            // A ticket that was spent in vain can't be told from one that was never issued.
            Self::ListChats { .. } | Self::SpendTicket { .. } => false,
            Self::Block { .. } => true,
        }
    }
}
