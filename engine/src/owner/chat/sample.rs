//! Chats to test with.

use rookery_schema::record::{ChatCreated, Members, MembershipChange};
use rookery_schema::{ChatId, Timestamp, UserId};

use crate::owner::chat::Chat;

pub(crate) const CHAT: ChatId = ChatId::from_bytes([7; 16]);
pub(crate) const NAME: &str = "a \"chat\"";
/// When the chat was created.
pub(crate) const CREATED_AT: Timestamp = Timestamp::from_millis(1_000);
/// When something happens to it.
pub(crate) const AT: Timestamp = Timestamp::from_millis(2_000);

pub(crate) fn user(number: u32) -> UserId {
    UserId::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn users(numbers: impl IntoIterator<Item = u32>) -> Members {
    numbers.into_iter().map(user).collect()
}

/// A chat's creation, by its first member.
pub(crate) fn creation(members: &Members) -> ChatCreated<'_> {
    ChatCreated {
        chat_id: CHAT,
        at: CREATED_AT,
        creator_id: Some(user(1)),
        name: NAME,
        members: members.as_list(),
    }
}

/// A chat with these members, and without any event.
pub(crate) fn chat_of(members: impl IntoIterator<Item = u32>) -> Chat {
    Chat::created(&creation(&users(members)))
}

/// A user joins or leaves, because another one asked for it.
pub(crate) fn change(user_id: u32, by: u32) -> MembershipChange {
    MembershipChange {
        chat_id: CHAT,
        user_id: user(user_id),
        by: user(by),
        at: AT,
    }
}

impl Chat {
    /// Takes the events that are about to be sent, and when the oldest of them was accepted.
    pub(crate) fn take_outgoing(&mut self) -> (Timestamp, Vec<String>) {
        let Some(sent) = self.timeline.take_outgoing() else {
            return Default::default();
        };
        let text = String::from_utf8_lossy(&sent.lines);
        assert!(text.ends_with('\n'));
        let lines = text.split_terminator('\n').map(str::to_owned).collect();
        (sent.accepted_at, lines)
    }
}
