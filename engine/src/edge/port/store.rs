//! What a shard asks of its store, and what it is told.

use rookery_schema::message::Message;
use rookery_schema::row::{
    Mark, ProfileRow, RewriteRow, Row, SessionRow, UserRow, UserSettingsRow,
};
use rookery_schema::{ChatId, PartitionId, Seq, SessionId, Timestamp, UserId};

use crate::edge::port::stored::{Block, Membership, StoredChat, StoredEvent};
use crate::edge::port::token::Token;

/// The store, as one shard reaches it.
pub trait Store {
    /// Takes a request, or gives it back where the lane's ring is full.
    ///
    /// # Errors
    /// The request itself, to be submitted again later.
    fn submit(&mut self, request: StoreRequest) -> Result<(), StoreRequest>;
}

/// What a shard asks of the store.
#[derive(Debug)]
pub enum StoreRequest {
    /// Upsert these rows, in this order where they touch the same key. The store tries until it
    /// succeeds; answered by [`StoreEvent::Written`], in any order.
    ///
    /// Writes are not seen as one, nor in the order in which they were asked for: each chat, each user and the ended
    /// sessions are for themselves. What is written of a user's list of sessions, of their profile and of their settings is
    /// seen in order. Of one chat, whatever is seen, also after a crash, is its state at some event:
    /// events are seen in the order of their seqs, and [`Read::Chat`] shows the members as of the newest of them.
    /// Only a user's list of chats ([`Read::ChatsOfUser`]), what is told of one user ([`Read::Membership`]) and a chat's
    /// settings may be ahead, by changes whose events are seen later. A read sees all writes that were answered before it was asked for.
    /// (The embedded store shows a write, or several, whole and in order; the one in Scylla shows no more than this.)
    ///
    /// [`Row::ChatDeleted`] is seen as a whole, in front of all that is asked for behind it; what comes in front of it
    /// may be seen later, which changes nothing.
    ///
    /// A redaction ([`Row::Redacted`]) stands behind the event that asks for it. It is seen when that event's amendments
    /// are, and before the event.
    ///
    /// A mark of what a user has read is for itself, and is seen whenever it comes: of two of one user and chat that with
    /// the higher seq stands. [`Row::NotMember`] takes it away up to its event, so that users have none of chats that they left.
    ///
    /// When a partition moves, it is opened only when what was written for it where it was before is in the store, or
    /// where a store holds that of two changes of one membership the one with the higher seq counts, whichever is
    /// written last, and shows each chat as of one moment.
    Write { token: Token, rows: Vec<Row> },
    /// Make everything written before survive a power cut; answered by [`StoreEvent::Synced`].
    Sync { token: Token },
    /// Read; answered by [`StoreEvent::Read`].
    Read { token: Token, read: Read },
}

