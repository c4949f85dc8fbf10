//! A change of a message that waits for a read of the store.

use rookery_schema::ChatId;
use rookery_schema::message::Message;

use crate::owner::finding::Finding;
use crate::owner::message_queues::AskedAmend;

/// See the module.
#[derive(Debug)]
pub(crate) struct Seeking {
    pub(crate) chat_id: ChatId,
    pub(crate) asked: AskedAmend,
    pub(crate) sought: Sought,
    /// The number of the read among those of the chat's messages.
    pub(crate) reading: u64,
}

/// What is read.
#[derive(Debug)]
pub(crate) enum Sought {
    /// The message that is to be changed.
    Message(Finding),
    /// The event of the edit that this message shows.
    Edit(Box<Message>),
}
