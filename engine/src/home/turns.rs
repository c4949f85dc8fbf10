//! Whose chats' owners are told next that somebody listens, or no longer does. In one round only some owners are told, so
//! that no user of many chats holds the shard; and users take turns, so that nobody waits for one.

use std::collections::VecDeque;

use rookery_schema::UserId;

use crate::mesh::Subscription;

/// Chats of one user whose owners are told before it is the next user's turn; and subscriptions that are sent again
/// before it is a user's.
pub(super) const CHATS_PER_TURN_MAX: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    users: VecDeque<UserId>,
    /// Subscriptions that nobody served; sent again with the next tick.
    pub(super) unserved: Vec<Subscription>,
    /// Those that are sent again now.
    again: VecDeque<Subscription>,
    /// How many were since a user's turn.
    sent_again: usize,
}

/// What is done next.
pub(super) enum Turn {
    /// A subscription is sent again.
    Again(Subscription),
    /// It is this user's turn.
    User(UserId),
}

impl Turns {
    /// A user waits for a turn.
    pub(super) fn add(&mut self, user_id: UserId) {
        self.users.push_back(user_id);
    }

    /// What nobody serves comes back with each tick, and keeps no user from their turn.
    pub(super) fn next(&mut self) -> Option<Turn> {
        if (self.sent_again < CHATS_PER_TURN_MAX || self.users.is_empty())
            && let Some(wanted) = self.again.pop_front()
        {
            self.sent_again += 1;
            return Some(Turn::Again(wanted));
        }
        self.sent_again = 0;
        self.users.pop_front().map(Turn::User)
    }

    /// Whether there is something to do for the next round.
    pub(super) fn has_more(&self) -> bool {
        !self.again.is_empty() || !self.users.is_empty()
    }

    pub(super) fn tick(&mut self) {
        self.again.extend(self.unserved.drain(..));
    }
}