/// What can be read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A chat with its members, its head and its newest events, at most `recent` of them.
    Chat { chat_id: ChatId, recent: usize },
    /// Messages of a chat below `before` as they stand now, newest first.
    MessagesBefore {
        chat_id: ChatId,
        before: Seq,
        limit: usize,
    },
    /// Messages of a chat above `after` as they stand now, oldest first.
    MessagesAfter {
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    },
    /// Events of a chat above `after`, of all kinds, oldest first.
    EventsAfter {
        chat_id: ChatId,
        after: Seq,
        limit: usize,
    },
    /// Whether a user is a member of a chat, or was.
    Membership { chat_id: ChatId, user_id: UserId },
    /// Members of a chat that was deleted, behind one in the store's own order, as far as they were not removed.
    MembersAfter {
        chat_id: ChatId,
        after: Option<UserId>,
        limit: usize,
    },
    /// Deleted chats of a log partition that [`Row::Purged`] is still to come for, so many at most; behind one in the store's own
    /// order.
    Purges {
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    },
    /// Deleted users of a log partition who are still in chats, so many at most.
    Erasures {
        partition: PartitionId,
        limit: usize,
    },
    /// Whose content in chats of a log partition is still to be overwritten, so many at most, chat by chat; behind one in the
    /// store's own order.
    Rewrites {
        partition: PartitionId,
        after: Option<ChatId>,
        limit: usize,
    },
    /// Whom a user has blocked, so many at most.
    Blocks { user_id: UserId, limit: usize },
    /// The chats that a user is a member of.
    ChatsOfUser(UserId),
    /// Chats that a user was removed from at some time, behind one in the store's own order. They may be in some of them again.
    FormerChats {
        user_id: UserId,
        after: Option<ChatId>,
        limit: usize,
    },
    /// Up to where a user has read one chat, where there is a mark of that.
    Mark { user_id: UserId, chat_id: ChatId },
    /// Up to where a user has read their chats, and chats that they were in, as far as there are marks of that.
    MarksOfUser(UserId),
    /// A user by id.
    User(UserId),
    /// Users by their ids, in that order; those that don't exist are left out.
    Users(Box<[UserId]>),
    /// Users whose names have a key (see [`names`](rookery_schema::names)), in order of their names: one at most, but for
    /// those from before keys. It finds those who were deleted too, which no other read of users does.
    UsersOfKey(String),
    /// Users whose names have keys that begin with a prefix, in order of the keys, then of the names; from behind the name
    /// `after` on where there is one.
    UsersByPrefix {
        prefix: String,
        after: Option<String>,
        limit: usize,
    },
    /// Sessions that were ended before their tokens expired.
    EndedSessions,
    /// A user's sessions as far as they are listed, those first that expire last.
    SessionsOfUser { user_id: UserId, limit: usize },
    /// What users say of themselves, in that order; those who say nothing are left out.
    Profiles(Box<[UserId]>),
    /// What a user has set for themselves.
    UserSettings(UserId),
}

/// What the store answers.
#[derive(Debug)]
pub enum StoreEvent {
    /// A write is in the store; `micros` is what it took, retries included.
    Written { token: Token, micros: u64 },
    /// What was written before the sync request survives a power cut.
    Synced { token: Token },
    /// The outcome of a read.
    Read {
        token: Token,
        outcome: Result<Found, StoreFault>,
    },
}

/// The store can't be read for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store can't be read for now; see the server's log for the cause")]
pub struct StoreFault;

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// For [`Read::Chat`].
    Chat(Option<Box<StoredChat>>),
    /// For both reads of messages, in the order that was asked for.
    Messages(Vec<Message>),
    /// For [`Read::EventsAfter`].
    Events(Vec<StoredEvent>),
    /// For [`Read::Membership`].
    Membership(Membership),
    /// For [`Read::MembersAfter`].
    Members(Vec<UserId>),
    /// For [`Read::Purges`]: each with the seq of the event that tells that it was deleted.
    Purges(Vec<(ChatId, Seq)>),
    /// For [`Read::Erasures`]: each with when they were deleted.
    Erasures(Vec<(UserId, Timestamp)>),
    /// For [`Read::Rewrites`].
    Rewrites(Vec<RewriteRow>),
    /// For [`Read::Blocks`].
    Blocks(Vec<Block>),
    /// For [`Read::ChatsOfUser`] and [`Read::FormerChats`].
    Chats(Vec<ChatId>),
    /// For the reads of marks, in any order.
    Marks(Vec<(ChatId, Mark)>),
    /// For the reads of users.
    Users(Vec<UserRow>),
    /// For [`Read::EndedSessions`].
    EndedSessions(EndedSessions),
    /// For [`Read::SessionsOfUser`].
    Sessions(Vec<SessionRow>),
    /// For [`Read::Profiles`].
    Profiles(Vec<ProfileRow>),
    /// For [`Read::UserSettings`].
    UserSettings(Option<UserSettingsRow>),
}

