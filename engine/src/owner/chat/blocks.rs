//! Who of the two of a direct chat has blocked the other.

use rookery_schema::{Offset, UserId};

/// See the module. Of nearly all chats it is empty, and takes no memory besides itself.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blockers: Vec<UserId>,
    /// Where the newest record lies that changed it: the store may not have that yet.
    changed: Option<Offset>,
}

impl Blocks {
    /// Those that the store has.
    pub(super) const fn stored(blockers: Vec<UserId>) -> Self {
        Self {
            blockers,
            changed: None,
        }
    }

    /// A member blocks the other, or does so no more.
    pub(super) fn set(&mut self, by: UserId, is_blocked: bool, at: Offset) {
        self.blockers.retain(|it| *it != by);
        if is_blocked {
            self.blockers.push(by);
        }
        self.changed = Some(at);
    }

    /// Whether a member has blocked the other.
    pub(super) fn has(&self, by: UserId) -> bool {
        self.blockers.contains(&by)
    }

    /// Whether a member is blocked by the other.
    pub(super) fn is_blocked(&self, user_id: UserId) -> bool {
        self.blockers.iter().any(|it| *it != user_id)
    }

    /// Whether the store has all of it, which has all records below `stored`.
    pub(super) fn is_stored(&self, stored: Offset) -> bool {
        self.changed.is_none_or(|changed| changed < stored)
    }
}
