//! One message from shard to shard.
//!
//! Messages from one shard to another arrive in the order in which they were sent; none is ever dropped. While a
//! ring is full, the sender reads no sockets, and it refuses changes when too many messages wait.

use bytes::Bytes;
use rookery_schema::record::SessionEnded;
use rookery_schema::{ChatId, PartitionId, Seq, SessionId, ShardId, Timestamp, UserId};

use crate::ids::{ConnId, Session};
use crate::limits::Limit;
use crate::mesh::admission::{AdmissionId, Candidates, NotAdmitted};
use crate::mesh::command::Command;
use crate::mesh::command::asker::Asker;
use crate::mesh::outcome::Outcome;
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
    /// Owner to home: what came of that.
    Subscribed {
        wanted: Subscription,
        answer: SubscriptionAnswer,
    },
    /// Home to owner: none of these users is connected.
    Unsubscribe { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to home: these users became members. The owner counts them as subscribed until the home
    /// says otherwise, so that no event slips between joining and subscribing.
    Joined {
        chat_id: ChatId,
        /// The owner, whose events follow only while the chat is routed to it.
        from: ShardId,
        users: Vec<UserId>,
        /// They joined under an earlier owner, and so do not hear from this one what happened since.
        under_earlier: bool,
    },
    /// Owner to home: by a record of the log these users join a chat that is to be read before that counts. Until they
    /// are told of as [`ShardMessage::Joined`], nobody knows that they have.
    Joining { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to home: the store knows by now what [`ShardMessage::Joined`] told.
    JoinsStored { chat_id: ChatId, users: Vec<UserId> },
    /// Owner to home: may these users become members? Answered once, for all of them.
    Admit(Candidates),
    /// Home to owner: where they may, the chat counts among theirs from now on.
    Admitted {
        id: AdmissionId,
        outcome: Result<(), NotAdmitted>,
    },
    /// Owner to home: these users, about whom it asked, do not become members by this request after all.
    NotJoining {
        id: AdmissionId,
        chat_id: ChatId,
        users: Vec<UserId>,
    },
    /// Owner to an interested home: numbered events of one chat.
    Events(EventBatch),
    /// Any shard to a home: what a user sent there, and that was not told yet.
    Spent { from: ShardId, spending: Spending },
    /// Home to the shard that told what a user spent: whether they may go on.
    Leased { user_id: UserId, verdict: Verdict },
    /// To every shard: sessions were ended; their tokens are void and their sockets close. The owner wants to be told
    /// once it is so, where it has a number for it.
    SessionsEnded {
        ended: Ended,
        tell: Option<EndingId>,
    },
    /// To the owner: the sessions are void on one more shard.
    SessionsVoid(EndingId),
    /// To the home: a user has other settings, which are this JSON object.
    UserSettings { user_id: UserId, settings: Box<str> },
    /// To the shard itself: a WebSocket of one of its users wants the events that it missed.
    Resume(Box<Resumption>),
    /// To the shard itself: a WebSocket of one of its users wants to go on with another login.
    Renew(Box<Renewal>),
    /// To the shard itself: the client of a WebSocket says that its user types in a chat.
    Types {
        user_id: UserId,
        conn: ConnId,
        chat_id: ChatId,
    },
    /// To the shard itself: the client of a WebSocket wants to hear of the presence of a chat's members, or no longer.
    Follow {
        user_id: UserId,
        conn: ConnId,
        chat_id: ChatId,
        follow: bool,
    },
    /// To the shard itself: gather the numbers of all shards.
    Scrape { asker: Asker },
    /// Send your numbers to this shard.
    StatsWanted { from: ShardId, ticket: u64 },
    /// The numbers of one shard.
    Stats {
        from: ShardId,
        ticket: u64,
        stats: Box<Stats>,
    },
    /// To every shard: this one has replayed its partitions. No record in them has a later stamp than this.
    Ready { from: ShardId, stamp: Timestamp },
    /// To every shard: this one knows that all have, and serves requests.
    Serving { from: ShardId },
}

/// Rings hold thousands of messages, so a larger one costs memory and copies.
const _: () = assert!(size_of::<ShardMessage>() <= 128);

impl ShardMessage {
    /// About how many bytes it takes in memory, shared bytes included. Only events count in full: all others are
    /// few, or as many as the requests that wait for them.
    pub const fn bytes(&self) -> usize {
        let shared = match self {
            Self::Events(batch) => batch.lines.len(),
            Self::Ask { .. }
            | Self::Answer { .. }
            | Self::Subscribe(_)
            | Self::Subscribed { .. }
            | Self::Unsubscribe { .. }
            | Self::Joined { .. }
            | Self::Joining { .. }
            | Self::JoinsStored { .. }
            | Self::Admit(_)
            | Self::Admitted { .. }
            | Self::NotJoining { .. }
            | Self::Spent { .. }
            | Self::Leased { .. }
            | Self::SessionsEnded { .. }
            | Self::SessionsVoid(_)
            | Self::UserSettings { .. }
            | Self::Resume(_)
            | Self::Renew(_)
            | Self::Types { .. }
            | Self::Follow { .. }
            | Self::Scrape { .. }
            | Self::StatsWanted { .. }
            | Self::Stats { .. }
            | Self::Ready { .. }
            | Self::Serving { .. } => 0,
        };
        size_of::<Self>() + shared
    }
}

/// Which sessions were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    One(SessionEnded),
    /// All of a user that expire by then.
    AllOf {
        user_id: UserId,
        until: Timestamp,
        by: EndedBy,
        /// But for this one.
        kept: Option<SessionId>,
    },
}

