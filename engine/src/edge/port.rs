//! The ports: what a shard asks of its log, its store and its password hashers, and what they answer.
//!
//! All are submit-and-complete: a request never blocks the shard, and its completion comes back as an
//! [`Input`](crate::edge::input::Input).

use std::collections::BTreeSet;

use crate::ids::ConnId;
use bytes::Bytes;
use rookery_schema::batch::RecordBatch;
use rookery_schema::message::Message;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{
    ChatRow, DeletedChatRow, EventRow, Head, Mark, ProfileRow, RewriteRow, RoleRow, Row,
    SessionRow, UserRow, UserSettingsRow,
};
use rookery_schema::{ChatId, Offset, PartitionId, Seq, SessionId, Timestamp, UserId};

/// Who asked, so that the answer comes back to them: a part of the shard, and that part's number for the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    pub part: Part,
    pub number: u64,
}

/// A part of a shard that asks store and password hashers for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// One partition that it owns.
    Partition(PartitionId),
    /// What removes the rest of its deleted chats from the store.
    Purging(PartitionId),
    /// What sees to it that deleted users leave their chats.
    Erasing(PartitionId),
    /// What has the store overwrite what they said.
    Rewriting(PartitionId),
    /// All partitions that it owns, together.
    Owner,
    /// The users who are connected here.
    Home,
    /// A connection that shows what is read.
    Connection(ConnId),
    /// The login sessions that were ended.
    Sessions,
}

/// The log of the partitions that one shard owns.
pub trait Log {
    /// Takes a request, or gives it back where the lane's ring is full.
    ///
    /// # Errors
    /// The request itself, to be submitted again later.
    fn submit(&mut self, request: LogRequest) -> Result<(), LogRequest>;
}

/// The store, as one shard reaches it.
pub trait Store {
    /// Takes a request, or gives it back where the lane's ring is full.
    ///
    /// # Errors
    /// The request itself, to be submitted again later.
    fn submit(&mut self, request: StoreRequest) -> Result<(), StoreRequest>;
}

/// What a shard asks of its log.
#[derive(Debug)]
pub enum LogRequest {
    /// Append these records, in this order and behind all that was submitted before. Answered by one
    /// [`LogEvent::Appended`] for each request, in order.
    Append {
        partition: PartitionId,
        batch: RecordBatch,
        /// They are small changes: the log takes them also where it has no room for others, as long as there is any.
        is_small: bool,
    },
    /// Everything below `offset` is in the store for good, so the next start may replay from there.
    Commit {
        partition: PartitionId,
        offset: Offset,
    },
    /// Keep a dead letter where an operator finds it, for longer than the log keeps the record. If that fails for
    /// good, it is logged and left in the log. Answered by one [`LogEvent::DeadLettered`] for each request, in
    /// order.
    DeadLetter {
        partition: PartitionId,
        offset: Offset,
        record: Bytes,
        /// Why it can't be understood.
        reason: String,
    },
    /// Deliver no records that are already in the log until [`LogRequest::Resume`].
    Pause { partition: PartitionId },
    /// Deliver again.
    Resume { partition: PartitionId },
}

/// What a log tells its shard.
#[derive(Debug)]
pub enum LogEvent {
    /// The first event of a partition. One that was on another shard before was closed there, and its writes are in
    /// the store, see [`StoreRequest::Write`].
    Opened {
        partition: PartitionId,
        opened: Opened,
    },
    /// The outcome of the oldest unanswered append of the partition: the offset behind its last record,
    /// or why there is none. Its records may have been delivered before, or will be later.
    Appended {
        partition: PartitionId,
        outcome: Result<Offset, AppendFault>,
    },
    /// Durable records, in log order and none twice. A log may use offsets of its own between two events: they
    /// are passed over. An empty batch says that there are no others below its base.
    Records {
        partition: PartitionId,
        base: Offset,
        batch: RecordBatch,
    },
    /// The partition's oldest unanswered [`LogRequest::DeadLetter`] is done.
    DeadLettered { partition: PartitionId },
    /// Everything that was in the log when it was opened has been delivered.
    CaughtUp { partition: PartitionId },
    /// The last event of a partition: what was asked for and not answered never will be. Appends that were under way
    /// may land in the log nevertheless, between those of the next owner.
    Closed { partition: PartitionId },
}

/// What a log has of a partition when it opens it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Records will be delivered from here.
    pub start: Offset,
    /// Those below are in the store already.
    pub committed: Offset,
    /// Those from here on are still to be appended.
    pub end: Offset,
}

