//! What a partition reads from the store, and for what.

use rookery_schema::row::Mark;
use rookery_schema::{ChatId, Seq, SessionId, UserId};

use crate::limits::Network;
use crate::mesh::{Asker, Creation, EventsPage, NewPassword, PasswordChange};
use crate::owner::decide::End;
use crate::owner::events::StoreKey;
use crate::owner::history::PageKey;
use crate::owner::progress::SpanId;
use crate::owner::seeking::Seeking;

/// A chat stays in memory while its messages are read: it knows what the store may lack of them.
pub(super) const READ_OF_FORGOTTEN: &str = "a chat was forgotten while it was read";

/// What a partition reads from the store.
#[derive(Debug)]
pub(super) enum PartitionRead {
    Chat(ChatId),
    /// The number of the reading besides.
    Page(ChatId, PageKey, u64),
    /// The number of the reading besides.
    Events(ChatId, StoreKey, u64),
    /// When somebody who is no member of a chat ceased to be one, and which of its events they want.
    Former {
        asker: Asker,
        chat_id: ChatId,
        page: EventsPage,
        end: End,
        /// The number of the reading.
        reading: u64,
    },
    /// The deleted chats of which there is more to remove.
    Purges,
    /// Members of the first of them.
    PurgedMembers,
    /// The deleted users who are still in chats.
    Erasures,
    /// The chats of the first of them.
    ErasedChats,
    /// Whose content is to be overwritten.
    Rewrites,
    /// The events of the first one's chat.
    RewrittenEvents,
    /// What a chat was made with, which somebody asks for by its key.
    Creation(Asker, ChatId, Box<Creation>),
    /// The event up to which somebody has read, to know how many messages there are up to it; this is the last one, with all.
    Mark {
        asker: Asker,
        chat_id: ChatId,
        seq: Seq,
        all: Mark,
    },
    /// The message that somebody wants to change.
    Sought(Box<Seeking>),
    Name(Box<str>),
    /// A user, for whom something is to be done then.
    User(Asker, ForUser),
    Sessions(Asker, UserId, ForSessions),
    /// The sessions of a user who has logged in, of which some may leave their list. The span waits for that.
    Surplus(UserId, SpanId),
    /// The settings of a user, which are to be changed.
    UserSettings(UserId),
}

/// What is to be done for a user once they are read.
#[derive(Debug)]
pub(super) enum ForUser {
    SetPassword(Box<NewPassword>),
    ChangePassword(Box<PasswordChange>),
}

/// For what a user's sessions are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum ForSessions {
    List,
    /// To end one of them.
    End {
        session_id: SessionId,
        network: Network,
    },
}
