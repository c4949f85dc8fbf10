//! Users who have disconnected, and whose chats' owners are still to be told.

use std::collections::VecDeque;

use rookery_schema::{ChatId, UserId};

use crate::context::Context;
use crate::home::user::send_unsubscription;
use crate::map::{Map, Set};

/// Chats whose owners are told in one round that somebody no longer listens.
const CHATS_PER_ROUND_MAX: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Departures {
    chats: Map<UserId, Vec<ChatId>>,
    /// In the order in which they left. They may have come back since.
    order: VecDeque<UserId>,
}

impl Departures {
    /// A user of these chats has no connection any more.
    pub(super) fn add(&mut self, user_id: UserId, chats: Set<ChatId>) {
        if !chats.is_empty() {
            self.chats.insert(user_id, chats.into_iter().collect());
            self.order.push_back(user_id);
        }
    }

    /// Tells more owners, as far as one round may.
    pub(super) fn go_on(&mut self, cx: &mut Context<'_>) {
        let mut left = CHATS_PER_ROUND_MAX;
        while let Some(&user_id) = self.order.front() {
            let waiting = self.chats.get_mut(&user_id);
            let Some(chat_id) = waiting.and_then(Vec::pop) else {
                self.chats.remove(&user_id);
                self.order.pop_front();
                continue;
            };
            send_unsubscription(chat_id, vec![user_id], cx);
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }

    /// Whether there is something to do for the next round.
    pub(super) fn has_more(&self) -> bool {
        !self.order.is_empty()
    }

    /// A user comes back: all owners are told that they had left, before they are asked to count them again.
    pub(super) fn end(&mut self, user_id: UserId, cx: &mut Context<'_>) {
        for chat_id in self.chats.remove(&user_id).into_iter().flatten() {
            send_unsubscription(chat_id, vec![user_id], cx);
        }
    }
}
