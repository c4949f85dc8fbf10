//! How much of its chats a partition keeps in memory.

use crate::context::Context;
use crate::owner::budget::Budget;
use crate::owner::partition::Partition;

/// Microseconds a chat is kept at least after it was used.
const CHAT_IDLE_MICROS: u64 = 10_000_000;

impl Partition {
    /// Takes memory from chats once there are many, and forgets those that nobody used for a while when
    /// there are too many.
    pub(super) fn sweep_chats(&mut self, budget: Budget, cx: &Context<'_>) {
        self.budget = budget;
        if budget.is_ample() {
            return;
        }
        let (stored, now_micros) = (self.progress.stored(), cx.now.micros);
        self.chats.sweep(budget.swept, |chat| {
            chat.trim(stored, budget.recent_bytes_max);
            let idle = chat.used_micros + CHAT_IDLE_MICROS < now_micros;
            budget.too_many && idle && chat.is_stored(stored) && chat.audience.is_empty()
        });
    }
}