/// What ended all sessions of a user up to some expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// Their new password, or the end of their account.
    Password,
    /// One of so many logouts of theirs that each ends all earlier logins.
    Logouts,
}

impl Ended {
    /// Whose they are.
    pub const fn user_id(&self) -> UserId {
        match self {
            Self::One(SessionEnded { user_id, .. }) | Self::AllOf { user_id, .. } => *user_id,
        }
    }

    /// Whether a session of this user is among them.
    pub fn includes(&self, session: Option<Session>) -> bool {
        match (self, session) {
            (Self::One(ended), Some(session)) => session.session_id == ended.session_id,
            (Self::One(_), None) => false,
            (Self::AllOf { until, kept, .. }, Some(session)) => {
                session.expires_at <= *until && *kept != Some(session.session_id)
            }
            (Self::AllOf { .. }, None) => true,
        }
    }
}

impl From<SessionEnded> for Ended {
    fn from(ended: SessionEnded) -> Self {
        match ended.ends_earlier() {
            true => Self::AllOf {
                user_id: ended.user_id,
                until: ended.expires_at,
                by: EndedBy::Logouts,
                kept: None,
            },
            false => Self::One(ended),
        }
    }
}

/// Names an ending of sessions that is under way: its owner, and the owner's own number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingId {
    pub shard: ShardId,
    pub partition: PartitionId,
    pub number: u64,
}

/// What a user has sent by one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    pub user_id: UserId,
    pub messages: u64,
    /// Of content.
    pub bytes: u64,
}

/// Whether a user may send more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    #[default]
    GoOn,
    /// Not before this time, in microseconds of the shards' clock.
    Wait { limit: Limit, until_micros: u64 },
}

/// A connected user's request for the events of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// The home's own number of their stay, from their first connection to the end of their last.
    pub stay: u64,
}

/// What a client wants to have of what it missed.
#[derive(Debug, PartialEq, Eq)]
pub struct Resumption {
    pub user_id: UserId,
    pub conn: ConnId,
    /// Chats, each with the seq up to which it has all events.
    pub chats: Vec<(ChatId, Seq)>,
}

/// The token that a client wants its WebSocket to go on with.
#[derive(Debug, PartialEq, Eq)]
pub struct Renewal {
    pub conn: ConnId,
    pub token: Box<str>,
}

/// What came of a [`Subscription`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionAnswer {
    /// From here on the chat's events follow, the first with this seq.
    Accepted { next: Seq },
    /// The user is no member of the chat.
    NoMember,
    /// The shard that was asked does not serve the chat.
    Elsewhere,
}

/// Events of one chat in `seq` order, encoded once for all who get them.
#[derive(Clone, Debug)]
pub struct EventBatch {
    pub chat_id: ChatId,
    /// The owner; a batch counts only while the chat is routed to it.
    pub from: ShardId,
    /// The seq of the first event.
    pub first: Seq,
    /// One JSON object a line, each ended by a line break.
    pub lines: Bytes,
    /// How many events there are.
    pub count: u32,
    /// When the oldest of them was accepted, for the latency of delivery.
    pub accepted_at: Timestamp,
    /// When the owner applied them, in microseconds of the shards' clock.
    pub applied_micros: u64,
    /// Who gets these events as their last.
    pub leaver: Option<Leaver>,
}

/// Who hears a chat no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaver {
    /// A member.
    One(UserId),
    /// All: the chat was deleted.
    All,
}

impl EventBatch {
    /// Whether it has as many lines as it says, the last one ended.
    pub(crate) fn is_whole(&self) -> bool {
        let breaks = memchr::memchr_iter(b'\n', &self.lines).count();
        breaks == self.count as usize && self.lines.last() == Some(&b'\n')
    }
}
