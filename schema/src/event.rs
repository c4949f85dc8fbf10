//! What members see: a record after it was applied and numbered, as compact JSON.
//!
//! An event is encoded once, by the owner of its chat. History shows the same bytes without `type`.

mod chat_fields;
mod json;
mod message_event;
mod other_events;
#[cfg(test)]
mod tests;

pub use crate::event::chat_fields::{put_direct, put_members, put_roles, put_settings};
pub(crate) use crate::event::json::put_id;
pub use crate::event::json::{put_json_text, put_number, put_time, put_user_id, put_user_ids};
use crate::event::message_event::encode_message_event;
pub(crate) use crate::event::message_event::{MESSAGE_PREFIX, put_message_fields};
pub use crate::event::message_event::{message_id_of, put_history_message, put_receipt};
use crate::event::other_events::{
    encode_amendment, encode_chat_changed, encode_chat_created, encode_chat_deleted,
    encode_membership, encode_role, encode_sender_erased,
};
use crate::ids::Seq;
use crate::record::{
    ChatChanged, ChatCreated, ChatDeleted, MembershipChange, MessageAmended, MessagePosted, Record,
    RoleSet, SenderErased,
};

/// Everything that takes a `seq` in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Message(MessagePosted<'a>),
    MessageAmended(&'a MessageAmended<'a>),
    ChatCreated(ChatCreated<'a>),
    MemberAdded(MembershipChange),
    MemberRemoved(MembershipChange),
    RoleSet(RoleSet),
    ChatChanged(ChatChanged<'a>),
    ChatDeleted(ChatDeleted),
    SenderErased(SenderErased),
}

/// What an event is, to whoever reads a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// History pages over it, and unread counts count it.
    Message,
    /// It is in no history: only those who follow the chat see it.
    Other,
}

impl<'a> Event<'a> {
    /// The event that members see of a record; `None` for one that is not about a chat.
    pub const fn of(record: &'a Record<'a>) -> Option<Self> {
        match *record {
            Record::MessagePosted(message) => Some(Self::Message(message)),
            Record::MessageAmended(ref amended) => Some(Self::MessageAmended(amended)),
            Record::ChatCreated(created) => Some(Self::ChatCreated(created)),
            Record::MemberAdded(change) => Some(Self::MemberAdded(change)),
            Record::MemberRemoved(change) => Some(Self::MemberRemoved(change)),
            Record::RoleSet(set) => Some(Self::RoleSet(set)),
            Record::ChatChanged(changed) => Some(Self::ChatChanged(changed)),
            Record::ChatDeleted(deleted) => Some(Self::ChatDeleted(deleted)),
            Record::SenderErased(erased) => Some(Self::SenderErased(erased)),
            Record::UserRegistered(_)
            | Record::SessionEnded(_)
            | Record::PasswordSet(_)
            | Record::UserDeleted(_)
            | Record::BlockSet(_)
            | Record::SessionStarted(_)
            | Record::ProfileChanged(_)
            | Record::UserSettingsChanged(_) => None,
        }
    }

    /// Appends the event as one JSON object without a line break.
    pub fn encode(&self, seq: Seq, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => encode_message_event(message, seq, out),
            Self::MessageAmended(amended) => encode_amendment(amended, seq, out),
            Self::ChatCreated(created) => encode_chat_created(created, seq, out),
            Self::MemberAdded(change) => encode_membership("member_added", change, seq, out),
            Self::MemberRemoved(change) => encode_membership("member_removed", change, seq, out),
            Self::RoleSet(set) => encode_role(set, seq, out),
            Self::ChatChanged(changed) => encode_chat_changed(changed, seq, out),
            Self::ChatDeleted(deleted) => encode_chat_deleted(deleted, seq, out),
            Self::SenderErased(erased) => encode_sender_erased(erased, seq, out),
        }
    }

    /// What it is to whoever reads the chat.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Message(_) => EventKind::Message,
            Self::MessageAmended(_)
            | Self::ChatCreated(_)
            | Self::MemberAdded(_)
            | Self::MemberRemoved(_)
            | Self::RoleSet(_)
            | Self::ChatChanged(_)
            | Self::ChatDeleted(_)
            | Self::SenderErased(_) => EventKind::Other,
        }
    }
}
