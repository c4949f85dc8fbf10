//! Chats, and what there is in them and of them, as the store has it.

use std::collections::BTreeSet;

use rookery_schema::message::Message;
use rookery_schema::roles::{Role, Settings};
use rookery_schema::row::{ChatRow, DeletedChatRow, EventRow, Head, RoleRow};
use rookery_schema::{ChatId, Seq, Timestamp, UserId};

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
