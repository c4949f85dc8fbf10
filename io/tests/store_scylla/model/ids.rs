//! Chats and users of whom there are few, so that much happens to each.

use proptest::prelude::*;
use rookery_schema::{ChatId, PartitionId, UserId};

/// Names of users and their keys, where those are not the names: of the third, which was registered by it, and of two that
/// are from before.
pub(super) const NAMES: [(&str, Option<&str>); 7] = [
    ("a", None),
    ("ab", None),
    ("aB\u{10ffff}", Some("ab\u{10ffff}")),
    ("b", None),
    ("ba", None),
    ("AB", None),
    ("bA", None),
];
pub(super) const PARTITION: PartitionId = PartitionId(2);
/// In the year 8307, so that no session is forgotten.
pub(super) const FAR_MILLIS: u64 = 200_000_000_000_000;

pub(super) fn chat_id() -> impl Strategy<Value = ChatId> {
    (0..4u8).prop_map(|id| match id {
        3 => direct_chat(),
        id => ChatId::from_bytes([id; 16]),
    })
}

pub(super) fn user_of(id: u8) -> UserId {
    // Of the version that registered users have, so that an id may stand for all of their sessions.
    let mut bytes = [id; 16];
    bytes[6] = 0x70;
    UserId::from_bytes(bytes)
}

/// That of the first two users.
pub(super) fn direct_chat() -> ChatId {
    ChatId::direct(user_of(0), user_of(1))
}

pub(super) fn user_id() -> impl Strategy<Value = UserId> {
    (0..NAMES.len() as u8).prop_map(user_of)
}
