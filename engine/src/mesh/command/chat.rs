//! What is asked of the owner of a chat.

use rookery_schema::record::{ChatCreated, Members};
use rookery_schema::roles::{History, Role};
use rookery_schema::row::Mark;
use rookery_schema::{ChatId, MessageId, Seq, Timestamp, UserId};

use crate::limits::Network;
use crate::mesh::field::{Fault, Field};
use crate::mesh::problem::Problem;

/// See [`Command::Chat`](crate::mesh::Command::Chat).
#[derive(Debug)]
pub enum ChatCommand {
    Create(Box<Creation>),
    Post(Post),
    /// A change of a message.
    Amend(Box<Amend>),
    Show {
        caller: UserId,
    },
    ShowMessages {
        caller: UserId,
        page: Page,
    },
    /// Answered in order with the events that are sent to homes: see [`Events`](crate::mesh::Events).
    ShowEvents {
        caller: UserId,
        page: EventsPage,
    },
    ShowMembers {
        caller: UserId,
        page: MembersPage,
    },
    /// The first members, so many at most, for whoever follows their presence.
    ListMembers {
        caller: UserId,
        limit: usize,
    },
    AddMember {
        caller: UserId,
        user_id: UserId,
        /// From where that is asked for.
        network: Network,
    },
    RemoveMember {
        caller: UserId,
        user_id: UserId,
    },
    /// A user was deleted: nothing is left of them in it.
    Erase {
        user_id: UserId,
        step: ErasureStep,
    },
    SetRole {
        caller: UserId,
        user_id: UserId,
        role: Role,
    },
    /// A change of its settings.
    Change(Box<ChatChange>),
    /// It is to be gone for all.
    Delete {
        caller: UserId,
    },
    /// One of the two of a direct chat blocks the other, or does so no more.
    Block(Blocking),
    /// When it was last active, where the user is a member.
    ShowActivity {
        user_id: UserId,
    },
    /// A line of the user's inbox, where they are a member.
    Summarize {
        user_id: UserId,
        /// Up to where they have read, as far as their home knows.
        mark: Mark,
    },
    /// Up to where the user has read when they say that it is this seq.
    ResolveMark {
        user_id: UserId,
        seq: Seq,
    },
}

/// What is to be gone of a user who was deleted, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureStep {
    /// What they said.
    Content,
    /// They leave. Of a direct chat they stay the other, and nobody posts in it any more.
    Membership,
}

/// A chat that is to be made.
#[derive(Debug)]
pub struct Creation {
    /// Absent where there is no caller, as trust mode allows.
    pub creator_id: Option<UserId>,
    pub name: Box<str>,
    pub members: Members,
    /// From where that is asked for.
    pub network: Network,
    pub origin: Origin,
}

impl Creation {
    /// The record of the chat that it makes.
    pub(crate) fn record(&self, chat_id: ChatId, at: Timestamp) -> ChatCreated<'_> {
        ChatCreated {
            chat_id,
            at,
            creator_id: self.creator_id,
            name: &self.name,
            members: self.members.as_list(),
        }
    }
}

/// What the id of a chat was made of that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Of chance: no such chat can be there.
    Chance,
    /// Of its creator and a key: it may be there, made by an earlier try.
    Key,
    /// Of its two members: it is their direct chat, and may be there.
    Members,
}

/// Who blocks whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    pub caller: UserId,
    pub blocked_id: UserId,
    /// Or no more.
    pub is_blocked: bool,
    /// From where that is asked for.
    pub network: Network,
}

/// Settings of a chat that are to change, within their bounds: those that are there.
#[derive(Debug)]
pub struct ChatChange {
    pub caller: UserId,
    pub name: Option<Box<str>>,
    pub description: Option<Box<str>>,
    pub members_may_add: Option<bool>,
    pub history: Option<History>,
}

impl ChatChange {
    /// Bytes of the texts that come with it.
    pub(crate) fn text_bytes(&self) -> usize {
        let texts = [&self.name, &self.description].into_iter().flatten();
        texts.map(|text| text.len()).sum()
    }
}

/// Users who are to become members of a chat.
#[derive(Debug)]
pub(crate) struct NewMembers {
    /// From where that is asked for.
    pub(crate) network: Network,
    /// Whoever makes a chat comes first: they are the likeliest to meet a limit.
    pub(crate) user_ids: Vec<UserId>,
}

/// A message to be posted, within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Post {
    pub sender_id: UserId,
    pub content: Box<str>,
    pub client_id: Option<Box<str>>,
}

/// A message that is to be changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Amend {
    pub caller: UserId,
    pub message_id: MessageId,
    pub change: MessageChange,
}

/// What is to change about a message, within its bounds.
#[derive(Debug, PartialEq, Eq)]
pub enum MessageChange {
    Edit { content: Box<str> },
    Delete,
    AddReaction { emoji: Box<str> },
    RemoveReaction { emoji: Box<str> },
}

impl MessageChange {
    /// Bytes of the text that comes with it.
    pub(crate) const fn text_bytes(&self) -> usize {
        match self {
            Self::Edit { content } => content.len(),
            Self::Delete => 0,
            Self::AddReaction { emoji } | Self::RemoveReaction { emoji } => emoji.len(),
        }
    }

