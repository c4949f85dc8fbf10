//! What one shard asks another to do. A command's type says whom it is for.

use std::net::IpAddr;

use rookery_schema::record::Members;
use rookery_schema::{ChatId, Route, Routing, Seq, SessionId, ShardId, Timestamp, UserId};

use crate::ids::ConnId;

/// Who waits for an answer, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub shard: ShardId,
    pub waiting: Waiting,
}

/// Who waits for an answer, on the shard that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A connection; the ticket is its own number of the request.
    Connection { conn: ConnId, ticket: u64 },
    /// A home that gathers a user's list of chats.
    Inbox { gather: u64 },
}

/// What one shard asks another to do.
#[derive(Debug)]
pub enum Command {
    /// For the owner of a chat.
    Chat(ChatId, ChatCommand),
    /// For the owner of a username.
    Name(Box<str>, NameCommand),
    /// For the owner of a user's own records.
    User(UserId, UserCommand),
    /// For the home of a user.
    Home(UserId, HomeCommand),
}

/// See [`Command::Chat`].
#[derive(Debug)]
pub enum ChatCommand {
    Create {
        /// Absent where nobody called, as trust mode allows.
        creator_id: Option<UserId>,
        name: Box<str>,
        members: Members,
    },
    Post(Post),
    Show {
        caller: UserId,
    },
    ShowMessages {
        caller: UserId,
        page: Page,
    },
    AddMember {
        caller: UserId,
        user_id: UserId,
    },
    RemoveMember {
        caller: UserId,
        user_id: UserId,
    },
    /// A line of the user's inbox, where they are a member.
    Summarize {
        user_id: UserId,
    },
}

/// See [`Command::Name`].
#[derive(Debug)]
pub enum NameCommand {
    /// Without a password in trust mode.
    Register { password: Option<Box<str>> },
    /// Without a password in trust mode.
    LogIn {
        password: Option<Box<str>>,
        address: IpAddr,
    },
}

/// See [`Command::User`].
#[derive(Debug)]
pub enum UserCommand {
    EndSession {
        session_id: SessionId,
        expires_at: Timestamp,
    },
}

/// See [`Command::Home`].
#[derive(Debug)]
pub enum HomeCommand {
    ListChats,
    /// Spends a ticket, which works once.
    SpendTicket {
        ticket_id: SessionId,
        expires_at: Timestamp,
    },
    /// Passes a message on to the owner of its chat, if its sender is within their rate.
    Post(ChatId, Post),
}

/// A message to be posted, within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Post {
    pub sender_id: UserId,
    pub content: Box<str>,
    pub client_id: Option<Box<str>>,
}

/// Which messages of a chat are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub from: PageStart,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_MESSAGES_MAX`].
    pub limit: usize,
}

/// Where a page starts, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// At the newest message, backwards.
    Newest,
    /// Below this seq, backwards.
    Before(Seq),
    /// Above this seq, forwards.
    After(Seq),
}

/// Seconds after which a request that was not answered is refused.
const ANSWER_SECONDS_MAX: u64 = 10;
/// The same for one that the store, or all shards, answer.
pub(crate) const READ_SECONDS_MAX: u64 = ANSWER_SECONDS_MAX;
/// The same for one that has to wait for a password to be hashed.
const PASSWORD_SECONDS_MAX: u64 = 30;

impl Command {
    /// Which shard serves it.
    pub fn to(&self, routing: &Routing) -> Route {
        let placement = routing.placement();
        match self {
            Self::Chat(chat_id, _) => routing.route(placement.of_chat(*chat_id)),
            Self::Name(username, _) => routing.route(placement.of_name(username)),
            Self::User(user_id, _) => routing.route(placement.of_user(*user_id)),
            Self::Home(user_id, _) => Route::Here(routing.home(*user_id)),
        }
    }

    /// Whether something may be different afterwards, however it is answered.
    pub const fn changes(&self) -> bool {
        match self {
            Self::Chat(_, command) => command.changes(),
            Self::Name(_, command) => command.changes(),
            Self::User(_, command) => command.changes(),
            Self::Home(_, command) => command.changes(),
        }
    }

    /// Seconds that whoever asks waits for the answer.
    pub const fn seconds_max(&self) -> u64 {
        match self {
            Self::Name(_, NameCommand::Register { .. } | NameCommand::LogIn { .. }) => {
                PASSWORD_SECONDS_MAX
            }
            Self::Chat(..) | Self::User(..) | Self::Home(..) => ANSWER_SECONDS_MAX,
        }
    }
}

impl ChatCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::Post(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. } => true,
            Self::Show { .. } | Self::ShowMessages { .. } | Self::Summarize { .. } => false,
        }
    }
}

impl NameCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            // A failed login counts against its account.
            Self::Register { .. } | Self::LogIn { .. } => true,
        }
    }
}

impl UserCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            Self::EndSession { .. } => true,
        }
    }
}

impl HomeCommand {
    /// See [`Command::changes`].
    pub const fn changes(&self) -> bool {
        match self {
            Self::Post(..) => true,
            // A ticket that was spent in vain can't be told from one that was never bought.
            Self::ListChats | Self::SpendTicket { .. } => false,
        }
    }
}
