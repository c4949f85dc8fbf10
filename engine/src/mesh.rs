//! What shards tell each other: one closed enum, so that every trigger of work from afar is in sight.
//!
//! Messages from one shard to another arrive in the order in which they were sent. A full ring delays
//! them and makes the sender stop reading sockets, and refuse changes when too many wait; none is ever dropped.

use std::net::IpAddr;

use bytes::Bytes;
use rookery_schema::{ChatId, MessageId, Seq, SessionId, ShardId, Timestamp, UserId};

use rookery_schema::record::SessionEnded;

use crate::input::ConnId;
use crate::problem::Problem;
use crate::stats::Stats;

/// One message from shard to shard.
#[derive(Debug)]
pub enum ShardMessage {
    /// Do this, and answer.
    Ask { asker: Asker, command: Command },
    /// What came of it.
    Answer { asker: Asker, outcome: Outcome },
    /// Home to owner: a connected user wants the events of a chat.
    Subscribe(Subscription),
    /// Owner to home: from here on the chat's events follow; or the user is no member.
    Subscribed {
        wanted: Subscription,
        accepted: bool,
    },
    /// Home to owner: nobody of these users is connected.
    Unsubscribe { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to home: these users became members. The owner counts them as subscribed until the home
    /// says otherwise, so that no event slips between joining and subscribing.
    Joined { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to home: the store knows by now what [`ShardMessage::Joined`] told.
    JoinsStored { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to an interested home: numbered events of one chat.
    Events(EventBatch),
    /// To every shard: a session was ended; its token is void and its sockets close.
    SessionEnded(SessionEnded),
    /// Send your numbers to this shard.
    StatsWanted { from: ShardId, ticket: u64 },
    /// To every shard: this one has replayed its partitions.
    Ready { from: ShardId },
    /// To every shard: this one knows that all have, and serves requests.
    Serving { from: ShardId },
    /// The numbers of one shard.
    Stats {
        from: ShardId,
        ticket: u64,
        stats: Box<Stats>,
    },
}

impl ShardMessage {
    /// About how many bytes it takes in memory, what it shares with others included. Only events count in
    /// full: all others are few, or as many as the requests that wait for them.
    pub const fn bytes(&self) -> usize {
        let shared = match self {
            Self::Events(batch) => batch.lines.len(),
            _ => 0,
        };
        size_of::<Self>() + shared
    }
}

/// The wish of a connected user for the events of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The home's own number of his stay, from his first connection to the end of his last.
    pub stay: u64,
}

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
    /// To the owner of the chat.
    PostMessage(Post),
    /// To the sender's home, which passes it on as [`Command::PostMessage`] within his rate.
    PostWithinRate(Post),
    /// To the owner of the chat.
    CreateChat {
        chat_id: ChatId,
        creator_id: Option<UserId>,
        name: Box<str>,
        members: Vec<UserId>,
    },
    /// To the owner of the chat.
    ShowChat { chat_id: ChatId, caller: UserId },
    /// To the owner of the chat.
    AddMember {
        chat_id: ChatId,
        caller: UserId,
        user_id: UserId,
    },
    /// To the owner of the chat.
    RemoveMember {
        chat_id: ChatId,
        caller: UserId,
        user_id: UserId,
    },
    /// To the owner of the chat.
    ShowMessages {
        chat_id: ChatId,
        caller: UserId,
        page: Page,
    },
    /// To the owner of the chats: a line of the inbox for each that the user is a member of.
    SummarizeChats { user_id: UserId, chats: Vec<ChatId> },
    /// To the owner of the username's partition.
    Register {
        username: Box<str>,
        password: Option<Box<str>>,
    },
    /// To the owner of the username's partition; without a password in trust mode.
    LogIn {
        username: Box<str>,
        password: Option<Box<str>>,
        address: IpAddr,
    },
    /// To the owner of the user's partition.
    EndSession(SessionEnded),
    /// To the user's home.
    ListChats { user_id: UserId },
    /// To the shard of the connection itself: gathers the numbers of all shards.
    ShowMetrics,
    /// To the user's home: spends a ticket, which works once.
    SpendTicket {
        ticket_id: SessionId,
        user_id: UserId,
        expires_at: Timestamp,
    },
}

/// A message to be posted, within its bounds.
#[derive(Debug)]
pub struct Post {
    pub chat_id: ChatId,
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

/// What came of a [`Command`].
#[derive(Debug)]
pub enum Outcome {
    /// A message is durable in the log.
    Posted {
        message_id: MessageId,
        chat_id: ChatId,
        created_at: Timestamp,
    },
    /// JSON to show.
    Json { created: bool, body: Vec<u8> },
    /// A page of messages as a JSON array; `next` continues it where there may be more.
    Messages {
        body: Vec<u8>,
        next: Option<PageStart>,
    },
    /// Lines of an inbox.
    Summaries(Vec<ChatSummary>),
    /// The user to log in.
    LoggedIn { user_id: UserId, username: Box<str> },
    /// The numbers of all shards in Prometheus' text format.
    Metrics(Vec<u8>),
    /// Done, with nothing to show.
    Done,
    /// Refused.
    Refused(Problem),
}

/// A chat as its members' inboxes show it.
#[derive(Debug, PartialEq, Eq)]
pub struct ChatSummary {
    pub chat_id: ChatId,
    pub name: Box<str>,
    pub last_seq: Seq,
    /// How many messages there are.
    pub messages: u64,
    /// The newest message as history shows it.
    pub last_message: Option<Vec<u8>>,
    /// When the chat last changed.
    pub active_at: Timestamp,
}

/// Events of one chat in `seq` order, encoded once for all who get them.
#[derive(Clone, Debug)]
pub struct EventBatch {
    pub chat_id: ChatId,
    /// One JSON object a line, with a line break behind each.
    pub lines: Bytes,
    pub count: u32,
    /// When the oldest of them was accepted, for the latency of delivery.
    pub accepted_at: Timestamp,
    /// When the owner applied them, on the clock of [`Now::micros`](crate::input::Now).
    pub applied_micros: u64,
    /// A member who gets these events as his last.
    pub leaver: Option<UserId>,
}