    /// Whether others read something by it that was not there before.
    pub(crate) const fn says_something(&self) -> bool {
        match self {
            Self::Edit { .. } | Self::AddReaction { .. } => true,
            Self::Delete | Self::RemoveReaction { .. } => false,
        }
    }

    /// Whether it is answered with the message.
    pub(crate) const fn is_edit(&self) -> bool {
        matches!(self, Self::Edit { .. })
    }

    /// Whether the message loses the content that it has.
    pub(crate) const fn takes_content(&self) -> bool {
        match self {
            Self::Edit { .. } | Self::Delete => true,
            Self::AddReaction { .. } | Self::RemoveReaction { .. } => false,
        }
    }
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

/// Which events of a chat are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventsPage {
    /// Those above this seq, oldest first.
    pub after: Seq,
    /// Up to this one.
    pub until: Seq,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_ENTRIES_MAX`].
    pub limit: usize,
    /// Bytes of their JSON, unless the first alone has more.
    pub bytes_max: usize,
}

/// Which members of a chat are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersPage {
    /// Those behind this one; from the first on where there is none, or they are no member.
    pub after: Option<UserId>,
    /// At most so many, 1 to [`rookery_schema::limits::PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

impl ChatCommand {
    /// See [`Command::changes`](crate::mesh::Command::changes).
    pub const fn changes(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::Post(_)
            | Self::Amend(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::Erase { .. }
            | Self::SetRole { .. }
            | Self::Change(_)
            | Self::Delete { .. }
            | Self::Block(_) => true,
            Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowEvents { .. }
            | Self::ShowMembers { .. }
            | Self::ListMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. }
            | Self::ResolveMark { .. } => false,
        }
    }

    /// Whether it is to see what was confirmed before, though the log may not have delivered that.
    pub(crate) const fn waits_for_log(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::Post(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::Erase { .. }
            | Self::SetRole { .. }
            | Self::Change(_)
            | Self::Delete { .. }
            | Self::Block(_) => false,
            Self::Amend(_)
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowEvents { .. }
            | Self::ShowMembers { .. }
            | Self::ListMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. }
            | Self::ResolveMark { .. } => true,
        }
    }

    /// Who become members by it, if anybody does.
    pub(crate) fn new_members(&self) -> Option<NewMembers> {
        match self {
            Self::Create(creation) => {
                let Creation {
                    creator_id,
                    members,
                    network,
                    ..
                } = creation.as_ref();
                let others = members.as_list().iter();
                let others = others.filter(|user_id| Some(*user_id) != *creator_id);
                Some(NewMembers {
                    network: *network,
                    user_ids: creator_id.iter().copied().chain(others).collect(),
                })
            }
            Self::AddMember {
                user_id, network, ..
            } => Some(NewMembers {
                network: *network,
                user_ids: vec![*user_id],
            }),
            Self::Block(blocking) => Some(NewMembers {
                network: blocking.network,
                user_ids: vec![blocking.caller, blocking.blocked_id],
            }),
            Self::Post(_)
            | Self::Amend(_)
            | Self::RemoveMember { .. }
            | Self::Erase { .. }
            | Self::SetRole { .. }
            | Self::Change(_)
            | Self::Delete { .. }
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowEvents { .. }
            | Self::ShowMembers { .. }
            | Self::ListMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. }
            | Self::ResolveMark { .. } => None,
        }
    }

    /// Which of those whom it makes members need only exist: nobody escapes a block by being in many chats.
    pub(crate) const fn spared(&self) -> Option<UserId> {
        match self {
            Self::Block(blocking) => Some(blocking.blocked_id),
            Self::Create(_)
            | Self::Post(_)
            | Self::Amend(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::Erase { .. }
            | Self::SetRole { .. }
            | Self::Change(_)
            | Self::Delete { .. }
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowEvents { .. }
            | Self::ShowMembers { .. }
            | Self::ListMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. }
            | Self::ResolveMark { .. } => None,
        }
    }

    /// What it is refused with where one of the users whom it makes members is none.
    pub(crate) const fn unknown_member(&self) -> Problem {
        if let Self::Block(_) = self {
            return Problem::NO_SUCH_USER;
        }
        let Self::Create(creation) = self else {
            return Problem::UNKNOWN_MEMBER.about(Field::UserId, Fault::Unknown);
        };
        match creation.origin {
            Origin::Members => Problem::NO_SUCH_USER,
            Origin::Chance | Origin::Key => {
                Problem::UNKNOWN_MEMBER.about(Field::Members, Fault::Unknown)
            }
        }
    }

    /// Whether its chat is made by it alone, so that there is nothing to be read.
    pub(crate) const fn creates(&self) -> bool {
        match self {
            Self::Create(creation) => matches!(creation.origin, Origin::Chance),
            Self::Block(_) => false,
            Self::Post(_)
            | Self::Amend(_)
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::Erase { .. }
            | Self::SetRole { .. }
            | Self::Change(_)
            | Self::Delete { .. }
            | Self::Show { .. }
            | Self::ShowMessages { .. }
            | Self::ShowEvents { .. }
            | Self::ShowMembers { .. }
            | Self::ListMembers { .. }
            | Self::ShowActivity { .. }
            | Self::Summarize { .. }
            | Self::ResolveMark { .. } => false,
        }
    }
}
