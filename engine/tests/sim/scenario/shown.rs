//! Messages as history shows them, and how it may show those that were amended in the store.

use std::ops::RangeInclusive;

use rookery_schema::row::Amendment;
use serde_json::Value;

/// A message as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShownMessage {
    pub(super) seq: u64,
    pub(super) id: String,
    pub(super) content: String,
    pub(super) is_edited: bool,
    pub(super) is_deleted: bool,
}

impl ShownMessage {
    pub(super) fn of(message: &Value) -> Self {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        Self {
            seq: message["seq"].as_u64().unwrap(),
            id: text("message_id"),
            content: text("content"),
            is_edited: message.get("edited_at").is_some(),
            is_deleted: message.get("deleted").is_some(),
        }
    }
}

/// How many amendments may have been written when a message was read from the store.
pub(super) type Written = RangeInclusive<usize>;

/// All amendments, in the order in which they were written.
#[derive(Default)]
pub(super) struct Amendments {
    pub(super) all: Vec<Amended>,
    /// How many there were when the process began.
    before: usize,
}

pub(super) struct Amended {
    pub(super) chat_id: String,
    pub(super) target: u64,
    pub(super) seq: u64,
    pub(super) change: Amendment,
}

impl Amendments {
    /// The process begins, with no chat in memory.
    pub(super) const fn forget_chats(&mut self) {
        self.before = self.all.len();
    }

    /// How many there were when the process began.
    pub(super) const fn before(&self) -> usize {
        self.before
    }

    /// How many a message that is shown now may have, shown by a process that began when there were `before`.
    pub(super) const fn written_since(&self, before: usize) -> Written {
        before..=self.all.len()
    }

    /// Whether a message may be shown like this.
    pub(super) fn allow(
        &self,
        chat_id: &str,
        said: &ShownMessage,
        shown: &ShownMessage,
        mut written: Written,
    ) -> bool {
        written.any(|count| self.standing(chat_id, said, count) == *shown)
    }

    /// How a message stands once so many were written.
    fn standing(&self, chat_id: &str, said: &ShownMessage, count: usize) -> ShownMessage {
        let written = self.all[..count].iter();
        let of_it = |it: &&Amended| it.chat_id == chat_id && it.target == said.seq;
        let mut standing = said.clone();
        let mut newest = 0;
        for amended in written.filter(of_it) {
            match &amended.change {
                Amendment::Deleted => {
                    return ShownMessage {
                        content: String::new(),
                        is_edited: false,
                        is_deleted: true,
                        ..standing
                    };
                }
                Amendment::Edited { content } if newest < amended.seq => {
                    newest = amended.seq;
                    standing.content.clone_from(content);
                    standing.is_edited = true;
                }
                Amendment::Edited { .. } | Amendment::Reaction { .. } => {}
            }
        }
        standing
    }
}