/// Why records could not be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendFault {
    /// Nothing was written; the log takes no records for now.
    #[error("the log takes no records for now; see the server's log for the cause")]
    Unavailable,
    /// They may or may not have been written; a retry with the same client id is safe.
    #[error("the log did not confirm the records in time")]
    Unknown,
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
    /// the higher seq stands.
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
    /// Deleted chats of a log partition that [`Row::Purged`] is still to come for, so many at most.
    Purges {
        partition: PartitionId,
        limit: usize,
    },
    /// Deleted users of a log partition who are still in chats, so many at most.
    Erasures {
        partition: PartitionId,
        limit: usize,
    },
    /// Whose content in chats of a log partition is still to be overwritten, so many at most.
    Rewrites {
        partition: PartitionId,
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

/// A chat as the store has it.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredChat {
    pub chat: ChatRow,
    /// In the order in which they became members.
    pub members: Vec<StoredMember>,
    /// Whose role was set last, if ever one was. They may be no member.
    pub last_role: Option<UserId>,
    /// Where they were ever changed.
    pub settings: Option<Settings>,
    pub head: Head,
    /// What was said last: the newest events, oldest first, without a gap up to the head.
    pub recent: Vec<EventRow>,
    /// The messages among them as they stand now, oldest first.
    pub messages: Vec<Message>,
    /// The newest message as it stands now, whether or not it is among them.
    pub latest_message: Option<Message>,
    /// Of a direct chat, who of the two has blocked the other.
    pub blockers: Vec<UserId>,
    /// Those of whom nothing is left that they said, in any order. It may be ahead of the newest event. What was read with the
    /// chat may still say something of theirs.
    pub erased: Vec<ErasedSender>,
    /// It was deleted, and has nothing but this and its head.
    pub deleted: Option<Deletion>,
}

/// The two of a direct chat in the order of their ids, where it is one.
pub fn direct_pair(chat_id: ChatId, members: &[StoredMember]) -> Option<[UserId; 2]> {
    let &[one, other] = members else {
        return None;
    };
    let mut two = [one.user_id, other.user_id];
    two.sort_unstable();
    chat_id.is_direct_of(two.into_iter()).then_some(two)
}

/// A user of whom nothing is left that they said in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErasedSender {
    pub user_id: UserId,
    /// Of the event that tells it.
    pub seq: Seq,
    pub at: Timestamp,
}

/// The end of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Who asked for it.
    pub by: UserId,
    pub at: Timestamp,
}

impl From<DeletedChatRow> for StoredChat {
    fn from(row: DeletedChatRow) -> Self {
        Self {
            chat: ChatRow {
                chat_id: row.chat_id,
                name: String::new(),
                created_at: row.at,
            },
            members: Vec::new(),
            last_role: None,
            settings: None,
            head: row.head,
            recent: Vec::new(),
            messages: Vec::new(),
            latest_message: None,
            blockers: Vec::new(),
            erased: Vec::new(),
            deleted: Some(Deletion {
                by: row.by,
                at: row.at,
            }),
        }
    }
}

/// Somebody whom a user has blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    pub user_id: UserId,
    pub created_at: Timestamp,
}

/// A member of a chat as the store has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMember {
    pub user_id: UserId,
    /// The event that added them.
    pub added_seq: Seq,
    /// Whether that role was given to them.
    pub is_admin: bool,
}

/// The roles that were set in a chat, as of its newest stored event.
#[derive(Debug, Default)]
pub struct StoredRoles {
    admins: BTreeSet<UserId>,
    /// Whose role was set last.
    last: Option<(Seq, UserId)>,
}

impl StoredRoles {
    /// As of `head`, from all rows of a chat.
    pub fn of(rows: impl IntoIterator<Item = RoleRow>, head: Seq) -> Self {
        let mut roles = Self::default();
        for row in rows {
            let Some((role, since)) = row.as_of(head) else {
                continue;
            };
            roles.last = roles.last.max(Some((since, row.user_id)));
            if role == Role::Admin {
                roles.admins.insert(row.user_id);
            }
        }
        roles
    }

    /// See [`StoredMember::is_admin`].
    pub fn is_admin(&self, user_id: UserId) -> bool {
        self.admins.contains(&user_id)
    }

    /// See [`StoredChat::last_role`].
    pub fn last(&self) -> Option<UserId> {
        self.last.map(|(_, user_id)| user_id)
    }
}

/// An event as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub row: EventRow,
    /// The message as it stands now, where the event is one.
    pub message: Option<Box<Message>>,
}

impl StoredEvent {
    /// Events of one chat with the messages that they are; both oldest first.
    pub fn join(rows: Vec<EventRow>, messages: Vec<Message>) -> Vec<Self> {
        let mut messages = messages.into_iter().peekable();
        let join = |row: EventRow| Self {
            message: messages
                .next_if(|message| message.seq == row.head.seq)
                .map(Box::new),
            row,
        };
        rows.into_iter().map(join).collect()
    }
}

/// What a user is to a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// No member, nor were they ever one.
    Never,
    /// A member since this event.
    Member { added_seq: Seq },
    /// A member since one event, and no more since another.
    Removed { added_seq: Seq, removed_seq: Seq },
}

/// Work for the password hashers: slow on purpose, so never done on a shard.
#[derive(Debug)]
pub struct PasswordJob {
    pub token: Token,
    pub password: String,
    /// Verify against this PHC string; hash anew where there is none.
    pub against: PasswordCheck,
}

/// What to do with a password.
#[derive(Clone, Debug)]
pub enum PasswordCheck {
    /// Make a PHC string of it, unless it is a common one.
    Hash,
    /// Compare it with a PHC string.
    Verify(String),
    /// Take as long as a comparison, for a user who doesn't exist.
    VerifyNobody,
}

/// The outcome of a [`PasswordJob`].
#[derive(Debug)]
pub enum PasswordOutcome {
    Hashed(String),
    /// The password to be hashed is among the most common ones.
    Common,
    Verified(bool),
    /// The hashers' queue is full.
    Busy,
}