/// What a read found. Where the store answered another kind of read, the error is the bug to report.
impl Found {
    pub(crate) fn chat(self) -> Result<Option<Box<StoredChat>>, &'static str> {
        let Self::Chat(chat) = self else {
            return Err("the store answered something else than a chat");
        };
        Ok(chat)
    }

    pub(crate) fn messages(self) -> Result<Vec<Message>, &'static str> {
        let Self::Messages(messages) = self else {
            return Err("the store answered something else than messages");
        };
        Ok(messages)
    }

    pub(crate) fn events(self) -> Result<Vec<StoredEvent>, &'static str> {
        let Self::Events(events) = self else {
            return Err("the store answered something else than events");
        };
        Ok(events)
    }

    pub(crate) fn membership(self) -> Result<Membership, &'static str> {
        let Self::Membership(membership) = self else {
            return Err("the store answered something else than a membership");
        };
        Ok(membership)
    }

    pub(crate) fn members(self) -> Result<Vec<UserId>, &'static str> {
        let Self::Members(members) = self else {
            return Err("the store answered something else than members");
        };
        Ok(members)
    }

    pub(crate) fn purges(self) -> Result<Vec<(ChatId, Seq)>, &'static str> {
        let Self::Purges(purges) = self else {
            return Err("the store answered something else than deleted chats");
        };
        Ok(purges)
    }

    pub(crate) fn erasures(self) -> Result<Vec<(UserId, Timestamp)>, &'static str> {
        let Self::Erasures(users) = self else {
            return Err("the store answered something else than deleted users");
        };
        Ok(users)
    }

    pub(crate) fn rewrites(self) -> Result<Vec<RewriteRow>, &'static str> {
        let Self::Rewrites(senders) = self else {
            return Err(
                "the store answered something else than whose content is to be overwritten",
            );
        };
        Ok(senders)
    }

    pub(crate) fn blocks(self) -> Result<Vec<Block>, &'static str> {
        let Self::Blocks(blocks) = self else {
            return Err("the store answered something else than blocks");
        };
        Ok(blocks)
    }

    pub(crate) fn chats(self) -> Result<Vec<ChatId>, &'static str> {
        let Self::Chats(chats) = self else {
            return Err("the store answered something else than a user's chats");
        };
        Ok(chats)
    }

    pub(crate) fn marks(self) -> Result<Vec<(ChatId, Mark)>, &'static str> {
        let Self::Marks(marks) = self else {
            return Err("the store answered something else than what a user has read");
        };
        Ok(marks)
    }

    pub(crate) fn users(self) -> Result<Vec<UserRow>, &'static str> {
        let Self::Users(users) = self else {
            return Err("the store answered something else than users");
        };
        Ok(users)
    }

    pub(crate) fn ended_sessions(self) -> Result<EndedSessions, &'static str> {
        let Self::EndedSessions(ended) = self else {
            return Err("the store answered something else than ended sessions");
        };
        Ok(ended)
    }

    pub(crate) fn sessions(self) -> Result<Vec<SessionRow>, &'static str> {
        let Self::Sessions(sessions) = self else {
            return Err("the store answered something else than a user's sessions");
        };
        Ok(sessions)
    }

    pub(crate) fn profiles(self) -> Result<Vec<ProfileRow>, &'static str> {
        let Self::Profiles(profiles) = self else {
            return Err("the store answered something else than profiles");
        };
        Ok(profiles)
    }

    pub(crate) fn user_settings(self) -> Result<Option<UserSettingsRow>, &'static str> {
        let Self::UserSettings(settings) = self else {
            return Err("the store answered something else than a user's settings");
        };
        Ok(settings)
    }
}

/// The logins that were ended, as far as a store remembers which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedSessions {
    /// All that expire by then count as ended: some of them were, and are forgotten.
    pub all_until: Timestamp,
    /// Those that are remembered, and when they expire. Some may have.
    pub sessions: Vec<(SessionId, Timestamp)>,
}
