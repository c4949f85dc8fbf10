//! The message that all parts are measured with.

use rookery_schema::record::MessagePosted;
use rookery_schema::{ChatId, MessageId, Timestamp, UserId};

pub(super) const CHAT: ChatId = ChatId::from_bytes([1; 16]);
pub(super) const SENDER: UserId = UserId::from_bytes([7; 16]);
/// 100 bytes, as the other benchmarks have.
pub(super) const CONTENT: &str = "Does anybody know whether the train at nine goes on Sundays, \
    or is it the one at half past ten then?";
pub(super) const MESSAGE: MessagePosted<'_> = MessagePosted {
    chat_id: CHAT,
    message_id: MessageId::from_bytes([2; 16]),
    sender_id: SENDER,
    at: Timestamp::from_millis(1_700_000_000_123),
    client_id: None,
    content: CONTENT,
};
