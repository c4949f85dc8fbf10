//! What came of a command.

use bytes::Bytes;
use rookery_schema::row::{Mark, SessionRow};
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};

use crate::mesh::admission::NotAdmitted;
use crate::mesh::problem::Problem;

/// What came of a [`Command`](crate::mesh::command::Command).
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A message is durable in the log.
    Posted {
        message_id: MessageId,
        chat_id: ChatId,
        created_at: Timestamp,
    },
    /// JSON to show. What was created is boxed: few outcomes have it, and all are moved often.
    Json {
        created: Option<Box<Created>>,
        body: Vec<u8>,
    },
    /// A page of a list as a JSON array; `next` begins the next one where there may be more.
    Page {
        body: Vec<u8>,
        next: Option<PageCursor>,
    },
    /// Events of a chat.
    Events(Box<Events>),
    /// More events of a chat are missing than are resumed. The last one that the caller may see is this.
    TooFarBehind { last: Seq },
    /// Members of a chat, the first ones.
    Members(Vec<UserId>),
    /// When a chat was last active, where the user is a member of it.
    Activity(Option<Activity>),
    /// A line of an inbox, where the user is a member of the chat.
    Summary(Option<Box<ChatSummary>>),
    /// Up to where a user has read a chat.
    Marked(Marked),
    /// The user to log in.
    LoggedIn {
        user_id: UserId,
        username: Box<str>,
        /// Sessions that expire by then were ended before the password that was right was set; the new one is not
        /// among them. Whoever sets the next one ends what is given for this one, whatever comes in between.
        ended_until: Timestamp,
    },
    /// A login was refused; the user that it was for, where it is known.
    NotLoggedIn {
        user_id: Option<UserId>,
        problem: Problem,
    },
    /// A user's sessions, the newest first. Some may have ended.
    Sessions(Vec<SessionRow>),
    /// The numbers of all shards in Prometheus' text format.
    Metrics(Vec<u8>),
    /// Done, with nothing to show.
    Done,
    /// Refused.
    Refused(Problem),
    /// Refused, since users can't become members.
    NotAdmitted(Box<NotAdmitted>),
    /// The shard that was asked does not serve it, and did nothing.
    Elsewhere,
}

impl Outcome {
    /// What came of a command that was accepted.
    ///
    /// # Errors
    /// Why it was refused.
    pub(crate) fn accepted(self) -> Result<Self, Problem> {
        if let Self::Refused(problem) = self {
            return Err(problem);
        }
        let is_here = !matches!(self, Self::Elsewhere);
        is_here.then_some(self).ok_or(Problem::ELSEWHERE)
    }

    /// The acknowledgement of a message.
    pub fn posted(message_id: MessageId, chat_id: ChatId) -> Self {
        Self::Posted {
            message_id,
            chat_id,
            created_at: message_id.minted_at(),
        }
    }
}

/// Events of one chat behind a seq, without a gap, as members see them now.
///
/// They are sent behind all batches of events that were sent before, and in front of all that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// One JSON object a line, each ended by a line break.
    pub lines: Bytes,
    /// How many there are.
    pub count: u32,
    /// The seq of the last one, or where there are none, what they would have been behind. Below that, where the chat does
    /// not reach so far, or what the caller may see of it.
    pub through: Seq,
    pub rest: Rest,
}

/// What there is behind some [`Events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There may be more.
    More,
    /// They reach the chat's newest event, and the caller is a member: the next batch that comes to the same shard begins
    /// right behind them.
    Live,
    /// The caller wanted no more, or may see no more, since they were removed.
    End,
}

/// What a command has made, which has an address of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    User(UserId),
    Chat(ChatId),
}

/// Where the next page of a list begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageCursor {
    /// Messages below this seq, backwards.
    Before(Seq),
    /// Messages above this seq, forwards.
    After(Seq),
    /// Members behind this one.
    AfterMember(UserId),
    /// Chats that come behind this one, latest activity first.
    BeforeActivity(Activity),
}

/// Up to where a user has read a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    pub mark: Mark,
    /// How many messages lie behind it.
    pub unread: u64,
    /// The last event of the chat as they were counted.
    pub last_seq: Seq,
}

/// When a chat last changed: inboxes are in the order of this, the latest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Activity {
    pub at: Timestamp,
    pub chat_id: ChatId,
}

/// A chat as its members' inboxes show it.
#[derive(Debug, PartialEq, Eq)]
pub struct ChatSummary {
    pub chat_id: ChatId,
    pub name: Box<str>,
    /// Of a direct chat, whoever the user has it with.
    pub other_user_id: Option<UserId>,
    pub last_seq: Seq,
    /// Up to where the user has read, and how many messages lie behind that.
    pub read: Marked,
    /// The newest message as history shows it.
    pub last_message: Option<Vec<u8>>,
}
